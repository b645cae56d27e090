//! What plots are drawn on: the bitmap of plotters, with text of our own.
//!
//! Plotters puts each letter at a whole pixel and leaves out the space before it, so that
//! "broadcast" falls into pieces. Here a letter stands at a fraction of a pixel, as far from the
//! one before it as the font says, and the middle of a text is the middle of its capitals.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use plotters::prelude::{BitMapBackend, DrawingBackend};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind,
};

/// How much higher a line of text is than the letters, as plotters takes it when it lays out.
const LINE_HEIGHT: f64 = 1.24;

/// A bitmap.
pub struct Canvas<'a> {
    bitmap: BitMapBackend<'a>,
    font: FontRef<'static>,
}

type Drawn<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> Canvas<'a> {
    /// Draws into these pixels, each with a byte of red, green and blue.
    pub fn new(pixels: &'a mut [u8], size: (u32, u32), font: FontRef<'static>) -> Canvas<'a> {
        Canvas { bitmap: BitMapBackend::with_buffer(pixels, size), font }
    }
}

impl<'a> DrawingBackend for Canvas<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        position: BackendCoord,
    ) -> Drawn<'a> {
        let scale = PxScale::from(style.size() as f32);
        let font = self.font.as_scaled(scale);
        let mut width = 0.0;
        let mut places = Vec::new();
        let mut previous = None;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            width += previous.map_or(0.0, |previous| font.kern(previous, id));
            places.push((id, width));
            width += font.h_advance(id);
            previous = Some(id);
        }
        let capital = font.outline_glyph(font.scaled_glyph('H'));
        let capital = capital.map_or(0.0, |outline| outline.px_bounds().height());
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        let height = (style.size() / LINE_HEIGHT) as f32;
        let middle = match style.anchor().v_pos {
            VPos::Top => height / 2.0,
            VPos::Center => 0.0,
            VPos::Bottom => -height / 2.0,
        };
        let baseline = (middle + capital / 2.0).round();
        let mut pixels = Vec::new();
        for (id, place) in places {
            let glyph = id.with_scale_and_position(scale, point(left + place, baseline));
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                let (x, y) = (corner.x as i32 + x as i32, corner.y as i32 + y as i32);
                pixels.push((style.transform().transform(x, y), coverage));
            });
        }
        let (color, (width, height)) = (style.color(), self.get_size());
        for ((x, y), coverage) in pixels {
            let (x, y) = (position.0 + x, position.1 + y);
            if (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
                let alpha = color.alpha * f64::from(coverage.clamp(0.0, 1.0));
                self.bitmap.draw_pixel((x, y), BackendColor { alpha, ..color })?;
            }
        }
        Ok(())
    }

    fn get_size(&self) -> (u32, u32) {
        self.bitmap.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.bitmap.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.bitmap.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn<'a> {
        self.bitmap.draw_pixel(point, color)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn<'a> {
        self.bitmap.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        self.bitmap.draw_rect(upper_left, bottom_right, style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<'a> {
        self.bitmap.draw_path(path, style)
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        self.bitmap.draw_circle(center, radius, style, fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn<'a> {
        self.bitmap.fill_polygon(corners, style)
    }
}

#[cfg(test)]
mod tests {
    use plotters::prelude::*;
    use plotters::style::{FontStyle, register_font};

    use super::*;

    /// The columns of a text in which there is any ink.
    fn inked(text: &str) -> Vec<bool> {
        let mut pixels = vec![0; 200 * 40 * 3];
        let font = FontRef::try_from_slice(dejavu::sans::regular()).unwrap();
        register_font("canvas", FontStyle::Normal, dejavu::sans::regular()).ok().unwrap();
        {
            let area = Canvas::new(&mut pixels, (200, 40), font).into_drawing_area();
            area.fill(&WHITE).unwrap();
            area.draw(&Text::new(text.to_owned(), (5, 10), ("canvas", 18))).unwrap();
        }
        let is_dark = |x: usize, y: usize| pixels[(y * 200 + x) * 3] < 160;
        (0..200).map(|x| (0..40).any(|y| is_dark(x, y))).collect()
    }

    #[test]
    fn the_letters_of_a_word_are_close_together() {
        let columns = inked("broadcast");
        let first = columns.iter().position(|ink| *ink).unwrap();
        let last = columns.iter().rposition(|ink| *ink).unwrap();
        let gaps = columns[first..=last].split(|ink| *ink).map(<[bool]>::len).max().unwrap();
        assert!((60..95).contains(&(last - first)), "{first} to {last}");
        assert!(gaps <= 3, "{gaps} columns without ink");
    }
}

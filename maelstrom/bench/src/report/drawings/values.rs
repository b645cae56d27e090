//! What was read, against what it may have been: a row for each reader, a dot on a scale for what
//! it read, and the values that are right as a band.

use std::fmt::Write;

use super::{begin, ticks};
use crate::report::LINK_FROM_FILE;
use crate::report::format::{html_escape, shorten};

const LEFT: f64 = 210.0;
const WIDTH: f64 = 960.0;
const RIGHT: f64 = 80.0;
const ROW: f64 = 28.0;
const TOP: f64 = 52.0;

/// What there is to draw.
#[derive(Debug, Default)]
pub struct Values {
    /// What it shows.
    pub title: String,
    /// The readers.
    pub rows: Vec<Row>,
    /// The values that are right: the least and the greatest of each range.
    pub right: Vec<(f64, f64)>,
}

/// A reader and what it read.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it read, as a number; `None` for something else.
    pub value: Option<f64>,
    /// The same as it was written.
    pub text: String,
    /// Whether that is right.
    pub is_right: bool,
    /// The index in the history of the read.
    pub index: usize,
}

impl Values {
    fn right_in_words(&self) -> String {
        let range = |(low, high): &(f64, f64)| match low == high {
            true => format!("{low}"),
            false => format!("{low} to {high}"),
        };
        let ranges: Vec<String> = self.right.iter().take(4).map(range).collect();
        let more = if self.right.len() > 4 { " or more" } else { "" };
        ranges.join(" or ") + more
    }

    /// The drawing.
    pub fn draw(&self) -> String {
        let values = self.rows.iter().filter_map(|row| row.value);
        let all: Vec<f64> =
            values.chain(self.right.iter().flat_map(|(low, high)| [*low, *high])).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (least, greatest) = if all.is_empty() { (0.0, 1.0) } else { (least, greatest) };
        let margin = ((greatest - least) * 0.08).max(1.0);
        let (from, to) = (least - margin, greatest + margin);
        let x = |value: f64| LEFT + (value - from) / (to - from) * (WIDTH - LEFT - RIGHT);
        let bottom = TOP + ROW * self.rows.len() as f64;
        let mut svg = begin(WIDTH, bottom + 34.0);
        let title = html_escape(&self.title);
        let mut put = |element: String| writeln!(svg, "{element}").expect("text");
        put(format!("<text class=\"head\" x=\"12\" y=\"20\">{title}</text>"));
        for (low, high) in &self.right {
            let (low_x, high_x) = (x(*low), x(*high));
            put(format!(
                "<rect class=\"ok\" x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\"/>",
                low_x - 3.0,
                TOP - 4.0,
                high_x - low_x + 6.0,
                bottom - TOP + 4.0
            ));
        }
        if let (Some(first), Some(last)) = (self.right.first(), self.right.last()) {
            put(format!(
                "<text class=\"quiet\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
                (x(first.0) + x(last.1)) / 2.0,
                TOP - 10.0,
                self.right_in_words()
            ));
        }
        for tick in ticks(from, to) {
            put(format!(
                "<text class=\"quiet\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{}\">{tick}</text>",
                x(tick),
                bottom + 20.0
            ));
        }
        for (number, row) in self.rows.iter().enumerate() {
            let y = TOP + ROW * (number as f64 + 0.5);
            let (name, text) =
                (html_escape(&shorten(&row.name, 28)), html_escape(&shorten(&row.text, 12)));
            let at = row.value.map_or(LEFT, x);
            let class = if row.is_right { "had" } else { "bad" };
            put(format!(
                "<line class=\"lane\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text class=\"name\" x=\"{}\" y=\"{}\">{name}</text>\
                 <a href=\"{LINK_FROM_FILE}{}\"><circle class=\"{class}\" cx=\"{at:.1}\" \
                 cy=\"{y}\" r=\"6\"/><text x=\"{:.1}\" y=\"{}\">{text}</text></a>",
                WIDTH - RIGHT,
                LEFT - 14.0,
                y + 4.0,
                row.index,
                at + 11.0,
                y + 4.0
            ));
        }
        svg + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_has_a_dot_and_wrong_ones_stand_out() {
        let row = |value: Option<f64>, text: &str, is_right| Row {
            name: "process <0>".into(),
            value,
            text: text.into(),
            is_right,
            index: 9,
        };
        let rows = vec![
            row(Some(31.0), "31", false),
            row(Some(108.0), "108", true),
            row(None, "\"many\"", false),
        ];
        let svg = Values { title: "t".into(), rows, right: vec![(100.0, 108.0)] }.draw();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("<circle class=\"bad\""), count("<circle class=\"had\"")), (2, 1));
        assert!(svg.contains("100 to 108") && svg.contains("&quot;many&quot;"), "{svg}");
        assert!(!svg.contains("process <0>") && !svg.contains("NaN"), "{svg}");
        assert!(!Values::default().draw().contains("NaN"));
    }
}

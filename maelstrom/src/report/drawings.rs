//! Drawings in SVG, each of a value that says what there is to draw.

mod cycle;
mod operations;

use crate::checker::Drawing;

/// The drawing, one `svg` element.
pub fn draw(drawing: &Drawing, title: &str) -> String {
    match drawing {
        Drawing::Cycle(cycle) => cycle::draw(cycle),
        Drawing::Operations(operations) => operations::draw(operations, title),
    }
}

//! A part of a log: its offsets from left to right, what stands at each, and below who polled
//! what, a row for each poll.

use std::fmt::Write;

use super::{begin, begin_names};
use crate::report::LINK_FROM_FILE;
use crate::report::format::{html_escape, shorten};

const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const COLUMN: f64 = 46.0;
const ROW: f64 = 26.0;
const TOP: f64 = 34.0;
const VALUE_CHARACTERS: usize = 6;

/// What there is to draw.
#[derive(Debug, Default)]
pub struct Part {
    /// What it shows.
    pub title: String,
    /// The offsets, rising. A gap between two is drawn as one.
    pub columns: Vec<Column>,
    /// The polls, in order.
    pub rows: Vec<Row>,
}

/// What stands at an offset.
#[derive(Debug, PartialEq)]
pub struct Column {
    /// The offset.
    pub offset: i64,
    /// The messages, and who sent each: more than one contradict each other.
    pub messages: Vec<(String, String)>,
    /// Whether the finding is about it.
    pub is_meant: bool,
}

/// A poll, or the send of what is meant.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Who, and what he did.
    pub name: String,
    /// The offsets that it had.
    pub offsets: Vec<i64>,
    /// Whether the finding is about it.
    pub is_meant: bool,
    /// The index in the history of the operation.
    pub index: usize,
}

impl Part {
    /// The drawing.
    pub fn draw(&self) -> String {
        let depth = self.columns.iter().map(|column| column.messages.len()).max().unwrap_or(0);
        let head = TOP + ROW * (depth.clamp(1, 4) as f64 + 1.0);
        let width = (LEFT + COLUMN * self.columns.len() as f64 + RIGHT).max(560.0);
        let height = head + ROW * (self.rows.len() as f64 + 1.0);
        let mut svg = begin(width, height);
        for (number, column) in self.columns.iter().enumerate() {
            let x = LEFT + COLUMN * number as f64;
            let is_gap = number > 0 && column.offset > self.columns[number - 1].offset + 1;
            write_column(&mut svg, column, (x, head), is_gap);
        }
        for (number, row) in self.rows.iter().enumerate() {
            self.write_row(&mut svg, row, head + ROW * (number as f64 + 0.5));
        }
        self.write_names(&mut svg, head, height);
        svg + "</svg>\n"
    }

    fn place(&self, offset: i64) -> Option<f64> {
        let found = self.columns.iter().position(|column| column.offset == offset)?;
        Some(LEFT + COLUMN * (found as f64 + 0.5))
    }

    fn write_row(&self, svg: &mut String, row: &Row, y: f64) {
        let places: Vec<f64> =
            row.offsets.iter().filter_map(|offset| self.place(*offset)).collect();
        let class = if row.is_meant { "bad" } else { "had" };
        let (least, greatest) =
            places.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        write!(svg, "<a href=\"{LINK_FROM_FILE}{}\">", row.index).expect("text");
        if least < greatest {
            write!(
                svg,
                "<line class=\"lane\" x1=\"{least:.1}\" x2=\"{greatest:.1}\" y1=\"{y}\" y2=\"{y}\"/>"
            )
            .expect("text");
        }
        for x in places {
            write!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y}\" r=\"6\"/>")
                .expect("text");
        }
        let title = html_escape(&format!("operation {}: {}", row.index, row.name));
        writeln!(svg, "<title>{title}</title></a>").expect("text");
    }

    fn write_names(&self, svg: &mut String, head: f64, height: f64) {
        begin_names(svg, &self.title, TOP, (LEFT - 6.0, height - TOP));
        write!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{}\">offset</text>\
             <text class=\"name\" x=\"{}\" y=\"{}\">message</text>",
            LEFT - 14.0,
            TOP + 18.0,
            LEFT - 14.0,
            TOP + ROW + 18.0
        )
        .expect("text");
        for (number, row) in self.rows.iter().enumerate() {
            let y = head + ROW * (number as f64 + 0.5) + 4.0;
            let name = html_escape(&shorten(&row.name, 27));
            write!(svg, "<text class=\"name\" x=\"{}\" y=\"{y}\">{name}</text>", LEFT - 14.0)
                .expect("text");
        }
        svg.push_str("</g>\n");
    }
}

fn write_column(svg: &mut String, column: &Column, (x, head): (f64, f64), is_gap: bool) {
    let middle = x + COLUMN / 2.0;
    if is_gap {
        write!(svg, "<line class=\"moment\" x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{head}\"/>")
            .expect("text");
    }
    let class = if column.is_meant { "why" } else { "quiet" };
    write!(
        svg,
        "<text class=\"{class}\" text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text>",
        TOP + 18.0,
        column.offset
    )
    .expect("text");
    let are_several = column.messages.len() > 1;
    for (number, (value, sender)) in column.messages.iter().take(4).enumerate() {
        let y = TOP + ROW * (number as f64 + 1.0) + 3.0;
        let class = if column.is_meant || are_several { "bad" } else { "box" };
        write!(
            svg,
            "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"3\"/>\
             <text text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text>\
             <title>{}</title>",
            x + 2.0,
            COLUMN - 4.0,
            ROW - 4.0,
            y + 15.0,
            html_escape(&shorten(value, VALUE_CHARACTERS)),
            html_escape(&format!("{value}, sent by {sender}"))
        )
        .expect("text");
    }
    svg.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_messages_and_polls_are_drawn_and_contradictions_stand_out() {
        let column = |offset, values: &[&str]| Column {
            offset,
            messages: values.iter().map(|v| (v.to_string(), "process 0".to_string())).collect(),
            is_meant: offset == 3,
        };
        let svg = Part {
            title: "log \"k\"".into(),
            columns: vec![column(2, &["7"]), column(3, &["<8>", "9"]), column(9, &[])],
            rows: vec![Row {
                name: "process 1 polls".into(),
                offsets: vec![2, 9, 44],
                is_meant: true,
                index: 5,
            }],
        }
        .draw();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("<circle"), count("class=\"bad\" x=")), (2, 2));
        assert_eq!(count("class=\"moment\""), 1, "a gap shows as one");
        assert!(svg.contains("&lt;8&gt;") && svg.contains("#op-5"), "{svg}");
        assert!(!Part::default().draw().contains("NaN"));
    }
}

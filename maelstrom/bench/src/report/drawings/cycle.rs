//! A cycle of transactions.
//!
//! Each transaction is a row of boxes, one for each micro-operation. An arrow leads from what
//! one transaction did to what the next one did, row by row, and the last one around the side
//! back to the first. An arrow of time leads from one name to the other.
//!
//! A row is a link to its operation in the report of the run, which lies two folders above.

use std::fmt::Write;

use super::begin;
use crate::checker::drawing::{Arrow, Cycle, Row};
use crate::report::format::{html_escape, shorten};

const MARGIN: usize = 24;
const ROW_HEIGHT: usize = 26;
const ROW_GAP: usize = 64;
const BOX_GAP: usize = 6;
/// Of a monospaced letter, at the font size below.
const LETTER_WIDTH: usize = 8;
const FONT_SIZE: usize = 13;
/// A longer text is cut.
const LONGEST_TEXT: usize = 48;
/// A row with more boxes leaves out some of those that no arrow touches.
const MOST_BOXES: usize = 8;

/// A row as it is laid out.
struct Laid {
    top: usize,
    /// Where the title and then each box that is drawn begins and ends, by its place.
    title: (usize, usize),
    boxes: Vec<(Option<usize>, usize, usize, String)>,
}

impl Laid {
    fn right(&self) -> usize {
        self.boxes.last().map_or(self.title.1, |(_, _, right, _)| *right)
    }

    /// The middle of a box, or of the title.
    fn middle(&self, place: Option<usize>) -> usize {
        let found = self.boxes.iter().find(|(drawn, ..)| place.is_some() && *drawn == place);
        let (left, right) = found.map_or(self.title, |(_, left, right, _)| (*left, *right));
        (left + right) / 2
    }
}

/// The drawing. There is an arrow for each row, that leads from it to the next.
pub fn draw(Cycle { rows, arrows }: &Cycle) -> String {
    assert_eq!(rows.len(), arrows.len(), "a cycle has as many steps as transactions");
    let title_width = rows.iter().map(|row| width(&cut(&row.title))).max().unwrap_or(0);
    let laid: Vec<Laid> =
        rows.iter().enumerate().map(|(i, row)| lay(i, row, title_width, arrows)).collect();
    // The last arrow goes around the labels of the others, too.
    let label_right = arrows.iter().enumerate().take(rows.len() - 1).map(|(i, arrow)| {
        down_label_left(arrow, [&laid[i], &laid[i + 1]]) + width(&cut(&label(arrow)))
    });
    let right = laid.iter().map(Laid::right).chain(label_right).max().unwrap_or(0);
    let label_width = arrows.iter().map(|arrow| width(&cut(&label(arrow)))).max().unwrap_or(0);
    let all_width = right + label_width + 3 * MARGIN;
    let bottom = laid.last().map_or(0, |row| row.top + ROW_HEIGHT);
    let all_height = bottom + 2 * MARGIN;
    let mut svg = begin(all_width as f64, all_height as f64);
    writeln!(svg, "<g font-family=\"ui-monospace,monospace\" font-size=\"{FONT_SIZE}\">")
        .expect("a string takes all that is written to it");
    laid.iter().zip(rows).for_each(|(laid, row)| draw_row(&mut svg, laid, row));
    for (i, arrow) in arrows.iter().enumerate() {
        let (from, to) = (&laid[i], &laid[(i + 1) % laid.len()]);
        if i + 1 < laid.len() {
            draw_down(&mut svg, arrow, [from, to]);
        } else {
            draw_around(&mut svg, arrow, [from, to], right + MARGIN);
        }
    }
    svg + "</g></svg>\n"
}

fn lay(i: usize, row: &Row, title_width: usize, arrows: &[Arrow]) -> Laid {
    // The row's own arrow leaves from it, the one before arrives.
    let before = &arrows[(i + arrows.len() - 1) % arrows.len()];
    let touched = [arrows[i].boxes[0], before.boxes[1]];
    let is_drawn = |place: usize| {
        row.boxes.len() <= MOST_BOXES || place < MOST_BOXES / 2 || touched.contains(&Some(place))
    };
    let mut left = MARGIN + title_width + BOX_GAP;
    let mut boxes = Vec::new();
    let mut push = |place: Option<usize>, text: String| {
        let right = left + width(&text);
        boxes.push((place, left, right, text));
        left = right + BOX_GAP;
    };
    let mut is_gap = false;
    for (place, text) in row.boxes.iter().enumerate() {
        if is_drawn(place) {
            push(Some(place), cut(text));
        } else if !is_gap {
            push(None, "…".into());
        }
        is_gap = !is_drawn(place);
    }
    let top = 2 * MARGIN + i * (ROW_HEIGHT + ROW_GAP);
    Laid { top, title: (MARGIN, MARGIN + title_width), boxes }
}

fn draw_row(svg: &mut String, laid: &Laid, row: &Row) {
    writeln!(svg, "<a href=\"../../index.html#op-{}\">", row.index)
        .expect("a string takes all that is written to it");
    let mut cell = |left: usize, right: usize, fill: &str, weight: &str, text: &str| {
        let (top, cell_width) = (laid.top, right - left);
        let (x, y) = ((left + right) / 2, top + ROW_HEIGHT - 8);
        writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{cell_width}\" height=\"{ROW_HEIGHT}\" \
             rx=\"4\" class=\"{fill}\"/>\n\
             <text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\"{weight}>{}</text>",
            html_escape(text)
        )
        .expect("a string takes all that is written to it");
    };
    cell(laid.title.0, laid.title.1, "boxtitle", " font-weight=\"bold\"", &cut(&row.title));
    for (place, left, right, text) in &laid.boxes {
        cell(*left, *right, if place.is_some() { "box" } else { "paper" }, "", text);
    }
    svg.push_str("</a>\n");
}

/// Where an arrow begins and ends.
fn ends(arrow: &Arrow, [from, to]: [&Laid; 2]) -> ([usize; 2], [usize; 2]) {
    let x = [from.middle(arrow.boxes[0]), to.middle(arrow.boxes[1])];
    (x, [from.top + ROW_HEIGHT, to.top])
}

/// The label goes to the right of the line, clear of it whichever way it leans.
fn down_label_left(arrow: &Arrow, rows: [&Laid; 2]) -> usize {
    let ([from, to], _) = ends(arrow, rows);
    from.max(to) + 10
}

fn draw_down(svg: &mut String, arrow: &Arrow, rows: [&Laid; 2]) {
    let (x, y) = ends(arrow, rows);
    let path = format!("M {} {} L {} {}", x[0], y[0], x[1], y[1] - 9);
    let tip = (x[1], y[1]);
    let place = (down_label_left(arrow, rows), (y[0] + y[1]) / 2 + 4);
    draw_arrow(svg, arrow, &path, tip, place);
}

fn draw_around(svg: &mut String, arrow: &Arrow, rows: [&Laid; 2], side: usize) {
    let (x, y) = ends(arrow, rows);
    let (below, above) = (y[0] + MARGIN, y[1] - MARGIN);
    let path = format!(
        "M {} {} V {} Q {} {below} {} {below} H {} Q {side} {below} {side} {} V {} \
         Q {side} {above} {} {above} H {} Q {} {above} {} {} V {}",
        x[0],
        y[0],
        below - 8,
        x[0],
        x[0] + 8,
        side - 8,
        below - 8,
        above + 8,
        side - 8,
        x[1] + 8,
        x[1],
        x[1],
        above + 8,
        y[1] - 9
    );
    draw_arrow(svg, arrow, &path, (x[1], y[1]), (side + 8, (above + below) / 2 + 4));
}

fn draw_arrow(
    svg: &mut String,
    arrow: &Arrow,
    path: &str,
    (tip_x, tip_y): (usize, usize),
    (label_x, label_y): (usize, usize),
) {
    let colour = colour(arrow.relation);
    let (left, right, back) = (tip_x - 5, tip_x + 5, tip_y - 10);
    writeln!(
        svg,
        "<path d=\"{path}\" style=\"fill:none;stroke:{colour};stroke-width:2px\"/>\n\
         <path d=\"M {tip_x} {tip_y} L {left} {back} L {right} {back} Z\" style=\"fill:{colour}\"/>\n\
         <text x=\"{label_x}\" y=\"{label_y}\" style=\"fill:{colour};stroke:var(--paper);\
         stroke-width:4px;paint-order:stroke\">{}</text>",
        html_escape(&cut(&label(arrow)))
    )
    .expect("a string takes all that is written to it");
}

fn label(arrow: &Arrow) -> String {
    format!("{} {}", arrow.relation, arrow.label).trim_end().to_string()
}

fn colour(relation: &str) -> &'static str {
    match relation {
        "ww" => "var(--ww)",
        "wr" => "var(--wr)",
        "rw" | "rwp" => "var(--rw)",
        "process" => "var(--process)",
        "realtime" => "var(--realtime)",
        _ => "var(--ink)",
    }
}

fn width(text: &str) -> usize {
    text.chars().count() * LETTER_WIDTH + 12
}

fn cut(text: &str) -> String {
    shorten(text, LONGEST_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(title: &str, boxes: &[&str]) -> Row {
        let boxes = boxes.iter().map(|text| text.to_string()).collect();
        Row { title: title.into(), boxes, index: 7 }
    }

    fn arrow(relation: &'static str, boxes: [Option<usize>; 2]) -> Arrow {
        Arrow { relation, boxes, label: "key 1".into() }
    }

    fn draw(rows: [Row; 2], arrows: [Arrow; 2]) -> String {
        super::draw(&Cycle { rows: rows.into(), arrows: arrows.into() })
    }

    #[test]
    fn every_box_and_arrow_is_drawn_and_nothing_breaks_out() {
        let hostile = "[:r \"</text>&\u{1}\" nil]";
        let svg = draw(
            [row("T1", &["[:append 1 1]", hostile]), row("T2", &["[:r 1 [1]]"])],
            [arrow("wr", [Some(0), Some(0)]), arrow("realtime", [None, None])],
        );
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("<rect"), count("<text"), count("</text>")), (6, 7, 7));
        assert!(svg.contains("&lt;/text&gt;&amp;\u{fffd}") && svg.contains("wr key 1"));
        assert!(svg.contains("realtime key 1"));
        assert_eq!(count("<a href=\"../../index.html#op-7\">"), 2);
    }

    #[test]
    fn a_long_row_keeps_what_arrows_touch() {
        let boxes: Vec<String> = (0..100).map(|i| format!("box{i}.")).collect();
        let long = Row { title: "T1".into(), boxes, index: 7 };
        let svg = draw(
            [long, row("T2", &[&"x".repeat(1000)])],
            [arrow("rw", [Some(70), Some(0)]), arrow("ww", [Some(0), Some(90)])],
        );
        for shown in ["box0.", "box3.", "box70.", "box90.", "…"] {
            assert!(svg.contains(shown), "{shown}");
        }
        assert!(!svg.contains("box50.") && svg.len() < 5000);
    }
}

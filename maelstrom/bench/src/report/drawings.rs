//! Drawings in SVG, each of a value that says what there is to draw.
//!
//! A drawing stands on the page of a run and in a file of its own, in light and in dark: its
//! colours are variables, whose values it brings along. What is in a group of the class `sticky`
//! stays in view while the page scrolls a wide drawing.

mod cycle;
pub mod lanes;
pub mod log;
mod operations;
pub mod values;

use std::fmt::Write;

use super::format::html_escape;
use crate::checker::Drawing;

/// What all drawings look like. Blue and orange are told apart by everybody; what is wrong has a
/// thick line, too.
const STYLE: &str = "\
.gy{--paper:#fff;--ink:#1b1f24;--quiet:#5a6472;--line:#d8dce2;--ok:#0072b2;--ok-fill:#cfe6f7;\
--info:#a86400;--info-fill:#fdebc8;--bad:#b3261e;--bad-fill:#fbd0d0;--fault:#f5e6bd;\
--box:#f4f5f2;--title:#e8eef7;--ww:#b3261e;--wr:#00695c;--rw:#6a1b9a;--process:#7a5c00;\
--realtime:#1565c0;font:12px system-ui,Helvetica,Arial,sans-serif;background:var(--paper)}\
@media(prefers-color-scheme:dark){.gy{--paper:#14171b;--ink:#e6e9ee;--quiet:#99a2ad;\
--line:#333a44;--ok:#56b4e9;--ok-fill:#12384f;--info:#f0b429;--info-fill:#4a3608;--bad:#ff8a80;\
--bad-fill:#5a1d1a;--fault:#463a17;--box:#20252c;--title:#22304a;--ww:#ff8a80;--wr:#4fd0b8;\
--rw:#cf9bff;--process:#e0bd55;--realtime:#7ab8ff}}\
.gy text{fill:var(--ink)}.gy .paper{fill:var(--paper)}.gy .quiet{fill:var(--quiet)}\
.gy .name{text-anchor:end;fill:var(--quiet)}.gy .lane,.gy .tick{stroke:var(--line)}\
.gy .ok{fill:var(--ok-fill);stroke:var(--ok)}.gy .info{fill:var(--info-fill);stroke:var(--info)}\
.gy .stuck,.gy .bad{fill:var(--bad-fill);stroke:var(--bad);stroke-width:2.5}\
.gy .last{stroke-width:2.5}.gy .moment{stroke:var(--bad);stroke-dasharray:4 3}\
.gy .why{fill:var(--bad);font-weight:bold}.gy .fault{fill:var(--fault)}\
.gy .had{fill:var(--ok)}.gy .lacked{fill:none;stroke:var(--info);stroke-dasharray:4 3}\
.gy .head{font-weight:bold}.gy .box{fill:var(--box);stroke:var(--quiet)}\
.gy .boxtitle{fill:var(--title);stroke:var(--quiet)}";

/// The drawing, one `svg` element.
pub fn draw(drawing: &Drawing, title: &str) -> String {
    match drawing {
        Drawing::Cycle(cycle) => cycle::draw(cycle),
        Drawing::Operations(operations) => operations::draw(operations, title),
    }
}

/// The beginning of a drawing of this size.
fn begin(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gy\" width=\"{width:.0}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\"><style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    )
}

/// Begins what stays in view while the page scrolls a wide drawing: the title, and from `top` on
/// the ground for names, of this width and height. The caller adds the names and closes the group.
fn begin_names(svg: &mut String, title: &str, top: f64, (width, height): (f64, f64)) {
    let title = html_escape(title);
    writeln!(
        svg,
        "<g class=\"sticky\"><rect class=\"paper\" y=\"{top}\" width=\"{width}\" \
         height=\"{height}\"/><text class=\"head\" x=\"12\" y=\"20\">{title}</text>"
    )
    .expect("text");
}

/// Round numbers from `from` to `to`, some six of them, for an axis.
pub fn ticks(from: f64, to: f64) -> Vec<f64> {
    let span = to - from;
    if span <= 0.0 {
        return vec![from];
    }
    let power = 10f64.powf((span / 6.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| span / step <= 8.0).unwrap_or(span);
    let first = (from / step).ceil();
    let ticks = (0..12).map(|number| (first + f64::from(number)) * step);
    ticks.take_while(|tick| *tick <= to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(31.0, 39.0), [31.0, 32.0, 33.0, 34.0, 35.0, 36.0, 37.0, 38.0, 39.0]);
        assert_eq!(ticks(-5.0, 900.0), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(ticks(3.0, 3.0).len(), 1);
        assert!(ticks(f64::MAX / -2.0, f64::MAX / 2.0).len() < 13);
    }
}

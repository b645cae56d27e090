//! Runs in one plot: the same axes, a line for each run, in its colour.

use maud::{Markup, PreEscaped, html};

use crate::report::{duration_ms, ticks};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 36.0;

/// So many runs have a colour of their own.
pub const COLOURS: usize = 6;

/// What is below this is drawn at it, on an axis of latencies, in milliseconds: it has no zero.
const LEAST_MS: f64 = 0.01;

/// A plot of several runs.
pub struct Overlay<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What the horizontal axis is.
    pub x_name: &'a str,
    /// Whether the vertical axis is of latencies, and logarithmic; else it is of numbers.
    pub is_latency: bool,
    /// The points of each run.
    pub lines: Vec<Vec<(f64, f64)>>,
}

impl Overlay<'_> {
    /// The plot; nothing where there is nothing to draw.
    pub fn draw(&self) -> Markup {
        let points = || self.lines.iter().flatten();
        if points().next().is_none() {
            return html! {};
        }
        if self.is_latency && points().all(|point| point.1 <= LEAST_MS) {
            return html! { p.quiet { (self.title) ": all of them took no time at all." } };
        }
        let value = |y: f64| if self.is_latency { y.max(LEAST_MS).log10() } else { y };
        let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
        let greatest = points().map(|point| value(point.1)).fold(f64::MIN, f64::max);
        let least = match self.is_latency {
            true => points().map(|point| value(point.1)).fold(f64::MAX, f64::min).floor(),
            false => 0.0,
        };
        let greatest = if self.is_latency { greatest.ceil() } else { greatest };
        let greatest = if greatest > least { greatest } else { least + 1.0 };
        let x = |at: f64| LEFT + at / right * (WIDTH - LEFT - RIGHT);
        let y = |at: f64| {
            let share = (value(at) - least) / (greatest - least);
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let marks: Vec<(f64, String)> = match self.is_latency {
            true => (least as i32..=greatest as i32)
                .map(|power| 10f64.powi(power))
                .map(|ms| (ms, duration_ms(ms)))
                .collect(),
            false => (0..=4)
                .map(|part| f64::from(part) / 4.0 * greatest)
                .map(|number| (number, format!("{number:.0}")))
                .collect(),
        };
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                text x="10" y="19" font-weight="bold" { (self.title) }
                @for (at, name) in &marks {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(round(y(*at))) y2=(round(y(*at))) {}
                    text.quiet x=(LEFT - 6.0) y=(round(y(*at) + 4.0)) text-anchor="end" { (name) }
                }
                @for at in ticks(0.0, right) {
                    text.quiet x=(round(x(at))) y=(HEIGHT - BOTTOM + 15.0) text-anchor="middle" {
                        ((at * 1e3).round() / 1e3)
                    }
                }
                text.quiet x=(WIDTH - RIGHT) y=(HEIGHT - 5.0) text-anchor="end" { (self.x_name) }
                @for (number, line) in self.lines.iter().enumerate() {
                    @let shown: Vec<String> = line.iter()
                        .map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
                    polyline points=(shown.join(" ")) style=(colour(number)) {}
                }
            }
        }
    }
}

/// The colour of the run of this number, as a style of a line.
fn colour(number: usize) -> String {
    format!("stroke:var(--run{})", number % COLOURS)
}

/// A spot in the colour of the run of this number.
pub fn key(number: usize) -> Markup {
    let style = format!("background:var(--run{})", number % COLOURS);
    PreEscaped(format!("<span class=\"key\" style=\"{style}\"></span>"))
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_its_line_on_the_same_axes() {
        let plot = |is_latency, lines| Overlay { title: "t", x_name: "s", is_latency, lines };
        let lines = vec![vec![(0.0, 1.0), (10.0, 100.0)], vec![(5.0, 10.0)], Vec::new()];
        let svg = plot(true, lines).draw().into_string();
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("62.0,214.0 546.0,30.0") && svg.contains("304.0,122.0"), "{svg}");
        let nothing = plot(true, vec![vec![(1.0, 0.0)]]).draw().into_string();
        assert!(nothing.contains("took no time at all"), "an empty plot says why: {nothing}");
        for lines in [vec![vec![(0.0, 0.0)]], vec![vec![(3.0, 3.0)], vec![(3.0, 3.0)]]] {
            for is_latency in [true, false] {
                let svg = plot(is_latency, lines.clone()).draw().into_string();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
        assert_eq!(plot(true, vec![Vec::new()]).draw().into_string(), "");
    }
}

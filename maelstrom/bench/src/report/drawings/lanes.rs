//! A part of a run to scale: a lane for each node, with what it was seen to have, the operations
//! in question, and the faults.

use std::fmt::Write;

use super::{begin, begin_names, ticks};
use crate::report::LINK_FROM_FILE;
use crate::report::format::{html_escape, shorten};

const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const WIDTH: f64 = 960.0;
const LANE: f64 = 34.0;
const TOP: f64 = 62.0;
const LABEL_CHARACTERS: usize = 44;
/// Of a letter, about.
const LETTER: f64 = 6.6;

/// What there is to draw. Times are in nanoseconds since the main phase began.
#[derive(Debug, Default)]
pub struct Lanes {
    /// What it shows.
    pub title: String,
    /// The names of the lanes, from top to bottom.
    pub names: Vec<String>,
    /// The part of the run that is drawn.
    pub time: (i64, i64),
    /// What a lane was seen to have, and from when to when.
    pub bands: Vec<Band>,
    /// The operations.
    pub bars: Vec<Bar>,
    /// The faults.
    pub faults: Vec<Fault>,
    /// What the bands mean, if there are any: of those who had it, and of those who lacked it.
    pub legend: Option<(&'static str, &'static str)>,
}

/// A time in which a lane had something, or lacked it.
#[derive(Debug, PartialEq)]
pub struct Band {
    /// The lane.
    pub lane: usize,
    /// From when to when.
    pub time: (i64, i64),
    /// Whether it had it.
    pub has: bool,
}

/// An operation.
#[derive(Debug, PartialEq)]
pub struct Bar {
    /// The lane.
    pub lane: usize,
    /// From when to when; `None` for one without an end.
    pub time: (i64, Option<i64>),
    /// What it did.
    pub label: String,
    /// Whether it is at fault.
    pub is_bad: bool,
    /// The index in the history of the entry with which it began.
    pub index: usize,
}

/// A fault.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// What it did, in a few words.
    pub label: String,
    /// From when to when; `None` for one that lasted to the end.
    pub time: (i64, Option<i64>),
    /// The lanes that it struck; none for a fault of the network.
    pub lanes: Vec<usize>,
}

impl Lanes {
    fn x(&self, time: i64) -> f64 {
        let (from, to) = self.time;
        let share = (time - from) as f64 / ((to - from) as f64).max(1.0);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn bottom(&self) -> f64 {
        TOP + LANE * self.names.len() as f64
    }

    /// The drawing.
    pub fn draw(&self) -> String {
        let mut svg = begin(WIDTH, self.bottom() + 46.0);
        self.faults.iter().for_each(|fault| self.write_fault(&mut svg, fault));
        self.write_axis(&mut svg);
        for lane in 0..self.names.len() {
            let y = TOP + LANE * (lane as f64 + 0.5);
            let to = WIDTH - RIGHT;
            put(
                &mut svg,
                &format!("<line class=\"lane\" x1=\"{LEFT}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/>"),
            );
        }
        self.bands.iter().for_each(|band| self.write_band(&mut svg, band));
        let mut taken: Vec<(usize, f64, f64)> = Vec::new();
        self.bars.iter().for_each(|bar| self.write_bar(&mut svg, bar, &mut taken));
        self.write_names(&mut svg);
        svg + "</svg>\n"
    }

    fn write_fault(&self, svg: &mut String, fault: &Fault) {
        let (from, to) = (self.x(fault.time.0), self.x(fault.time.1.unwrap_or(i64::MAX / 2)));
        let width = (to - from).max(1.0);
        let mut strip = |y: f64, height: f64| {
            let title = html_escape(&fault.label);
            put(
                svg,
                &format!(
                    "<rect class=\"fault\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" \
                     height=\"{height}\"><title>{title}</title></rect>"
                ),
            );
        };
        if fault.lanes.is_empty() {
            strip(TOP, self.bottom() - TOP);
        }
        fault.lanes.iter().for_each(|lane| strip(TOP + LANE * *lane as f64 + 1.0, LANE - 2.0));
        // The name may stand out a little where there is not room for more.
        let room = ((to - from) / LETTER) as usize;
        let shown = if room > fault.name.len() + 4 { &fault.label } else { &fault.name };
        if room + 4 >= fault.name.len() {
            let label = html_escape(&shorten(shown, room.max(fault.name.len())));
            put(
                svg,
                &format!(
                    "<text class=\"quiet\" x=\"{from:.1}\" y=\"{}\">{label}</text>",
                    TOP - 6.0
                ),
            );
        }
    }

    fn write_axis(&self, svg: &mut String) {
        let (from, to) = (self.time.0 as f64 / 1e9, self.time.1 as f64 / 1e9);
        let digits = (2.0 - (to - from).max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
        let bottom = self.bottom();
        for tick in ticks(from, to) {
            let x = self.x((tick * 1e9) as i64);
            put(
                svg,
                &format!(
                    "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
                     <text class=\"quiet\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">\
                     {tick:.digits$} s</text>",
                    bottom + 4.0,
                    bottom + 18.0
                ),
            );
        }
    }

    fn write_band(&self, svg: &mut String, band: &Band) {
        let (from, to) = (self.x(band.time.0), self.x(band.time.1));
        let middle = TOP + LANE * (band.lane as f64 + 0.5);
        let (class, height) = if band.has { ("had", 6.0) } else { ("lacked", 6.0) };
        put(
            svg,
            &format!(
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" \
                 height=\"{height}\"/>",
                middle - height / 2.0,
                (to - from).max(2.0)
            ),
        );
    }

    /// A label has its place to the right of its bar, or else to the left; where another stands
    /// there already, only the hint has it.
    fn write_bar(&self, svg: &mut String, bar: &Bar, taken: &mut Vec<(usize, f64, f64)>) {
        let from = self.x(bar.time.0);
        let to = self.x(bar.time.1.unwrap_or(i64::MAX / 2)).max(from + 5.0);
        let y = TOP + LANE * bar.lane as f64 + 7.0;
        let class = match (bar.is_bad, bar.time.1) {
            (true, _) => "bad",
            (false, Some(_)) => "ok",
            (false, None) => "info",
        };
        let label = shorten(&bar.label, LABEL_CHARACTERS);
        let width = label.chars().count() as f64 * LETTER;
        let right = (to + 5.0, to + 5.0 + width);
        let left = (from - 5.0 - width, from - 5.0);
        let is_free = |(start, end): (f64, f64)| {
            start >= LEFT
                && end <= WIDTH
                && taken.iter().all(|(lane, a, b)| *lane != bar.lane || end < *a || start > *b)
        };
        let place = [right, left].into_iter().find(|place| is_free(*place));
        taken.push((bar.lane, from, to));
        taken.extend(place.map(|(start, end)| (bar.lane, start, end)));
        let shown = place.map(|(start, _)| {
            let label = html_escape(&label);
            format!("<text x=\"{start:.1}\" y=\"{}\">{label}</text>", y + 14.0)
        });
        put(
            svg,
            &format!(
                "<a href=\"{LINK_FROM_FILE}{}\"><title>{}</title><rect class=\"{class}\" \
                 x=\"{from:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"20\" rx=\"3\"/>{}</a>",
                bar.index,
                html_escape(&format!("operation {}: {}", bar.index, bar.label)),
                to - from,
                shown.unwrap_or_default()
            ),
        );
    }

    /// The title, the names and the legend, above everything else.
    fn write_names(&self, svg: &mut String) {
        begin_names(svg, &self.title, TOP, (LEFT - 6.0, self.bottom() - TOP));
        if let Some((had, lacked)) = self.legend {
            put(
                svg,
                &format!(
                    "<rect class=\"had\" x=\"12\" y=\"31\" width=\"20\" height=\"6\"/>\
                     <text class=\"quiet\" x=\"38\" y=\"39\">{had}</text>\
                     <rect class=\"lacked\" x=\"250\" y=\"31\" width=\"20\" height=\"6\"/>\
                     <text class=\"quiet\" x=\"276\" y=\"39\">{lacked}</text>\
                     <rect class=\"fault\" x=\"470\" y=\"28\" width=\"20\" height=\"12\"/>\
                     <text class=\"quiet\" x=\"496\" y=\"39\">a fault</text>"
                ),
            );
        }
        for (lane, name) in self.names.iter().enumerate() {
            let (x, y) = (LEFT - 14.0, TOP + LANE * (lane as f64 + 0.5) + 4.0);
            let name = html_escape(&shorten(name, 12));
            put(svg, &format!("<text class=\"name\" x=\"{x}\" y=\"{y}\">{name}</text>"));
        }
        svg.push_str("</g>\n");
    }
}

fn put(svg: &mut String, element: &str) {
    writeln!(svg, "{element}").expect("text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_band_bar_and_fault_is_drawn_and_nothing_breaks_out() {
        let bar = |lane, label: &str, is_bad: bool| Bar {
            lane,
            time: (1_000, is_bad.then_some(2_000)),
            label: label.into(),
            is_bad,
            index: 7,
        };
        let fault = |lanes| Fault {
            name: "kill".into(),
            label: "kill: <n1>".into(),
            time: (0, None),
            lanes,
        };
        let svg = Lanes {
            title: "who had <7>".into(),
            names: vec!["n1".into(), "n&2".into()],
            time: (0, 10_000),
            bands: vec![Band { lane: 1, time: (3_000, 9_000), has: false }],
            bars: vec![bar(0, "add </text>", true), bar(0, "the same place", false)],
            faults: vec![fault(vec![0]), fault(Vec::new())],
            legend: Some(("had", "lacked")),
        }
        .draw();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"bad\""), count("class=\"info\"")), (1, 1));
        assert_eq!(count("href=\"../../index.html#op-7\""), 2);
        assert_eq!(count("<title>kill: &lt;n1&gt;</title>"), 2);
        assert!(svg.contains("who had &lt;7&gt;") && svg.contains("n&amp;2"), "{svg}");
        assert!(!svg.contains("add </text>"), "{svg}");
    }
}

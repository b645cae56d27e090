//! A drawing of operations that are not linearizable: time to the right, a lane for each
//! process, the operation that fits nowhere in red, and the states that were possible before.
//!
//! Only the order of begins and ends decides whether operations are linearizable, so that is
//! what is drawn: each begin and end has a place of its own, as far from the one before as the
//! names need. A scale of time would show one slow operation and a smear of fast ones.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{begin, begin_names};
use crate::checker::drawing::{Bar, Operations, Part};
use crate::history::{OpType, ProcessId};
use crate::report::format::{duration_ms, html_escape, shorten};

const LEFT: f64 = 110.0;
const RIGHT: f64 = 40.0;
const LANE: f64 = 34.0;
const TOP: f64 = 58.0;
/// From one begin or end to the next, at least.
const STEP: f64 = 9.0;
/// Of a letter, about.
const LETTER: f64 = 6.8;
/// The same in bold, as the sentence is.
const BOLD_LETTER: f64 = 7.4;
const LABEL_CHARACTERS: usize = 26;
/// Beside the sentence.
const MARGIN: f64 = 12.0;
/// The drawing is at least as wide as its words.
const NARROWEST: f64 = 560.0;

/// Where everything lies.
struct Layout {
    /// By place in the history: where that begin or end is drawn.
    x: BTreeMap<usize, f64>,
    lanes: BTreeMap<ProcessId, usize>,
    width: f64,
}

impl Layout {
    fn new(bars: &[Bar]) -> Layout {
        let places = |bar: &Bar| [Some(bar.place.0), bar.place.1];
        let mut events: Vec<usize> = bars.iter().flat_map(places).flatten().collect();
        events.sort_unstable();
        let ends: BTreeMap<usize, &Bar> =
            bars.iter().filter_map(|bar| Some((bar.place.1?, bar))).collect();
        let mut x: BTreeMap<usize, f64> = BTreeMap::new();
        let mut at = LEFT;
        for event in events {
            if let Some(bar) = ends.get(&event) {
                at = at.max(x[&bar.place.0] + label_width(bar));
            }
            x.insert(event, at);
            at += STEP;
        }
        // One without an end has room for its name, too.
        let needed = bars
            .iter()
            .filter(|bar| bar.place.1.is_none())
            .map(|bar| x[&bar.place.0] + label_width(bar));
        let width = needed.fold(at, f64::max).max(NARROWEST) + RIGHT;
        Layout { x, lanes: lanes(bars), width }
    }

    fn bottom(&self) -> f64 {
        TOP + LANE * self.lanes.len() as f64
    }
}

fn label(bar: &Bar) -> String {
    shorten(&bar.label, LABEL_CHARACTERS)
}

fn label_width(bar: &Bar) -> f64 {
    label(bar).chars().count() as f64 * LETTER + 12.0
}

/// The drawing.
pub fn draw(operations: &Operations, title: &str) -> String {
    let bars = &operations.bars;
    let mut layout = Layout::new(bars);
    let stuck = bars.iter().find(|bar| bar.part == Part::Stuck);
    let stuck = stuck.map(|bar| (bar, sentence(operations, bar)));
    if let Some((_, sentence)) = &stuck {
        layout.width = layout.width.max(sentence_width(sentence) + 2.0 * MARGIN);
    }
    let times = || bars.iter().flat_map(|bar| [Some(bar.time.0), bar.time.1]).flatten();
    let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    let (width, height) = (layout.width, layout.bottom() + 48.0);
    let mut svg = begin(width, height);
    for lane in layout.lanes.values() {
        let y = TOP + LANE * (*lane as f64 + 0.5);
        let to = width - 10.0;
        let line = format!("x1=\"{LEFT}\" x2=\"{to:.1}\" y1=\"{y}\" y2=\"{y}\"");
        writeln!(svg, "<line class=\"lane\" {line}/>").expect("text");
    }
    bars.iter().for_each(|bar| write_bar(&mut svg, &layout, bar));
    if let Some((bar, sentence)) = &stuck {
        write_moment(&mut svg, &layout, bar, sentence);
    }
    let scale =
        format!("{} from left to right, in order but not to scale", duration_ms(span as f64 / 1e6));
    write_names(&mut svg, &layout, [title, &scale], height);
    svg + "</svg>\n"
}

/// The title and the names of the lanes, which stay in view.
fn write_names(svg: &mut String, layout: &Layout, [title, scale]: [&str; 2], height: f64) {
    begin_names(svg, title, TOP, (LEFT - 8.0, height - TOP - 30.0));
    writeln!(svg, "<text class=\"quiet\" x=\"12\" y=\"38\">{scale}</text>").expect("text");
    for (process, lane) in &layout.lanes {
        let (x, y) = (LEFT - 12.0, TOP + LANE * (*lane as f64 + 0.5) + 4.0);
        writeln!(svg, "<text class=\"name\" x=\"{x}\" y=\"{y}\">process {process}</text>")
            .expect("text");
    }
    svg.push_str("</g>\n");
}

/// What the operation should have found.
fn sentence(operations: &Operations, stuck: &Bar) -> String {
    let states: Vec<String> = operations.states.iter().map(|state| state.to_string()).collect();
    let why = match states.as_slice() {
        [] => "and there is no moment for that".to_owned(),
        states => format!("but the value must have been {}", shorten(&states.join(" or "), 60)),
    };
    format!("here {} returned, {why}", shorten(&stuck.label, 60))
}

/// The line at which the operation returned, and what is to say of it, as near as it fits.
fn write_moment(svg: &mut String, layout: &Layout, stuck: &Bar, sentence: &str) {
    let at = layout.x[&stuck.place.1.unwrap_or(stuck.place.0)];
    let bottom = layout.bottom() + 8.0;
    let to_the_left = if at > layout.width / 2.0 { sentence_width(sentence) } else { 0.0 };
    let last = layout.width - MARGIN - sentence_width(sentence);
    let x = (at - to_the_left).min(last).max(MARGIN);
    writeln!(
        svg,
        "<line class=\"moment\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
         <text class=\"why\" x=\"{x:.1}\" y=\"{}\">{}</text>",
        bottom + 18.0,
        html_escape(sentence)
    )
    .expect("text");
}

fn sentence_width(sentence: &str) -> f64 {
    sentence.chars().count() as f64 * BOLD_LETTER
}

fn write_bar(svg: &mut String, layout: &Layout, bar: &Bar) {
    let from = layout.x[&bar.place.0];
    let to = bar.place.1.map_or(layout.width - 10.0, |end| layout.x[&end]);
    let y = TOP + LANE * layout.lanes[&bar.process] as f64 + 5.0;
    let class = match (bar.part, bar.outcome) {
        (Part::Stuck, _) => "stuck",
        (Part::LastBefore, _) => "ok last",
        (Part::Around, OpType::Ok) => "ok",
        (Part::Around, OpType::Fail | OpType::Info | OpType::Invoke) => "info",
    };
    let hint = match class {
        "stuck" => ", for which there is no moment",
        "ok last" => ", the last to return before",
        "info" => ", of which nobody knows whether and when it took effect",
        _ => "",
    };
    let label = label(bar);
    writeln!(
        svg,
        "<a href=\"../../index.html#op-{index}\"><title>{hint}</title><rect class=\"{class}\" \
         x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"24\" rx=\"3\"/>\
         <text x=\"{tx:.1}\" y=\"{ty:.1}\">{shown}</text></a>",
        index = bar.index.0,
        hint = html_escape(&format!("{label}, operation {}{hint}", bar.index.0)),
        shown = html_escape(&label),
        width = to - from,
        tx = from + 6.0,
        ty = y + 16.0,
    )
    .expect("text");
}

fn lanes(bars: &[Bar]) -> BTreeMap<ProcessId, usize> {
    let mut processes: Vec<ProcessId> = bars.iter().map(|bar| bar.process).collect();
    processes.sort_unstable();
    processes.dedup();
    processes.into_iter().enumerate().map(|(lane, process)| (process, lane)).collect()
}

//! A drawing of operations that are not linearizable: time to the right, a lane for each
//! process, the operation that fits nowhere in red, and the states that were possible before.
//!
//! Only the order of begins and ends decides whether operations are linearizable, so that is
//! what is drawn: each begin and end has a place of its own, as far from the one before as the
//! names need. A scale of time would show one slow operation and a smear of fast ones.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::format::{duration_ms, html_escape, shorten};
use crate::checker::linear::failure::Failure;
use crate::history::{OpType, Pair, ProcessId};

/// How many operations around the one in question are drawn.
const AROUND: usize = 20;

const LEFT: f64 = 110.0;
const RIGHT: f64 = 40.0;
const LANE: f64 = 34.0;
const TOP: f64 = 58.0;
/// From one begin or end to the next, at least.
const STEP: f64 = 9.0;
/// Of a letter, about.
const LETTER: f64 = 6.8;
const LABEL_CHARACTERS: usize = 26;
/// The drawing is at least as wide as its words.
const NARROWEST: f64 = 560.0;

const STYLE: &str = "\
.linear{font:12px Helvetica,Arial,sans-serif;background:#fff}.linear .lane{stroke:#ddd}\
.linear .ok{fill:#cfe6f7;stroke:#0072b2}.linear .info{fill:#fdebc8;stroke:#d98c00}\
.linear .last{stroke-width:2.5}.linear .stuck{fill:#fbd0d0;stroke:#b3261e;stroke-width:2.5}\
.linear .name{text-anchor:end;fill:#555}.linear .moment{stroke:#b3261e;stroke-dasharray:4 3}\
.linear .why{fill:#b3261e;font-weight:bold}.linear .quiet{fill:#555}";

/// Where everything lies.
struct Layout {
    /// By place in the history: where that begin or end is drawn.
    x: BTreeMap<usize, f64>,
    lanes: BTreeMap<ProcessId, usize>,
    width: f64,
}

impl Layout {
    fn new(failure: &Failure, pairs: &[Pair]) -> Layout {
        let mut events: Vec<usize> =
            pairs.iter().flat_map(|pair| [Some(pair.invoked_at), end_of(pair)]).flatten().collect();
        events.sort_unstable();
        let begins: BTreeMap<usize, &Pair> =
            pairs.iter().filter_map(|pair| Some((end_of(pair)?, pair))).collect();
        let mut x: BTreeMap<usize, f64> = BTreeMap::new();
        let mut at = LEFT;
        for event in events {
            if let Some(pair) = begins.get(&event) {
                at = at.max(x[&pair.invoked_at] + label_width(failure, pair));
            }
            x.insert(event, at);
            at += STEP;
        }
        // One without an end has room for its name, too.
        let needed = pairs
            .iter()
            .filter(|pair| end_of(pair).is_none())
            .map(|pair| x[&pair.invoked_at] + label_width(failure, pair));
        let width = needed.fold(at, f64::max).max(NARROWEST) + RIGHT;
        Layout { x, lanes: lanes(pairs), width }
    }

    fn bottom(&self) -> f64 {
        TOP + LANE * self.lanes.len() as f64
    }
}

/// The place of an operation's end; one of which nobody knows may take effect at any time from
/// its begin on, so it has none.
fn end_of(pair: &Pair) -> Option<usize> {
    if pair.outcome() == OpType::Info { None } else { pair.ended_at }
}

fn label(failure: &Failure, pair: &Pair) -> String {
    shorten(&failure.label(pair), LABEL_CHARACTERS)
}

fn label_width(failure: &Failure, pair: &Pair) -> f64 {
    label(failure, pair).chars().count() as f64 * LETTER + 12.0
}

/// The drawing.
pub fn draw(failure: &Failure, title: &str) -> String {
    let pairs = around(failure);
    let layout = Layout::new(failure, &pairs);
    let times = || pairs.iter().flat_map(|pair| [Some(pair.invoke), pair.complete]).flatten();
    let (start, end) = (times().map(|op| op.time).min(), times().map(|op| op.time).max());
    let span = end.unwrap_or(0) - start.unwrap_or(0);
    let (width, height) = (layout.width, layout.bottom() + 48.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"linear\" width=\"{width:.0}\" \
         height=\"{height}\" viewBox=\"0 0 {width:.0} {height}\"><style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"20\" font-weight=\"bold\">{}</text>\n\
         <text class=\"quiet\" x=\"12\" y=\"38\">{} from left to right, in order but not to \
         scale</text>\n",
        html_escape(title),
        duration_ms(span as f64 / 1e6)
    );
    for (process, lane) in &layout.lanes {
        let y = TOP + LANE * (*lane as f64 + 0.5);
        let (name, to) = (html_escape(&format!("process {process}")), width - 10.0);
        writeln!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{}\">{name}</text>\
             <line class=\"lane\" x1=\"{LEFT}\" x2=\"{to:.1}\" y1=\"{y}\" y2=\"{y}\"/>",
            LEFT - 10.0,
            y + 4.0
        )
        .expect("text");
    }
    pairs.iter().for_each(|pair| write_bar(&mut svg, failure, &layout, pair));
    write_moment(&mut svg, failure, &layout);
    svg + "</svg>\n"
}

/// The line at which the operation returned, and what it should have found.
fn write_moment(svg: &mut String, failure: &Failure, layout: &Layout) {
    let operation = &failure.operation;
    let at = layout.x[&end_of(operation).unwrap_or(operation.invoked_at)];
    let bottom = layout.bottom() + 8.0;
    let states: Vec<String> = failure.states().iter().map(|state| state.to_string()).collect();
    let states = html_escape(&shorten(&states.join(" or "), 60));
    let anchor = if at > layout.width / 2.0 { "end" } else { "start" };
    writeln!(
        svg,
        "<line class=\"moment\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
         <text class=\"why\" text-anchor=\"{anchor}\" x=\"{at:.1}\" y=\"{}\">here {} returned, \
         but the value must have been {states}</text>",
        bottom + 18.0,
        html_escape(&failure.label(operation))
    )
    .expect("text");
}

fn write_bar(svg: &mut String, failure: &Failure, layout: &Layout, pair: &Pair) {
    let from = layout.x[&pair.invoked_at];
    let to = end_of(pair).map_or(layout.width - 10.0, |end| layout.x[&end]);
    let y = TOP + LANE * layout.lanes[&pair.invoke.process] as f64 + 5.0;
    let last = pair.complete.unwrap_or(pair.invoke);
    let is_last = failure.previous.is_some_and(|previous| previous.index == last.index);
    let class = match pair.outcome() {
        _ if pair.invoked_at == failure.operation.invoked_at => "stuck",
        _ if is_last => "ok last",
        OpType::Ok => "ok",
        OpType::Fail | OpType::Info | OpType::Invoke => "info",
    };
    let hint = match class {
        "stuck" => ", for which there is no moment",
        "ok last" => ", the last to return before",
        "info" => ", of which nobody knows whether and when it took effect",
        _ => "",
    };
    let label = label(failure, pair);
    writeln!(
        svg,
        "<a href=\"../../index.html#op-{index}\"><title>{hint}</title><rect class=\"{class}\" \
         x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"24\" rx=\"3\"/>\
         <text x=\"{tx:.1}\" y=\"{ty:.1}\">{shown}</text></a>",
        index = last.index,
        hint = html_escape(&format!("{label}, operation {}{hint}", pair.invoke.index)),
        shown = html_escape(&label),
        width = to - from,
        tx = from + 6.0,
        ty = y + 16.0,
    )
    .expect("text");
}

/// The operations nearest to the one in question, by when they ended, and those that were
/// under way.
fn around<'a>(failure: &Failure<'a>) -> Vec<Pair<'a>> {
    let moment = failure.operation.ended_at.unwrap_or(failure.operation.invoked_at);
    let mut pairs: Vec<Pair> =
        failure.pairs.iter().filter(|pair| pair.outcome() != OpType::Fail).copied().collect();
    let is_pending = |pair: &Pair| {
        let mut pending = failure.configurations.iter().flat_map(|(_, pending)| pending);
        pending.any(|other| other.invoked_at == pair.invoked_at)
    };
    pairs.sort_by_key(|pair| {
        let is_stuck = pair.invoked_at == failure.operation.invoked_at;
        (!is_stuck, !is_pending(pair), pair.ended_at.unwrap_or(pair.invoked_at).abs_diff(moment))
    });
    pairs.truncate(AROUND);
    pairs.sort_by_key(|pair| pair.invoked_at);
    pairs
}

fn lanes(pairs: &[Pair]) -> BTreeMap<ProcessId, usize> {
    let mut processes: Vec<ProcessId> = pairs.iter().map(|pair| pair.invoke.process).collect();
    processes.sort_unstable();
    processes.dedup();
    processes.into_iter().enumerate().map(|(lane, process)| (process, lane)).collect()
}

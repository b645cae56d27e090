//! A drawing of operations that are not linearizable: time to the right, a lane for each
//! process, the operation that fits nowhere in red, and the states that were possible before.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::format::{duration_ms, html_escape, shorten};
use crate::checker::linear::failure::Failure;
use crate::history::{OpType, Pair, ProcessId};

/// How many operations around the one in question are drawn.
const AROUND: usize = 24;

const LEFT: f64 = 110.0;
const WIDTH: f64 = 1000.0;
const LANE: f64 = 34.0;
const TOP: f64 = 58.0;

const STYLE: &str = "\
svg{font:12px Helvetica,Arial,sans-serif;background:#fff}.lane{stroke:#ddd}\
.ok{fill:#cfe6f7;stroke:#0072b2}.info{fill:#fdebc8;stroke:#d98c00}.fail{fill:#eee;stroke:#999}\
.stuck{fill:#fbd0d0;stroke:#b3261e;stroke-width:2.5}.name{text-anchor:end;fill:#555}\
.moment{stroke:#b3261e;stroke-dasharray:4 3}.why{fill:#b3261e;font-weight:bold}.quiet{fill:#555}";

/// The drawing.
pub fn draw(failure: &Failure, title: &str) -> String {
    let pairs = around(failure);
    let start = pairs.iter().map(|pair| pair.invoke.time).min().unwrap_or(0);
    let moment = failure.operation.complete.unwrap_or(failure.operation.invoke).time;
    let last = pairs.iter().filter_map(|pair| pair.complete).map(|op| op.time);
    let end = last.max().unwrap_or(moment).max(moment).max(start + 1);
    let x = |time: i64| {
        let share = (time - start) as f64 / (end - start) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - 30.0)
    };
    let lanes = lanes(&pairs);
    let height = TOP + LANE * lanes.len() as f64 + 64.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\">\
         <style>{STYLE}</style>\n<text x=\"12\" y=\"20\" font-weight=\"bold\">{}</text>\n\
         <text class=\"quiet\" x=\"12\" y=\"38\">{} from left to right</text>\n",
        html_escape(title),
        duration_ms((end - start) as f64 / 1e6)
    );
    for (process, lane) in &lanes {
        let y = TOP + LANE * (*lane as f64 + 0.5);
        let (name, to) = (html_escape(&format!("process {process}")), WIDTH - 10.0);
        writeln!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{}\">{name}</text>\
             <line class=\"lane\" x1=\"{LEFT}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/>",
            LEFT - 10.0,
            y + 4.0
        )
        .expect("text");
    }
    for pair in &pairs {
        let y = TOP + LANE * lanes[&pair.invoke.process] as f64 + 5.0;
        let from = x(pair.invoke.time);
        let to = match (pair.outcome(), pair.complete) {
            // It may take effect at any time from its begin on.
            (OpType::Info, _) | (_, None) => WIDTH - 10.0,
            (_, Some(op)) => x(op.time),
        };
        write_bar(&mut svg, failure, pair, (from, to, y));
    }
    let (at, bottom) = (x(moment), TOP + LANE * lanes.len() as f64 + 8.0);
    let states: Vec<String> = failure.states().iter().map(|state| state.to_string()).collect();
    let states = html_escape(&shorten(&states.join(" or "), 60));
    let anchor = if at > WIDTH / 2.0 { "end" } else { "start" };
    writeln!(
        svg,
        "<line class=\"moment\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
         <text class=\"why\" text-anchor=\"{anchor}\" x=\"{at:.1}\" y=\"{}\">here {} returned, \
         but the value must have been {states}</text></svg>",
        bottom + 18.0,
        html_escape(&failure.label(&failure.operation))
    )
    .expect("text");
    svg
}

fn write_bar(svg: &mut String, failure: &Failure, pair: &Pair, (from, to, y): (f64, f64, f64)) {
    let is_stuck = pair.invoked_at == failure.operation.invoked_at;
    let class = match pair.outcome() {
        _ if is_stuck => "stuck",
        OpType::Ok => "ok",
        OpType::Fail => "fail",
        OpType::Info | OpType::Invoke => "info",
    };
    let label = shorten(&failure.label(pair), 26);
    let width = (to - from).max(5.0);
    // A name that is wider than its bar would run over the next one.
    let shown = if label.chars().count() as f64 * 6.5 < width || is_stuck { &*label } else { "" };
    writeln!(
        svg,
        "<g><title>{hint}</title><rect class=\"{class}\" x=\"{from:.1}\" y=\"{y:.1}\" \
         width=\"{width:.1}\" height=\"24\" rx=\"3\"/><text x=\"{tx:.1}\" y=\"{ty:.1}\">{shown}\
         </text></g>",
        hint = html_escape(&format!("{label}, operation {}", pair.invoke.index)),
        shown = html_escape(shown),
        tx = from + 5.0,
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

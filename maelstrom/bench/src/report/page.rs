//! `index.html`: a whole run on one page that needs nothing else, neither network nor server.
//!
//! The upper part is plain HTML, readable without any program: the verdict in a sentence, what
//! each checker found, and drawings of what is wrong. The lower part, drawn by a small program
//! on the page, is the run in space and time. What it draws is in `data`, and what can be done
//! there is listed on the page itself.

mod chunks;
mod data;
mod explained;
mod lanes;
mod ran;
mod source;
mod states;

pub use data::{Packed, pack};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Recorded;
use super::explanations::Explanation;
use super::findings::{self, Pointer};
use super::format::count;
use super::involved::AllInvolved;
use crate::checker::Validity;

/// The icon: a disc in the colour of the verdict.
const ICON_BEFORE: &str = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='";
const ICON_AFTER: &str = "'/></svg>";

/// How fast a run is played: events a second, or how much faster than time.
const SPEEDS: [(&str, &str); 8] = [
    ("events 2", "2 events a second"),
    ("events 10", "10 events a second"),
    ("events 50", "50 events a second"),
    ("time 0.001", "time, 1000 times slower"),
    ("time 0.01", "time, 100 times slower"),
    ("time 0.1", "time, 10 times slower"),
    ("time 1", "time as it was"),
    ("time 10", "time, 10 times faster"),
];

/// How pages look.
pub const STYLE: &str = concat!(include_str!("page/palette.css"), include_str!("page/page.css"));
const PROGRAM: &str = concat!(
    include_str!("page/model.js"),
    include_str!("page/order.js"),
    include_str!("page/states.js"),
    include_str!("page/draw.js"),
    include_str!("page/messages.js"),
    include_str!("page/charts.js"),
    include_str!("page/moment.js"),
    include_str!("page/find.js"),
    include_str!("page/ui.js"),
    include_str!("page/links.js")
);

/// The page, of data that [`pack`] made.
pub fn page(
    recorded: &Recorded,
    pointers: &[Pointer],
    explanations: &[Explanation],
    involved: &AllInvolved,
    data: &Packed,
) -> String {
    let broke_off = recorded.failure.map(|_| Validity::False);
    let verdict = Mark::of(broke_off.unwrap_or(recorded.results.verdict));
    let title = format!("{} {}", verdict.symbol, title(recorded));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                link rel="icon" href={ (ICON_BEFORE) (verdict.icon) (ICON_AFTER) };
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.crumb { (self::title(recorded)) }
                    h1.(verdict.class) {
                        span.symbol aria-hidden="true" { (verdict.symbol) }
                        " "
                        (findings::headline(
                            recorded.results,
                            recorded.activity.ended(),
                            recorded.failure,
                        ))
                    }
                    @if let Some((_, details)) = recorded.failure.and_then(|f| f.split_once('\n')) {
                        pre { (details) }
                    }
                    p.files { (files(recorded)) }
                }
                main {
                    (ran::section(recorded))
                    (explained::checkers(recorded, pointers, !explanations.is_empty()))
                    @if !explanations.is_empty() {
                        (explained::section(explanations, involved))
                    }
                    (diagram())
                }
                script #data type="application/gzip;base64" {
                    (PreEscaped(&data.data))
                }
                @for (number, text) in &data.chunks {
                    script.chunk data-number=(number) type="application/gzip;base64" {
                        (PreEscaped(text))
                    }
                }
                script { (PreEscaped(PROGRAM)) }
            }
        }
    };
    page.into_string()
}

/// Whether it is a run of the bench. A history from anywhere else has neither nodes nor messages.
fn is_of_bench(recorded: &Recorded) -> bool {
    !recorded.options.nodes.is_empty()
}

fn title(recorded: &Recorded) -> String {
    let options = recorded.options;
    let mut title = recorded.workload.to_owned();
    if is_of_bench(recorded) {
        title += &format!(", {}", count(options.nodes.len(), "node"));
    }
    if !options.faults.is_empty() {
        let faults: Vec<&str> = options.faults.iter().map(|fault| fault.name()).collect();
        title += &format!(", {}", faults.join(" + "));
    }
    if let Some(seed) = recorded.ran.seed {
        title += &format!(", seed {seed}");
    }
    title
}

/// How a verdict looks.
struct Mark {
    symbol: &'static str,
    class: &'static str,
    /// The colour of the page's icon, as an address has it.
    icon: &'static str,
}

impl Mark {
    fn of(verdict: Validity) -> Mark {
        match verdict {
            Validity::True => Mark { symbol: "✓", class: "valid", icon: "%230072b2" },
            Validity::Unknown => Mark { symbol: "?", class: "unknown", icon: "%23d98c00" },
            Validity::False => Mark { symbol: "✗", class: "invalid", icon: "%23b3261e" },
        }
    }
}

fn files(recorded: &Recorded) -> Markup {
    let (activity, is_of_bench) = (recorded.activity, is_of_bench(recorded));
    html! {
        @if recorded.has_logs() {
            a href="realtime-lag-key.png" { "lag" } " " a href="unseen.png" { "unseen" } " "
            a href="orders/" { "logs" } " "
        }
        @for (file, name, is_there) in [
            ("timeline.html", "timeline", true),
            ("messages.svg", "messages", is_of_bench),
            ("latency-raw.png", "latency", true),
            ("latency-quantiles.png", "quantiles", true),
            ("rate.png", "rate", true),
            ("history.txt", "history", true),
            // A run that broke off has none.
            ("results.edn", "results", recorded.failure.is_none()),
            ("jepsen.log", "log", is_of_bench),
            ("node-logs/", "node logs", is_of_bench),
        ] {
            @if is_there { a href=(file) { (name) } " " }
        }
        span.quiet { (count(activity.count(), "operation")) " in "
            (format!("{:.1} s", activity.end() as f64 / 1e9)) }
    }
}

/// What the lines and marks of the diagram mean.
fn legend() -> Markup {
    let line = |style: &str| {
        html! { svg width="26" height="10" aria-hidden="true" {
            line x1="0" x2="26" y1="5" y2="5" style={ (style) ";stroke-width:2" } {}
        } }
    };
    let bar = |style: &str| {
        html! { svg width="14" height="10" aria-hidden="true" {
            rect width="14" height="10" style=(style) {}
        } }
    };
    html! {
        div #legend {
            span { (line("stroke:var(--lost);stroke-dasharray:2 3")) "lost" }
            span { (bar("fill:var(--ok)")) "operation ok" }
            span { (bar("fill:var(--fail)")) "failed (×)" }
            span { (bar("fill:var(--info)")) "nobody knows (•)" }
            span { (bar("fill:var(--strip)")) "fault" }
            span { (line("stroke:var(--select)")) "selected, and what it caused" }
        }
    }
}

/// What every node was at a moment, and how to go on from there.
fn moment() -> Markup {
    html! {
        aside #moment aria-label="The nodes at a moment" hidden {
            div.bar {
                button #before title="the event before (←)" { "◀" }
                button #after title="the next event (→)" { "▶" }
                button #play title="play (Space)" { "▶ play" }
                select #speed aria-label="How fast to play" {
                    @for (value, name) in SPEEDS { option value=(value) { (name) } }
                }
                span { b #when {} em #what {} }
                button #leave title="close (Esc)" { "×" }
            }
            p #exact .quiet hidden {}
            table #states {}
        }
    }
}

fn diagram() -> Markup {
    html! {
        section #run aria-label="The run in space and time" {
            div #controls {
                div #types role="group" aria-label="Types of messages" {}
                div #nodes role="group" aria-label="Lanes" {}
                div #tools {
                    button #home title="show the whole run (0)" { "whole run" }
                    button #out title="zoom out (-)" { "−" }
                    button #in title="zoom in (+)" { "+" }
                    button #order aria-pressed="false"
                        title="an axis on which every event takes one step (o)" { "order, not time" }
                    input #find type="search" placeholder="operation, message or number…"
                        aria-label="Find an operation or a message";
                    button #next title="next match, or next operation (n)" { "next" }
                }
            }
            p #status role="status" { "The diagram needs JavaScript." }
            (legend())
            canvas #space tabindex="0" aria-label="Space-time diagram: use the keys listed below" {}
            (moment())
            canvas #latency aria-label="Latency of operations" {}
            canvas #rate aria-label="Operations a second" {}
            div #hint hidden {}
            aside #selected hidden {}
            details #help {
                summary { "Mouse and keys" }
                p {
                    "Drag to move. Turn the wheel with Ctrl held, pinch, or double-click to zoom. "
                    kbd { "←" } kbd { "→" } " move, " kbd { "+" } kbd { "−" } " zoom, "
                    kbd { "0" } " the whole run, " kbd { "o" } " order instead of time, "
                    kbd { "n" } kbd { "p" } " next and previous match, or operation, "
                    kbd { "f" } " next finding, " kbd { "Enter" } " zoom to what is \
                    selected, " kbd { "Esc" } " select nothing, " kbd { "/" } " find."
                }
                p {
                    "Click anywhere to see what every node was at that moment. Then "
                    kbd { "←" } kbd { "→" } " step from event to event, with Shift they move, and "
                    kbd { "Space" } " plays. The band at the top of a node's lane is coloured by \
                    its role, or by the field that it names first; a tick is a change."
                }
                p {
                    "Click an operation or a message to see everything that the operation caused. \
                    A node does not say why it sends a message, so this is inferred: replies by \
                    the request that they answer, and other messages by what their sender heard \
                    last, if that was within a millisecond."
                }
            }
        }
    }
}

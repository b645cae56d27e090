//! Drawings of findings for which the checker has none: what is drawn is in the history, and is
//! gathered from it in one more pass, for the first few findings of each kind.
//!
//! | findings | drawing |
//! |---|---|
//! | a set's `lost`, `stale` | who had the element when, on every node, with the faults |
//! | unique-ids' `duplicated`, echo's `wrong-reply` | the operations, with the faults |
//! | a counter's `wrong-sum` | what was read, and what was added |
//! | a log's | its offsets, what stands there, and who polled what |

mod logs;
mod moments;
mod sets;
mod sums;

use std::fmt::Write;

use super::Recorded;
use super::drawings::lanes::{Fault, Lanes};
use super::faults::FaultSpan;
use crate::checker::{Finding, Judgement, Validity};
use crate::history::Op;
use crate::journal::Flight;

/// So many lost messages are named.
const LOSSES: usize = 3;

/// So many findings of a kind are drawn.
const DRAWN: usize = 6;

/// A drawing, and what it shows in words besides what the finding says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illustration {
    /// One `svg` element.
    pub svg: String,
    /// Sentences, or nothing.
    pub words: String,
}

/// Takes a history in and draws what one finding is about.
trait Illustrator {
    fn push(&mut self, op: &Op);
    fn finish(self: Box<Self>, recorded: &Recorded) -> Option<Illustration>;
}

/// The illustrations of a run's findings.
#[derive(Default)]
pub struct Illustrations(Vec<(Finding, Illustration)>);

impl Illustrations {
    /// Makes them.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn of(recorded: &Recorded) -> anyhow::Result<Illustrations> {
        let mut wanted: Vec<(Finding, Box<dyn Illustrator>)> = Vec::new();
        let Some(part) = recorded.results.part("workload") else { return Ok(Default::default()) };
        gather(part, recorded, &mut wanted);
        if wanted.is_empty() {
            return Ok(Illustrations::default());
        }
        recorded.history.for_each(&mut |op| {
            wanted.iter_mut().for_each(|(_, illustrator)| illustrator.push(op));
        })?;
        let made = wanted
            .into_iter()
            .filter_map(|(finding, illustrator)| Some((finding, illustrator.finish(recorded)?)));
        Ok(Illustrations(made.collect()))
    }

    /// That of a finding, if it has one.
    pub fn get(&self, finding: &Finding) -> Option<&Illustration> {
        self.0.iter().find(|(known, _)| known == finding).map(|(_, illustration)| illustration)
    }
}

fn gather(
    part: &Judgement,
    recorded: &Recorded,
    wanted: &mut Vec<(Finding, Box<dyn Illustrator>)>,
) {
    if part.verdict == Validity::True {
        return;
    }
    let mut drawn: std::collections::BTreeMap<&str, usize> = Default::default();
    for finding in part.findings.iter().filter(|finding| finding.drawing.is_none()) {
        let count = drawn.entry(finding.kind).or_default();
        let limit = if finding.kind == "wrong-sum" { 1 } else { DRAWN };
        if *count < limit
            && let Some(illustrator) = illustrator(finding, part, recorded)
        {
            *count += 1;
            wanted.push((finding.clone(), illustrator));
        }
    }
}

fn illustrator(
    finding: &Finding,
    part: &Judgement,
    recorded: &Recorded,
) -> Option<Box<dyn Illustrator>> {
    Some(match (recorded.workload, finding.kind) {
        ("broadcast" | "g-set", "lost" | "stale") => Box::new(sets::Holders::new(finding)?),
        ("unique-ids", "duplicated") | ("echo", "wrong-reply") => {
            Box::new(moments::Moments::new(finding, recorded))
        }
        ("g-counter" | "pn-counter", "wrong-sum") => Box::new(sums::Sums::new(part)),
        ("kafka", _) => Box::new(logs::PartOfLog::new(finding)?),
        _ => return None,
    })
}

/// The lanes of the nodes, from `from` to `to`, with a little more on either side, and the faults
/// that were in force then.
fn lanes(recorded: &Recorded, title: String, (from, to): (i64, i64)) -> Lanes {
    let margin = ((to - from) / 12).max(2_000_000);
    // There is nothing to see before the run began, or after it ended.
    let end = recorded.activity.end().max(to);
    let time = ((from - margin).max(from.min(0) - margin / 8), (to + margin).min(end + margin / 8));
    let nodes = &recorded.options.nodes;
    let spans = in_force(recorded, time);
    let fault = |span: &FaultSpan| Fault {
        name: span.name.clone(),
        label: label(span),
        time: (span.start, span.stop),
        lanes: span
            .nodes
            .iter()
            .filter_map(|name| nodes.iter().position(|node| node.as_str() == name))
            .collect(),
    };
    Lanes {
        title,
        names: nodes.iter().map(ToString::to_string).collect(),
        time,
        faults: spans.iter().map(fault).collect(),
        ..Lanes::default()
    }
}

/// The faults that were in force at some time between these.
fn in_force(recorded: &Recorded, (from, to): (i64, i64)) -> Vec<FaultSpan> {
    let spans = recorded.activity.faults().into_iter();
    spans.filter(|span| span.start <= to && span.stop.is_none_or(|stop| stop >= from)).collect()
}

fn label(span: &FaultSpan) -> String {
    match &*span.effect {
        "" => span.name.clone(),
        effect => format!("{}: {effect}", span.name),
    }
}

/// The faults that were in force at some time between these, in a sentence; or else the messages
/// that did not arrive, for a tape can lose some without a fault.
fn faults_in_words(recorded: &Recorded, time: (i64, i64)) -> String {
    let mut spans = in_force(recorded, time);
    if spans.is_empty() {
        let no_fault = "No fault was in force meanwhile";
        return match losses_in_words(recorded, time) {
            Some(losses) => format!("{no_fault}, but the network did not deliver {losses}."),
            None => format!("{no_fault}: look into the node."),
        };
    }
    spans.sort_by_key(|span| span.start);
    let mut text = String::from("The fault to blame may be: ");
    for (number, span) in spans.iter().take(3).enumerate() {
        let end = span.stop.map_or("to the end".to_owned(), |stop| format!("to {}", at(stop)));
        let comma = if number == 0 { "" } else { "; " };
        write!(text, "{comma}{}, from {} {end}", label(span), at(span.start)).expect("text");
    }
    if spans.len() > 3 {
        write!(text, "; and {} more", spans.len() - 3).expect("text");
    }
    text + "."
}

/// The messages from node to node that were sent between these and never arrived: the first few.
fn losses_in_words(recorded: &Recorded, (from, to): (i64, i64)) -> Option<String> {
    let journal = recorded.journal;
    let name = |number: u32| &journal.names()[number as usize];
    let is_node = |number: u32| recorded.options.nodes.contains(name(number));
    let mut lost: Vec<Flight> = journal
        .flights()
        .filter(|flight| flight.received.is_none() && (from..=to).contains(&flight.sent))
        .filter(|flight| is_node(flight.src) && is_node(flight.dest))
        .collect();
    lost.sort_by_key(|flight| flight.sent);
    let words = |flight: &Flight| {
        let kind = &journal.kinds()[flight.kind as usize];
        let (src, dest) = (name(flight.src), name(flight.dest));
        format!("the {kind} that {src} sent to {dest} at {}", at(flight.sent))
    };
    let mut text = lost.iter().take(LOSSES).map(words).collect::<Vec<_>>().join(", ");
    if lost.len() > LOSSES {
        write!(text, ", and {} more", lost.len() - LOSSES).expect("text");
    }
    (!lost.is_empty()).then_some(text)
}

/// A moment of the run.
fn at(time: i64) -> String {
    format!("{:.3} s", time as f64 / 1e9)
}

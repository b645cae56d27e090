//! Kafka: logs to which messages are sent, and from which they are polled.
//!
//! | type | what happened |
//! |---|---|
//! | `duplicate` | a message stands in a log at two offsets |
//! | `inconsistent-offsets` | two messages stand at one offset |
//! | `G1a` | a message was polled although its send failed |
//! | `no-writer-of-value` | a message was polled that nobody sent |
//! | `G1c-realtime` | a message was polled before anybody began to send it |
//! | `precommitted-read` | a transaction polled a message that it sends itself |
//! | `lost-write` | nobody polled an acknowledged message, but somebody a later one |
//! | `unseen` | nobody polled an acknowledged message at the end of its log |
//! | `poll-skip` | from one poll to its next a process left out messages |
//! | `nonmonotonic-poll` | from one poll to its next a process went back, or stayed |
//! | `int-poll-skip`, `int-nonmonotonic-poll` | the same within one operation |
//! | `nonmonotonic-send` | a process's later message stands before its earlier one |
//! | `int-nonmonotonic-send` | the same within one operation |
//! | `int-send-skip` (allowed) | others sent between two messages of one operation |
//! | `unprocessed-commit` | an offset was committed that nobody had polled |
//! | `nonmonotonic-commit` (allowed, unless asked for) | a committed offset went back |
//!
//! Any time linear in the history, but for sorting, and whatever the offsets are: none, huge,
//! negative, or the same for all. Source: Jepsen's `tests/kafka.clj`, where most types have
//! their names from; the two about commits are this bench's own, and a message without a
//! writer is an exception there. Of each type so many are shown, and all are counted.
//!
//! Absent: cycles of transactions that both send and poll, which need a search as Elle's. In
//! this workload every operation does one thing, and then the only cycle there can be is a
//! poll that sees a message too early. Absent too: excuses for the rebalancing of consumer
//! groups, which this workload does not have.
//!
//! Chapter 11 of the book, `book/11-kafka.md`, reads this.

mod commits;
mod consume_counts;
mod events;
mod lag;
mod order;
mod report;
mod steps;
mod visibility;

#[cfg(test)]
mod notation;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

use super::{Judgement, Validity};
use crate::edn::Edn;
use crate::history::{OpType, Operations};

pub use events::{
    Action, Assign, Event, Events, KeyId, MessageId, Offset, Record, by_key, offset_edn, offset_of,
};
pub use lag::Lag;
pub use order::{Orders, Slot};

/// What is reported, but does not make a history invalid.
const ALLOWED: [&str; 2] = ["int-send-skip", BACKWARDS];

/// A committed offset went back. Kafka itself allows it, and a system may promise more.
const BACKWARDS: &str = "nonmonotonic-commit";

/// Everything that is known of a history, for the verdict and for drawing it.
pub struct Analysis<'a> {
    operations: &'a Operations,
    /// What the clients sent and polled.
    pub events: Events,
    /// The logs that follow from it.
    pub orders: Orders,
    /// The poll that was furthest behind.
    pub worst_lag: Option<Lag>,
    steps: steps::Steps,
    visibility: visibility::Visibility,
    commits: commits::Commits,
}

impl<'a> Analysis<'a> {
    /// Analyses a history.
    ///
    /// # Errors
    /// A sentence, when an operation is not of the form that the workload gives it.
    pub fn new(operations: &'a Operations) -> Result<Analysis<'a>, String> {
        let events = Events::read(operations)?;
        let orders = Orders::new(&events);
        // None of these needs another, so they are looked for side by side.
        let (worst_lag, (steps, (visibility, commits))) = rayon::join(
            || lag::worst(&events),
            || {
                rayon::join(
                    || steps::find(&events, &orders),
                    || {
                        rayon::join(
                            || visibility::find(&events, &orders),
                            || commits::find(&events),
                        )
                    },
                )
            },
        );
        Ok(Analysis { operations, worst_lag, steps, visibility, commits, events, orders })
    }
}

/// Judges a history.
pub fn check(operations: &Operations) -> Judgement {
    check_commits(operations, false)
}

/// Judges a history of logs whose committed offsets, if `are_monotonic`, must never go back.
pub fn check_commits(operations: &Operations, are_monotonic: bool) -> Judgement {
    let analysis = match Analysis::new(operations) {
        Ok(analysis) => analysis,
        Err(sentence) => return Judgement::bad_input(sentence),
    };
    if analysis.events.list.is_empty() {
        return Judgement::no_operations();
    }
    let report::Errors { results: errors, findings } = analysis.errors();
    let types = |wanted: &dyn Fn(&str) -> bool| {
        let types = errors.keys().filter(|name| wanted(name)).map(|name| Edn::keyword(name));
        Edn::List(types.collect())
    };
    let is_bad = |name: &str| !ALLOWED.contains(&name) || are_monotonic && name == BACKWARDS;
    let invalid = errors.keys().any(|name| is_bad(name));
    let is_empty = analysis.events.messages() == 0 || !analysis.has_success();
    let valid = match (invalid, is_empty) {
        (true, _) => Validity::False,
        (false, true) => Validity::Unknown,
        (false, false) => Validity::True,
    };
    let mut judgement = Judgement::new(
        valid,
        [
            ("worst-realtime-lag", analysis.worst_realtime_lag()),
            ("bad-error-types", types(&is_bad)),
            ("error-types", types(&|_| true)),
            ("info-txn-causes", analysis.info_causes()),
            ("consume-counts", consume_counts::count(&analysis.events)),
        ],
    );
    judgement = match valid {
        Validity::Unknown => {
            judgement.because("No message was sent or polled successfully, so nothing was checked.")
        }
        Validity::False => {
            let bad = errors.iter().filter(|(name, _)| is_bad(name));
            let bad: Vec<String> = bad.map(|(name, error)| counted(name, error)).collect();
            judgement.summed_up(format!("the logs show {}", bad.join(", ")))
        }
        Validity::True => judgement,
    };
    let errors = errors.into_iter().map(|(name, error)| (Edn::keyword(name), error));
    judgement.results.extend(errors);
    judgement.with(findings)
}

/// The name of a type of errors, and how many there are of it: `lost-write (3 times)`.
fn counted(name: &str, error: &Edn) -> String {
    let by_key = match error.get(name) {
        Some(Edn::Map(counts)) => counts.iter().filter_map(|(_, count)| count.as_i64()).sum(),
        _ => 0,
    };
    match error.get("count").and_then(Edn::as_i64).unwrap_or(by_key) {
        1 => format!("{name} (once)"),
        count => format!("{name} ({count} times)"),
    }
}

impl Analysis<'_> {
    /// Whether any message was sent or polled successfully.
    fn has_success(&self) -> bool {
        let events = &self.events;
        let touches =
            |event: &Event| !events.sends(event).is_empty() || !events.reads(event).is_empty();
        events.list.iter().any(|event| event.outcome == OpType::Ok && touches(event))
    }
}

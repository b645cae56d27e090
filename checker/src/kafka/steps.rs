//! Whether everybody went through the logs one step at a time.
//!
//! Whoever polls a log sees its messages in order, without gaps and without repetition. Within
//! one operation, anything else is an *internal* skip or an internal nonmonotonic poll. The
//! same holds from one operation of a process to its next on the same key, for as long as the
//! key stays assigned: the process goes on where it was.
//!
//! Sends may not go backwards either. That they skip is nothing wrong: others send too.

use std::collections::BTreeMap;

use super::events::{Action, Event, Events, KeyId, MessageId, Record, by_key};
use super::order::Orders;
use crate::history::{OpType, ProcessId};

/// Two messages that one client met one after the other, although they do not follow each
/// other in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub key: KeyId,
    /// The operation in which the first message was met.
    pub before: usize,
    /// The operation in which the second one was: the same one, for an internal step.
    pub event: usize,
    pub from: MessageId,
    pub to: MessageId,
    /// How far it is from the first to the second: more than 1, or less.
    pub delta: i64,
}

impl Step {
    /// Whether messages were left out; otherwise it went backwards, or nowhere.
    pub fn is_skip(&self) -> bool {
        self.delta > 1
    }
}

/// Every wrong step.
#[derive(Default)]
pub struct Steps {
    pub internal_polls: Vec<Step>,
    pub internal_sends: Vec<Step>,
    pub polls: Vec<Step>,
    pub sends: Vec<Step>,
}

/// Where a process is: in which operation it last met a key, and which message of it.
type Places = BTreeMap<KeyId, (usize, MessageId)>;

/// Looks for wrong steps.
pub fn find(events: &Events, orders: &Orders) -> Steps {
    let mut steps = Steps::default();
    let mut polled: BTreeMap<ProcessId, Places> = BTreeMap::new();
    let mut sent: BTreeMap<ProcessId, Places> = BTreeMap::new();
    for (number, event) in events.list.iter().enumerate() {
        let polled = polled.entry(event.process).or_default();
        let sent = sent.entry(event.process).or_default();
        match &event.action {
            Action::Data { .. } => {
                let (sends, reads) = (events.sends(event), events.reads(event));
                internal(orders, number, reads, &mut steps.internal_polls);
                internal(orders, number, sends, &mut steps.internal_sends);
                // Only after a success does a client go on from where the operation ended.
                external(orders, number, reads, polled, event.is_ok(), &mut steps.polls);
                if event.outcome != OpType::Fail {
                    external(orders, number, sends, sent, true, &mut steps.sends);
                }
            }
            Action::Assign(assign) => {
                keep_assigned(event, &assign.keys, polled);
                keep_assigned(event, &assign.keys, sent);
            }
            Action::Subscribe { keys } => {
                keep_assigned(event, keys, polled);
                keep_assigned(event, keys, sent);
            }
            Action::Other => {}
        }
    }
    steps.sends.retain(|step| !step.is_skip());
    steps
}

fn internal(orders: &Orders, event: usize, records: &[Record], wrong: &mut Vec<Step>) {
    for records in by_key(records) {
        for pair in records.windows(2) {
            let (key, from, to) = (pair[0].key, pair[0].message, pair[1].message);
            let delta = orders.distance(from, to);
            if delta != 1 {
                wrong.push(Step { key, before: event, event, from, to, delta });
            }
        }
    }
}

fn external(
    orders: &Orders,
    event: usize,
    records: &[Record],
    places: &mut Places,
    moves_on: bool,
    wrong: &mut Vec<Step>,
) {
    for records in by_key(records) {
        let (first, last) = (records[0], records[records.len() - 1]);
        if let Some(&(before, from)) = places.get(&first.key) {
            let (key, to) = (first.key, first.message);
            let delta = orders.distance(from, to);
            if delta != 1 {
                wrong.push(Step { key, before, event, from, to, delta });
            }
        }
        if moves_on {
            places.insert(last.key, (event, last.message));
        }
    }
}

/// A key that is not assigned any more may start anywhere when it is assigned again.
fn keep_assigned(event: &Event, keys: &[KeyId], places: &mut Places) {
    if event.outcome != OpType::Fail {
        *places = keys.iter().filter_map(|key| Some((*key, places.remove(key)?))).collect();
    }
}

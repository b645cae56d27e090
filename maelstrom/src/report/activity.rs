//! A history as reports see it: operations from their begin to their end, and faults as spans
//! of time.
//!
//! Unlike the checkers it takes every history as it is: an end without a begin, or a begin
//! that never ended, is drawn as far as it is known.

use std::collections::BTreeMap;

use crate::history::{History, Op, OpType, ProcessId};
use crate::nemesis::Fault;

/// An operation of a client.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// How it began.
    pub invoke: &'a Op,
    /// How it ended, if the history says so.
    pub complete: Option<&'a Op>,
}

impl Operation<'_> {
    /// How it ended; nobody knows how one without an end did.
    pub fn outcome(&self) -> OpType {
        self.complete.map_or(OpType::Info, |op| op.kind)
    }

    /// How long it took, in milliseconds; `None` for one without an end.
    pub fn latency_ms(&self) -> Option<f64> {
        self.complete.map(|op| (op.time - self.invoke.time).max(0) as f64 / 1e6)
    }
}

/// A time in which a fault was in force.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpan<'a> {
    /// The fault's name: `partition`.
    pub name: &'a str,
    /// When it struck, in nanoseconds since the main phase began.
    pub start: i64,
    /// When it ended; `None` if it lasted to the end.
    pub stop: Option<i64>,
    /// What it did, as the history has it.
    pub effect: String,
}

/// A run's operations and faults.
pub struct Activity<'a> {
    /// The operations of clients, by order of invocation.
    pub operations: Vec<Operation<'a>>,
    /// The faults, by name and then by time.
    pub faults: Vec<FaultSpan<'a>>,
    /// Every entry of the history.
    pub history: &'a History,
    /// The time of the last entry, in nanoseconds; 0 for an empty history.
    pub end: i64,
}

impl<'a> Activity<'a> {
    /// The operations and faults of this history.
    pub fn new(history: &'a History) -> Activity<'a> {
        Activity {
            operations: operations(history),
            faults: faults(history),
            history,
            end: history.ops.iter().map(|op| op.time).max().unwrap_or(0).max(0),
        }
    }

    /// The names of the clients' functions, in order.
    pub fn functions(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.operations.iter().map(|op| &*op.invoke.f).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn operations(history: &History) -> Vec<Operation<'_>> {
    let mut open: BTreeMap<ProcessId, usize> = BTreeMap::new();
    let mut operations: Vec<Operation> = Vec::with_capacity(history.ops.len() / 2);
    for op in history.ops.iter().filter(|op| op.is_client()) {
        if op.kind == OpType::Invoke {
            open.insert(op.process, operations.len());
            operations.push(Operation { invoke: op, complete: None });
        } else if let Some(begun) = open.remove(&op.process) {
            operations[begun].complete = Some(op);
        }
    }
    operations
}

/// Each fault's entries come in twos: it begins, and then it is done and says what it did.
fn faults(history: &History) -> Vec<FaultSpan<'_>> {
    let mut spans: Vec<FaultSpan> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for op in history.ops.iter().filter(|op| !op.is_client()) {
        let (name, starts) = fault_of(&op.f);
        match (open.get(name), starts) {
            (None, true) => {
                open.insert(name, spans.len());
                spans.push(FaultSpan { name, start: op.time, stop: None, effect: effect(op) });
            }
            (Some(&span), true) => spans[span].effect = effect(op),
            (Some(&span), false) => {
                spans[span].stop = Some(op.time);
                open.remove(name);
            }
            (None, false) => {}
        }
    }
    spans.sort_by_key(|span| (span.name, span.start));
    spans
}

fn effect(op: &Op) -> String {
    if op.value.is_nil() { String::new() } else { op.value.to_string() }
}

/// The fault that an operation of the nemesis starts or stops. Names that this bench does not
/// have are read by their form, for histories of other benches.
fn fault_of(f: &str) -> (&str, bool) {
    for fault in Fault::ALL {
        let (start, stop) = fault.operations();
        if f == start || f == stop {
            return (fault.name(), f == start);
        }
    }
    match (f.strip_prefix("start-"), f.strip_prefix("stop-")) {
        (Some(name), _) => (name, true),
        (_, Some(name)) => (name, false),
        _ => (f, f != "stop"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_from_its_start_to_its_stop() {
        let history = History::parse(
            "{:process :nemesis, :type :info, :f :start-partition, :value :one, :time 5}
             {:process :nemesis, :type :info, :f :start-partition, :value [:isolated {}], :time 6}
             {:process :nemesis, :type :info, :f :kill, :value :one, :time 7}
             {:process :nemesis, :type :info, :f :stop-partition, :value nil, :time 9}",
        )
        .unwrap();
        let effect = |text: &str| text.to_owned();
        assert_eq!(
            Activity::new(&history).faults,
            [
                FaultSpan { name: "kill", start: 7, stop: None, effect: effect(":one") },
                FaultSpan {
                    name: "partition",
                    start: 5,
                    stop: Some(9),
                    effect: effect("[:isolated {}]"),
                },
            ]
        );
    }

    #[test]
    fn ends_without_begins_and_begins_without_ends_are_no_trouble() {
        let history = History::parse(
            "{:process 1, :type :ok, :f :read} {:process 1, :type :invoke, :f :read, :time 3}
             {:process 1, :type :invoke, :f :read, :time 4}
             {:process 1, :type :ok, :f :read, :time 5000004}",
        )
        .unwrap();
        let operations = Activity::new(&history).operations;
        assert_eq!(operations.len(), 2);
        assert_eq!((operations[0].outcome(), operations[0].latency_ms()), (OpType::Info, None));
        assert_eq!(operations[1].latency_ms(), Some(5.0));
    }
}

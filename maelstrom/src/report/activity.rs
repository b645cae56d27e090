//! A history as reports see it: operations from their begin to their end, and faults as spans
//! of time.
//!
//! Unlike the checkers it takes every history as it is: an end without a begin, or a begin
//! that never ended, is drawn as far as it is known.

use std::collections::BTreeMap;

use super::faults::{self, FaultSpan};
use crate::history::{History, Op, OpType, ProcessId};

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
            faults: faults::spans(history),
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

#[cfg(test)]
mod tests {
    use super::*;

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

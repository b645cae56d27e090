//! The order of time: which transactions precede which because of when they ran.

use crate::history::OpType;

use super::graph::{Edges, Relation};
use super::transaction::Transactions;

/// Which order of time is part of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// None: only the data count.
    Ignored,
    /// Each process ran its transactions one after another.
    Process,
    /// Whatever had ended before something else began precedes it.
    Realtime,
}

impl Timing {
    /// The relation of its edges.
    pub fn relation(self) -> Option<Relation> {
        match self {
            Timing::Ignored => None,
            Timing::Process => Some(Relation::Process),
            Timing::Realtime => Some(Relation::Realtime),
        }
    }
}

/// Adds the edges of an order of time. Whether there is any: an edge to a transaction that
/// failed can be part of no cycle and is left out, but is one.
pub fn add_edges(edges: &mut Edges, txns: &Transactions, timing: Timing) -> bool {
    match timing {
        Timing::Ignored => false,
        Timing::Process => add_process(edges, txns),
        Timing::Realtime => add_realtime(edges, txns),
    }
}

/// From each committed transaction of a process to its next. One whose end nobody saw may take
/// effect at any later time, and is the last of its process anyway.
fn add_process(edges: &mut Edges, txns: &Transactions) -> bool {
    let mut last = std::collections::BTreeMap::new();
    let mut is_any = false;
    for txn in txns.committed() {
        if let Some(before) = last.insert(txns.get(txn).process, txn) {
            edges.add(before, txn, Relation::Process);
            is_any = true;
        }
    }
    is_any
}

/// Real time as a chain of moments, in one pass over the history.
///
/// A moment is a helper just before an invocation. The transactions that have ended since the
/// moment before lead into it, it leads to the next moment and to what begins at it. So `a`
/// reaches `b` exactly when `a` ended before `b` began, with at most three edges for each
/// transaction, whatever the concurrency.
fn add_realtime(edges: &mut Edges, txns: &Transactions) -> bool {
    let mut begun: Vec<u32> = txns.numbers().filter(|&t| txns.get(t).begin.is_some()).collect();
    begun.sort_unstable_by_key(|&txn| txns.get(txn).begin);
    // In the order of their ends, as transactions are numbered.
    let mut ended = txns.committed().peekable();
    let mut moment = None;
    let mut is_any = false;
    for txn in begun {
        let begin = txns.get(txn).begin;
        let mut is_new = false;
        while let Some(before) = ended.next_if(|&before| txns.get(before).end < begin) {
            if !is_new {
                let next = edges.add_helper();
                if let Some(previous) = moment.replace(next) {
                    edges.add(previous, next, Relation::Onward);
                }
                is_new = true;
            }
            edges.add(before, moment.expect("it was just made"), Relation::Realtime);
        }
        let Some(moment) = moment else { continue };
        is_any |= txns.get(txn).end.is_some();
        if txns.get(txn).outcome != OpType::Fail {
            edges.add(moment, txn, Relation::Onward);
        }
    }
    is_any
}

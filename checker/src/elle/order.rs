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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::edn::Edn;
    use crate::elle::graph::Graph;
    use crate::elle::registers::Registers;
    use crate::elle::transaction::Recorder;
    use crate::history::{Op, Packed, ProcessId};

    /// Transactions without content, of a few processes, that end in any way or never.
    fn random(rng: &mut ChaCha8Rng) -> Transactions {
        let mut recorder: Recorder<Registers> = Recorder::default();
        let mut is_open = [false; 4];
        let mut processes = [0i64, 1, 2, 3];
        for index in 0..rng.random_range(0..40) {
            let thread = rng.random_range(0..4);
            let process = processes[thread];
            let ends = [OpType::Ok, OpType::Ok, OpType::Ok, OpType::Fail, OpType::Info];
            let kind = if is_open[thread] { ends[rng.random_range(0..5)] } else { OpType::Invoke };
            is_open[thread] = kind == OpType::Invoke;
            if kind == OpType::Info {
                processes[thread] += 4;
            }
            let mut packed = Packed::default();
            packed.push(&Op {
                index,
                time: index as i64,
                kind,
                process: ProcessId::Client(process),
                f: "txn".into(),
                value: Edn::Vector(Vec::new()),
                extra: Vec::new(),
            });
            recorder.push(&packed.entry(0));
        }
        recorder.finish().unwrap_or_else(|problem| panic!("{}", problem.message)).0
    }

    fn reached(graph: &Graph, from: u32) -> Vec<u32> {
        let mut seen = vec![false; graph.len()];
        let mut open = vec![from];
        while let Some(vertex) = open.pop() {
            for (to, _) in graph.edges(vertex) {
                if !std::mem::replace(&mut seen[to as usize], true) {
                    open.push(to);
                }
            }
        }
        (0..graph.len() as u32).filter(|&v| seen[v as usize] && !graph.is_helper(v)).collect()
    }

    #[test]
    fn the_edges_of_time_reach_exactly_what_comes_later() {
        for seed in 0..1000 {
            let txns = random(&mut ChaCha8Rng::seed_from_u64(seed));
            for timing in [Timing::Process, Timing::Realtime] {
                let mut edges = Edges::new(txns.len());
                let is_any = add_edges(&mut edges, &txns, timing);
                let graph = edges.into_graph();
                let mut expected_any = false;
                for before in txns.numbers() {
                    let a = txns.get(before);
                    let is_later = |&after: &u32| {
                        let b = txns.get(after);
                        let is_in_order = a.outcome == OpType::Ok && a.end < b.begin;
                        let is_same = b.process == a.process && b.outcome == OpType::Ok;
                        is_in_order && (timing == Timing::Realtime || is_same)
                    };
                    let later: Vec<u32> = txns.numbers().filter(is_later).collect();
                    expected_any |= later.iter().any(|&txn| txns.get(txn).end.is_some());
                    let is_possible = |txn: &u32| txns.get(*txn).outcome != OpType::Fail;
                    let later: Vec<u32> = later.into_iter().filter(is_possible).collect();
                    assert_eq!(reached(&graph, before), later, "seed {seed}: {timing:?}");
                }
                assert_eq!(is_any, expected_any, "seed {seed}: {timing:?}");
            }
        }
    }
}

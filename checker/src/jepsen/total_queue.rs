//! Total queue: in the end everything that was put in has come out.
//!
//! The history must end with the queue drained: by dequeues until it is empty, or by `:drain`,
//! whose value is a list of elements. An element is *lost* if its enqueue succeeded and it never
//! came out, *unexpected* if it came out and nobody ever asked to put it in, *duplicated* if it
//! came out more often than anybody asked, and *recovered* if it came out although its enqueue
//! did not succeed. Lost and unexpected ones make the history invalid; duplicated ones do not,
//! for most queues deliver at least once.
//!
//! Source: `jepsen.checker/total-queue`. As there, nothing can be said after a drain that
//! crashed: nobody knows what it took.
//!
//! Cost: one look at each operation; memory grows with the number of different elements.

use super::Problem;
use super::table::Table;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// How often a value was asked to be put in, was put in, and came out.
#[derive(Clone, Copy, Default)]
struct Counts {
    attempted: usize,
    enqueued: usize,
    dequeued: usize,
    /// The index of the last entry that was counted.
    last: usize,
}

impl Counts {
    /// What came out and was attempted.
    fn ok(self) -> usize {
        self.attempted.min(self.dequeued)
    }

    fn unexpected(self) -> usize {
        if self.attempted == 0 { self.dequeued } else { 0 }
    }

    fn duplicated(self) -> usize {
        if self.attempted == 0 { 0 } else { self.dequeued.saturating_sub(self.attempted) }
    }

    fn lost(self) -> usize {
        self.enqueued.saturating_sub(self.dequeued)
    }

    fn recovered(self) -> usize {
        self.ok().saturating_sub(self.enqueued)
    }
}

/// Judges a queue that is drained in the end.
#[derive(Default)]
pub struct TotalQueue {
    values: Table<Counts>,
    problem: Problem,
}

impl TotalQueue {
    fn counts(&mut self, value: &Edn, index: usize) -> &mut Counts {
        let counts = self.values.row(value);
        counts.last = index;
        counts
    }

    fn drain(&mut self, op: &Op) {
        match op.kind {
            OpType::Invoke | OpType::Fail => {}
            OpType::Info => self.problem.set(op, "a drain crashed, and nobody knows what it took"),
            OpType::Ok if op.value.is_nil() => {}
            OpType::Ok => match op.value.as_slice() {
                None => self.problem.set(op, &format!("{} is no list of elements", op.value)),
                Some(values) => {
                    values.iter().for_each(|value| self.counts(value, op.index).dequeued += 1);
                }
            },
        }
    }
}

impl Checker for TotalQueue {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        match (&*op.f, op.kind) {
            ("enqueue", OpType::Invoke) => self.counts(&op.value, op.index).attempted += 1,
            ("enqueue", OpType::Ok) => self.counts(&op.value, op.index).enqueued += 1,
            ("dequeue", OpType::Ok) => self.counts(&op.value, op.index).dequeued += 1,
            ("drain", _) => self.drain(op),
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let values = self.values.into_sorted();
        let total =
            |of: fn(Counts) -> usize| values.iter().map(|(_, counts)| of(*counts)).sum::<usize>();
        let multiset = |of: fn(Counts) -> usize| {
            let all = values.iter().map(|(value, counts)| (value.clone(), of(*counts)));
            let some = all.filter(|(_, copies)| *copies > 0);
            Edn::Map(some.map(|(value, copies)| (value, copies.into())).collect())
        };
        let (lost, unexpected) = (total(Counts::lost), total(Counts::unexpected));
        let judgement = Judgement::new(
            Validity::from(lost + unexpected == 0),
            [
                ("attempt-count", total(|counts| counts.attempted).into()),
                ("acknowledged-count", total(|counts| counts.enqueued).into()),
                ("ok-count", total(Counts::ok).into()),
                ("unexpected-count", unexpected.into()),
                ("duplicated-count", total(Counts::duplicated).into()),
                ("lost-count", lost.into()),
                ("recovered-count", total(Counts::recovered).into()),
                ("lost", multiset(Counts::lost)),
                ("unexpected", multiset(Counts::unexpected)),
                ("duplicated", multiset(Counts::duplicated)),
                ("recovered", multiset(Counts::recovered)),
            ],
        );
        if lost + unexpected == 0 {
            return judgement;
        }
        let findings = findings(&values);
        let elements = count(lost, "element");
        judgement.summed_up(format!("{elements} lost, {unexpected} unexpected")).with(findings)
    }
}

fn findings(values: &[(Edn, Counts)]) -> Findings {
    let mut findings = Findings::default();
    for (value, counts) in values {
        let about = |words: String| Finding::new(words).on(value.clone());
        let last = counts.last;
        if counts.lost() > 0 {
            findings.add("lost", || {
                let words = format!(
                    "Element {value} was put in {} times, and came out {} times.",
                    counts.enqueued, counts.dequeued
                );
                about(words).about(last, "last heard of")
            });
        }
        if counts.unexpected() > 0 {
            findings.add("unexpected", || {
                about(format!("Element {value} came out, and nobody had put it in."))
                    .about(last, "dequeued")
            });
        }
        if counts.duplicated() > 0 {
            findings.add("duplicated", || {
                let words = format!(
                    "Element {value} came out {} times, and was to be put in {} times.",
                    counts.dequeued, counts.attempted
                );
                about(words).about(last, "dequeued")
            });
        }
    }
    findings
}

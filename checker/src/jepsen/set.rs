//! Set: what was added is there in the end, and nothing else.
//!
//! The last successful read is compared with the additions. An element is *lost* if its addition
//! succeeded and the read lacks it, *unexpected* if the read shows it and nobody ever asked to
//! add it, and *recovered* if the read shows it although its addition did not succeed.
//!
//! Source: `jepsen.checker/set`. Elements need not be integers here; there most others make the
//! checker give up.
//!
//! Cost: one look at each operation, and one at the last read; memory grows with the number of
//! different elements.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Problem;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// What the history says of an element: the index of its last request, and whether one succeeded.
#[derive(Clone, Copy)]
struct Added {
    requested: bool,
    succeeded: bool,
    index: usize,
}

/// Judges a set by the last read of it.
#[derive(Default)]
pub struct Set {
    added: FxHashMap<Edn, Added>,
    /// The last successful read: its index and value.
    last_read: Option<(usize, Edn)>,
    problem: Problem,
}

impl Checker for Set {
    fn push(&mut self, op: &Op) {
        match (&*op.f, op.kind) {
            ("add", OpType::Invoke | OpType::Ok) => {
                let succeeded = op.kind == OpType::Ok;
                let value = op.value.canonical();
                if let Some(added) = self.added.get_mut(&*value) {
                    added.succeeded |= succeeded;
                    added.requested |= !succeeded;
                } else {
                    let added = Added { requested: !succeeded, succeeded, index: op.index };
                    self.added.insert(value.into_owned(), added);
                }
            }
            ("read", OpType::Ok) => {
                if !op.value.is_nil() && op.value.as_slice().is_none() {
                    self.problem.set(op, &format!("{} is no collection of elements", op.value));
                }
                self.last_read = Some((op.index, op.value.clone()));
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let Some((read_at, read)) = self.last_read.filter(|(_, read)| !read.is_nil()) else {
            return Judgement::unknown("Set was never read");
        };
        let read = read.as_slice().unwrap_or_default().iter();
        let read: FxHashSet<Edn> = read.map(|value| value.canonical().into_owned()).collect();
        let sorted = |mut elements: Vec<Edn>| {
            elements.sort_unstable_by(Edn::compare_numbers);
            elements
        };
        let of = |is: &dyn Fn(&Edn, &Added) -> bool| {
            let all = self.added.iter().filter(|(value, added)| is(value, added));
            sorted(all.map(|(value, _)| value.clone()).collect())
        };
        let ok = of(&|value, added| added.requested && read.contains(value));
        let lost = of(&|value, added| added.succeeded && !read.contains(value));
        let recovered =
            of(&|value, added| added.requested && !added.succeeded && read.contains(value));
        let is_unexpected = |value: &&Edn| !self.added.get(*value).is_some_and(|a| a.requested);
        let unexpected = sorted(read.iter().filter(is_unexpected).cloned().collect());

        let mut findings = Findings::default();
        for value in &lost {
            findings.add("lost", || {
                Finding::new(format!("Element {value} was added, and the last read lacks it."))
                    .on(value.clone())
                    .about(self.added[value].index, "added")
                    .about(read_at, "last read")
            });
        }
        for value in &unexpected {
            findings.add("unexpected", || {
                Finding::new(format!("The last read shows {value}, which nobody asked to add."))
                    .on(value.clone())
                    .about(read_at, "last read")
            });
        }
        let attempted = self.added.values().filter(|added| added.requested).count();
        let acknowledged = self.added.values().filter(|added| added.succeeded).count();
        let is_valid = lost.is_empty() && unexpected.is_empty();
        let judgement = Judgement::new(
            Validity::from(is_valid),
            [
                ("attempt-count", attempted.into()),
                ("acknowledged-count", acknowledged.into()),
                ("ok-count", ok.len().into()),
                ("lost-count", lost.len().into()),
                ("recovered-count", recovered.len().into()),
                ("unexpected-count", unexpected.len().into()),
                ("ok", ranges(&ok).into()),
                ("lost", ranges(&lost).into()),
                ("unexpected", ranges(&unexpected).into()),
                ("recovered", ranges(&recovered).into()),
            ],
        );
        if is_valid {
            return judgement;
        }
        let elements = count(lost.len(), "element");
        let unexpected = unexpected.len();
        judgement.summed_up(format!("{elements} lost, {unexpected} unexpected")).with(findings)
    }
}

/// Elements in order, with runs of integers drawn together: `#{1..3 5}`.
fn ranges(sorted: &[Edn]) -> String {
    let follows = |a: &Edn, b: &Edn| match (a, b) {
        (Edn::Int(a), Edn::Int(b)) => a.checked_add(1) == Some(*b),
        _ => false,
    };
    let run = |run: &[Edn]| match run {
        [first, .., last] => format!("{first}..{last}"),
        run => run.iter().map(Edn::to_string).collect(),
    };
    let runs: Vec<String> = sorted.chunk_by(follows).map(run).collect();
    format!("#{{{}}}", runs.join(" "))
}

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

use super::Problem;
use super::table::Table;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// What the history says of an element.
#[derive(Clone, Copy, Default)]
struct Element {
    /// Somebody asked to add it, and was told that it was added.
    requested: bool,
    succeeded: bool,
    /// The index of its first request.
    index: usize,
    /// The last read shows it.
    is_read: bool,
}

/// Judges a set by the last read of it.
#[derive(Default)]
pub struct Set {
    elements: Table<Element>,
    /// The last successful read: its index and value.
    last_read: Option<(usize, Edn)>,
    problem: Problem,
}

impl Checker for Set {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        match (&*op.f, op.kind) {
            ("add", OpType::Invoke | OpType::Ok) => {
                let new = || Element { index: op.index, ..Element::default() };
                let element = self.elements.row_or(&op.value, new);
                element.succeeded |= op.kind == OpType::Ok;
                element.requested |= op.kind == OpType::Invoke;
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

    fn finish(mut self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let Some((read_at, read)) = self.last_read.filter(|(_, read)| !read.is_nil()) else {
            return Judgement::unknown("Set was never read");
        };
        for value in read.as_slice().unwrap_or_default() {
            self.elements.row(value).is_read = true;
        }
        let elements = self.elements.into_sorted();
        let of = |is: fn(&Element) -> bool| {
            let some = elements.iter().filter(|(_, element)| is(element));
            some.map(|(value, _)| value).collect::<Vec<&Edn>>()
        };
        let ok = of(|e| e.requested && e.is_read);
        let recovered = of(|e| e.requested && e.is_read && !e.succeeded);
        let lost = of(|e| e.succeeded && !e.is_read);
        let unexpected = of(|e| e.is_read && !e.requested);

        let mut findings = Findings::default();
        for (value, element) in elements.iter().filter(|(_, e)| e.succeeded && !e.is_read) {
            findings.add("lost", || {
                Finding::new(format!("Element {value} was added, and the last read lacks it."))
                    .on(value.clone())
                    .about(element.index, "added")
                    .about(read_at, "last read")
            });
        }
        for value in &unexpected {
            findings.add("unexpected", || {
                Finding::new(format!("The last read shows {value}, which nobody asked to add."))
                    .on(Edn::clone(value))
                    .about(read_at, "last read")
            });
        }
        let is_valid = lost.is_empty() && unexpected.is_empty();
        let judgement = Judgement::new(
            Validity::from(is_valid),
            [
                ("attempt-count", of(|e| e.requested).len().into()),
                ("acknowledged-count", of(|e| e.succeeded).len().into()),
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
        let (lost, unexpected) = (count(lost.len(), "element"), unexpected.len());
        judgement.summed_up(format!("{lost} lost, {unexpected} unexpected")).with(findings)
    }
}

/// Elements in order, with runs of integers drawn together: `#{1..3 5}`.
fn ranges(sorted: &[&Edn]) -> String {
    let follows = |a: &&Edn, b: &&Edn| match (a, b) {
        (Edn::Int(a), Edn::Int(b)) => a.checked_add(1) == Some(*b),
        _ => false,
    };
    let run = |run: &[&Edn]| match run {
        [first, .., last] => format!("{first}..{last}"),
        run => run.iter().map(ToString::to_string).collect(),
    };
    let runs: Vec<String> = sorted.chunk_by(follows).map(run).collect();
    format!("#{{{}}}", runs.join(" "))
}

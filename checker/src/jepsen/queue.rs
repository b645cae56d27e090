//! Queue: what is taken out was put in before.
//!
//! Every enqueue counts from its request, for it may take effect from then on even if its client
//! is told otherwise; a dequeue counts when it has succeeded. The queue has no order.
//!
//! Source: `jepsen.checker/queue` with `knossos.model/unordered-queue`. As there, what is wrong
//! first ends the judgement.
//!
//! Cost: one look at each operation; memory grows with the elements in the queue.

use rustc_hash::FxHashMap;

use super::plain;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity};

/// Judges a queue from which not all need be taken.
#[derive(Default)]
pub struct Queue {
    held: FxHashMap<Edn, usize>,
    /// The first dequeue of what is not there: its index and value.
    wrong: Option<(usize, Edn)>,
}

impl Checker for Queue {
    fn push(&mut self, op: &Op) {
        if self.wrong.is_some() {
            return;
        }
        match (&*op.f, op.kind) {
            ("enqueue", OpType::Invoke) => {
                *self.held.entry(op.value.canonical().into_owned()).or_default() += 1;
            }
            ("dequeue", OpType::Ok) => {
                let value = op.value.canonical();
                match self.held.get_mut(&*value) {
                    None => self.wrong = Some((op.index, value.into_owned())),
                    Some(1) => drop(self.held.remove(&*value)),
                    Some(copies) => *copies -= 1,
                }
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some((index, value)) = self.wrong {
            let error = Edn::from(format!("can't dequeue {}", plain(&value)));
            let mut findings = Findings::default();
            findings.add("unexpected-dequeue", || {
                let words = format!(
                    "The dequeue at index {index} took {value}, which was not in the queue: as \
                     often as it had been put in, it had been taken out before."
                );
                Finding::new(words).on(value.clone()).about(index, "dequeued")
            });
            return Judgement::new(Validity::False, [("error", error)])
                .summed_up(format!("{value} was dequeued and not there"))
                .with(findings);
        }
        let mut held: Vec<(Edn, usize)> = self.held.into_iter().collect();
        held.sort_unstable_by(|a, b| a.0.compare_numbers(&b.0));
        let held = held.into_iter().map(|(value, copies)| (value, copies.into())).collect();
        Judgement::new(Validity::True, [("final-queue", Edn::Map(held))])
    }
}

//! Queue: what is taken out was put in before.
//!
//! Every enqueue counts from its request, for it may take effect from then on even if its client
//! is told otherwise; a dequeue counts when it has succeeded. The queue has no order.
//!
//! Source: `jepsen.checker/queue` with `knossos.model/unordered-queue`. As there, what is wrong
//! first ends the judgement.
//!
//! Cost: one look at each operation; memory grows with the number of different elements.

use super::plain;
use super::table::Table;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity};

/// Judges a queue from which not all need be taken.
#[derive(Default)]
pub struct Queue {
    held: Table<usize>,
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
                *self.held.row(&op.value) += 1;
            }
            ("dequeue", OpType::Ok) => match self.held.row(&op.value) {
                0 => self.wrong = Some((op.index, op.value.clone())),
                copies => *copies -= 1,
            },
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
        let held = self.held.into_sorted().into_iter().filter(|(_, copies)| *copies > 0);
        let held = held.map(|(value, copies)| (value, copies.into())).collect();
        Judgement::new(Validity::True, [("final-queue", Edn::Map(held))])
    }
}

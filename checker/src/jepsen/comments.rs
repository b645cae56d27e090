//! Comments: whoever sees a later row sees the earlier ones.
//!
//! Rows are inserted, by `:write` of a value, and all of them are read at once. If one insert had
//! ended before another began, strict serializability forbids a read that shows the other and
//! lacks the one.
//!
//! Source: elle-cli's `comments`, after the one of Jepsen's cockroachdb tests. There a read as a
//! list is compared by position instead of by value; here lists and sets are alike.
//!
//! Cost: one look at each value that was read, four bytes kept for it, and one more look at all
//! writes for each wrong read that is shown.

use super::Problem;
use super::precedence::Precedence;
use crate::edn::Edn;
use crate::history::Op;
use crate::{Checker, Findings, Judgement, Validity, count};

/// So many wrong reads are in the results.
const SHOWN: usize = 5;

/// Judges reads of one table.
#[derive(Default)]
pub struct Comments {
    table: Precedence,
    problem: Problem,
}

impl Checker for Comments {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if let Err(problem) = self.table.push(op, &op.value) {
            self.problem.set(op, &problem);
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let mut findings = Findings::default();
        let missing = self.table.finish(SHOWN, None, &mut findings);
        let results =
            [("error-count", missing.count.into()), ("errors", Edn::Vector(missing.shown))];
        let judgement = Judgement::new(Validity::from(missing.count == 0), results);
        if missing.count == 0 {
            return judgement;
        }
        let reads = count(missing.count, "read");
        judgement.summed_up(format!("{reads} lack an earlier write")).with(findings)
    }
}

//! Causal reverse: [`comments`](super::comments), for many keys of which each has its own table.
//!
//! Operations are `:write` of `[key value]` and `:read` of `[key values]`.
//!
//! Source: `jepsen.tests.causal-reverse/checker` in `jepsen.independent/checker`.
//!
//! Cost: as that of `comments`.

use super::precedence::Precedence;
use super::table::Table;
use super::{Problem, is_said, key_of};
use crate::edn::Edn;
use crate::history::Op;
use crate::linear::independent;
use crate::{Checker, Findings, Judgement, Validity, count};

/// So many wrong reads of a key are in the results.
const SHOWN: usize = 1000;

/// Judges reads of one table a key.
#[derive(Default)]
pub struct CausalReverse {
    tables: Table<Precedence>,
    problem: Problem,
}

impl Checker for CausalReverse {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        let is_known = matches!(&*op.f, "read" | "write");
        if !is_known || !is_said(op) || self.problem.is_some() {
            return;
        }
        let table = match key_of(&op.value) {
            Ok(key) => self.tables.row(key),
            Err(problem) => return self.problem.set(op, &problem),
        };
        if let Err(problem) = table.push(op, independent::value(&op.value)) {
            self.problem.set(op, &problem);
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let mut findings = Findings::default();
        let mut errors = Vec::new();
        for (key, table) in self.tables.into_sorted() {
            let missing = table.finish(SHOWN, Some(&key), &mut findings);
            if missing.count > 0 {
                errors.push((key, Edn::Vector(missing.shown)));
            }
        }
        let failures: Vec<Edn> = errors.iter().map(|(key, _)| key.clone()).collect();
        let wrong = failures.len();
        let results = [("failures", Edn::Vector(failures)), ("errors", Edn::Map(errors))];
        let judgement = Judgement::new(Validity::from(wrong == 0), results);
        if wrong == 0 {
            return judgement;
        }
        let keys = count(wrong, "key");
        judgement.summed_up(format!("reads of {keys} lack an earlier write")).with(findings)
    }
}

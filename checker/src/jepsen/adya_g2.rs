//! Adya's G2: of two inserts that look for each other, at most one may succeed.
//!
//! Each key has two transactions. Each looks by a predicate whether the other has inserted its
//! row, and inserts its own only if it has not. If both succeed, each missed the other's row: an
//! anti-dependency cycle (A. Adya, *Weak Consistency* (1999), section 4.2.2), which
//! serializability forbids.
//!
//! Operations are `:insert` of `[key [a-id b-id]]`, of which one id is nil.
//!
//! Source: `jepsen.tests.adya/g2-checker`.
//!
//! Cost: one look at each operation; memory grows with the number of keys.

use super::table::Table;
use super::{Problem, key_of};
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// The name of the operation.
const INSERT: &str = "insert";

/// What became of a key.
#[derive(Default)]
struct Key {
    inserted: u32,
    /// The indices of the first two successful inserts.
    first: [usize; 2],
}

/// Judges pairs of inserts.
#[derive(Default)]
pub struct AdyaG2 {
    keys: Table<Key>,
    problem: Problem,
}

impl Checker for AdyaG2 {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if &*op.f != INSERT || self.problem.is_some() {
            return;
        }
        let key = match key_of(&op.value) {
            Ok(key) => self.keys.row(key),
            Err(problem) => return self.problem.set(op, &problem),
        };
        if op.kind == OpType::Ok {
            if let Some(place) = key.first.get_mut(key.inserted as usize) {
                *place = op.index;
            }
            key.inserted += 1;
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let keys = self.keys.into_sorted();
        let inserted = keys.iter().filter(|(_, key)| key.inserted > 0).count();
        let illegal: Vec<&(Edn, Key)> = keys.iter().filter(|(_, key)| key.inserted > 1).collect();
        let mut findings = Findings::default();
        for (name, key) in &illegal {
            findings.add("G2", || {
                let words = format!(
                    "{} inserts for key {name} succeeded: each looked for the other's row before \
                     it was there, so neither order explains both.",
                    key.inserted
                );
                let finding = Finding::new(words).on(name.clone());
                finding.about(key.first[0], "inserted").about(key.first[1], "inserted as well")
            });
        }
        let by_key = illegal
            .iter()
            .map(|(name, key)| (name.clone(), Edn::Int(key.inserted.into())))
            .collect();
        let judgement = Judgement::new(
            Validity::from(illegal.is_empty()),
            [
                ("key-count", keys.len().into()),
                ("legal-count", (inserted - illegal.len()).into()),
                ("illegal-count", illegal.len().into()),
                ("illegal", Edn::Map(by_key)),
            ],
        );
        if illegal.is_empty() {
            return judgement;
        }
        let keys = count(illegal.len(), "key");
        judgement.summed_up(format!("{keys} took more than one insert")).with(findings)
    }
}

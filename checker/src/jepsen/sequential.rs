//! Sequential: who writes one row after the other is never seen to have written only the later.
//!
//! A client writes the subkeys of a key in order, each in a transaction of its own. A reader
//! asks for them in the opposite order. So once it has found one, it must find all that were
//! written before: after a value in what it read, no nil may come.
//!
//! Operations are `:write` of a key, and `:read` of `[key [values in reverse order]]`.
//!
//! Source: elle-cli's `sequential`, after the one of Jepsen's cockroachdb tests. There the number
//! of subkeys comes from the test; here it is that of the first read, unless it is given. It is
//! for the count of complete reads only.
//!
//! Cost: one look at each value that was read; memory does not grow with the history.

use super::{Problem, is_ok, key_of, plain};
use crate::edn::Edn;
use crate::history::Op;
use crate::linear::independent;
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// So many bad reads are in the results.
const SHOWN: usize = 5;

/// Judges reads of subkeys.
#[derive(Default)]
pub struct Sequential {
    key_count: Option<usize>,
    reads: usize,
    all: usize,
    some: usize,
    none: usize,
    bad: usize,
    shown: Vec<Edn>,
    findings: Findings,
    problem: Problem,
}

impl Sequential {
    /// A judge of keys that have so many subkeys, or as many as the first read shows.
    pub fn new(key_count: Option<usize>) -> Sequential {
        Sequential { key_count, ..Sequential::default() }
    }

    /// Whether a read shows the subkeys of the key, all of them, the last in front.
    fn is_complete(&self, key: &Edn, values: &[Edn]) -> bool {
        let count = self.key_count.unwrap_or(1);
        let name = plain(key);
        let is_value =
            |(number, value): (usize, &Edn)| value.as_str() == Some(&format!("{name}_{number}"));
        values.len() == count && values.iter().rev().enumerate().all(is_value)
    }
}

impl Checker for Sequential {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if !is_ok(op, "read") || self.problem.is_some() {
            return;
        }
        let values = match key_of(&op.value) {
            Err(problem) => return self.problem.set(op, &problem),
            Ok(_) => match independent::value(&op.value) {
                Edn::Nil => &[],
                values => match values.as_slice() {
                    Some(values) => values,
                    None => return self.problem.set(op, &format!("{values} is no list of values")),
                },
            },
        };
        let Ok(key) = key_of(&op.value) else { unreachable!("it has just been seen") };
        self.reads += 1;
        self.key_count.get_or_insert(values.len());
        let written = values.iter().position(|value| !value.is_nil());
        let lost = values.iter().skip(written.unwrap_or(values.len())).position(Edn::is_nil);
        self.all += usize::from(self.is_complete(key, values));
        self.some += usize::from(values.iter().any(Edn::is_nil));
        self.none += usize::from(written.is_none());
        let (Some(written), Some(lost)) = (written, lost) else { return };
        self.bad += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(op.value.clone());
        }
        self.findings.add("out-of-order", || {
            let (later, earlier) = (values.len() - 1 - written, values.len() - 1 - written - lost);
            let words = format!(
                "The read of key {key} found subkey {later}, which is written after subkey \
                 {earlier}, and then no subkey {earlier}."
            );
            Finding::new(words).on(key.clone()).about(op.index, "read")
        });
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let judgement = Judgement::new(
            Validity::from(self.bad == 0),
            [
                ("all-count", self.all.into()),
                ("some-count", self.some.into()),
                ("none-count", self.none.into()),
                ("bad-count", self.bad.into()),
                ("bad", Edn::Vector(self.shown)),
            ],
        );
        if self.bad == 0 {
            return judgement;
        }
        let (bad, reads) = (self.bad, count(self.reads, "read"));
        judgement.summed_up(format!("{bad} of {reads} are out of order")).with(self.findings)
    }
}

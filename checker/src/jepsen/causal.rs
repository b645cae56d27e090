//! Causal: what one client does with a register, it sees in that order.
//!
//! One client works on a key: it reads the initial value, writes 1, reads, writes 2, reads. Every
//! completed operation on the key must be the next step: a write writes one more than the last,
//! and a read shows what was written last, or nil when the client did not get to know it. A
//! first read (`:read-init`) of an unwritten key shows 0.
//!
//! Operations have values `[key value]`, a `:position`, and a `:link`: the position of the
//! operation before them on the key, or `:init`.
//!
//! Source: `jepsen.tests.causal/check` with its `causal-register`, in
//! `jepsen.independent/checker`. The words under `:errors` are its.
//!
//! Cost: one look at each operation; memory grows with the number of keys.

use super::table::Table;
use super::{Problem, key_of, plain};
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::linear::independent;
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// The register of a key, or what went wrong with it.
struct Register {
    value: Edn,
    counter: i64,
    last_position: Edn,
    /// The index of the operation before.
    last_index: Option<usize>,
    error: Option<Wrong>,
}

/// What went wrong with a register.
struct Wrong {
    message: String,
    index: usize,
    after: Option<usize>,
}

const UNWRITTEN: Register = Register {
    value: Edn::Int(0),
    counter: 0,
    last_position: Edn::Nil,
    last_index: None,
    error: None,
};

impl Register {
    /// The next completed operation on it.
    ///
    /// # Errors
    /// What is wrong about it.
    fn step(&mut self, op: &Op, value: &Edn) -> Result<(), String> {
        let part = |name| op.extra(name).unwrap_or(&Edn::Nil);
        let (position, link) = (part("position"), part("link"));
        if link.as_keyword() != Some("init") && *link != self.last_position {
            let (link, last) = (plain(link), plain(&self.last_position));
            return Err(format!("Cannot link {link} to last-seen position {last}"));
        }
        if &*op.f == "write" {
            let next = self.counter + 1;
            if value.as_i64() != Some(next) {
                let value = plain(value);
                return Err(format!("expected value {next} attempting to write {value} instead"));
            }
            (self.counter, self.value) = (next, value.clone());
        } else if &*op.f == "read-init" && self.counter == 0 && *value != Edn::Int(0) {
            return Err(format!("expected init value 0, read {}", plain(value)));
        } else if !value.is_nil() && *value != self.value {
            return Err(format!(
                "can't read {} from register {}",
                plain(value),
                plain(&self.value)
            ));
        }
        self.last_position = position.clone();
        self.last_index = Some(op.index);
        Ok(())
    }
}

/// Judges registers of which each has one client.
#[derive(Default)]
pub struct Causal {
    keys: Table<Register>,
    problem: Problem,
}

impl Checker for Causal {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        let is_known = matches!(&*op.f, "read-init" | "read" | "write");
        if !is_known || op.kind != OpType::Ok || self.problem.is_some() {
            return;
        }
        let register = match key_of(&op.value) {
            Ok(key) => self.keys.row_or(key, || UNWRITTEN),
            Err(problem) => return self.problem.set(op, &problem),
        };
        if register.error.is_none()
            && let Err(message) = register.step(op, independent::value(&op.value))
        {
            let (index, after) = (op.index, register.last_index);
            register.error = Some(Wrong { message, index, after });
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let keys = self.keys.into_sorted().into_iter();
        let wrong = keys.filter_map(|(key, register)| Some((key, register.error?)));
        let wrong: Vec<(Edn, Wrong)> = wrong.collect();
        let mut findings = Findings::default();
        for (key, Wrong { message, index, after }) in &wrong {
            findings.add("not-causal", || {
                let words = format!("The operation at index {index} on key {key}: {message}.");
                let finding = Finding::new(words).on(key.clone()).about(*index, "wrong");
                after.map_or_else(|| finding.clone(), |i| finding.clone().about(i, "came before"))
            });
        }
        let failures = wrong.iter().map(|(key, _)| key.clone()).collect();
        let errors = wrong.iter().map(|(key, wrong)| (key.clone(), Edn::from(&*wrong.message)));
        let results = [("failures", Edn::Vector(failures)), ("errors", Edn::Map(errors.collect()))];
        let judgement = Judgement::new(Validity::from(wrong.is_empty()), results);
        if wrong.is_empty() {
            return judgement;
        }
        let keys = count(wrong.len(), "key");
        judgement.summed_up(format!("{keys} not in causal order")).with(findings)
    }
}

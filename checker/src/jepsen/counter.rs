//! Counter: each read lies between what was surely added and what may have been.
//!
//! A counter starts at 0 and only grows. When a read begins, every addition that has ended well
//! is in it for good; when it ends, no addition can be in it that has not begun. So it shows at
//! least the sum of the one, and at most the sum of the other, without additions that failed.
//!
//! An addition that fails is known to be none only when it ends. So it counts at first, and when
//! it fails it is taken from all reads that ended meanwhile: a difference where it began, and one
//! where it ended, in the list of reads.
//!
//! Source: `jepsen.checker/counter`. As there, additions are not negative.
//!
//! Cost: one look at each operation; about 64 bytes kept for each read.

use rustc_hash::FxHashMap;

use super::Problem;
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// So many wrong reads are in the results.
const SHOWN: usize = 8;

/// A read that has ended, and the sums around it.
struct Read {
    index: usize,
    lower: i128,
    value: i64,
    upper: i128,
}

/// What a client is doing.
enum Pending {
    /// It reads; at the start this much was surely added.
    Read(i128),
    /// It adds this much; so many reads had ended when it began.
    Add(i64, usize),
}

/// Judges a counter that only grows.
#[derive(Default)]
pub struct Counter {
    lower: i128,
    upper: i128,
    pending: FxHashMap<ProcessId, Pending>,
    reads: Vec<Read>,
    /// By place in `reads`: what is to be taken from the upper bound of it and all after it.
    too_much: FxHashMap<usize, i128>,
    problem: Problem,
}

impl Counter {
    /// An addition or a read that begins.
    ///
    /// # Errors
    /// A clause, when what is added is no integer from 0.
    fn begin(&mut self, op: &Op) -> Result<(), String> {
        let pending = if &*op.f == "read" {
            Pending::Read(self.lower)
        } else {
            let amount = amount(&op.value)?;
            self.upper += i128::from(amount);
            Pending::Add(amount, self.reads.len())
        };
        self.pending.insert(op.process, pending);
        Ok(())
    }

    /// An addition or a read that ends.
    ///
    /// # Errors
    /// A clause, when what was read is no integer.
    fn end(&mut self, op: &Op) -> Result<(), String> {
        match (self.pending.remove(&op.process), op.kind) {
            (Some(Pending::Read(lower)), OpType::Ok) => {
                let value = op.value.as_i64();
                let value = value.ok_or_else(|| format!("{} is no integer", op.value))?;
                self.reads.push(Read { index: op.index, lower, value, upper: self.upper });
            }
            (Some(Pending::Add(..)), OpType::Ok) => self.lower += i128::from(amount(&op.value)?),
            (Some(Pending::Add(amount, reads)), OpType::Fail) => {
                let amount = i128::from(amount);
                self.upper -= amount;
                *self.too_much.entry(reads).or_default() += amount;
                *self.too_much.entry(self.reads.len()).or_default() -= amount;
            }
            _ => {}
        }
        Ok(())
    }
}

fn amount(value: &Edn) -> Result<i64, String> {
    let amount = value.as_i64().filter(|amount| *amount >= 0);
    amount.ok_or_else(|| format!("{value} is no integer from 0, so it cannot be added"))
}

impl Checker for Counter {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        let is_known = op.is_client() && matches!(&*op.f, "add" | "read");
        if !is_known || self.problem.is_some() {
            return;
        }
        let taken = if op.kind == OpType::Invoke { self.begin(op) } else { self.end(op) };
        if let Err(problem) = taken {
            self.problem.set(op, &problem);
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let mut findings = Findings::default();
        let (mut wrong, mut shown) = (0, Vec::new());
        let mut too_much = 0;
        for (place, Read { index, lower, value, upper }) in self.reads.iter().enumerate() {
            too_much += self.too_much.get(&place).copied().unwrap_or(0);
            let upper = upper - too_much;
            if (*lower..=upper).contains(&i128::from(*value)) {
                continue;
            }
            wrong += 1;
            if shown.len() < SHOWN {
                shown.push(Edn::Vector(vec![sum(*lower), Edn::Int(*value), sum(upper)]));
            }
            findings.add("out-of-bounds", || {
                let words = format!(
                    "The read at index {index} shows {value}. When it began, {lower} had surely \
                     been added; when it ended, no more than {upper} can have been."
                );
                Finding::new(words).about(*index, "read")
            });
        }
        let reads = self.reads.len();
        let judgement = Judgement::new(
            Validity::from(wrong == 0),
            [
                ("read-count", reads.into()),
                ("error-count", wrong.into()),
                ("errors", Edn::Vector(shown)),
            ],
        );
        if wrong == 0 {
            return judgement;
        }
        let reads = count(reads, "read");
        judgement.summed_up(format!("{wrong} of {reads} are out of bounds")).with(findings)
    }
}

/// A sum, which may be of more than 64 bits.
fn sum(sum: i128) -> Edn {
    match i64::try_from(sum) {
        Ok(sum) => Edn::Int(sum),
        Err(_) => Edn::Symbol(format!("{sum}N").into()),
    }
}

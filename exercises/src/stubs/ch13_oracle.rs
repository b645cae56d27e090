//! Exercise 13-oracle: a judge so simple that it must be right.
//!
//! A fast checker is compared with a slow one that anybody can read. Write the slow one, for a
//! register: there is an order of the operations in which none comes before one that had ended
//! when it began, and every read gives what was written last, or nothing at the beginning. There
//! are five operations at most, so every order can be tried.

use maelstrom::checker::edn::Edn;
use maelstrom::checker::{History, Model, Validity};
use maelstrom::seeds::{Concern, Seeds};
use rand::{Rng, RngExt};

use crate::{Task, answer};

/// An operation that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When it began.
    pub begin: usize,
    /// When it ended.
    pub end: usize,
    /// What it was.
    pub call: Call,
}

/// What was asked, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// This was written.
    Write(i64),
    /// This was read; `None` if nothing had been written.
    Read(Option<i64>),
}

/// Whether there is such an order.
///
/// To do: this looks only at what had ended before a read began.
pub fn is_linearizable(operations: &[Operation]) -> bool {
    let write = |operation: &Operation| match operation.call {
        Call::Write(value) => Some(value),
        Call::Read(_) => None,
    };
    operations.iter().all(|read| match read.call {
        Call::Write(_) => true,
        Call::Read(seen) => {
            let before = operations.iter().filter(|other| other.end < read.begin);
            let last = before.filter(|other| write(other).is_some()).max_by_key(|write| write.end);
            seen == last.and_then(write)
        }
    })
}

/// Five operations at most, of which any number may be under way at once.
fn random(rng: &mut impl Rng) -> Vec<Operation> {
    let count = rng.random_range(1..=5usize);
    let mut moments: Vec<usize> = (0..2 * count).map(|moment| moment / 2).collect();
    for place in (1..moments.len()).rev() {
        moments.swap(place, rng.random_range(0..=place));
    }
    let ends = |id: usize| moments.iter().enumerate().filter(move |it| *it.1 == id).map(|it| it.0);
    let mut operations = Vec::new();
    for id in 0..count {
        let both: Vec<usize> = ends(id).collect();
        let value = rng.random_range(0..3);
        let call = match rng.random_range(0..5) {
            0 | 1 => Call::Write(value),
            2 => Call::Read(None),
            _ => Call::Read(Some(value)),
        };
        operations.push(Operation { begin: both[0], end: both[1], call });
    }
    operations
}

/// The same as a history.
fn history(operations: &[Operation]) -> History {
    let mut history = History::new();
    for moment in 0..2 * operations.len() {
        for (process, operation) in (0..).zip(operations) {
            let (f, asked, told) = match operation.call {
                Call::Write(value) => ("write", Edn::from(value), Edn::from(value)),
                Call::Read(seen) => ("read", Edn::Nil, seen.map_or(Edn::Nil, Edn::from)),
            };
            if operation.begin == moment {
                history.invoke(process, f, asked);
            } else if operation.end == moment {
                history.ok(process, told);
            }
        }
    }
    history
}

/// Compares an oracle with the checker, on 2,000 histories.
///
/// # Errors
/// The first on which they differ.
pub fn judge(oracle: fn(&[Operation]) -> bool) -> Result<(), String> {
    let mut rng = Seeds::new(13).stream(Concern::Generator);
    for _ in 0..2_000 {
        let operations = random(&mut rng);
        // Knossos, and so the checker, lets a read of nothing pass at any time.
        let is_like_knossos = operations.iter().all(|it| it.call != Call::Read(None));
        if !is_like_knossos {
            continue;
        }
        let history = history(&operations);
        let found = history.judge(Model::register()).verdict == Validity::True;
        if oracle(&operations) != found {
            let (says, not) =
                if found { ("not linearizable", "is") } else { ("linearizable", "is not") };
            let text = history.to_edn_text();
            return Err(format!("it calls this history {says}, and it {not}:\n{text}"));
        }
    }
    Ok(())
}

/// The oracle above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(is_linearizable))
}

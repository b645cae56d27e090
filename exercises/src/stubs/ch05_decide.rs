//! Exercise 5-decide: decide whether a history is linearizable.
//!
//! The object is one register, which holds 0 at first. You are given the operations on it: what
//! each did, when it was invoked and when it returned. Say whether there is an order in which each
//! takes place at one moment between the two, and every read finds the last value written.
//!
//! The code below tries one order only, that in which the operations were invoked. Histories are
//! short, of six operations at most, so you may try all orders. The bench compares the answers with
//! those of its own checker, on a thousand random histories.

use maelstrom::checker::{History, Model};
use maelstrom::edn::Edn;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Task, answer, attempt};

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It found this value.
    Read(i64),
    /// From then on the register held this value.
    Write(i64),
}

/// One operation. No two of the moments in a history are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it did.
    pub call: Call,
    /// The moment at which it was invoked.
    pub invoked_at: usize,
    /// The moment at which it returned.
    pub returned_at: usize,
}

/// Whether there is such an order.
pub fn is_linearizable(history: &[Operation]) -> bool {
    // To do: this is one order of many.
    let mut order = history.to_vec();
    order.sort_by_key(|operation| operation.invoked_at);
    let mut value = 0;
    order.iter().all(|operation| match operation.call {
        Call::Read(seen) => seen == value,
        Call::Write(new) => {
            value = new;
            true
        }
    })
}

/// How many histories are tried.
const HISTORIES: u64 = 1_000;

/// Compares answers with those of the bench's checker.
///
/// # Errors
/// A sentence about the first that is wrong.
pub fn judge(is_linearizable: fn(&[Operation]) -> bool) -> Result<(), String> {
    for seed in 0..HISTORIES {
        let history = random_history(seed);
        let is = judged(&history);
        let not = |is: bool| if is { "linearizable" } else { "not linearizable" };
        let words = history.iter().map(in_words).collect::<Vec<String>>().join("; ");
        let case = || format!("history {seed} is {words}");
        if attempt(case, || is_linearizable(&history))? != is {
            return Err(format!(
                "history {seed} is {}, and your answer is that it is {}: {words}",
                not(is),
                not(!is)
            ));
        }
    }
    Ok(())
}

fn in_words(operation: &Operation) -> String {
    let Operation { call, invoked_at, returned_at } = operation;
    let call = match call {
        Call::Read(value) => format!("read {value}"),
        Call::Write(value) => format!("write {value}"),
    };
    format!("{call} from {invoked_at} to {returned_at}")
}

/// Two to six operations at random moments, with values so few that many histories make sense.
fn random_history(seed: u64) -> Vec<Operation> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let count = rng.random_range(2..=6);
    let mut free: Vec<usize> = (0..2 * count).collect();
    let mut moment = || free.remove(rng.random_range(0..free.len().min(5)));
    let moments: Vec<(usize, usize)> = (0..count).map(|_| (moment(), moment())).collect();
    let operation = |(one, other): (usize, usize)| {
        let value = rng.random_range(0..3);
        let call = if rng.random() { Call::Read(value) } else { Call::Write(value) };
        Operation { call, invoked_at: one.min(other), returned_at: one.max(other) }
    };
    moments.into_iter().map(operation).collect()
}

/// What the bench's checker says.
fn judged(operations: &[Operation]) -> bool {
    let call_of = |call: Call| match call {
        Call::Read(value) => ("read", Edn::Nil, Edn::from(value)),
        Call::Write(value) => ("write", Edn::from(value), Edn::from(value)),
    };
    let mut history = History::new();
    for moment in 0..2 * operations.len() {
        for (operation, process) in operations.iter().zip(0..) {
            let (f, asked, done) = call_of(operation.call);
            if operation.invoked_at == moment {
                history.invoke(process, f, asked);
            } else if operation.returned_at == moment {
                history.ok(process, done);
            }
        }
    }
    let register = Model::new("register", Some(Edn::from(0))).expect("a model that there is");
    history.judge(register).is_valid()
}

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(is_linearizable))
}

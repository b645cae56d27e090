//! Exercise 10-skew: write a history that shows one anomaly.
//!
//! Below is a history of three transactions over lists. The first two run at once; the third comes
//! after both, and reads both lists. As it stands it is serializable: first T1, then T2.
//!
//! Change what T1 and T2 do and read, and what T3 then finds, so that the history shows *write
//! skew*: snapshot isolation allows it, and serializability forbids it. Two transactions will do,
//! each with one read and one append.

use maelstrom::checker::{History, Judgement, Validity, micro_op};
use maelstrom::edn::Edn;

use crate::{Task, answer};

/// A step of a transaction.
pub enum Step {
    /// This list was read, and these were its elements.
    Read(&'static str, &'static [i64]),
    /// This element was appended to this list.
    Append(&'static str, i64),
}

use Step::{Append, Read};

/// The transactions T1, T2 and T3.
pub const HISTORY: [&[Step]; 3] = [
    // To do: nothing is wrong here.
    &[Read("x", &[]), Append("x", 1)],
    &[Read("x", &[1]), Append("y", 2)],
    &[Read("x", &[1]), Read("y", &[2])],
];

/// Judges a history: the first two transactions run at once, the third comes after them.
///
/// # Errors
/// A sentence that says what it is instead.
pub fn judge(transactions: &[&[Step]; 3]) -> Result<(), String> {
    let history = history(transactions);
    let at = |model: &str| history.judge_transactions(model);
    let why = |judgement: &Judgement| judgement.to_string();
    let snapshot = at("snapshot-isolation");
    if snapshot.verdict != Validity::True {
        return Err(format!("the history is not snapshot-isolated: {}", why(&snapshot)));
    }
    match at("serializable").verdict {
        Validity::False => Ok(()),
        Validity::True => Err("the history is serializable, so it shows no anomaly".into()),
        Validity::Unknown => Err("nobody can say whether the history is serializable".into()),
    }
}

fn history(transactions: &[&[Step]; 3]) -> History {
    let [one, other, last] = transactions;
    let mut history = History::new();
    history.invoke(0, "txn", steps(one, false));
    history.invoke(1, "txn", steps(other, false));
    history.ok(0, steps(one, true));
    history.ok(1, steps(other, true));
    history.invoke(2, "txn", steps(last, false));
    history.ok(2, steps(last, true));
    history
}

/// A transaction before it is done, when nothing was read yet, or after.
fn steps(steps: &[Step], is_done: bool) -> Vec<Edn> {
    let step = |step: &Step| match step {
        Append(list, element) => micro_op("append", *list, *element),
        Read(list, elements) if is_done => micro_op("r", *list, elements.to_vec()),
        Read(list, _) => micro_op("r", *list, Edn::Nil),
    };
    steps.iter().map(step).collect()
}

/// The history above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&HISTORY))
}

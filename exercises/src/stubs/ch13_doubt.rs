//! Exercise 13-doubt: a judge for a counter, some of whose additions had no answer.
//!
//! A counter is read when all is quiet. Some additions were acknowledged, and some have failed. Of
//! others nobody knows: the request or the answer was lost. Which values may the last read give?
//! Write the judge. It is compared with the checker of pn-counter on random histories, in which
//! there are four additions of each kind at most.

use maelstrom::checker::{CheckOptions, History, Validity, Workload};
use maelstrom::seeds::{Concern, Seeds};
use rand::{Rng, RngExt};

use crate::{Task, answer};

/// What was asked of a counter, by what came of it, and what was read in the end.
#[derive(Debug)]
pub struct Additions {
    /// Those that were acknowledged.
    pub acknowledged: Vec<i64>,
    /// Those that certainly have not happened.
    pub failed: Vec<i64>,
    /// Those of which nobody knows.
    pub unknown: Vec<i64>,
    /// The last read.
    pub read: i64,
}

/// Whether a correct counter can have given this read.
///
/// To do: this judge takes what nobody knows for what has not happened.
pub fn can_be(additions: &Additions) -> bool {
    additions.read == additions.acknowledged.iter().sum::<i64>()
}

/// Up to four additions of each kind, and a read that is near their sum.
fn random(rng: &mut impl Rng) -> Additions {
    let mut some = || -> Vec<i64> {
        let count = rng.random_range(0..=4);
        (0..count).map(|_| rng.random_range(-5..=5)).collect()
    };
    let (acknowledged, failed, unknown) = (some(), some(), some());
    let read = acknowledged.iter().sum::<i64>() + rng.random_range(-12..=12);
    Additions { acknowledged, failed, unknown, read }
}

/// The same as a history: a line for each beginning, and one for each end.
fn history(additions: &Additions) -> History {
    let Additions { acknowledged, failed, unknown, read } = additions;
    let mut text = String::new();
    let kinds = [("ok", acknowledged), ("fail", failed), ("info", unknown)];
    let all = kinds.iter().flat_map(|(kind, amounts)| amounts.iter().map(move |it| (kind, it)));
    for (process, (kind, amount)) in all.enumerate() {
        for kind in ["invoke", kind] {
            text += &format!("{{:process {process} :type :{kind} :f :add :value {amount}}}\n");
        }
    }
    for (kind, value) in [("invoke", "nil"), ("ok", read.to_string().as_str())] {
        let read = format!(":process 99 :type :{kind} :f :read :value {value} :final? true");
        text += &format!("{{{read}}}\n");
    }
    History::parse(&text).expect("it is a history")
}

/// Compares a judge with the checker, on 1,000 histories.
///
/// # Errors
/// The first on which they differ.
pub fn judge(can_be: fn(&Additions) -> bool) -> Result<(), String> {
    let mut rng = Seeds::new(13).stream(Concern::Generator);
    for _ in 0..1_000 {
        let additions = random(&mut rng);
        let by = Workload::PnCounter.judge(&CheckOptions::default())?;
        let found = history(&additions).judge(by).verdict == Validity::True;
        if can_be(&additions) != found {
            let (says, is) = if found { ("cannot", "can") } else { ("can", "cannot") };
            return Err(format!("it says that this {says} be, and it {is}: {additions:?}"));
        }
    }
    Ok(())
}

/// The judge above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(can_be))
}

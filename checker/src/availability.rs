//! The fraction of operations that succeeded, against what the user asked for.
//!
//! The original compares a 32-bit float, so that 9 of 10 misses a target of 0.9; here the
//! target is compared with the exact fraction, and only the printed one is rounded.
//!
//! Source: Maelstrom's `checker.clj`.

use std::fmt;
use std::str::FromStr;

use super::{Checker, Judgement, Validity, fraction};
use crate::history::{History, Op, OpType};

/// What `--availability` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Availability {
    /// Every operation must succeed.
    Total,
    /// At least this fraction, from 0 to 1, must.
    AtLeast(f64),
}

/// As it is written on the command line.
impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Availability::Total => f.write_str("total"),
            Availability::AtLeast(share) => write!(f, "{share}"),
        }
    }
}

impl FromStr for Availability {
    type Err = String;

    fn from_str(text: &str) -> Result<Availability, String> {
        if text == "total" {
            return Ok(Availability::Total);
        }
        match number(text) {
            Some(share) if (0.0..=1.0).contains(&share) => Ok(Availability::AtLeast(share)),
            _ => Err(format!("{text} is neither \"total\" nor a number from 0 to 1")),
        }
    }
}

/// A number that a user wrote: a decimal, or the ratio of two whole numbers, such as `1/2`. `None`
/// for anything else, and for a division by zero.
pub fn number(text: &str) -> Option<f64> {
    let Some((numerator, denominator)) = text.split_once('/') else { return text.parse().ok() };
    let (numerator, denominator): (i64, u64) = (numerator.parse().ok()?, denominator.parse().ok()?);
    (denominator != 0).then(|| numerator as f64 / denominator as f64)
}

/// The fraction of operations that are known to have succeeded; `None` asks for nothing.
pub fn check(history: &History, target: Option<Availability>) -> Judgement {
    history.judge(Available::new(target))
}

/// How many operations of a history are known to have succeeded.
pub struct Available {
    target: Option<Availability>,
    begun: usize,
    ok: usize,
}

impl Available {
    /// To be compared with the target; `None` asks for nothing.
    pub fn new(target: Option<Availability>) -> Available {
        Available { target, begun: 0, ok: 0 }
    }
}

impl Checker for Available {
    fn push(&mut self, op: &Op) {
        self.begun += usize::from(op.is_client() && op.kind == OpType::Invoke);
        self.ok += usize::from(op.is_client() && op.kind == OpType::Ok);
    }

    fn finish(self: Box<Self>) -> Judgement {
        judge(self.begun, self.ok, self.target)
    }
}

fn judge(begun: usize, ok: usize, target: Option<Availability>) -> Judgement {
    if begun == 0 {
        return Judgement::no_operations();
    }
    let valid = match target {
        None => true,
        Some(Availability::Total) => ok == begun,
        Some(Availability::AtLeast(target)) => ok as f64 >= target * begun as f64,
    };
    let share = fraction(ok as u64, begun as u64);
    let summary = if valid { String::new() } else { format!("only {share} succeeded") };
    Judgement::new(Validity::from(valid), [("ok-fraction", share)]).summed_up(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_compared_exactly() {
        let ok = "{:type :invoke, :process 0, :f :read} {:type :ok, :process 0, :f :read}";
        let info = "{:type :invoke, :process 0, :f :read} {:type :info, :process 0, :f :read}";
        let history = History::parse(&format!("{}{info}", ok.repeat(9))).unwrap();
        for (target, valid) in [
            (None, true),
            (Some("0"), true),
            (Some("0.9"), true),
            (Some("9/10"), true),
            (Some("10/11"), false),
            (Some("0.91"), false),
            (Some("1"), false),
            (Some("total"), false),
        ] {
            let target = target.map(|text| text.parse().unwrap());
            let result = check(&history, target).to_edn().to_string();
            assert_eq!(result, format!("{{:valid? {valid}, :ok-fraction 0.9}}"), "{target:?}");
        }
        let all_ok = History::parse(ok).unwrap();
        let result = check(&all_ok, Some(Availability::Total));
        assert_eq!(result.to_edn().to_string(), "{:valid? true, :ok-fraction 1.0}");
        assert_eq!(check(&History::default(), None).verdict, Validity::Unknown);
    }

    #[test]
    fn other_targets_are_refused() {
        for text in ["", "all", "-0.1", "1.1", "NaN", "3/2", "1/0", "1/2/3"] {
            assert!(text.parse::<Availability>().is_err(), "{text}");
        }
    }
}

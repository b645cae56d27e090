//! The fraction of operations that succeeded, against what the user asked for; or for how long
//! none did.
//!
//! A *standstill* is the time that operations take together without one that is answered: they
//! time out, or are told that nobody can serve them now. It is over when one succeeds, or is
//! refused for what it asks. A cluster that has lost its leader may stand still for an election
//! or two; one that cannot find another stands still for good. Cachin, Guerraoui and Rodrigues,
//! *Introduction to Reliable and Secure Distributed Programming* (2011), section 1.3, on liveness:
//! that nothing happens can only be judged with a bound on time.
//!
//! The original compares a 32-bit float, so that 9 of 10 misses a target of 0.9; here the
//! target is compared with the exact fraction, and only the printed one is rounded.
//!
//! Source: Maelstrom's `checker.clj`.

use std::fmt;
use std::str::FromStr;

use super::edn::{Edn, Float};
use super::{Checker, Judgement, Validity, fraction};
use crate::history::{History, Op, OpType};

/// What `--availability` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Availability {
    /// Every operation must succeed.
    Total,
    /// At least this fraction, from 0 to 1, must.
    AtLeast(f64),
    /// No standstill may be longer than so many seconds.
    Within(f64),
}

/// As it is written on the command line.
impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Availability::Total => f.write_str("total"),
            Availability::AtLeast(share) => write!(f, "{share}"),
            Availability::Within(seconds) => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for Availability {
    type Err = String;

    fn from_str(text: &str) -> Result<Availability, String> {
        if text == "total" {
            return Ok(Availability::Total);
        }
        let seconds = text.strip_suffix('s').and_then(number);
        match (number(text), seconds) {
            (Some(share), _) if (0.0..=1.0).contains(&share) => Ok(Availability::AtLeast(share)),
            (_, Some(seconds)) if seconds > 0.0 && seconds.is_finite() => {
                Ok(Availability::Within(seconds))
            }
            _ => Err(format!(
                "{text} is neither \"total\", nor a number from 0 to 1, nor a time such as 5s"
            )),
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
    standstill: Standstill,
}

/// How long operations have gone unanswered.
#[derive(Default)]
struct Standstill {
    /// How many operations are under way.
    under_way: usize,
    /// When an operation last began or ended, in nanoseconds.
    last: i64,
    /// How long it is now, and how long the longest was, in nanoseconds.
    now: i64,
    longest: i64,
}

impl Standstill {
    fn push(&mut self, op: &Op) {
        if self.under_way > 0 {
            // Times of a history that somebody else wrote are any numbers.
            let waited = op.time.saturating_sub(self.last).max(0);
            self.now = self.now.saturating_add(waited);
            self.longest = self.longest.max(self.now);
        }
        self.last = op.time;
        match op.kind {
            OpType::Invoke => self.under_way += 1,
            _ => self.under_way = self.under_way.saturating_sub(1),
        }
        if is_answer(op) {
            self.now = 0;
        }
    }
}

/// Errors that say that nobody can serve the operation now.
const NO_ANSWERS: [&str; 3] = ["temporarily-unavailable", "timeout", "net-timeout"];

/// Whether the operation ended with an answer to what it asked.
fn is_answer(op: &Op) -> bool {
    let error = || op.extra("error").and_then(|error| error.as_slice()?.first()?.as_keyword());
    match op.kind {
        OpType::Ok => true,
        OpType::Fail => error().is_some_and(|error| !NO_ANSWERS.contains(&error)),
        _ => false,
    }
}

impl Available {
    /// To be compared with the target; `None` asks for nothing.
    pub fn new(target: Option<Availability>) -> Available {
        Available { target, begun: 0, ok: 0, standstill: Standstill::default() }
    }
}

impl Checker for Available {
    fn push(&mut self, op: &Op) {
        if op.is_client() {
            self.begun += usize::from(op.kind == OpType::Invoke);
            self.ok += usize::from(op.kind == OpType::Ok);
            self.standstill.push(op);
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        let longest = self.standstill.longest as f64 / 1e9;
        judge(self.begun, self.ok, longest, self.target)
    }
}

fn judge(begun: usize, ok: usize, longest: f64, target: Option<Availability>) -> Judgement {
    if begun == 0 {
        return Judgement::no_operations();
    }
    let valid = match target {
        None => true,
        Some(Availability::Total) => ok == begun,
        Some(Availability::AtLeast(target)) => ok as f64 >= target * begun as f64,
        Some(Availability::Within(seconds)) => longest <= seconds,
    };
    let share = fraction(ok as u64, begun as u64);
    let summary = match target {
        _ if valid => String::new(),
        Some(Availability::Within(_)) => format!("nothing was answered for {longest:.1} s"),
        _ => format!("only {share} succeeded"),
    };
    let mut judgement = Judgement::new(Validity::from(valid), [("ok-fraction", share)]);
    if let Some(Availability::Within(_)) = target {
        let entry = (Edn::keyword("longest-standstill"), Edn::Float(Float(longest)));
        judgement.results.push(entry);
    }
    judgement.summed_up(summary)
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
    fn a_standstill_is_as_long_as_its_operations_together() {
        let op = |kind: &str, process: u32, ms: u64| {
            let (kind, error) = kind.split_once(' ').unwrap_or((kind, "nil"));
            format!(
                "{{:type :{kind}, :process {process}, :f :read, :time {ms}000000, :error {error}}}"
            )
        };
        let none = "fail [:temporarily-unavailable \"no leader\"]";
        let refused = "fail [:precondition-failed \"not 3\"]";
        for (ops, longest) in [
            // A second's wait, a pause in which nobody asks, and another second's.
            ([("invoke", 0, 0), ("info", 0, 1000), ("invoke", 0, 5000), (none, 0, 6000)], "2.0"),
            ([("invoke", 0, 0), ("info", 0, 1000), ("invoke", 0, 1000), (refused, 0, 1500)], "1.5"),
            ([("invoke", 0, 0), ("ok", 0, 300), ("invoke", 0, 300), ("ok", 0, 700)], "0.4"),
            // Two wait at once, and one is answered.
            ([("invoke", 0, 0), ("invoke", 1, 100), ("ok", 1, 900), ("info", 0, 1000)], "0.9"),
        ] {
            let lines: String =
                ops.iter().map(|(kind, process, ms)| op(kind, *process, *ms)).collect();
            let history = History::parse(&lines).unwrap();
            for (target, valid) in [("0.2s", false), ("2s", true)] {
                let judgement = check(&history, Some(target.parse().unwrap()));
                let text = judgement.to_edn().to_string();
                assert!(text.contains(&format!(":longest-standstill {longest}")), "{text}");
                assert_eq!(judgement.verdict, Validity::from(valid), "{target}: {text}");
            }
        }
    }

    #[test]
    fn any_times_can_be_judged() {
        let times = [i64::MIN, i64::MAX, 0, i64::MAX];
        let line = |time| format!("{{:type :invoke, :process 0, :f :read, :time {time}}}\n");
        let history = History::parse(&times.map(line).concat()).unwrap();
        let judgement = check(&history, Some(Availability::Within(1.0)));
        assert_eq!(judgement.verdict, Validity::False);
    }

    #[test]
    fn other_targets_are_refused() {
        for text in ["", "0s", "-1s", "s", "all", "-0.1", "1.1", "NaN", "3/2", "1/0", "1/2/3"] {
            assert!(text.parse::<Availability>().is_err(), "{text}");
        }
    }
}

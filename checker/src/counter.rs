//! Counters (g-counter, pn-counter): after a quiet time every node knows the sum.
//!
//! A final read must be the sum of all additions that certainly happened and of any choice of
//! those that may have. With `k` uncertain additions there are 2^k choices, but their sums
//! lie close together: they are kept as ranges of neighbouring integers.
//!
//! Source: `workload/pn_counter.clj` of the original. Unlike there, a read that is no integer
//! is a wrong read, not a crash, and a run without final reads is unknown.

use std::collections::BTreeMap;

use super::{Checker, Finding, Findings, Judgement, Validity};
use crate::edn::Edn;
use crate::history::{History, Op, OpType, Pairs};

/// So many values are named in a sentence.
const VALUES_NAMED: usize = 8;

/// Far more ranges than additions of like size can make, and few enough to be quick.
const RANGE_LIMIT: usize = 100_000;

/// Compares every successful read marked `:final?` with the acceptable sums.
pub fn check(history: &History) -> Judgement {
    history.judge(Counter::default())
}

/// Sums up as additions end, and keeps what is uncertain, and the final reads.
#[derive(Default)]
pub struct Counter {
    pairs: Pairs,
    definite: i128,
    /// Each with its place in the history.
    uncertain: Vec<(usize, i128)>,
    /// The first addition of something that is no integer.
    problem: Option<(usize, String)>,
    reads: Vec<Op>,
}

impl Counter {
    fn add(&mut self, position: usize, invoke: &Op, outcome: OpType) {
        if &*invoke.f != "add" {
            return;
        }
        match (integer(&invoke.value), outcome) {
            (None, _) => {
                let (index, value) = (invoke.index, &invoke.value);
                let problem = format!("Operation {index} adds {value}, which is not an integer.");
                if self.problem.as_ref().is_none_or(|(first, _)| position < *first) {
                    self.problem = Some((position, problem));
                }
            }
            (Some(delta), OpType::Ok) => self.definite += delta,
            (Some(delta), OpType::Info) => self.uncertain.push((position, delta)),
            (Some(_), OpType::Fail | OpType::Invoke) => {}
        }
    }
}

impl Checker for Counter {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if let Some((position, invoke)) = self.pairs.push(op) {
            self.add(position, &invoke, op.kind);
        }
        if is_final_read(op) {
            self.reads.push(op.clone());
        }
    }

    fn finish(mut self: Box<Self>) -> Judgement {
        let open = match std::mem::take(&mut self.pairs).finish() {
            Ok((0, _)) => return Judgement::no_operations(),
            Ok((_, open)) => open,
            Err(error) => return Judgement::bad_input(error),
        };
        // Nobody knows what becomes of what has not ended.
        open.iter().for_each(|(position, op)| self.add(*position, op, OpType::Info));
        if let Some((_, problem)) = self.problem {
            return Judgement::bad_input(problem);
        }
        let mut sums = Sums { ranges: vec![(self.definite, self.definite)], exact: true };
        self.uncertain.sort_unstable();
        self.uncertain.into_iter().for_each(|(_, delta)| sums.allow(delta));
        judge(&self.reads, &sums)
    }
}

fn judge(reads: &[Op], acceptable: &Sums) -> Judgement {
    let wrong = |op: &&Op| !integer(&op.value).is_some_and(|sum| acceptable.contains(sum));
    let wrong: Vec<&Op> = reads.iter().filter(wrong).collect();
    let mut findings = Findings::default();
    for op in &wrong {
        findings.add("wrong-sum", || {
            let (process, value) = (op.process, &op.value);
            let added = acceptable.sums_in_words();
            let off = integer(value).map(|sum| acceptable.distance(sum)).unwrap_or_default();
            let words =
                format!("The final read of process {process} was {value}; {added} was added{off}.");
            Finding::new(words).about(op.index, "wrong sum")
        });
    }
    let summary = match wrong.len() {
        0 => String::new(),
        _ => format!("the final reads were {}; {}", values_read(reads), acceptable.in_words()),
    };
    let errors: Vec<Edn> = wrong.iter().map(|op| op.to_record()).collect();

    let (valid, reason) = if !errors.is_empty() {
        (Validity::False, None)
    } else if reads.is_empty() {
        (Validity::Unknown, Some("No final read succeeded, so nothing was checked."))
    } else if !acceptable.exact {
        let reason = "The additions that may have happened are too many and too different to \
                      try every choice of them.";
        (Validity::Unknown, Some(reason))
    } else {
        (Validity::True, None)
    };
    let values = reads.iter().map(|op| op.value.clone()).collect();
    let result = Judgement::new(
        valid,
        [
            ("errors", if errors.is_empty() { Edn::Nil } else { Edn::List(errors) }),
            ("final-reads", Edn::List(values)),
            ("acceptable", acceptable.to_edn()),
        ],
    );
    match reason {
        Some(reason) => result.because(reason),
        None => result.summed_up(summary).with(findings),
    }
}

/// The values that were read, each once, and how often if that is not once: `31, 38 (twice)`.
fn values_read(reads: &[Op]) -> String {
    let mut counts: BTreeMap<&Edn, usize> = BTreeMap::new();
    reads.iter().for_each(|op| *counts.entry(&op.value).or_default() += 1);
    let in_words = |(value, count): (&&Edn, &usize)| match count {
        1 => value.to_string(),
        2 => format!("{value} (twice)"),
        count => format!("{value} ({count} times)"),
    };
    let mut words: Vec<String> = counts.iter().take(VALUES_NAMED).map(in_words).collect();
    if counts.len() > VALUES_NAMED {
        words.push(format!("{} more", counts.len() - VALUES_NAMED));
    }
    words.join(", ")
}

/// Whether this is the end of a successful final read.
fn is_final_read(op: &Op) -> bool {
    let marked =
        op.extra("final?").is_some_and(|mark| !matches!(mark, Edn::Nil | Edn::Bool(false)));
    op.is_client() && op.kind == OpType::Ok && marked
}

/// An integer of up to 64 bits, or a larger one as Clojure prints it. Sums of them have room
/// in 128 bits.
fn integer(value: &Edn) -> Option<i128> {
    match value {
        Edn::Int(int) => Some(i128::from(*int)),
        // Half the width, so that no sum can overflow.
        Edn::Symbol(text) => {
            let int: i128 = text.strip_suffix('N')?.parse().ok()?;
            (int.unsigned_abs() <= u128::from(u64::MAX)).then_some(int)
        }
        _ => None,
    }
}

/// A set of integers.
struct Sums {
    /// Inclusive ranges, rising, with gaps between them.
    ranges: Vec<(i128, i128)>,
    /// Whether exactly these integers are in the set; otherwise at most these are.
    exact: bool,
}

impl Sums {
    /// The sums, for people: `129 or 131 to 140`.
    fn sums_in_words(&self) -> String {
        let range = |&(low, high): &(i128, i128)| match low == high {
            true => low.to_string(),
            false => format!("{low} to {high}"),
        };
        let ranges: Vec<String> = self.ranges.iter().take(VALUES_NAMED).map(range).collect();
        let more = if self.ranges.len() > VALUES_NAMED { " or more" } else { "" };
        ranges.join(" or ") + more
    }

    /// What was added, for people: `108 was added`.
    fn in_words(&self) -> String {
        let sums = self.sums_in_words();
        match self.ranges[..] {
            [(low, high)] if low == high => format!("{sums} was added"),
            _ => format!("{sums} was added, as of some additions nobody knows what became"),
        }
    }

    /// How far a sum is from those that are possible: `: 77 too few`.
    fn distance(&self, sum: i128) -> String {
        let (Some(first), Some(last)) = (self.ranges.first(), self.ranges.last()) else {
            return String::new();
        };
        match () {
            () if sum < first.0 => format!(": {} too few", first.0 - sum),
            () if sum > last.1 => format!(": {} too many", sum - last.1),
            () => String::new(),
        }
    }

    /// Adds to the set every sum that an addition which may have happened makes of it.
    fn allow(&mut self, delta: i128) {
        let shifted = self.ranges.iter().map(|(low, high)| (low + delta, high + delta));
        let mut both: Vec<(i128, i128)> = self.ranges.iter().copied().chain(shifted).collect();
        // Two rising sequences: the standard library's sort merges them in linear time.
        both.sort();
        both.dedup_by(|next, last| {
            let touches = next.0 <= last.1 + 1;
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
        if both.len() > RANGE_LIMIT {
            both = vec![(both[0].0, both[both.len() - 1].1)];
            self.exact = false;
        }
        self.ranges = both;
    }

    fn contains(&self, sum: i128) -> bool {
        let after = self.ranges.partition_point(|&(low, _)| low <= sum);
        after > 0 && sum <= self.ranges[after - 1].1
    }

    fn to_edn(&self) -> Edn {
        let int = |int: i128| match i64::try_from(int) {
            Ok(int) => Edn::Int(int),
            Err(_) => Edn::Symbol(format!("{int}N").into()),
        };
        let range = |&(low, high): &(i128, i128)| Edn::Vector(vec![int(low), int(high)]);
        Edn::List(self.ranges.iter().map(range).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A history of additions `(outcome, delta)` and final reads.
    fn history(adds: &[(&str, i64)], reads: &[&str]) -> History {
        let mut text = String::new();
        for (outcome, delta) in adds {
            let op = format!(":process 0, :f :add, :value {delta}");
            text += &format!("{{:type :invoke, {op}}} {{:type :{outcome}, {op}}}\n");
        }
        for value in reads {
            text += "{:type :invoke, :process 1, :f :read, :final? true}";
            text += &format!("{{:type :ok, :process 1, :f :read, :final? true, :value {value}}}\n");
        }
        History::parse(&text).unwrap()
    }

    fn check_text(adds: &[(&str, i64)], reads: &[&str]) -> String {
        check(&history(adds, reads)).to_edn().to_string()
    }

    #[test]
    fn a_final_read_is_a_possible_sum() {
        let adds = [("ok", 3), ("fail", 100), ("info", 1), ("info", 4), ("ok", -1)];
        assert_eq!(
            check_text(&adds, &["2", "7", "3"]),
            "{:valid? true, :errors nil, :final-reads (2 7 3), :acceptable ([2 3] [6 7])}"
        );
        let wrong = check_text(&adds, &["2", "4"]);
        assert!(wrong.starts_with("{:valid? false, :errors (#jepsen.history.Op{:index "));
        assert!(wrong.contains(":type :ok, :process 1, :f :read, :value 4,"), "{wrong}");
    }

    #[test]
    fn a_read_that_is_no_integer_is_wrong() {
        for value in ["nil", "\"3\"", "3.0", "[3]", "99999999999999999999999N"] {
            assert!(check_text(&[("ok", 3)], &[value]).starts_with("{:valid? false"), "{value}");
        }
    }

    #[test]
    fn large_sums_do_not_overflow() {
        let adds = [("ok", i64::MAX), ("ok", i64::MAX), ("info", i64::MIN)];
        assert_eq!(
            check_text(&adds, &["18446744073709551614N", "9223372036854775806"]),
            "{:valid? true, :errors nil, \
             :final-reads (18446744073709551614N 9223372036854775806), :acceptable \
             ([9223372036854775806 9223372036854775806] \
             [18446744073709551614N 18446744073709551614N])}"
        );
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        for text in [check_text(&[], &[]), check_text(&[("ok", 1)], &[])] {
            assert!(text.starts_with("{:valid? :unknown") && text.contains(":error"), "{text}");
        }
        let odd = "{:type :invoke, :process 0, :f :add, :value \"x\"}";
        let result = check(&History::parse(odd).unwrap());
        assert_eq!(result.verdict, Validity::Unknown);
    }

    #[test]
    fn too_many_choices_leave_only_certain_errors() {
        // Every one of the 2^30 choices has another sum.
        let adds: Vec<(&str, i64)> = (0..30).map(|bit| ("info", 2 << (2 * bit))).collect();
        let sum: i64 = adds.iter().map(|(_, delta)| delta).sum();
        assert!(check_text(&adds, &["2"]).starts_with("{:valid? :unknown"));
        assert!(check_text(&adds, &["-1"]).starts_with("{:valid? false"));
        assert!(check_text(&adds, &[&(sum + 1).to_string()]).starts_with("{:valid? false"));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_all_choices(
            definite in -9i64..9,
            deltas in prop::collection::vec(-20i64..20, 0..9),
        ) {
            let mut sums = Sums { ranges: vec![(definite.into(), definite.into())], exact: true };
            deltas.iter().for_each(|&delta| sums.allow(delta.into()));
            let choices = 0..1u32 << deltas.len();
            let slow: BTreeSet<i64> = choices
                .map(|choice| {
                    let chosen = deltas.iter().enumerate().filter(|(i, _)| choice >> i & 1 == 1);
                    definite + chosen.map(|(_, delta)| delta).sum::<i64>()
                })
                .collect();
            for sum in -200..200 {
                prop_assert_eq!(sums.contains(sum.into()), slow.contains(&sum), "{}", sum);
            }
            let gaps = sums.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
            prop_assert!(gaps, "{:?}", sums.ranges);
        }
    }
}

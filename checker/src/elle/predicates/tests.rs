//! Elle's own examples; and random histories against a program that tries every order.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::edn::{Edn, read_one};
use crate::elle::{ClosedPredicate, Options};
use crate::history::History;
use crate::{Checker, Judgement, Validity};

/// Judges transactions that run one after the other, the first of them perhaps an `:init` in
/// braces. Each has its own process, and what reads have found stands in it.
fn judge(models: &[&str], txns: &[&str]) -> Judgement {
    let mut history = History::new();
    for (process, txn) in (0..).zip(txns) {
        let f = if txn.starts_with('{') { "init" } else { "txn" };
        history.invoke(process, f, read_one(txn).unwrap());
    }
    for (process, txn) in (0..).zip(txns) {
        history.ok(process, read_one(txn).unwrap());
    }
    judge_history(models, &history)
}

fn judge_history(models: &[&str], history: &History) -> Judgement {
    let mut checker = Box::new(ClosedPredicate::new(Options::new(models).unwrap()));
    history.ops.iter().for_each(|op| checker.push(op));
    checker.finish()
}

fn kinds(judgement: &Judgement) -> Vec<&str> {
    judgement.findings.iter().map(|finding| finding.kind).collect()
}

/// Those of Elle's `closed_predicate_test.clj`, and what Elle 0.2.7 finds; and faults of other
/// kinds.
#[test]
fn each_anomaly_has_its_example() {
    for (txns, kind) in [
        (
            &["[[:w :x 1] [:rp :true {:x 1, :y 2}]]", "[[:w :y 2] [:rp :true {:x 1, :y 2}]]"][..],
            "G1c",
        ),
        (&["[[:rp :true {}] [:w :x 1]]", "[[:rp :true {}] [:w :y 2]]"], "G2"),
        (
            &["{:x 0, :y 0}", "[[:delete :x] [:rp :true {}]]", "[[:delete :y] [:rp :true {}]]"],
            "G1c",
        ),
        (
            &["{:x 0, :y 0}", "[[:rp [:= 0] {:x 0}] [:w :x 1]]", "[[:rp [:= 0] {:y 0}] [:w :y 1]]"],
            "G1c",
        ),
        (&["{:x 0, :y 0}", "[[:rp [:= 1] {}] [:w :x 1]]", "[[:rp [:= 1] {}] [:w :y 1]]"], "G2"),
        (
            &[
                "{:x 0, :z 0}",
                "[[:r :z 3] [:delete :x]]",
                "[[:r :x nil] [:insert :y 2]]",
                "[[:r :y 2] [:w :z 3]]",
            ],
            "G1c",
        ),
        (
            &["{:x 0, :z 0}", "[[:delete :x] [:insert :y 1]]", "[[:r :y 1] [:r :z nil]]"],
            "G-single-item",
        ),
        // A phantom: it sees what T1 did to y, and not that T1 inserted x.
        (&["{:y 0}", "[[:insert :x 1] [:w :y 2]]", "[[:rp [:= 1] {}] [:r :y 2]]"], "G-single"),
        // Write skew upon items, as ever.
        (&["{:x 0, :y 0}", "[[:r :x 0] [:w :y 1]]", "[[:r :y 0] [:w :x 1]]"], "G2-item"),
        // x is even from first to last.
        (&["{:x 0}", "[[:w :x 2]]", "[[:rp [:mod 2 0] {}]]"], "predicate-read-miss"),
        (&["[[:insert :x 1] [:r :x nil]]", "[[:r :x 1]]"], "internal"),
        (&["[[:insert :x 1] [:rp :true {}]]", "[[:r :x 1]]"], "internal"),
    ] {
        let judgement = judge(&["serializable"], txns);
        assert_eq!(judgement.verdict, Validity::False, "{txns:?}: {judgement}");
        assert!(kinds(&judgement).contains(&kind), "{kind}: {judgement}");
    }
}

#[test]
fn phantoms_are_no_matter_below_serializability() {
    let txns = ["{:x 0, :y 0}", "[[:rp [:= 1] {}] [:w :x 1]]", "[[:rp [:= 1] {}] [:w :y 1]]"];
    assert_eq!(judge(&["repeatable-read"], &txns).verdict, Validity::True);
    let judgement = judge(&["serializable"], &txns);
    assert_eq!(kinds(&judgement), ["G2"]);
    let words = &judgement.findings[0].words;
    assert!(words.contains("read by a predicate when key :y was 0"), "{words}");
    let steps = judgement.to_edn().to_string();
    assert!(steps.contains(":type :rwp"), "{steps}");
}

#[test]
fn what_cannot_be_told_is_unknown_and_says_why() {
    for (txns, words) in [
        (&["[[:insert :x 1]]", "[[:w :x 2]]"][..], "changed elsewhere too"),
        (&["[[:insert :x 1]]", "{:y 1}"], "nobody knows what was there at first"),
        (&["{:x :a}", "[[:rp [:mod 2 0] {}]]"], "not all values are integers"),
        (&["[[:rp [:like 2] {}]]"], "no list of"),
        (&["[[:insert :x 1]]", "[[:r :x 7]]"], "unwritten-read"),
        (&["[]"], "empty-transaction-graph"),
        (&["{:x 0}"], "no operation"),
    ] {
        let judgement = judge(&["serializable"], txns);
        assert_eq!(judgement.verdict, Validity::Unknown, "{txns:?}: {judgement}");
        assert!(judgement.to_edn().to_string().contains(words), "{words}: {judgement}");
    }
    // A write that failed is seen.
    let mut history = History::new();
    history.invoke(0, "txn", read_one("[[:insert :x 1]]").unwrap());
    history.fail(0);
    history.invoke(1, "txn", read_one("[[:r :x nil]]").unwrap());
    history.ok(1, read_one("[[:r :x 1]]").unwrap());
    assert!(kinds(&judge_history(&["serializable"], &history)).contains(&"G1a"));
}

const KEYS: i64 = 3;

type Store = BTreeMap<i64, i64>;

/// A step, with what it has found.
#[derive(Clone, Debug)]
enum Step {
    Change(i64, Option<i64>),
    Read(i64, Option<i64>),
    /// Values with this remainder by two; or all.
    Select(Option<i64>, Store),
}

impl Step {
    /// Does it, and finds what there is.
    fn run(&mut self, store: &mut Store) {
        match self {
            Step::Change(key, Some(value)) => _ = store.insert(*key, *value),
            Step::Change(key, None) => _ = store.remove(key),
            Step::Read(key, found) => *found = store.get(key).copied(),
            Step::Select(rest, found) => {
                let matches = |value: &i64| rest.is_none_or(|rest| value % 2 == rest);
                *found = store.clone();
                found.retain(|_, value| matches(value));
            }
        }
    }

    fn edn(&self) -> Edn {
        let text = match self {
            Step::Change(key, Some(value)) => format!("[:w {key} {value}]"),
            Step::Change(key, None) => format!("[:delete {key}]"),
            Step::Read(key, Some(value)) => format!("[:r {key} {value}]"),
            Step::Read(key, None) => format!("[:r {key} nil]"),
            Step::Select(rest, found) => {
                let found: Vec<String> = found.iter().map(|(k, v)| format!("{k} {v}")).collect();
                let predicate = match rest {
                    Some(rest) => format!("[:mod 2 {rest}]"),
                    None => ":true".into(),
                };
                format!("[:rp {predicate} {{{}}}]", found.join(", "))
            }
        };
        read_one(&text).unwrap()
    }
}

/// What is there at first; and transactions, with whether each is known to have happened.
struct Sample {
    first: Store,
    txns: Vec<(Vec<Step>, bool)>,
}

impl Sample {
    /// From a database that runs transactions one after the other; of which some reads were
    /// changed afterwards.
    fn new(rng: &mut ChaCha8Rng) -> Sample {
        let mut first = Store::new();
        for key in 0..KEYS {
            if rng.random() {
                first.insert(key, rng.random_range(0..2));
            }
        }
        let mut unchanged: Vec<i64> = (0..KEYS).collect();
        let mut store = first.clone();
        let mut txns = Vec::new();
        for number in 0..rng.random_range(2..=5) {
            let mut steps = Vec::new();
            for _ in 0..rng.random_range(1..=3) {
                let key = rng.random_range(0..KEYS);
                steps.push(match rng.random_range(0..4) {
                    0 => Step::Read(key, None),
                    1 => {
                        Step::Select([None, Some(0), Some(1)][rng.random_range(0..3)], Store::new())
                    }
                    _ if unchanged.is_empty() => continue,
                    _ => {
                        let key = unchanged.remove(rng.random_range(0..unchanged.len()));
                        let deletes = first.contains_key(&key) && rng.random();
                        Step::Change(key, (!deletes).then_some(2 + 2 * number + key % 2))
                    }
                });
            }
            let (is_known, happens) = (rng.random_ratio(5, 6), rng.random());
            if is_known || happens {
                steps.iter_mut().for_each(|step| step.run(&mut store));
            }
            txns.push((steps, is_known));
        }
        let mut sample = Sample { first, txns };
        if rng.random_ratio(2, 3) {
            sample.spoil(rng);
        }
        sample
    }

    /// The values that a key ever has.
    fn versions(&self, key: i64) -> Vec<Option<i64>> {
        let changes = self.txns.iter().flat_map(|(steps, _)| steps).filter_map(|step| match step {
            Step::Change(k, value) if *k == key => Some(*value),
            _ => None,
        });
        [self.first.get(&key).copied()].into_iter().chain(changes).collect()
    }

    fn spoil(&mut self, rng: &mut ChaCha8Rng) {
        let key = rng.random_range(0..KEYS);
        let value = *self.versions(key).choose(rng).expect("there is the first");
        let txn = rng.random_range(0..self.txns.len());
        for step in &mut self.txns[txn].0 {
            match step {
                Step::Read(other, found) if *other == key => *found = value,
                Step::Select(rest, found) => match value {
                    Some(value) if rest.is_none_or(|rest| value % 2 == rest) => {
                        found.insert(key, value);
                    }
                    _ => _ = found.remove(&key),
                },
                _ => {}
            }
        }
    }

    fn history(&self) -> History {
        let mut history = History::new();
        let init = Edn::Map(self.first.iter().map(|(&k, &v)| (Edn::Int(k), Edn::Int(v))).collect());
        history.invoke(0, "init", init.clone());
        history.ok(0, init);
        for (process, (steps, is_known)) in (1..).zip(&self.txns) {
            let value = Edn::Vector(steps.iter().map(Step::edn).collect());
            history.invoke(process, "txn", value.clone());
            if *is_known { history.ok(process, value) } else { history.info(process) }
        }
        history
    }

    /// Whether there is an order in which all was found as it says.
    fn has_order(&self) -> bool {
        let mut left: Vec<usize> = (0..self.txns.len()).collect();
        self.can_go_on(&mut left, &self.first)
    }

    fn can_go_on(&self, left: &mut Vec<usize>, store: &Store) -> bool {
        // What is not known to have happened need not.
        if left.iter().all(|&txn| !self.txns[txn].1) {
            return true;
        }
        (0..left.len()).any(|place| {
            let txn = left.remove(place);
            let (steps, is_known) = &self.txns[txn];
            let mut after = store.clone();
            let fits = steps.iter().all(|step| {
                let mut run = step.clone();
                run.run(&mut after);
                !is_known || run.edn() == step.edn()
            });
            let goes_on = fits && self.can_go_on(left, &after);
            left.insert(place, txn);
            goes_on
        })
    }
}

#[test]
fn what_some_order_explains_is_never_said_to_be_wrong() {
    let (mut right, mut wrong, mut found) = (0, 0, 0);
    for seed in 0..10_000 {
        let sample = Sample::new(&mut ChaCha8Rng::seed_from_u64(seed));
        let history = sample.history();
        let judgement = judge_history(&["serializable"], &history);
        if sample.has_order() {
            right += 1;
            let text = history.to_edn_text();
            assert_ne!(judgement.verdict, Validity::False, "seed {seed}: {judgement}\n{text}");
        } else {
            wrong += 1;
            found += usize::from(judgement.verdict == Validity::False);
        }
    }
    // Where two versions of an object do not match, what was seen of it cannot be told.
    assert!(right > 2_000 && wrong > 500, "{right} {wrong}");
    assert!(10 * found > 7 * wrong, "{found} of {wrong}");
}

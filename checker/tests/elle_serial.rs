//! Verdicts against what they claim: a history is serializable when some order of its
//! transactions, one after the other, explains all that they read. For a handful of them every
//! order can be tried. And a database that keeps to a model must never be said to break it.
//! All is judged as `maelstrom check` does it: entry by entry, and where real time counts with the
//! options that a user gets who asks for nothing.

use std::collections::BTreeMap;

use crate::elle::database::{self, Level, Workload};
use crate::elle::version_orders::version_orders;
use checker::edn::Edn;
use checker::elle::VersionOrders;
use checker::history::{History, Op, OpType};
use checker::{CheckOptions, Validity};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEEDS: u64 = 10_000;

/// The models of `--consistency-models`, and the default.
const SERIALIZABLE: &[&str] = &["serializable"];
const DEFAULT: &[&str] = &[];

fn judge(workload: Workload, history: &History, models: &[&str]) -> Validity {
    judge_with(workload, history, models, VersionOrders::default())
}

fn judge_with(
    workload: Workload,
    history: &History,
    models: &[&str],
    version_orders: VersionOrders,
) -> Validity {
    let consistency_models = models.iter().map(|model| model.to_string()).collect();
    let options = CheckOptions { consistency_models, version_orders, ..CheckOptions::default() };
    let workload = match workload {
        Workload::Lists => checker::Workload::TxnListAppend,
        Workload::Registers => checker::Workload::TxnRwRegister,
    };
    let mut gathering = workload.judge(&options).unwrap().gather();
    history.ops.iter().for_each(|op| gathering.push(op).unwrap());
    gathering.finish().verdict
}

/// A transaction that committed, or may have.
struct Candidate<'a> {
    begin: usize,
    /// Where it ended; `None` when nobody knows whether it did.
    end: Option<usize>,
    micro_ops: &'a Edn,
}

/// Whether some order explains all reads, and keeps to the numbers of versions where there are
/// any; if `strict`, one that keeps to real time.
fn has_serial_order(history: &History, strict: bool) -> bool {
    let pairs = history.pairs().unwrap();
    let possible = pairs.iter().filter(|pair| pair.outcome() != OpType::Fail);
    let candidates = possible.map(|pair| {
        let complete: &Op = pair.complete.unwrap();
        let end = (complete.kind == OpType::Ok).then_some(complete.index);
        Candidate { begin: pair.invoke.index, end, micro_ops: &complete.value }
    });
    let candidates: Vec<Candidate> = candidates.collect();
    let state =
        State { numbers: &numbers(history), values: BTreeMap::new(), last: BTreeMap::new() };
    can_go_on(&mut candidates.iter().collect(), &state, strict)
}

/// The numbers that the database gave to values of keys.
fn numbers(history: &History) -> BTreeMap<(&Edn, &Edn), i64> {
    let committed = history.ops.iter().filter(|op| op.kind == OpType::Ok);
    let micro_ops = committed.flat_map(|op| op.value.as_slice().unwrap());
    let numbered = micro_ops.filter_map(|micro_op| match micro_op.as_slice().unwrap() {
        [_, key, value, number] => Some(((key, value), number.as_i64().unwrap())),
        _ => None,
    });
    numbered.collect()
}

/// Where an order of transactions has come to.
#[derive(Clone)]
struct State<'a> {
    numbers: &'a BTreeMap<(&'a Edn, &'a Edn), i64>,
    values: BTreeMap<Edn, Edn>,
    /// The last number of each key that has been passed. Numbers grow.
    last: BTreeMap<Edn, i64>,
}

fn can_go_on(left: &mut Vec<&Candidate>, state: &State, strict: bool) -> bool {
    if left.iter().all(|txn| txn.end.is_none()) {
        return true;
    }
    for i in 0..left.len() {
        let next = left[i];
        let is_late = |other: &&Candidate| other.end.is_some_and(|end| end < next.begin);
        if strict && left.iter().any(is_late) {
            continue;
        }
        let Some(after) = run(next, state) else { continue };
        left.remove(i);
        let is_possible = can_go_on(left, &after, strict);
        left.insert(i, next);
        if is_possible {
            return true;
        }
    }
    false
}

/// The state after a transaction; `None` if it would not have read what it did, or if it leaves a
/// version with a lower number than one before.
fn run<'a>(txn: &Candidate, state: &State<'a>) -> Option<State<'a>> {
    let mut state = state.clone();
    let mut written = BTreeMap::new();
    for micro_op in txn.micro_ops.as_slice().unwrap() {
        let [f, key, value, ..] = micro_op.as_slice().unwrap() else { panic!("{micro_op}") };
        let current = state.values.get(key).cloned().unwrap_or(Edn::Nil);
        match f.as_keyword().unwrap() {
            "r" if txn.end.is_some() && current != *value => return None,
            "r" => {}
            "append" => {
                let mut list = current.as_slice().unwrap_or_default().to_vec();
                list.push(value.clone());
                state.values.insert(key.clone(), Edn::Vector(list));
            }
            _ => {
                state.values.insert(key.clone(), value.clone());
                written.insert(key, value);
            }
        }
    }
    for (key, value) in written {
        let Some(&number) = state.numbers.get(&(key, value)) else { continue };
        if state.last.insert(key.clone(), number).is_some_and(|last| last > number) {
            return None;
        }
    }
    Some(state)
}

/// A small history that may be wrong in many ways, but ends with a read of everything.
fn small(rng: &mut ChaCha8Rng, workload: Workload) -> History {
    let level = Level::ALL[rng.random_range(0..Level::ALL.len())];
    let (transactions, may_fail) = (rng.random_range(1..6), rng.random());
    let mut history = database::run(rng, workload, level, transactions, 3, may_fail);
    if rng.random_range(0..4) == 0 {
        corrupt(rng, &mut history);
    }
    history
}

/// The same of registers, with the database's number behind some of the values, or all of them.
fn small_with_numbers(rng: &mut ChaCha8Rng) -> (History, bool) {
    let level = Level::ALL[rng.random_range(0..Level::ALL.len())];
    let (transactions, may_fail, has_all) = (rng.random_range(1..6), rng.random(), rng.random());
    let (mut history, state) =
        database::run_and_look_inside(rng, Workload::Registers, level, transactions, 3, may_fail);
    if rng.random_range(0..4) == 0 {
        corrupt(rng, &mut history);
    }
    for op in history.ops.iter_mut().filter(|op| op.kind == OpType::Ok) {
        for micro_op in micro_ops(op) {
            let [_, key, value] = &micro_op[..] else { panic!("{micro_op:?}") };
            let place =
                |values: &Vec<i64>| values.iter().position(|known| Some(*known) == value.as_i64());
            let number = state.get(&key.as_i64().unwrap()).and_then(place);
            if has_all || rng.random() {
                micro_op.extend(number.map(|place| Edn::from(10 * place)));
            }
        }
    }
    (history, has_all)
}

fn micro_ops(op: &mut Op) -> impl Iterator<Item = &mut Vec<Edn>> {
    let Edn::Vector(micro_ops) = &mut op.value else { panic!("no transaction") };
    micro_ops.iter_mut().map(|micro_op| match micro_op {
        Edn::Vector(parts) => parts,
        other => panic!("{other}"),
    })
}

/// Lets some read return what another one did, of any key.
fn corrupt(rng: &mut ChaCha8Rng, history: &mut History) {
    let mut reads: Vec<&mut Edn> = Vec::new();
    for op in history.ops.iter_mut().filter(|op| op.kind == OpType::Ok) {
        let parts = micro_ops(op).filter(|parts| parts[0].as_keyword() == Some("r"));
        reads.extend(parts.map(|parts| &mut parts[2]));
    }
    // The last ones are those of the final read.
    if reads.len() > 2 {
        let count = reads.len() - 2;
        let other = reads[rng.random_range(0..count)].clone();
        *reads[rng.random_range(0..count)] = other;
    }
}

/// With every element in the final read, the order of versions is known, and so the verdict is
/// exact, in both directions: Adya, Weak Consistency, theorem 1 of section 3.
#[test]
fn lists_are_serializable_when_some_order_explains_them() {
    let mut verdicts = BTreeMap::new();
    for seed in 0..SEEDS {
        let history = small(&mut ChaCha8Rng::seed_from_u64(seed), Workload::Lists);
        for (models, strict) in [(SERIALIZABLE, false), (DEFAULT, true)] {
            let verdict = judge(Workload::Lists, &history, models);
            let expected = has_serial_order(&history, strict);
            *verdicts.entry((strict, expected)).or_insert(0) += 1;
            match verdict {
                // Without a dependency, or with a value out of nowhere.
                Validity::Unknown => {}
                verdict => {
                    let is_valid = verdict == Validity::True;
                    assert_eq!(
                        is_valid,
                        expected,
                        "seed {seed} {models:?}\n{}",
                        history.to_edn_text()
                    );
                }
            }
        }
    }
    let is_balanced = verdicts.len() == 4 && verdicts.values().all(|count| *count > 200);
    assert!(is_balanced, "the sample says little: {verdicts:?}");
}

/// Of registers less is known, so that a wrong history may pass; but never the other way.
#[test]
fn registers_that_some_order_explains_are_valid() {
    let mut caught = 0;
    for seed in 0..SEEDS {
        let history = small(&mut ChaCha8Rng::seed_from_u64(seed), Workload::Registers);
        let all = ["initial-state", "wfr-keys", "sequential-keys", "linearizable-keys"];
        for (models, strict, sources) in [
            (SERIALIZABLE, false, &all[..2]),
            (DEFAULT, true, &all[..2]),
            (DEFAULT, true, &all[..]),
        ] {
            let sources = version_orders(sources);
            let verdict = judge_with(Workload::Registers, &history, models, sources);
            let is_explained = has_serial_order(&history, strict);
            let is_false_alarm = verdict == Validity::False && is_explained;
            assert!(!is_false_alarm, "seed {seed} {models:?}\n{}", history.to_edn_text());
            caught += usize::from(verdict == Validity::False);
        }
    }
    assert!(caught > 500, "only {caught} were caught");
}

/// With the database's own numbers the order of versions is known as it is of lists. Where that
/// of all values is told, and no transaction has an unknown end, the verdict is exact.
#[test]
fn registers_with_numbers_are_serializable_when_some_order_explains_them() {
    let mut verdicts = BTreeMap::new();
    for seed in 0..SEEDS {
        let (history, has_all) = small_with_numbers(&mut ChaCha8Rng::seed_from_u64(seed));
        let is_exact = has_all && history.ops.iter().all(|op| op.kind != OpType::Info);
        for (models, strict) in [(SERIALIZABLE, false), (DEFAULT, true)] {
            let verdict = judge(Workload::Registers, &history, models);
            let expected = has_serial_order(&history, strict);
            let seen = || format!("seed {seed} {models:?}\n{}", history.to_edn_text());
            assert!(!(verdict == Validity::False && expected), "a false alarm: {}", seen());
            if is_exact && verdict != Validity::Unknown {
                assert_eq!(verdict == Validity::True, expected, "{}", seen());
                *verdicts.entry((strict, expected)).or_insert(0) += 1;
            }
        }
    }
    let is_balanced = verdicts.len() == 4 && verdicts.values().all(|count| *count > 200);
    assert!(is_balanced, "the sample says little: {verdicts:?}");
}

/// A correct database of each level, and the strongest models that it keeps to.
#[test]
fn a_database_that_keeps_to_a_model_is_never_said_to_break_it() {
    for seed in 0..300 {
        for workload in [Workload::Lists, Workload::Registers] {
            for level in Level::ALL {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let count = rng.random_range(1..80);
                let history = database::run(&mut rng, workload, level, count, 5, true);
                let Some(model) = level.model() else { continue };
                let verdict = judge(workload, &history, &[model]);
                assert_ne!(verdict, Validity::False, "seed {seed} {workload:?} {level:?}");
            }
        }
    }
}

/// And one that keeps to less is found out, by some seed.
#[test]
fn a_database_that_keeps_to_less_is_found_out() {
    for (level, stronger) in [
        (Level::ReadUncommitted, "read-committed"),
        (Level::ReadCommitted, "read-atomic"),
        (Level::ReadCommitted, "snapshot-isolation"),
        (Level::Snapshot, "serializable"),
        (Level::StaleSerial, "strong-snapshot-isolation"),
    ] {
        for workload in [Workload::Lists, Workload::Registers] {
            let is_caught = (0..100).any(|seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let history = database::run(&mut rng, workload, level, 50, 5, true);
                judge(workload, &history, &[stronger]) == Validity::False
            });
            assert!(is_caught, "{level:?} {workload:?}");
        }
    }
}

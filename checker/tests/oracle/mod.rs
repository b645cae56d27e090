//! Small random histories of an object, and an oracle that tries every order of the operations.

use std::collections::BTreeSet;

use checker::edn::{Edn, read_one};
use checker::history::{History, OpType, Pair};
use checker::{Judge, Model};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One object, in the most obvious way: what it holds after an operation, if that can happen.
pub type Step = fn(&[i64], &str, &Edn) -> Option<Vec<i64>>;

/// What it answers, and holds then.
pub type Answer = fn(&mut ChaCha8Rng, &[i64], &str, &Edn) -> Option<(Edn, Vec<i64>)>;

/// A kind of object and what is done to it.
pub struct Kind {
    pub model: &'static str,
    pub init: &'static str,
    pub step: Step,
    /// An operation that is asked for, by chance.
    pub call: fn(&mut ChaCha8Rng, values: i64) -> (&'static str, Edn),
    /// What a correct object answers, and holds then; `None` when the operation fails.
    pub answer: Answer,
    /// Another answer, by chance.
    pub spoil: fn(&mut ChaCha8Rng, values: i64, &str, &Edn) -> Edn,
    /// What it may hold after an operation of this name that crashed and whose value is nil, if
    /// that did anything.
    pub unseen: fn(&[i64], &str) -> Vec<Vec<i64>>,
    /// Whether there may be no answer where there is no order.
    pub may_doubt: bool,
}

/// Such operations tell nothing, and do nothing.
pub fn nothing(_: &[i64], _: &str) -> Vec<Vec<i64>> {
    Vec::new()
}

/// Stands for nil.
pub const NIL: i64 = -1;

/// A value as a number.
pub fn number(value: &Edn) -> i64 {
    value.as_i64().unwrap_or(NIL)
}

/// A random history of such an object that holds `init` at first.
pub fn random_history(rng: &mut ChaCha8Rng, kind: &Kind, init: &[i64]) -> String {
    struct Running {
        process: usize,
        f: &'static str,
        asked: Edn,
        answer: Option<Option<Edn>>,
        crashes: bool,
    }
    let operations = rng.random_range(2..=8);
    let values = [2, 4, 100][rng.random_range(0..3)];
    let crashes = [0.0, 0.1, 0.4][rng.random_range(0..3)];
    let spoils = [0.0, 0.0, 0.05, 0.2][rng.random_range(0..4)];
    let mut state = init.to_vec();
    let mut running: Vec<Option<Running>> = Vec::new();
    running.resize_with(rng.random_range(1..=4), || None);
    let mut crashed: Vec<(&str, Edn)> = Vec::new();
    let (mut text, mut started, mut process) = (String::new(), 0, 0);
    let mut line = |process: usize, kind: &str, f: &str, value: &Edn| {
        text += &format!("{{:process {process} :type :{kind} :f :{f} :value {value}}}\n");
    };
    while started < operations || running.iter().any(Option::is_some) {
        if !crashed.is_empty() && rng.random_bool(0.2) {
            let (f, asked) = crashed.swap_remove(rng.random_range(0..crashed.len()));
            if let Some((_, after)) = (kind.answer)(rng, &state, f, &asked) {
                state = after;
            }
        }
        let place = rng.random_range(0..running.len());
        let slot = &mut running[place];
        match slot {
            None if started == operations => {}
            None => {
                let (f, asked) = (kind.call)(rng, values);
                let crashes = rng.random_bool(crashes);
                line(process, "invoke", f, &asked);
                *slot = Some(Running { process, f, asked, answer: None, crashes });
                (started, process) = (started + 1, process + 1);
            }
            Some(Running { process, f, asked, crashes: true, .. }) => {
                if rng.random_bool(0.8) {
                    line(*process, "info", f, asked);
                }
                crashed.push((f, asked.clone()));
                *slot = None;
            }
            Some(Running { f, asked, answer: answer @ None, .. }) => {
                *answer = Some((kind.answer)(rng, &state, f, asked).map(|(answer, after)| {
                    state = after;
                    answer
                }));
            }
            Some(Running { process, f, asked, answer: Some(answer), .. }) => {
                match answer {
                    // What could not happen, and is said to have.
                    None if rng.random_bool(spoils) => {
                        line(*process, "ok", f, &(kind.spoil)(rng, values, f, asked));
                    }
                    None => line(*process, "fail", f, asked),
                    Some(answer) if rng.random_bool(spoils) => {
                        line(*process, "ok", f, &(kind.spoil)(rng, values, f, answer));
                    }
                    Some(answer) => line(*process, "ok", f, answer),
                }
                *slot = None;
            }
        }
    }
    text
}

/// The first operation that cannot be linearized, by index of its completion.
pub fn oracle(kind: &Kind, init: &[i64], pairs: &[Pair]) -> Option<usize> {
    let ends = |pair: &Pair| pair.ended_at.filter(|_| pair.outcome() == OpType::Ok);
    let mut happens: Vec<(usize, bool, usize)> = Vec::new();
    for (id, pair) in pairs.iter().enumerate().filter(|(_, p)| p.outcome() != OpType::Fail) {
        happens.push((pair.invoked_at, true, id));
        happens.extend(ends(pair).map(|at| (at, false, id)));
    }
    happens.sort_unstable();
    // ANCHOR: reach
    // All that may be the case: what the object holds, and which operations have happened.
    let mut reached = vec![(init.to_vec(), BTreeSet::new())];
    let mut begun = Vec::new();
    for (_, begins, id) in happens {
        if begins {
            begun.push(id);
            continue;
        }
        let mut next = 0;
        while next < reached.len() {
            let (state, happened) = reached[next].clone();
            for &other in begun.iter().filter(|other| !happened.contains(*other)) {
                let op = pairs[other].complete.filter(|op| op.kind == OpType::Ok);
                let states: Vec<Vec<i64>> = match op {
                    Some(op) => (kind.step)(&state, &op.f, &op.value).into_iter().collect(),
                    None => {
                        let op = pairs[other].invoke;
                        match op.value {
                            Edn::Nil => (kind.unseen)(&state, &op.f),
                            _ => (kind.step)(&state, &op.f, &op.value).into_iter().collect(),
                        }
                    }
                };
                for state in states {
                    let mut happened: BTreeSet<usize> = happened.clone();
                    happened.insert(other);
                    let then = (state, happened);
                    if !reached.contains(&then) {
                        reached.push(then);
                    }
                }
            }
            next += 1;
        }
        reached.retain(|(_, happened)| happened.contains(&id));
        if reached.is_empty() {
            return pairs[id].ended_at;
        }
    }
    // ANCHOR_END: reach
    None
}

/// Compares what is found about so many random histories with the oracle.
pub fn compare(kind: &Kind, seeds: u64) {
    compare_as(kind, seeds, |init| Model::new(kind.model, Some(init.clone())).unwrap());
}

/// The same with a model that is made of what the object holds at first.
pub fn compare_as(kind: &Kind, seeds: u64, make: impl Fn(&Edn) -> Model) {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let is_collection = matches!(kind.init, "[]" | "#{}");
        let (init, starts): (Vec<i64>, _) =
            if seed % 5 == 0 && is_collection { (vec![0, 1], true) } else { (Vec::new(), false) };
        let text = random_history(&mut rng, kind, &init);
        let history = History::parse(&text).unwrap();
        let expected = oracle(kind, &init, &history.pairs().unwrap());
        let first = if starts { "[0 1]" } else { kind.init };
        let first = read_one(first).unwrap();
        // As a history that is read from a file is judged.
        let model = make(&first).per_key(false);
        let mut gathering = Judge::from(model).gather();
        history.ops.iter().for_each(|op| gathering.push(op).unwrap());
        let found = gathering.finish().to_edn();
        let is_doubt = found.get("valid?").is_some_and(|valid| valid.as_keyword().is_some());
        if kind.may_doubt && is_doubt {
            assert!(expected.is_some(), "there is an order: seed {seed}\n{text}{found}");
            continue;
        }
        let op = found.get("op").and_then(|op| op.get("index")).map(number);
        assert_eq!(op, expected.map(|at| at as i64), "seed {seed}, {}:\n{text}{found}", kind.model);
        assert_eq!(found.get("valid?"), Some(&Edn::Bool(expected.is_none())), "{found}");
        *if expected.is_none() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > seeds / 5 && bad > seeds / 40, "{}: {good} good, {bad} bad", kind.model);
}

//! What users get for a linearizability model, against an oracle that tries every order.
//!
//! The histories are small and random: from a system that mostly works, with operations that
//! fail, crash (and take effect later, or never), find nothing, add an element twice, and with
//! results that were changed afterwards. Besides the verdict, the operation that cannot be
//! linearized must be the same.

use std::collections::BTreeSet;

use checker::edn::{Edn, read_one};
use checker::history::{History, OpType, Pair};
use checker::linear::{self, budget::Budget};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One object, in the most obvious way: what it holds after an operation, if that can happen.
type Step = fn(&[i64], &str, &Edn) -> Option<Vec<i64>>;

/// What it answers, and holds then.
type Answer = fn(&mut ChaCha8Rng, &[i64], &str, &Edn) -> Option<(Edn, Vec<i64>)>;

/// A kind of object and what is done to it.
struct Kind {
    model: &'static str,
    init: &'static str,
    step: Step,
    /// An operation that is asked for, by chance.
    call: fn(&mut ChaCha8Rng, values: i64) -> (&'static str, Edn),
    /// What a correct object answers, and holds then; `None` when the operation fails.
    answer: Answer,
    /// Another answer, by chance.
    spoil: fn(&mut ChaCha8Rng, values: i64, &str, &Edn) -> Edn,
}

const NIL: i64 = -1;

fn number(value: &Edn) -> i64 {
    value.as_i64().unwrap_or(NIL)
}

fn queue_call(rng: &mut ChaCha8Rng, values: i64) -> (&'static str, Edn) {
    if rng.random_bool(0.5) {
        ("enqueue", Edn::Int(rng.random_range(0..values)))
    } else {
        ("dequeue", Edn::Nil)
    }
}

fn queue_spoil(rng: &mut ChaCha8Rng, values: i64, f: &str, answer: &Edn) -> Edn {
    match f {
        "dequeue" if rng.random_bool(0.2) => Edn::Nil,
        "dequeue" => Edn::Int(rng.random_range(0..values)),
        _ => answer.clone(),
    }
}

fn queue_answer(
    rng: &mut ChaCha8Rng,
    state: &[i64],
    f: &str,
    value: &Edn,
    place: usize,
) -> Option<(Edn, Vec<i64>)> {
    let mut state = state.to_vec();
    if f == "enqueue" {
        state.push(number(value));
        return Some((value.clone(), state));
    }
    if state.is_empty() {
        return rng.random_bool(0.7).then_some((Edn::Nil, state));
    }
    let taken = state.remove(place);
    Some((Edn::Int(taken), state))
}

/// The element at this place leaves; no element is nil in these histories.
fn take(state: &[i64], value: &Edn, place: Option<usize>) -> Option<Vec<i64>> {
    if value.is_nil() {
        return state.is_empty().then(Vec::new);
    }
    let mut state = state.to_vec();
    let place = place?;
    (state.get(place) == Some(&number(value))).then(|| {
        state.remove(place);
        state
    })
}

fn enqueue(state: &[i64], value: &Edn) -> Option<Vec<i64>> {
    Some([state, &[number(value)]].concat())
}

fn items(state: &[i64]) -> Edn {
    Edn::Set(state.iter().map(|&value| Edn::Int(value)).collect())
}

const FIFO: Kind = Kind {
    model: "fifo-queue",
    init: "[]",
    step: |state, f, value| match f {
        "enqueue" => enqueue(state, value),
        _ => take(state, value, Some(0)),
    },
    call: queue_call,
    answer: |rng, state, f, value| queue_answer(rng, state, f, value, 0),
    spoil: queue_spoil,
};

const BAG: Kind = Kind {
    model: "unordered-queue",
    init: "[]",
    step: |state, f, value| match f {
        "enqueue" => enqueue(state, value).map(|mut state| {
            state.sort_unstable();
            state
        }),
        _ => take(state, value, state.iter().position(|&other| other == number(value))),
    },
    call: queue_call,
    answer: |rng, state, f, value| {
        let place = if state.is_empty() { 0 } else { rng.random_range(0..state.len()) };
        queue_answer(rng, state, f, value, place)
    },
    spoil: queue_spoil,
};

const SET: Kind = Kind {
    model: "linear-set",
    init: "#{}",
    step: |state, f, value| {
        let mut elements: BTreeSet<i64> = state.iter().copied().collect();
        if f == "add" {
            elements.insert(number(value));
            return Some(elements.into_iter().collect());
        }
        let seen: BTreeSet<i64> = value.as_slice()?.iter().map(number).collect();
        (seen == elements).then(|| state.to_vec())
    },
    call: |rng, values| {
        if rng.random_bool(0.5) {
            ("add", Edn::Int(rng.random_range(0..values)))
        } else {
            ("read", Edn::Nil)
        }
    },
    answer: |_, state, f, value| {
        let mut elements: BTreeSet<i64> = state.iter().copied().collect();
        if f == "add" {
            elements.insert(number(value));
            return Some((value.clone(), elements.into_iter().collect()));
        }
        Some((items(state), state.to_vec()))
    },
    spoil: |rng, values, f, answer| match answer.as_slice() {
        Some(seen) if f == "read" => {
            let mut seen: BTreeSet<i64> = seen.iter().map(number).collect();
            let value = rng.random_range(0..values);
            if !seen.remove(&value) {
                seen.insert(value);
            }
            items(&seen.into_iter().collect::<Vec<_>>())
        }
        _ => answer.clone(),
    },
};

const KEYS: usize = 3;

/// The steps of a transaction: whether it writes, the key, and the value.
fn steps(txn: &Edn) -> Vec<(bool, usize, i64)> {
    let step = |step: &Edn| {
        let step = step.as_slice().unwrap();
        (step[0].as_keyword() == Some("write"), number(&step[1]) as usize, number(&step[2]))
    };
    txn.as_slice().unwrap().iter().map(step).collect()
}

fn txn(steps: impl IntoIterator<Item = (bool, usize, i64)>) -> Edn {
    let step = |(writes, key, value): (bool, usize, i64)| {
        let f = Edn::keyword(if writes { "write" } else { "read" });
        let value = if value == NIL { Edn::Nil } else { Edn::Int(value) };
        Edn::Vector(vec![f, Edn::from(key), value])
    };
    Edn::Vector(steps.into_iter().map(step).collect())
}

/// Three registers; what a register holds that was never written is nil.
const MULTI_REGISTER: Kind = Kind {
    model: "multi-register",
    init: "{}",
    step: |state, _, value| {
        let mut state = if state.is_empty() { vec![NIL; KEYS] } else { state.to_vec() };
        for (writes, key, value) in steps(value) {
            if writes {
                state[key] = value;
            } else if value != NIL && state[key] != value {
                return None;
            }
        }
        Some(state)
    },
    call: |rng, values| {
        let count = rng.random_range(1..=3);
        let step = |_| match rng.random_bool(0.5) {
            true => (true, rng.random_range(0..KEYS), rng.random_range(0..values)),
            false => (false, rng.random_range(0..KEYS), NIL),
        };
        let steps: Vec<_> = (0..count).map(step).collect();
        ("txn", txn(steps))
    },
    answer: |_, state, _, value| {
        let mut state = if state.is_empty() { vec![NIL; KEYS] } else { state.to_vec() };
        let mut seen = Vec::new();
        for (writes, key, value) in steps(value) {
            if writes {
                state[key] = value;
            }
            seen.push((writes, key, state[key]));
        }
        Some((txn(seen), state))
    },
    spoil: |rng, values, _, answer| {
        let spoil = |(writes, key, value)| match writes {
            true => (writes, key, value),
            false => (writes, key, rng.random_range(0..values)),
        };
        let spoiled: Vec<_> = steps(answer).into_iter().map(spoil).collect();
        txn(spoiled)
    },
};

/// A random history of such an object that holds `init` at first.
fn random_history(rng: &mut ChaCha8Rng, kind: &Kind, init: &[i64]) -> String {
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
fn oracle(kind: &Kind, init: &[i64], pairs: &[Pair]) -> Option<usize> {
    let ends = |pair: &Pair| pair.ended_at.filter(|_| pair.outcome() == OpType::Ok);
    let mut happens: Vec<(usize, bool, usize)> = Vec::new();
    for (id, pair) in pairs.iter().enumerate().filter(|(_, p)| p.outcome() != OpType::Fail) {
        happens.push((pair.invoked_at, true, id));
        happens.extend(ends(pair).map(|at| (at, false, id)));
    }
    happens.sort_unstable();
    // All that may be the case: what the object holds, and which operations have happened.
    let mut reached = vec![(init.to_vec(), BTreeSet::new())];
    let mut begun = Vec::new();
    for (_, begins, id) in happens {
        if begins {
            // A crashed read or dequeue tells nothing, and did nothing.
            if ends(&pairs[id]).is_some() || !pairs[id].invoke.value.is_nil() {
                begun.push(id);
            }
            continue;
        }
        let mut next = 0;
        while next < reached.len() {
            let (state, happened) = reached[next].clone();
            for &other in begun.iter().filter(|other| !happened.contains(*other)) {
                let op = pairs[other].complete.filter(|op| op.kind == OpType::Ok);
                let op = op.unwrap_or(pairs[other].invoke);
                if let Some(state) = (kind.step)(&state, &op.f, &op.value) {
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
    None
}

fn compare(kind: &Kind, seeds: u64) {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (init, starts): (Vec<i64>, _) = if seed % 5 == 0 && kind.init != "{}" {
            (vec![0, 1], true)
        } else {
            (Vec::new(), false)
        };
        let text = random_history(&mut rng, kind, &init);
        let history = History::parse(&text).unwrap();
        let expected = oracle(kind, &init, &history.pairs().unwrap());
        let first = if starts { "[0 1]" } else { kind.init };
        let first = read_one(first).unwrap();
        let found =
            linear::check_model(kind.model, Some(&first), &(&history).into(), &Budget::default())
                .unwrap()
                .to_edn();
        let op = found.get("op").and_then(|op| op.get("index")).map(number);
        assert_eq!(op, expected.map(|at| at as i64), "seed {seed}, {}:\n{text}{found}", kind.model);
        assert_eq!(found.get("valid?"), Some(&Edn::Bool(expected.is_none())), "{found}");
        *if expected.is_none() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > seeds / 5 && bad > seeds / 20, "{}: {good} good, {bad} bad", kind.model);
}

#[test]
fn fifo_queues_are_judged_as_by_trying_every_order() {
    compare(&FIFO, 6_000);
}

#[test]
fn unordered_queues_are_judged_as_by_trying_every_order() {
    compare(&BAG, 6_000);
}

#[test]
fn sets_are_judged_as_by_trying_every_order() {
    compare(&SET, 6_000);
}

#[test]
fn multi_registers_are_judged_as_by_trying_every_order() {
    compare(&MULTI_REGISTER, 6_000);
}

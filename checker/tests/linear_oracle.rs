//! What users get for a linearizability model, against an oracle that tries every order.
//!
//! The histories are small and random: from a system that mostly works, with operations that
//! fail, crash (and take effect later, or never), find nothing, add an element twice, and with
//! results that were changed afterwards. Besides the verdict, the operation that cannot be
//! linearized must be the same.

use std::collections::BTreeSet;

use crate::oracle::{Kind, NIL, compare, nothing, number};
use checker::edn::Edn;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

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
    unseen: nothing,
    may_doubt: false,
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
    unseen: nothing,
    may_doubt: false,
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
    unseen: nothing,
    may_doubt: false,
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
    unseen: nothing,
    may_doubt: false,
};

/// A register holds one value, or none at first.
fn register(state: &[i64], f: &str, value: &Edn) -> Option<Vec<i64>> {
    match (f, value.as_slice()) {
        // A read of nil says nothing.
        ("read", _) => (value.is_nil() || state == [number(value)]).then(|| state.to_vec()),
        ("cas", Some([from, to])) => (state == [number(from)]).then(|| vec![number(to)]),
        _ => Some(vec![number(value)]),
    }
}

fn register_call(rng: &mut ChaCha8Rng, values: i64, has_cas: bool) -> (&'static str, Edn) {
    let [one, other] = [0; 2].map(|_| rng.random_range(0..values));
    match rng.random_range(0..3) {
        0 => ("read", Edn::Nil),
        1 if has_cas => ("cas", Edn::from(vec![one, other])),
        _ => ("write", Edn::Int(one)),
    }
}

const REGISTER: Kind = Kind {
    model: "register",
    init: "nil",
    step: register,
    call: |rng, values| register_call(rng, values, false),
    answer: |_, state, f, value| {
        let state = register(state, f, value)?;
        let answer = match f {
            "read" => state.first().map_or(Edn::Nil, |held| Edn::Int(*held)),
            _ => value.clone(),
        };
        Some((answer, state))
    },
    spoil: |rng, values, f, answer| match f {
        "read" => Edn::Int(rng.random_range(0..values)),
        "cas" => Edn::from([0; 2].map(|_| rng.random_range(0..values)).to_vec()),
        _ => answer.clone(),
    },
    unseen: nothing,
    may_doubt: false,
};

const CAS_REGISTER: Kind = Kind {
    model: "cas-register",
    call: |rng, values| register_call(rng, values, true),
    ..REGISTER
};

/// A mutex holds something while it is held.
fn mutex(state: &[i64], f: &str) -> Option<Vec<i64>> {
    match (f, state) {
        ("acquire", []) => Some(vec![1]),
        ("release", [_]) => Some(Vec::new()),
        _ => None,
    }
}

const MUTEX: Kind = Kind {
    model: "mutex",
    init: ":free",
    step: |state, f, _| mutex(state, f),
    call: |rng, _| (if rng.random_bool(0.5) { "acquire" } else { "release" }, Edn::Nil),
    answer: |_, state, f, _| Some((Edn::Nil, mutex(state, f)?)),
    spoil: |_, _, _, answer| answer.clone(),
    unseen: |state, f| mutex(state, f).into_iter().collect(),
    may_doubt: false,
};

#[test]
fn registers_and_mutexes_are_judged_as_by_trying_every_order() {
    compare(&REGISTER, 10_000);
    compare(&CAS_REGISTER, 10_000);
    compare(&MUTEX, 10_000);
}

#[test]
fn fifo_queues_are_judged_as_by_trying_every_order() {
    compare(&FIFO, 10_000);
}

#[test]
fn unordered_queues_are_judged_as_by_trying_every_order() {
    compare(&BAG, 10_000);
}

#[test]
fn sets_are_judged_as_by_trying_every_order() {
    compare(&SET, 10_000);
}

#[test]
fn multi_registers_are_judged_as_by_trying_every_order() {
    compare(&MULTI_REGISTER, 10_000);
}

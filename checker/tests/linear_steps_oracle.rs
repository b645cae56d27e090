//! Stacks, priority queues, counters and locks, against an oracle that tries every order.
//!
//! What an object holds is a list of numbers. A lock's operations say their client in the value;
//! a lock holds `[holder, times held, its fence, greatest fence]`, and 0 stands for nobody.

use crate::oracle::{Kind, compare, compare_as, nothing, number};
use checker::Model;
use checker::edn::Edn;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A call that puts in an element half of the time, and otherwise takes one out.
fn put_or_take(
    rng: &mut ChaCha8Rng,
    values: i64,
    put: &'static str,
    take: &'static str,
    element: fn(i64) -> Edn,
) -> (&'static str, Edn) {
    match rng.random_bool(0.5) {
        true => (put, element(rng.random_range(0..values))),
        false => (take, Edn::Nil),
    }
}

/// Another element, or none, was taken out.
fn other(
    rng: &mut ChaCha8Rng,
    values: i64,
    took: bool,
    answer: &Edn,
    element: fn(i64) -> Edn,
) -> Edn {
    match took {
        true if rng.random_bool(0.2) => Edn::Nil,
        true => element(rng.random_range(0..values)),
        false => answer.clone(),
    }
}

/// Without the element at this place.
fn without(state: &[i64], place: usize) -> Vec<i64> {
    let mut state = state.to_vec();
    state.remove(place);
    state
}

fn with(state: &[i64], value: i64) -> Vec<i64> {
    [state, &[value]].concat()
}

const STACK: Kind = Kind {
    model: "stack",
    init: "[]",
    step: |state, f, value| match (f, state.last()) {
        ("push", _) => Some(with(state, number(value))),
        (_, None) => value.is_nil().then(Vec::new),
        (_, Some(top)) => (*top == number(value)).then(|| without(state, state.len() - 1)),
    },
    call: |rng, values| put_or_take(rng, values, "push", "pop", Edn::Int),
    answer: |_, state, f, value| match (f, state.last()) {
        ("push", _) => Some((value.clone(), with(state, number(value)))),
        (_, None) => Some((Edn::Nil, Vec::new())),
        (_, Some(top)) => Some((Edn::Int(*top), without(state, state.len() - 1))),
    },
    spoil: |rng, values, f, answer| other(rng, values, f == "pop", answer, Edn::Int),
    unseen: |state, _| match state.len() {
        0 => Vec::new(),
        size => vec![without(state, size - 1)],
    },
    may_doubt: false,
};

/// Elements are `[priority name]`: 0 and 1 have the same priority, 2 and 3, and so on.
fn ranked(number: i64) -> Edn {
    Edn::from(vec![number / 2, number])
}

fn name(element: &Edn) -> Option<i64> {
    Some(number(element.as_slice()?.get(1)?))
}

/// The places of the elements of the least priority.
fn least(state: &[i64], priority: fn(i64) -> i64) -> Vec<usize> {
    let least = state.iter().map(|value| priority(*value)).min();
    (0..state.len()).filter(|place| Some(priority(state[*place])) == least).collect()
}

fn sorted(mut state: Vec<i64>) -> Vec<i64> {
    state.sort_unstable();
    state
}

const PRIORITY_QUEUE: Kind = Kind {
    model: "priority-queue",
    init: "[]",
    step: |state, f, value| match f {
        "insert" => Some(sorted(with(state, number(value)))),
        _ if value.is_nil() => state.is_empty().then(Vec::new),
        _ => {
            let place = *least(state, |value| value).first()?;
            (state[place] == number(value)).then(|| without(state, place))
        }
    },
    call: |rng, values| put_or_take(rng, values, "insert", "delete-min", Edn::Int),
    answer: |_, state, f, value| match (f, least(state, |value| value).first()) {
        ("insert", _) => Some((value.clone(), sorted(with(state, number(value))))),
        (_, None) => Some((Edn::Nil, Vec::new())),
        (_, Some(place)) => Some((Edn::Int(state[*place]), without(state, *place))),
    },
    spoil: |rng, values, f, answer| other(rng, values, f == "delete-min", answer, Edn::Int),
    unseen: |state, _| {
        let first = least(state, |value| value).into_iter().take(1);
        first.map(|place| without(state, place)).collect()
    },
    may_doubt: false,
};

/// The same with equal priorities, of which any may come first.
const RANKED_QUEUE: Kind = Kind {
    // What `compare` lets others begin with are numbers.
    init: "()",
    model: "priority-queue",
    step: |state, f, value| match f {
        "enqueue" => Some(sorted(with(state, name(value)?))),
        _ if value.is_nil() => state.is_empty().then(Vec::new),
        _ => {
            let places = least(state, |value| value / 2).into_iter();
            let place = places.into_iter().find(|place| Some(state[*place]) == name(value))?;
            Some(without(state, place))
        }
    },
    call: |rng, values| put_or_take(rng, values, "enqueue", "dequeue", ranked),
    answer: |rng, state, f, value| match (f, least(state, |value| value / 2).as_slice()) {
        ("enqueue", _) => Some((value.clone(), sorted(with(state, name(value)?)))),
        (_, []) => Some((Edn::Nil, Vec::new())),
        (_, places) => {
            let place = places[rng.random_range(0..places.len())];
            Some((ranked(state[place]), without(state, place)))
        }
    },
    spoil: |rng, values, f, answer| other(rng, values, f == "dequeue", answer, ranked),
    unseen: |state, _| {
        let places = least(state, |value| value / 2).into_iter();
        places.map(|place| without(state, place)).collect()
    },
    may_doubt: true,
};

/// From 0 to 3, and 0 at first.
fn counted(state: &[i64], delta: i64) -> Option<Vec<i64>> {
    let count = state.first().unwrap_or(&0) + delta;
    (0..=3).contains(&count).then(|| vec![count])
}

fn delta(f: &str, value: &Edn) -> i64 {
    match f {
        "add" => number(value),
        "increment" => value.as_i64().unwrap_or(1),
        _ => -value.as_i64().unwrap_or(1),
    }
}

const COUNTER: Kind = Kind {
    model: "bounded-counter",
    init: "{:min 0, :max 3}",
    step: |state, f, value| match f {
        "read" => {
            let is_so = value.is_nil() || *state.first().unwrap_or(&0) == number(value);
            is_so.then(|| state.to_vec())
        }
        _ => counted(state, delta(f, value)),
    },
    call: |rng, _| match rng.random_range(0..4) {
        0 => ("add", Edn::Int(rng.random_range(-3..=3))),
        1 => ("increment", Edn::Nil),
        2 => ("decrement", Edn::Int(rng.random_range(0..=2))),
        _ => ("read", Edn::Nil),
    },
    answer: |_, state, f, value| match f {
        "read" => Some((Edn::Int(*state.first().unwrap_or(&0)), state.to_vec())),
        _ => counted(state, delta(f, value)).map(|state| (value.clone(), state)),
    },
    spoil: |rng, _, f, answer| match f {
        "read" => Edn::Int(rng.random_range(-1..=4)),
        _ => answer.clone(),
    },
    unseen: |state, f| match f {
        "read" => Vec::new(),
        _ => counted(state, delta(f, &Edn::Nil)).into_iter().collect(),
    },
    may_doubt: false,
};

fn client(value: &Edn) -> i64 {
    value.get("client").map_or(0, number)
}

fn fence(value: &Edn) -> i64 {
    value.get("fence").map_or(0, number)
}

/// What a lock holds after this, if that can be.
fn lock(state: &[i64], f: &str, value: &Edn, limit: i64, is_fenced: bool) -> Option<Vec<i64>> {
    let [holder, times, held, highest] = *state else {
        return lock(&[0; 4], f, value, limit, is_fenced);
    };
    let (who, seen) = (client(value), if is_fenced { fence(value) } else { 0 });
    if f == "release" {
        let (next, kept) = if times == 1 { (0, 0) } else { (who, held) };
        return (holder == who).then(|| vec![next, times - 1, kept, highest]);
    }
    let is_again = holder == who;
    let fits = seen == 0 || (is_again && seen == held) || (seen > highest && held == 0);
    let may = (holder == 0 || is_again) && times < limit && fits;
    let kept = if seen == 0 { held } else { seen };
    may.then(|| vec![who, times + 1, kept, highest.max(seen)])
}

fn lock_call(rng: &mut ChaCha8Rng) -> (&'static str, Edn) {
    let f = if rng.random_bool(0.5) { "acquire" } else { "release" };
    (f, Edn::map([("client", Edn::Int(rng.random_range(1..=3)))]))
}

/// A correct lock gives a greater fence to each holder.
fn lock_answer(
    rng: &mut ChaCha8Rng,
    state: &[i64],
    f: &str,
    value: &Edn,
    limit: i64,
) -> Option<(Edn, Vec<i64>)> {
    let mut value = value.clone();
    if let (Edn::Map(parts), "acquire") = (&mut value, f) {
        let (held, highest) = (state.get(2).unwrap_or(&0), state.get(3).unwrap_or(&0));
        let next = if *held > 0 { *held } else { highest + 1 };
        let seen = if rng.random_bool(0.8) { next } else { 0 };
        parts.push((Edn::keyword("fence"), Edn::Int(seen)));
    }
    lock(state, f, &value, limit, true).map(|state| (value, state))
}

fn lock_spoil(rng: &mut ChaCha8Rng, f: &str, answer: &Edn) -> Edn {
    let fence = if f == "acquire" { rng.random_range(0..=3) } else { 0 };
    let client = if rng.random_bool(0.5) { rng.random_range(1..=3) } else { client(answer) };
    Edn::map([("client", Edn::Int(client)), ("fence", Edn::Int(fence))])
}

const OWNED: Kind = Kind {
    model: "owner-mutex",
    init: "{:limit 1}",
    step: |state, f, value| lock(state, f, value, 1, false),
    call: |rng, _| lock_call(rng),
    answer: |rng, state, f, value| lock_answer(rng, state, f, value, 1),
    spoil: |rng, _, f, answer| lock_spoil(rng, f, answer),
    unseen: nothing,
    may_doubt: false,
};

const FENCED: Kind =
    Kind { model: "fenced-mutex", step: |state, f, value| lock(state, f, value, 1, true), ..OWNED };

const REENTRANT: Kind = Kind {
    model: "reentrant-mutex",
    init: "{:limit 2}",
    step: |state, f, value| lock(state, f, value, 2, false),
    answer: |rng, state, f, value| lock_answer(rng, state, f, value, 2),
    ..OWNED
};

const REENTRANT_FENCED: Kind = Kind {
    model: "reentrant-fenced-mutex",
    step: |state, f, value| lock(state, f, value, 2, true),
    ..REENTRANT
};

/// Holds the writer, and then the readers.
fn shared(state: &[i64], f: &str, value: &Edn) -> Option<Vec<i64>> {
    let who = client(value);
    let (writer, readers) = state.split_first().unwrap_or((&0, &[]));
    match f {
        "acquire-write" => (*writer == 0 && readers.is_empty()).then(|| vec![who]),
        "release-write" => (*writer == who).then(|| vec![0]),
        "acquire-read" => {
            let readers = sorted(with(readers, who));
            (*writer == 0).then(|| [&[0][..], &readers].concat())
        }
        _ => {
            let place = readers.iter().position(|reader| *reader == who)?;
            Some([&[*writer][..], &without(readers, place)].concat())
        }
    }
}

const READ_WRITE: Kind = Kind {
    model: "read-write-lock",
    init: ":free",
    step: shared,
    call: |rng, _| {
        let names = ["acquire-read", "release-read", "acquire-write", "release-write"];
        let client = Edn::map([("client", Edn::Int(rng.random_range(1..=3)))]);
        (names[rng.random_range(0..names.len())], client)
    },
    answer: |_, state, f, value| shared(state, f, value).map(|state| (value.clone(), state)),
    spoil: |rng, _, _, _| Edn::map([("client", Edn::Int(rng.random_range(1..=3)))]),
    unseen: nothing,
    may_doubt: false,
};

#[test]
fn stacks_are_judged_as_by_trying_every_order() {
    compare(&STACK, 10_000);
}

#[test]
fn priority_queues_are_judged_as_by_trying_every_order() {
    compare(&PRIORITY_QUEUE, 10_000);
    compare(&RANKED_QUEUE, 10_000);
}

#[test]
fn bounded_counters_are_judged_as_by_trying_every_order() {
    compare(&COUNTER, 10_000);
}

#[test]
fn locks_are_judged_as_by_trying_every_order() {
    for kind in [&OWNED, &FENCED, &REENTRANT, &REENTRANT_FENCED, &READ_WRITE] {
        compare(kind, 10_000);
    }
}

/// The same objects, written down in the language for objects of one's own.
#[test]
fn models_in_files_are_judged_as_by_trying_every_order() {
    let stack = include_str!("../models/stack.edn");
    compare_as(&STACK, 10_000, |init| {
        Model::written(stack, Some(Edn::map([("items", init.clone())]))).unwrap()
    });
    for (kind, model) in [
        (&COUNTER, include_str!("../models/bounded-counter.edn")),
        (&FENCED, include_str!("../models/fenced-mutex.edn")),
    ] {
        compare_as(kind, 10_000, |_| Model::written(model, None).unwrap());
    }
}

//! Jepsen's checkers of counters, sets, queues and ids, against their rules written down in the most
//! obvious way, on 10,000 small random histories each.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::{Kind, number};
use crate::rules::{PLAIN, Said, compare, history_of, items, numbers, of, plain, with};
use checker::Validity;
use checker::edn::Edn;
use checker::history::{Op, OpType};
use rand::RngExt;

/// How often a value is among those of such operations.
fn copies(ops: &[Op], kind: OpType, f: &str, value: &Edn) -> usize {
    of(ops, kind, f).filter(|op| op.value == *value).count()
}

/// The beginning of an operation that ends here.
fn begin<'a>(ops: &'a [Op], end: &Op) -> &'a Op {
    ops.iter().find(|op| op.process == end.process).unwrap()
}

/// How an operation that begins here ends.
fn end<'a>(ops: &'a [Op], begin: &Op) -> Option<&'a Op> {
    ops.iter().find(|op| op.process == begin.process && op.kind != OpType::Invoke)
}

fn counter(ops: &[Op]) -> Said {
    let sum = |ops: Vec<&Op>| ops.into_iter().map(|op| number(&op.value)).sum::<i64>();
    let mut errors = Vec::new();
    for read in of(ops, OpType::Ok, "read") {
        let begin = begin(ops, read).index;
        let lower = of(ops, OpType::Ok, "add").filter(|op| op.index < begin).collect();
        let has_failed = |op: &&Op| end(ops, op).is_some_and(|end| end.kind == OpType::Fail);
        let upper = of(ops, OpType::Invoke, "add").filter(|op| op.index < read.index);
        let (lower, upper) = (sum(lower), sum(upper.filter(|op| !has_failed(op)).collect()));
        if !(lower..=upper).contains(&number(&read.value)) {
            errors.push(Edn::from(vec![lower, number(&read.value), upper]));
        }
    }
    let count = errors.len();
    errors.truncate(8);
    (
        Validity::from(count == 0),
        vec![("error-count", count.into()), ("errors", Edn::Vector(errors))],
    )
}

const COUNTER: Kind = Kind {
    call: |rng, values| match rng.random_bool(0.5) {
        true => ("add", Edn::Int(rng.random_range(0..values))),
        false => ("read", Edn::Nil),
    },
    answer: |rng, state, f, value| match f {
        "add" if rng.random_bool(0.1) => None,
        "add" => Some((value.clone(), vec![state.first().unwrap_or(&0) + number(value)])),
        _ => Some((Edn::Int(*state.first().unwrap_or(&0)), state.to_vec())),
    },
    spoil: |rng, values, f, answer| match f {
        "read" => Edn::Int(number(answer) + rng.random_range(-values..=values)),
        _ => answer.clone(),
    },
    ..PLAIN
};

fn set(ops: &[Op]) -> Said {
    let Some(read) = of(ops, OpType::Ok, "read").last() else {
        return (Validity::Unknown, Vec::new());
    };
    let read: BTreeSet<Edn> = items(&read.value).into_iter().collect();
    let values =
        |kind| -> BTreeSet<Edn> { of(ops, kind, "add").map(|op| op.value.clone()).collect() };
    let (asked, added) = (values(OpType::Invoke), values(OpType::Ok));
    let lost = added.difference(&read).count();
    let unexpected = read.difference(&asked).count();
    let ok: BTreeSet<Edn> = read.intersection(&asked).cloned().collect();
    let counts = vec![
        ("lost-count", lost.into()),
        ("unexpected-count", unexpected.into()),
        ("ok-count", ok.len().into()),
        ("recovered-count", ok.difference(&added).count().into()),
    ];
    (Validity::from(lost + unexpected == 0), counts)
}

const SET: Kind = Kind {
    call: |rng, values| match rng.random_bool(0.6) {
        true => ("add", Edn::Int(rng.random_range(0..values))),
        false => ("read", Edn::Nil),
    },
    answer: |_, state, f, value| match f {
        "add" if state.contains(&number(value)) => Some((value.clone(), state.to_vec())),
        "add" => Some((value.clone(), with(state, number(value)))),
        _ => Some((numbers(state), state.to_vec())),
    },
    spoil: |rng, values, f, answer| match f {
        "read" => {
            let mut seen = items(answer);
            if seen.is_empty() || rng.random_bool(0.3) {
                seen.push(Edn::Int(rng.random_range(0..values + 2)));
            } else {
                seen.remove(rng.random_range(0..seen.len()));
            }
            Edn::Vector(seen)
        }
        _ => answer.clone(),
    },
    ..PLAIN
};

/// The rule of `set-full`, element by element; and how long a known one was missing.
fn set_full_with(ops: &[Op], is_linearizable: bool) -> Said {
    let asked: BTreeSet<&Edn> = of(ops, OpType::Invoke, "add").map(|op| &op.value).collect();
    let (mut lost, mut stable, mut stale) = (Vec::new(), 0, 0);
    for element in asked {
        let added = of(ops, OpType::Invoke, "add").filter(|op| op.value == *element).last();
        let added = added.unwrap().index;
        let later = || of(ops, OpType::Ok, "read").filter(|read| read.index > added);
        let shows = |read: &&Op| items(&read.value).contains(element);
        let acknowledged = of(ops, OpType::Ok, "add")
            .filter(|op| op.value == *element && op.index > added)
            .map(|op| op.index);
        let known = acknowledged.chain(later().filter(shows).map(|read| read.index)).min();
        let last = |reads: Vec<&Op>| reads.iter().map(|read| begin(ops, read).index).max();
        let present = last(later().filter(shows).collect());
        let absent = last(later().filter(|read| !shows(read)).collect());
        if present.is_some() && absent < present {
            stable += 1;
            // One operation a millisecond; a nanosecond after the read that lacks it.
            let is_late = absent.is_some_and(|absent| absent as i64 - known.unwrap() as i64 > 0);
            stale += usize::from(is_late);
        } else if known.is_some() && absent.is_some() && present < absent && known < absent {
            lost.push(element.clone());
        }
    }
    let verdict = match (lost.len(), stable) {
        (1.., _) => Validity::False,
        (0, 0) => Validity::Unknown,
        (0, _) => Validity::from(!is_linearizable || stale == 0),
    };
    let results = vec![
        ("lost", Edn::List(lost)),
        ("stable-count", Edn::from(stable as i64)),
        ("stale-count", stale.into()),
    ];
    (verdict, results)
}

fn queue(ops: &[Op]) -> Said {
    for taken in of(ops, OpType::Ok, "dequeue") {
        let until = &ops[..=taken.index];
        let value = &taken.value;
        // What is wrong first ends it, so every dequeue before was right.
        if copies(until, OpType::Ok, "dequeue", value)
            > copies(until, OpType::Invoke, "enqueue", value)
        {
            return (Validity::False, vec![("error", format!("can't dequeue {value}").into())]);
        }
    }
    (Validity::True, Vec::new())
}

const QUEUE: Kind = Kind {
    call: |rng, values| match rng.random_bool(0.5) {
        true => ("enqueue", Edn::Int(rng.random_range(0..values))),
        false => ("dequeue", Edn::Nil),
    },
    answer: |_, state, f, value| match (f, state.split_first()) {
        ("enqueue", _) => Some((value.clone(), with(state, number(value)))),
        ("drain", _) => Some((numbers(state), Vec::new())),
        (_, Some((first, rest))) => Some((Edn::Int(*first), rest.to_vec())),
        (_, None) => None,
    },
    spoil: |rng, values, f, answer| match f {
        "dequeue" => Edn::Int(rng.random_range(0..values)),
        "drain" => Edn::Vector(items(answer).split_off(items(answer).len() / 2)),
        _ => answer.clone(),
    },
    ..PLAIN
};

const DRAINED: Kind = Kind {
    call: |rng, values| match rng.random_range(0..5) {
        0..3 => ("enqueue", Edn::Int(rng.random_range(0..values))),
        3 => ("dequeue", Edn::Nil),
        _ => ("drain", Edn::Nil),
    },
    ..QUEUE
};

fn total_queue(ops: &[Op]) -> Said {
    if of(ops, OpType::Info, "drain").next().is_some() {
        return (Validity::Unknown, Vec::new());
    }
    let drained: Vec<Edn> = of(ops, OpType::Ok, "drain").flat_map(|op| items(&op.value)).collect();
    let values: BTreeSet<&Edn> = ops
        .iter()
        .filter(|op| &*op.f != "drain" && (op.kind == OpType::Ok || op.kind == OpType::Invoke))
        .map(|op| &op.value)
        .chain(&drained)
        .filter(|value| !value.is_nil())
        .collect();
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for value in values {
        let asked = copies(ops, OpType::Invoke, "enqueue", value);
        let put = copies(ops, OpType::Ok, "enqueue", value);
        let taken = copies(ops, OpType::Ok, "dequeue", value)
            + drained.iter().filter(|other| *other == value).count();
        for (name, count) in [
            ("lost-count", put.saturating_sub(taken)),
            ("unexpected-count", if asked == 0 { taken } else { 0 }),
            ("duplicated-count", if asked == 0 { 0 } else { taken.saturating_sub(asked) }),
            ("recovered-count", taken.min(asked).saturating_sub(put)),
        ] {
            *counts.entry(name).or_default() += count;
        }
    }
    let wrong = ["lost-count", "unexpected-count"].iter().filter_map(|name| counts.get(name));
    let verdict = Validity::from(wrong.sum::<usize>() == 0);
    (verdict, counts.into_iter().map(|(name, count)| (name, count.into())).collect())
}

fn unique_ids(ops: &[Op]) -> Said {
    let ids: Vec<&Edn> = of(ops, OpType::Ok, "generate").map(|op| &op.value).collect();
    let twice: BTreeSet<&&Edn> =
        ids.iter().filter(|id| ids.iter().filter(|other| other == id).count() > 1).collect();
    (Validity::from(twice.is_empty()), vec![("duplicated-count", twice.len().into())])
}

const IDS: Kind = Kind {
    call: |_, _| ("generate", Edn::Nil),
    answer: |_, state, _, _| {
        let next = state.first().unwrap_or(&0) + 1;
        Some((Edn::Int(next), vec![next]))
    },
    spoil: |rng, _, _, answer| Edn::Int((number(answer) - rng.random_range(0..2)).max(0)),
    ..PLAIN
};

#[test]
fn counters_sets_and_queues_are_judged_by_their_rules() {
    compare(&plain("counter", |rng| history_of(rng, &COUNTER), counter));
    compare(&plain("set", |rng| history_of(rng, &SET), set));
    compare(&plain("set-full", |rng| history_of(rng, &SET), |ops| set_full_with(ops, false)));
    let mut case = plain("set-full", |rng| history_of(rng, &SET), |ops| set_full_with(ops, true));
    case.options.jepsen.is_linearizable = true;
    compare(&case);
    compare(&plain("queue", |rng| history_of(rng, &QUEUE), queue));
    compare(&plain("total-queue", |rng| history_of(rng, &DRAINED), total_queue));
    compare(&plain("unique-ids", |rng| history_of(rng, &IDS), unique_ids));
}

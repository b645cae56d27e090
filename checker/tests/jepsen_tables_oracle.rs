//! The checkers of Jepsen's tests with transactions and tables, against their rules written down in
//! the most obvious way, on 10,000 small random histories each.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::{Kind, number};
use crate::rules::{PLAIN, Said, compare, history_of, items, numbers, of, plain, with};
use checker::Validity;
use checker::edn::Edn;
use checker::history::{History, Op, OpType};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Three accounts, and 10 in all.
const BANK: Kind = Kind {
    call: |rng, _| match rng.random_bool(0.5) {
        true => ("read", Edn::Nil),
        false => ("transfer", Edn::from(vec![0, 1, 2].map_rotated(rng))),
    },
    answer: |_, state, f, value| {
        let mut state = if state.is_empty() { vec![10, 0, 0] } else { state.to_vec() };
        if f == "read" {
            let entry = |(account, balance): (usize, &i64)| (account.into(), Edn::Int(*balance));
            return Some((Edn::Map(state.iter().enumerate().map(entry).collect()), state));
        }
        let parts: Vec<usize> = items(value).iter().map(|part| number(part) as usize).collect();
        state[parts[0]] -= 3;
        state[parts[1]] += 3;
        (state[parts[0]] >= 0).then(|| (value.clone(), state))
    },
    spoil: |rng, _, f, answer| match answer {
        Edn::Map(balances) if f == "read" => {
            let mut balances = balances.clone();
            let place = rng.random_range(0..3);
            match rng.random_range(0..4) {
                0 => balances[place].1 = Edn::Nil,
                1 => balances[place].0 = Edn::Int(7),
                2 => drop(balances.remove(place)),
                _ => {
                    balances[place].1 = Edn::Int(number(&balances[place].1) - 4);
                    let other = (place + rng.random_range(0..2)) % 3;
                    balances[other].1 = Edn::Int(number(&balances[other].1) + 4);
                }
            }
            Edn::Map(balances)
        }
        _ => answer.clone(),
    },
    ..PLAIN
};

/// A random order.
trait Rotated {
    fn map_rotated(self, rng: &mut ChaCha8Rng) -> Self;
}

impl Rotated for Vec<i64> {
    fn map_rotated(mut self, rng: &mut ChaCha8Rng) -> Vec<i64> {
        let length = self.len();
        self.rotate_left(rng.random_range(0..length));
        self
    }
}

fn bank(ops: &[Op]) -> Said {
    let mut errors = Vec::new();
    for read in of(ops, OpType::Ok, "read") {
        let Edn::Map(balances) = &read.value else { panic!("a read without balances") };
        let known = |account: &Edn| (0..3).any(|known| number(account) == known);
        let sum: i64 = balances.iter().map(|(_, balance)| balance.as_i64().unwrap_or(0)).sum();
        let kind = if balances.iter().any(|(account, _)| !known(account)) {
            "unexpected-key"
        } else if balances.iter().any(|(_, balance)| balance.is_nil()) {
            "nil-balance"
        } else if sum != 10 {
            "wrong-total"
        } else if balances.iter().any(|(_, balance)| number(balance) < 0) {
            "negative-value"
        } else {
            continue;
        };
        errors.push((kind, read.index));
    }
    let mut results = vec![("error-count", errors.len().into())];
    if let Some((kind, index)) = errors.first() {
        let first = Edn::map([("type", Edn::keyword(kind)), ("index", (*index).into())]);
        results.push(("first-error", first));
    }
    (Validity::from(errors.is_empty()), results)
}

/// Writes of fresh keys and reads of both keys of a group, from two replicas.
fn long_fork_history(rng: &mut ChaCha8Rng) -> History {
    let mut history = History::new();
    let keys = rng.random_range(1..=4i64);
    let micro = |f: &str, key: i64, value: Edn| checker::micro_op(f, key, value);
    let mut replicas: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    let forks = rng.random_bool(0.8);
    let (mut next, rewrites) = (0, rng.random_bool(0.05));
    for process in 0..rng.random_range(2..=12) {
        let replica = if forks { rng.random_range(0..2) } else { 0 };
        if rng.random_bool(0.4) && next < keys {
            let key = if rewrites && next > 0 { next - 1 } else { next };
            next += 1;
            history.invoke(process, "write", vec![micro("w", key, Edn::Int(1))]);
            replicas[replica].push(key);
            if rng.random_bool(0.9) {
                history.ok(process, vec![micro("w", key, Edn::Int(1))]);
            }
            continue;
        }
        for (from, to) in [(0, 1), (1, 0)] {
            if rng.random_bool(0.1) {
                let more: Vec<i64> = replicas[from].clone();
                replicas[to].extend(more);
            }
        }
        let first = 2 * rng.random_range(0..2);
        let shown = |key: i64| match replicas[replica].contains(&key) {
            true => Edn::Int(1),
            false => Edn::Nil,
        };
        let mut read = vec![first, first + 1].map_rotated(rng);
        if rng.random_bool(0.02) {
            read.pop();
        }
        let asked: Vec<Edn> = read.iter().map(|key| micro("r", *key, Edn::Nil)).collect();
        let mut found: Vec<Edn> = read.iter().map(|key| micro("r", *key, shown(*key))).collect();
        if rng.random_bool(0.02) {
            found[0] = micro("r", read[0], Edn::Int(2));
        }
        history.invoke(process, "read", asked);
        history.ok(process, found);
    }
    history
}

/// The values of a read by key.
fn by_key(read: &Op) -> BTreeMap<Edn, Edn> {
    items(&read.value).iter().map(|step| (items(step)[1].clone(), items(step)[2].clone())).collect()
}

fn long_fork(ops: &[Op]) -> Said {
    let written: Vec<Edn> =
        of(ops, OpType::Invoke, "write").map(|op| items(&items(&op.value)[0])[1].clone()).collect();
    let is_twice = |key: &&Edn| written.iter().filter(|other| other == key).count() > 1;
    if written.iter().any(|key| is_twice(&key)) {
        return (Validity::Unknown, Vec::new());
    }
    let reads: Vec<&Op> = of(ops, OpType::Ok, "read").collect();
    if reads.iter().any(|read| by_key(read).len() != 2) {
        return (Validity::Unknown, Vec::new());
    }
    let (mut forks, mut is_odd) = (Vec::new(), false);
    for (place, one) in reads.iter().enumerate() {
        for other in &reads[place + 1..] {
            let (a, b) = (by_key(one), by_key(other));
            if !a.keys().eq(b.keys()) {
                continue;
            }
            let shows_more = |a: &BTreeMap<Edn, Edn>, b: &BTreeMap<Edn, Edn>| {
                a.iter().any(|(key, value)| !value.is_nil() && b[key].is_nil())
            };
            if shows_more(&a, &b) && shows_more(&b, &a) {
                forks.push(Edn::from(vec![one.index, other.index]));
            }
            is_odd |= a.iter().any(|(k, v)| !v.is_nil() && !b[k].is_nil() && *v != b[k]);
        }
    }
    match (forks.len(), is_odd) {
        (0, true) => (Validity::Unknown, Vec::new()),
        (0, false) => (Validity::True, Vec::new()),
        (count, _) => {
            forks.sort();
            forks.truncate(5);
            let results = vec![("fork-count", count.into()), ("forks", Edn::Vector(forks))];
            (Validity::False, results)
        }
    }
}

fn sequential_history(rng: &mut ChaCha8Rng) -> History {
    let mut history = History::new();
    let size = rng.random_range(1..=4);
    let spoils = rng.random_bool(0.4);
    for process in 0..rng.random_range(1..=6) {
        let key = rng.random_range(0..3i64);
        let written = rng.random_range(0..=size);
        let value = |number: i64| {
            let is_there = if spoils { rng.random_bool(0.7) } else { number < written };
            if is_there { Edn::from(format!("{key}_{number}")) } else { Edn::Nil }
        };
        let values: Vec<Edn> = (0..size).rev().map(value).collect();
        history.invoke(process, "read", vec![Edn::Int(key), Edn::Nil]);
        history.ok(process, vec![Edn::Int(key), Edn::Vector(values)]);
    }
    history
}

/// A key and what was read of it.
type SubkeyRead = (Edn, Vec<Edn>);

fn sequential(ops: &[Op]) -> Said {
    let reads: Vec<SubkeyRead> = of(ops, OpType::Ok, "read")
        .map(|op| (items(&op.value)[0].clone(), items(&items(&op.value)[1])))
        .collect();
    let is_bad = |values: &Vec<Edn>| {
        (0..values.len())
            .any(|late| values[late].is_nil() && values[..late].iter().any(|v| !v.is_nil()))
    };
    let size = reads.first().map_or(1, |(_, values)| values.len());
    let is_all = |(key, values): &SubkeyRead| {
        let names: Vec<Edn> = (0..size).rev().map(|n| format!("{key}_{n}").into()).collect();
        *values == names
    };
    let count = |is: &dyn Fn(&SubkeyRead) -> bool| reads.iter().filter(|read| is(read)).count();
    let bad = count(&|(_, values)| is_bad(values));
    let results = vec![
        ("all-count", count(&is_all).into()),
        ("some-count", count(&|(_, values)| values.iter().any(Edn::is_nil)).into()),
        ("none-count", count(&|(_, values)| values.iter().all(Edn::is_nil)).into()),
        ("bad-count", bad.into()),
    ];
    (Validity::from(bad == 0), results)
}

const COMMENTS: Kind = Kind {
    call: |rng, values| match rng.random_bool(0.6) {
        true => ("write", Edn::Int(rng.random_range(0..values + 6))),
        false => ("read", Edn::Nil),
    },
    answer: |_, state, f, value| match f {
        "write" => Some((value.clone(), with(state, number(value)))),
        _ => Some((Edn::Set(items(&numbers(state))), state.to_vec())),
    },
    spoil: |rng, _, f, answer| match f {
        "read" if !items(answer).is_empty() => {
            let mut seen = items(answer);
            seen.remove(rng.random_range(0..seen.len()));
            Edn::Set(seen)
        }
        _ => answer.clone(),
    },
    ..PLAIN
};

/// The reads that lack a write which had ended before the last request for one that they show.
fn lacking(ops: &[Op]) -> Vec<Edn> {
    let mut errors = Vec::new();
    for read in of(ops, OpType::Ok, "read") {
        let seen = items(&read.value);
        let mut expected: BTreeSet<Edn> = BTreeSet::new();
        for value in &seen {
            let last = of(ops, OpType::Invoke, "write").filter(|op| op.value == *value).last();
            let before = last.map_or(0, |op| op.index);
            let ended = of(ops, OpType::Ok, "write").filter(|op| op.index < before);
            expected.extend(ended.map(|op| op.value.clone()));
        }
        let missing: Vec<Edn> = expected.iter().filter(|v| !seen.contains(v)).cloned().collect();
        if !missing.is_empty() {
            let entry = [read.index.into(), Edn::Vector(missing), expected.len().into()];
            errors.push(Edn::Vector(entry.to_vec()));
        }
    }
    errors
}

fn comments(ops: &[Op]) -> Said {
    let mut errors = lacking(ops);
    let count = errors.len();
    errors.truncate(5);
    let results = vec![("error-count", count.into()), ("errors", Edn::Vector(errors))];
    (Validity::from(count == 0), results)
}

/// The same with keys: two tables in one history.
fn keyed_history(rng: &mut ChaCha8Rng) -> History {
    let mut history = history_of(rng, &COMMENTS);
    let key: Vec<i64> = (0..100).map(|_| rng.random_range(0..2)).collect();
    for op in &mut history.ops {
        let process = op.process.to_string().parse::<usize>().unwrap();
        op.value = Edn::Vector(vec![Edn::Int(key[process % 100]), op.value.clone()]);
    }
    history
}

fn causal_reverse(ops: &[Op]) -> Said {
    let mut errors = Vec::new();
    for key in 0..2 {
        let mut part: Vec<Op> = ops.to_vec();
        part.retain(|op| items(&op.value)[0] == Edn::Int(key));
        part.iter_mut().for_each(|op| op.value = items(&op.value)[1].clone());
        let lacking = lacking(&part);
        if !lacking.is_empty() {
            errors.push((Edn::Int(key), Edn::Vector(lacking)));
        }
    }
    (Validity::from(errors.is_empty()), vec![("errors", Edn::Map(errors))])
}

/// One client a key, which does what it should, mostly.
fn causal_history(rng: &mut ChaCha8Rng) -> History {
    let mut history = History::new();
    let spoils = [0.0, 0.05, 0.2][rng.random_range(0..3)];
    for key in 0..rng.random_range(1..4i64) {
        let (mut written, mut position) = (0i64, Edn::Nil);
        for f in ["read-init", "write", "read", "write", "read"] {
            written += i64::from(f == "write");
            let odd = rng.random_bool(spoils);
            let value = if odd { rng.random_range(0..4) } else { written };
            let value = if odd && rng.random_bool(0.3) { Edn::Nil } else { Edn::Int(value) };
            let value = vec![Edn::Int(key), value];
            history.invoke(key, f, value.clone());
            match rng.random_range(0..20) {
                0 => {
                    history.fail(key);
                    continue;
                }
                _ => history.ok(key, value),
            }
            let odd_link = rng.random_bool(spoils / 2.0);
            let link = if odd_link { Edn::Int(-5) } else { position.clone() };
            let link = if link.is_nil() { Edn::keyword("init") } else { link };
            let op = history.ops.last_mut().unwrap();
            position = Edn::from(op.index + 100);
            op.extra = vec![("position", position.clone()), ("link", link)];
        }
    }
    history
}

fn causal(ops: &[Op]) -> Said {
    let mut failures = Vec::new();
    for key in 0..4 {
        let is_of_key = |op: &&Op| op.kind == OpType::Ok && items(&op.value)[0] == Edn::Int(key);
        let steps: Vec<&Op> = ops.iter().filter(is_of_key).collect();
        let value = |op: &Op| items(&op.value)[1].clone();
        let is_right = |place: usize| {
            let (before, op) = (&steps[..place], steps[place]);
            let writes = before.iter().filter(|op| &*op.f == "write").count();
            let link = op.extra("link").unwrap();
            let linked = before.last().and_then(|op| op.extra("position"));
            let shown = value(op);
            let is_linked = *link == Edn::keyword("init") || linked == Some(link);
            is_linked
                && match &*op.f {
                    "write" => shown == Edn::from(writes + 1),
                    "read-init" if writes == 0 => shown == Edn::Int(0),
                    _ => shown.is_nil() || shown == Edn::from(writes),
                }
        };
        // Only the first fault of a key counts; writes before it were right.
        if (0..steps.len()).any(|place| !is_right(place)) {
            failures.push(Edn::Int(key));
        }
    }
    (Validity::from(failures.is_empty()), vec![("failures", Edn::Vector(failures))])
}

/// At most one insert of a key succeeds, mostly.
const INSERTS: Kind = Kind {
    call: |rng, _| {
        let key = Edn::Int(rng.random_range(0..4));
        let rows = vec![Edn::Nil, Edn::Int(rng.random_range(0..100))];
        ("insert", Edn::Vector(vec![key, Edn::Vector(rows)]))
    },
    answer: |rng, state, _, value| {
        let key = number(&items(value)[0]);
        let fits = !state.contains(&key) || rng.random_bool(0.1);
        fits.then(|| (value.clone(), with(state, key)))
    },
    ..PLAIN
};

fn adya_g2(ops: &[Op]) -> Said {
    let mut illegal = Vec::new();
    for key in 0..4 {
        let is_of_key = |op: &&Op| items(&op.value)[0] == Edn::Int(key);
        let inserted = of(ops, OpType::Ok, "insert").filter(is_of_key).count();
        if inserted > 1 {
            illegal.push((Edn::Int(key), inserted.into()));
        }
    }
    (Validity::from(illegal.is_empty()), vec![("illegal", Edn::Map(illegal))])
}

#[test]
fn transactions_and_tables_are_judged_by_their_rules() {
    let mut case = plain("bank", |rng| history_of(rng, &BANK), bank);
    case.options.jepsen.bank.accounts = Some((0..3).map(Edn::Int).collect());
    case.options.jepsen.bank.total = Some(10);
    compare(&case);
    compare(&plain("long-fork", long_fork_history, long_fork));
    compare(&plain("sequential", sequential_history, sequential));
    compare(&plain("comments", |rng| history_of(rng, &COMMENTS), comments));
    compare(&plain("causal-reverse", keyed_history, causal_reverse));
    compare(&plain("causal", causal_history, causal));
    compare(&plain("adya-g2", |rng| history_of(rng, &INSERTS), adya_g2));
}

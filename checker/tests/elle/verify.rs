//! Cycles checked against their history, by the definitions and without the checker's tables.

use std::collections::{BTreeMap, BTreeSet};

use checker::edn::Edn;
use checker::history::{History, Op, OpType};

/// A history, prepared for questions about its transactions.
pub struct Verifier<'a> {
    /// Completions, by index, each with the index of its invocation.
    completions: BTreeMap<usize, (usize, &'a Op)>,
    /// What the order of a register's versions may be told from.
    sources: &'a [&'a str],
}

impl<'a> Verifier<'a> {
    /// Of this history. The order of a register's versions follows from these sources.
    pub fn new(history: &'a History, sources: &'a [&'a str]) -> Verifier<'a> {
        let pairs = history.pairs().unwrap();
        let completions = pairs.iter().filter_map(|pair| {
            let complete = pair.complete?;
            Some((complete.index, (pair.invoke.index, complete)))
        });
        Verifier { completions: completions.collect(), sources }
    }

    /// Checks a cycle as it stands in the results: that its transactions are in the history,
    /// that each step holds, and that its steps make it the anomaly that it is said to be.
    ///
    /// # Panics
    /// When it does not.
    pub fn check(&self, kind: &str, cycle: &Edn) {
        let txns: Vec<usize> = items(cycle, "cycle").iter().map(|op| self.index_of(op)).collect();
        let steps = items(cycle, "steps");
        assert_eq!((txns.first(), steps.len() + 1), (txns.last(), txns.len()), "{cycle}");
        let mut types = Vec::new();
        for (step, ends) in steps.iter().zip(txns.windows(2)) {
            let step_type = step.get("type").and_then(Edn::as_keyword).unwrap();
            assert!(self.holds(step_type, step, ends[0], ends[1]), "{step} of {cycle}");
            types.push(step_type);
        }
        assert_eq!(kind_of(&types), kind, "{cycle}");
    }

    fn index_of(&self, op: &Edn) -> usize {
        let index = op.get("index").and_then(Edn::as_i64).unwrap() as usize;
        let (_, original) = self.completions[&index];
        assert_eq!(without_empty(&original.value), without_empty(op.get("value").unwrap()));
        index
    }

    fn holds(&self, step_type: &str, step: &Edn, before: usize, after: usize) -> bool {
        let ((_, a), (b_begins, b)) = (self.completions[&before], self.completions[&after]);
        let of = |name: &str| step.get(name).unwrap_or(&Edn::Nil);
        let (key, value, next) = (of("key"), of("value"), of("value'"));
        let is_list = |op: &Op| micro_ops(op).any(|(f, ..)| f == "append");
        let lists = self.completions.values().any(|(_, op)| is_list(op));
        match (step_type, lists) {
            ("process", _) => a.process == b.process && before < after,
            ("realtime", _) => before < b_begins,
            ("wr", true) => wrote(a, key, value) && reads(b, key).any(|list| last(list) == *value),
            ("ww", true) => {
                wrote(a, key, value) && wrote(b, key, next) && self.follows(key, value, next)
            }
            ("rw", true) => {
                let saw = reads(a, key).any(|list| last(list) == *value);
                saw && wrote(b, key, next) && self.follows(key, value, next)
            }
            ("wr", false) => wrote(a, key, value) && reads(b, key).any(|read| read == value),
            ("ww", false) => {
                wrote(a, key, value)
                    && wrote(b, key, next)
                    && self.was_overwritten(key, value, next)
            }
            ("rw", false) => {
                let saw = reads(a, key).any(|read| read == value);
                let overwritten = value.is_nil() || self.was_overwritten(key, value, next);
                saw && wrote(b, key, next) && overwritten
            }
            _ => false,
        }
    }

    /// The values that were written to each register, or read from it, `nil` included.
    pub fn versions(&self) -> BTreeMap<&Edn, BTreeSet<&Edn>> {
        let mut versions: BTreeMap<&Edn, BTreeSet<&Edn>> = BTreeMap::new();
        let possible = self.completions.values().filter(|(_, op)| op.kind != OpType::Fail);
        for (_, key, value) in possible.flat_map(|(_, op)| micro_ops(op)) {
            versions.entry(key).or_insert_with(|| [&Edn::Nil].into()).insert(value);
        }
        versions
    }

    /// Whether an element comes right after another, or after the empty list, in some longest
    /// list; or is in none, and the other is the last.
    fn follows(&self, key: &Edn, value: &Edn, next: &Edn) -> bool {
        let ops = self.completions.values().map(|(_, op)| *op);
        let lists = ops.filter(|op| op.kind != OpType::Fail).flat_map(|op| reads(op, key));
        let lists: Vec<&[Edn]> = lists.map(|list| list.as_slice().unwrap_or_default()).collect();
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        lists.iter().filter(|list| list.len() == longest).any(|list| {
            let mut order = vec![Edn::Nil];
            list.iter().for_each(|element| {
                if !order.contains(element) {
                    order.push(element.clone());
                }
            });
            match order.iter().position(|element| element == next) {
                Some(place) => order[place - 1] == *value,
                None => order.last() == Some(value),
            }
        })
    }

    /// Whether some transaction read the one value of a register and then wrote the other; or
    /// one left the first and a later one came to the second, later by process or by time.
    pub fn was_overwritten(&self, key: &Edn, value: &Edn, next: &Edn) -> bool {
        let has = |source| self.sources.contains(&source);
        if value == next {
            return false;
        }
        let mut committed = self.completions.values().filter(|(_, op)| op.kind == OpType::Ok);
        committed.any(|(_, a)| {
            let follows_read = reads(a, key).next() == Some(value) && wrote(a, key, next);
            let is_next = |(begins, b): &(usize, &Op)| {
                let is_same = a.process == b.process;
                let is_later = has("linearizable-keys") || has("sequential-keys") && is_same;
                is_later && a.index < *begins && first(b, key) == Some(next)
            };
            let comes_later = || self.completions.values().any(is_next);
            has("wfr-keys") && follows_read || left(a, key) == Some(value) && comes_later()
        })
    }
}

/// What a committed transaction leaves of a register: its last write, or else its first read.
fn left<'a>(op: &'a Op, key: &Edn) -> Option<&'a Edn> {
    writes(op, key).last().or_else(|| reads(op, key).next())
}

/// What a transaction first comes to of a register: what it read or, if that is nothing, what it
/// wrote. Nobody knows what one has read that is not known to have committed.
fn first<'a>(op: &'a Op, key: &Edn) -> Option<&'a Edn> {
    let is_before_writes = |(f, k, _): &(&str, &Edn, &Edn)| !(*f != "r" && *k == key);
    let read = micro_ops(op).take_while(is_before_writes).find(|(_, k, _)| *k == key);
    let read = read.map(|(.., value)| value).filter(|value| !value.is_nil());
    read.filter(|_| op.kind == OpType::Ok).or_else(|| writes(op, key).last())
}

fn items<'a>(map: &'a Edn, key: &str) -> &'a [Edn] {
    map.get(key).and_then(Edn::as_slice).unwrap()
}

/// A transaction with `[]` for `nil`, which mean the same to a list.
fn without_empty(value: &Edn) -> String {
    value.to_string().replace("[]", "nil")
}

fn writes<'a>(op: &'a Op, key: &Edn) -> impl Iterator<Item = &'a Edn> {
    micro_ops(op).filter(move |(f, k, _)| *f != "r" && *k == key).map(|(.., value)| value)
}

fn micro_ops(op: &Op) -> impl Iterator<Item = (&str, &Edn, &Edn)> {
    op.value.as_slice().unwrap_or_default().iter().map(|micro_op| {
        let [f, key, value] = micro_op.as_slice().unwrap() else { panic!("{micro_op}") };
        (f.as_keyword().unwrap(), key, value)
    })
}

fn reads<'a>(op: &'a Op, key: &Edn) -> impl Iterator<Item = &'a Edn> {
    micro_ops(op).filter(move |(f, k, _)| *f == "r" && *k == key).map(|(.., value)| value)
}

fn wrote(op: &Op, key: &Edn, value: &Edn) -> bool {
    micro_ops(op).any(|(f, k, v)| f != "r" && k == key && v == value)
}

fn last(list: &Edn) -> Edn {
    list.as_slice().and_then(<[Edn]>::last).cloned().unwrap_or(Edn::Nil)
}

fn kind_of(types: &[&str]) -> String {
    let count = |name: &str| types.iter().filter(|t| **t == name).count();
    let around = types.iter().zip(types.iter().cycle().skip(1));
    let is_adjacent = around.filter(|(a, b)| **a == "rw" && **b == "rw").count() > 0;
    let name = match count("rw") {
        0 if count("wr") == 0 => "G0",
        0 => "G1c",
        1 => "G-single-item",
        _ if is_adjacent => "G2-item",
        _ => "G-nonadjacent-item",
    };
    let in_time = if count("realtime") > 0 {
        "-realtime"
    } else if count("process") > 0 {
        "-process"
    } else {
        ""
    };
    format!("{name}{in_time}")
}

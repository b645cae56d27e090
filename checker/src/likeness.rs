//! What a history looks like: for whoever has it judged as something else.
//!
//! A judge that is given the wrong history finds no operation that it knows, or values of another
//! form. It cannot say more than that; but what operations are called, and what the first of them
//! gave, nearly always tells what the history is of.

use std::sync::Arc;

use crate::edn::Edn;
use crate::history::{Entry, Head, OpType, ProcessId};
use crate::{Judgement, Validity};

/// More names of operations than this are no help.
const MOST_NAMES: usize = 16;

/// What a judge is for.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the operations are called that it judges; none if it can tell by itself.
    pub functions: &'static [&'static str],
}

/// What a history was made of so far.
#[derive(Default)]
pub struct Likeness {
    /// What operations are called, each with the first value that one gave that is not nil.
    seen: Vec<(Arc<str>, Option<Edn>)>,
}

impl Likeness {
    /// Takes in the next entry.
    pub fn push(&mut self, entry: &Entry) {
        let Head { process, f: name, kind, .. } = entry.head;
        if process == ProcessId::Nemesis {
            return;
        }
        let place = self.seen.iter().position(|(f, _)| f == name);
        let place = match place {
            Some(place) => place,
            None if self.seen.len() < MOST_NAMES => {
                self.seen.push((name.clone(), None));
                self.seen.len() - 1
            }
            None => return,
        };
        let value = &mut self.seen[place].1;
        if value.is_none() && kind == OpType::Ok {
            *value = Some(entry.value()).filter(|value| !value.is_nil());
        }
    }

    /// The judgement, if it is of such a history; and if it is unknown, with what the history
    /// looks like instead.
    pub fn correct(&self, judgement: Judgement, expected: Expected) -> Judgement {
        let Expected { name, functions } = expected;
        let is_known = |(f, _): &(Arc<str>, _)| functions.contains(&&**f);
        let fits = functions.is_empty() || self.seen.iter().any(is_known);
        let judgement = if self.seen.is_empty() {
            Judgement::no_operations()
        } else if fits {
            judgement
        } else {
            let wanted = functions.join(", :");
            Judgement::bad_input(format!("There is no operation that {name} judges: no :{wanted}."))
        };
        let names = self.names();
        if judgement.verdict != Validity::Unknown || names.is_empty() || names.contains(&name) {
            return judgement;
        }
        let found = names.join(", ");
        let key = Edn::keyword("error");
        let results = judgement.results.iter();
        let error = results.clone().find(|(other, _)| *other == key).map(|(_, error)| error);
        let Some(Edn::Str(error)) = error else { return judgement };
        let words = format!("{error} The history looks like one of {found}.");
        let results = results.filter(|(other, _)| *other != key).cloned().collect();
        Judgement { results, is_bad_input: true, ..judgement.clone() }.because(words)
    }

    fn has(&self, f: &str) -> bool {
        self.seen.iter().any(|(name, _)| &**name == f)
    }

    fn value(&self, f: &str) -> Option<&Edn> {
        self.seen.iter().find(|(name, _)| &**name == f).and_then(|(_, value)| value.as_ref())
    }

    /// The workloads and models that such a history may be of, the likeliest first.
    fn names(&self) -> Vec<&'static str> {
        let is_pair =
            |value: Option<&Edn>| matches!(value, Some(Edn::Vector(items)) if items.len() == 2);
        let certain: [(&str, &[&str]); 11] = [
            ("generate", &["unique-ids"]),
            ("echo", &["echo"]),
            ("send", &["kafka"]),
            ("poll", &["kafka"]),
            ("broadcast", &["broadcast"]),
            ("transfer", &["bank"]),
            ("insert", &["adya-g2"]),
            ("read-init", &["causal"]),
            ("enqueue", &["queue", "total-queue", "fifo-queue", "unordered-queue"]),
            ("acquire", &["mutex"]),
            ("push", &["stack"]),
        ];
        if let Some((_, names)) = certain.iter().find(|(f, _)| self.has(f)) {
            return names.to_vec();
        }
        if let Some(txn) = self.value("txn").or_else(|| self.value("")) {
            return of_steps(txn);
        }
        let read = self.value("read");
        if self.has("cas") {
            return if is_pair(read) { vec!["lin-kv"] } else { vec!["cas-register"] };
        }
        match (self.has("add"), self.has("write"), read) {
            (true, _, Some(Edn::Int(_))) => vec!["counter", "g-counter", "pn-counter"],
            (true, ..) => vec!["set", "set-full", "linear-set", "g-set"],
            (_, _, Some(Edn::Map(_))) => vec!["bank"],
            (_, _, Some(Edn::Set(_))) => vec!["comments"],
            (_, _, Some(value)) if !of_steps(value).is_empty() => vec!["long-fork"],
            (_, _, Some(Edn::Vector(items))) if items.len() == 2 => match &items[1] {
                Edn::Set(_) => vec!["causal-reverse"],
                Edn::Vector(_) => vec!["sequential"],
                _ => vec!["lin-kv"],
            },
            (_, true, Some(_)) => vec!["register", "cas-register"],
            _ => Vec::new(),
        }
    }
}

/// What a value may be of that is a list of micro-operations.
fn of_steps(value: &Edn) -> Vec<&'static str> {
    let steps = value.as_slice().unwrap_or_default().iter();
    let name = |step: &'_ Edn| match step.as_slice() {
        Some([f, _, ..]) => f.as_keyword().or(f.as_str()).map(str::to_owned),
        _ => None,
    };
    let names: Option<Vec<String>> = steps.map(name).collect();
    let names = names.unwrap_or_default();
    let has = |f: &str| names.iter().any(|name| name == f);
    if ["insert", "delete", "rp"].into_iter().any(has) {
        vec!["closed-predicate"]
    } else if has("append") {
        vec!["list-append", "txn-list-append"]
    } else if has("w") || has("r") {
        vec!["rw-register", "txn-rw-register", "list-append", "txn-list-append"]
    } else if has("read") || has("write") {
        vec!["multi-register"]
    } else {
        Vec::new()
    }
}

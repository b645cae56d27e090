//! Closed predicates: transactions that ask which objects match, and what they must have missed.
//!
//! A predicate read returns what matches. By Adya's definition it depends on *every* object, also
//! on those that do not match and are not shown; and to insert an object that would have matched
//! is an anti-dependency, though no item was read (a *phantom*: Adya, *Weak Consistency* (1999),
//! section 3.1.2). What cannot be seen can be told where the world is closed: the objects and
//! their first versions are known, and each is changed once at most. An object of which only one
//! version does not match, and which the read does not show, was of that version.
//!
//! | operation | value |
//! |---|---|
//! | `init` | `{:x 1, :y 2}`: what is there at first; before all transactions, if at all |
//! | `txn` | `[:insert :x 1]`, `[:w :x 2]`, `[:delete :x]`, `[:r :x 2]`, `[:rp predicate {:x 2}]` |
//!
//! A predicate is `:true`, `[:= 2]` or `[:mod 2 0]`: it matches all that is there, what is equal
//! to 2, what is even. An object that was not inserted yet, or was deleted, matches none.
//!
//! Source: Elle's `closed_predicate.clj`. Unlike there, a key that is changed twice, of which
//! nobody knows in which order, makes the history `unknown`; and a read of what a failed
//! transaction wrote (`G1a`), of what nobody wrote, or otherwise than its own transaction left it
//! (`internal`) is found, too.
//!
//! Cost: a predicate read is compared with every object, so time grows with their product, and
//! there is a limit to it.

mod analysis;

use std::collections::BTreeMap;

use super::options::Options;
use super::records::Record;
use super::transaction::{Problem, Transaction, Transactions};
use super::{Checker, Judgement, judge};
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use analysis::Analysis;

/// The version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It was not inserted yet.
    Unborn,
    /// It was deleted.
    Dead,
    Value(Edn),
}

impl State {
    /// As it is printed.
    fn edn(&self) -> Edn {
        match self {
            State::Unborn => Edn::keyword("elle/unborn"),
            State::Dead => Edn::keyword("elle/dead"),
            State::Value(value) => value.clone(),
        }
    }
}

/// Which objects a read asks for.
#[derive(Clone, Debug, PartialEq)]
enum Predicate {
    True,
    Equals(Edn),
    Modulo { modulus: i64, rest: i64 },
}

impl Predicate {
    fn parse(predicate: &Edn) -> Option<Predicate> {
        if word(predicate) == Some("true") {
            return Some(Predicate::True);
        }
        match predicate.as_slice()? {
            [name, value] if word(name) == Some("=") => {
                Some(Predicate::Equals(value.canonical().into_owned()))
            }
            [name, modulus, rest] if word(name) == Some("mod") => {
                let modulus = modulus.as_i64().filter(|modulus| *modulus > 0)?;
                Some(Predicate::Modulo { modulus, rest: rest.as_i64()? })
            }
            _ => None,
        }
    }

    /// Whether it matches an object of this version.
    fn matches(&self, state: &State) -> bool {
        let State::Value(value) = state else { return false };
        match self {
            Predicate::True => true,
            Predicate::Equals(other) => value == other,
            Predicate::Modulo { modulus, rest } => {
                value.as_i64().is_some_and(|value| value.rem_euclid(*modulus) == *rest)
            }
        }
    }
}

/// A keyword's name, or what stands for one in JSON.
fn word(value: &Edn) -> Option<&str> {
    value.as_keyword().or_else(|| value.as_str())
}

/// A step of a transaction. Keys and values are in canonical form.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `:insert`, `:w`, `:delete`
    Change { key: Edn, state: State },
    /// `:r`; nil is what is not there.
    Read { key: Edn, value: Edn },
    /// `:rp`, with all that it shows.
    Select { predicate: Predicate, seen: BTreeMap<Edn, Edn> },
}

impl Step {
    fn parse(step: &Edn) -> Option<Step> {
        let (name, arguments) = step.as_slice()?.split_first()?;
        let canonical = |value: &Edn| value.canonical().into_owned();
        Some(match (word(name)?, arguments) {
            ("insert" | "w", [key, value]) if !value.is_nil() => {
                Step::Change { key: canonical(key), state: State::Value(canonical(value)) }
            }
            ("delete", [key] | [key, Edn::Nil]) => {
                Step::Change { key: canonical(key), state: State::Dead }
            }
            ("r", [key]) => Step::Read { key: canonical(key), value: Edn::Nil },
            ("r", [key, value]) => Step::Read { key: canonical(key), value: canonical(value) },
            ("rp", [predicate, rest @ ..]) => {
                let predicate = Predicate::parse(predicate)?;
                let seen = match rest {
                    [] | [Edn::Nil] => BTreeMap::new(),
                    [Edn::Map(entries)] => entries
                        .iter()
                        .map(|(key, value)| (canonical(key), canonical(value)))
                        .collect(),
                    _ => return None,
                };
                Step::Select { predicate, seen }
            }
            _ => return None,
        })
    }

    /// Whether both ask for the same.
    fn asks_as(&self, other: &Step) -> bool {
        match (self, other) {
            (Step::Read { key, .. }, Step::Read { key: other, .. }) => key == other,
            (Step::Select { predicate, .. }, Step::Select { predicate: other, .. }) => {
                predicate == other
            }
            (one, other) => one == other,
        }
    }
}

/// What an operation of a client is.
#[derive(Clone, PartialEq)]
enum Asked {
    /// What is there at first.
    Init(BTreeMap<Edn, Edn>),
    Txn(Vec<Step>),
}

impl Asked {
    fn parse(op: &Op) -> Result<Asked, Problem> {
        let problem = |what: &str| Problem {
            kind: "malformed-transaction",
            message: format!("operation {} is {what}: {}", op.index, op.value),
        };
        match (&*op.f, &op.value) {
            ("init", Edn::Map(entries)) => {
                let canonical = |(key, value): &(Edn, Edn)| {
                    (key.canonical().into_owned(), value.canonical().into_owned())
                };
                Ok(Asked::Init(entries.iter().map(canonical).collect()))
            }
            ("init", _) => Err(problem("an :init without a map of keys and values")),
            // In JSON, :f is often left out.
            ("txn" | "", value) => {
                let steps =
                    value.as_slice().and_then(|steps| steps.iter().map(Step::parse).collect());
                steps.map(Asked::Txn).ok_or_else(|| {
                    problem(
                        "no list of [:insert key value], [:w key value], [:delete key], \
                         [:r key value] and [:rp predicate map]",
                    )
                })
            }
            (f, _) => Err(Problem {
                kind: "malformed-transaction",
                message: format!("operation {} is :{f}; there are :init and :txn", op.index),
            }),
        }
    }

    fn asks_as(&self, other: &Asked) -> bool {
        match (self, other) {
            (Asked::Txn(steps), Asked::Txn(others)) => {
                steps.len() == others.len()
                    && steps.iter().zip(others).all(|(step, other)| step.asks_as(other))
            }
            (one, other) => one == other,
        }
    }
}

/// A transaction: what it did, and how the history has it.
struct Txn {
    asked: Asked,
    f: Edn,
    value: Edn,
}

/// An invocation that has no completion yet.
struct Open {
    position: u32,
    op: Op,
    asked: Asked,
}

/// Judges transactions with predicate reads.
pub struct ClosedPredicate {
    options: Options,
    position: u32,
    open: BTreeMap<i64, Open>,
    txns: Transactions,
    contents: Vec<Txn>,
    problem: Option<Problem>,
}

impl ClosedPredicate {
    /// A checker that has seen nothing yet.
    pub fn new(options: Options) -> ClosedPredicate {
        ClosedPredicate {
            options,
            position: 0,
            open: BTreeMap::new(),
            txns: Transactions::default(),
            contents: Vec::new(),
            problem: None,
        }
    }

    fn take(&mut self, process: i64, op: &Op) -> Result<(), Problem> {
        if op.kind == OpType::Invoke {
            let (position, asked) = (self.position, Asked::parse(op)?);
            self.open.insert(process, Open { position, op: op.clone(), asked });
            return Ok(());
        }
        let open = self.open.remove(&process).ok_or_else(|| Problem {
            kind: "unexpected-completion",
            message: format!(
                "process {process} ends operation {} without having begun one",
                op.index
            ),
        })?;
        // What came of an operation counts only where it succeeded.
        let (asked, value) = match op.kind {
            OpType::Ok => (Asked::parse(op)?, op.value.clone()),
            _ => (open.asked.clone(), open.op.value.clone()),
        };
        if !open.asked.asks_as(&asked) {
            let message = format!(
                "process {process} begins an operation as {} and ends it as {}",
                open.op.value, op.value
            );
            return Err(Problem { kind: "unexpected-completion", message });
        }
        let txn = Transaction {
            outcome: op.kind,
            process,
            begin: Some(open.position),
            end: Some(self.position),
        };
        let record = Record { indices: (open.op.index, op.index), times: (open.op.time, op.time) };
        self.add(txn, record, &open.op, asked, value);
        Ok(())
    }

    fn add(&mut self, txn: Transaction, record: Record, begin: &Op, asked: Asked, value: Edn) {
        self.txns.push(txn, record);
        self.contents.push(Txn { asked, f: Edn::keyword(&begin.f), value });
    }

    fn end(mut self) -> Result<(Transactions, Vec<Txn>, Options), Problem> {
        for (process, open) in std::mem::take(&mut self.open) {
            let Open { position, op, asked } = open;
            let (outcome, begin) = (OpType::Info, Some(position));
            let txn = Transaction { outcome, process, begin, end: None };
            let record = Record { indices: (op.index, op.index), times: (op.time, -1) };
            let value = op.value.clone();
            self.add(txn, record, &op, asked, value);
        }
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok((self.txns, self.contents, self.options)),
        }
    }
}

impl Checker for ClosedPredicate {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if self.problem.is_none()
            && let ProcessId::Client(process) = op.process
        {
            self.problem = self.take(process, op).err();
        }
        self.position += 1;
    }

    fn finish(self: Box<Self>) -> Judgement {
        let analysis = self
            .end()
            .and_then(|(txns, contents, options)| Ok((Analysis::new(txns, contents)?, options)));
        match analysis {
            Ok((analysis, _)) if analysis.is_empty() => Judgement::no_operations(),
            Ok((analysis, options)) => {
                let find = |findings: &mut _| analysis.find(findings);
                judge(&analysis, find, || analysis.edges(), &options)
            }
            Err(problem) => problem.into(),
        }
    }
}

#[cfg(test)]
mod tests;

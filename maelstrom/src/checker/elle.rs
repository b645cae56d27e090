//! Isolation of transactions, judged from the outside: which anomalies a history shows, and
//! which consistency models they rule out.
//!
//! The method is Elle's (Kingsbury and Alvaro, *Elle: Inferring Isolation Anomalies from
//! Experimental Observations*, 2020). Clients only ever append distinct elements to lists, or
//! write distinct values to registers. So a read shows who wrote what it saw, and, more or less
//! of, in which order the versions of a key came about. From that follow the dependencies between
//! transactions that Adya's definitions are about, and a cycle of them is a proof that no serial
//! order exists.
//!
//! | part | what it is |
//! |---|---|
//! | `model` | the models, the anomalies, and what follows from what |
//! | `atom`, `transaction` | the history as numbers in flat arrays |
//! | `lists`, `list_append` | lists: the order of versions, dependencies, anomalies |
//! | `order` | process order and real time |
//! | `graph`, `components`, `cycles` | the graph and its shortest cycles |
//! | `explain`, `findings` | why, in words and pictures; the verdict |
//!
//! Time and memory grow with the size of the history, cycles or not: no search is timed, and
//! none is given up.
//!
//! Absent: predicates, and so `G2` beyond items; and inference from what a database might say of
//! its own commit order.

mod atom;
mod components;
mod cycles;
mod explain;
mod findings;
mod graph;
mod groups;
mod list_anomalies;
mod list_append;
mod lists;
mod lost_update;
mod model;
mod order;
mod scratch;
mod transaction;

use std::collections::BTreeSet;

use super::{CheckResult, Validity};
use crate::edn::Edn;
use crate::history::{History, Op};
use lists::Lists;
use model::Name;
use order::Timing;
use transaction::{Problem, Recorder};

/// What is expected of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    models: Vec<Name>,
}

impl Default for Options {
    /// The strongest model there is, as in the original.
    fn default() -> Options {
        Options { models: vec!["strong-serializable"] }
    }
}

impl Options {
    /// These consistency models, by any of their names; the default if there are none.
    ///
    /// # Errors
    /// A sentence that lists the known models, when one of the names is none.
    pub fn new<S: AsRef<str>>(models: &[S]) -> Result<Options, String> {
        if models.is_empty() {
            return Ok(Options::default());
        }
        let models =
            models.iter().map(|name| model::model(name.as_ref())).collect::<Result<_, _>>()?;
        Ok(Options { models })
    }

    fn forbidden(&self) -> BTreeSet<Name> {
        model::forbidden_by(&self.models)
    }

    /// The order of time that the models speak of. Real time contains the order of processes.
    fn timing(&self) -> Timing {
        let forbidden = self.forbidden();
        let needs = |timing| cycles::names(timing).any(|name| forbidden.contains(name));
        if needs(Timing::Realtime) {
            Timing::Realtime
        } else if needs(Timing::Process) {
            Timing::Process
        } else {
            Timing::Ignored
        }
    }
}

/// A verdict, and the files that explain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The verdict and its findings, as in `results.edn`.
    pub result: CheckResult,
    /// Explanations for the folder `elle/`: for each file its path in it, and its text.
    pub files: Vec<(String, String)>,
}

impl Report {
    /// On a history without a transaction.
    fn nothing() -> Report {
        Report { result: super::no_operations(), files: Vec::new() }
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Report {
        let result = CheckResult::new(
            Validity::Unknown,
            [("error", problem.message.into()), ("type", Edn::keyword(problem.kind))],
        );
        Report { result, files: Vec::new() }
    }
}

/// Judges a history of transactions over lists that is taken in operation by operation, so that
/// the whole of it need never be in memory.
#[derive(Default)]
pub struct ListAppend {
    recorder: Recorder<Lists>,
}

impl ListAppend {
    /// Takes in the next entry of the history.
    pub fn push(&mut self, op: &Op) {
        self.recorder.push(op);
    }

    /// The verdict on all that was taken in.
    pub fn check(self, options: &Options) -> Report {
        match self.recorder.finish() {
            Ok((txns, _)) if txns.len() == 0 => Report::nothing(),
            Ok((txns, lists)) => list_append::check(&txns, &lists, options),
            Err(problem) => problem.into(),
        }
    }
}

/// Judges a history of transactions over lists: `[:append key element]` and `[:r key list]`.
pub fn list_append(history: &History, options: &Options) -> Report {
    let mut checker = ListAppend::default();
    history.ops.iter().for_each(|op| checker.push(op));
    checker.check(options)
}

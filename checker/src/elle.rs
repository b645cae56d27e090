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
//! | `lists`, `clojure_hash`, `list_append` | lists: the order of versions, dependencies, anomalies |
//! | `registers`, `version_order`, `rw_register` | registers: the same, with less to go by |
//! | `order` | process order and real time |
//! | `graph`, `components`, `cycles` | the graph and its shortest cycles |
//! | `explain`, `findings` | why, in words and as what there is to draw; the verdict |
//!
//! Time and memory grow with the size of the history, cycles or not: no search is timed. Which
//! anomalies are named is a function of the history alone: in each strongly connected component
//! every kind of cycle that exists, unless a worse one that was found there implies it. (Which
//! kinds the original names besides the first depends on the order in which it happens to visit
//! transactions.)
//!
//! Absent: predicates, and so `G2` beyond items; and inference from what a database might say of
//! its own commit order.

mod atom;
mod clojure_hash;
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
mod register_anomalies;
mod registers;
mod rw_register;
mod scratch;
mod transaction;
mod version_order;

use std::collections::BTreeSet;

use super::{Checker, Judgement};
use crate::edn::Edn;
use crate::history::{History, Op};
use components::components;
use cycles::cycles;
use explain::Explain;
use findings::Findings;
use graph::Edges;
use lists::Lists;
use model::Name;
use order::Timing;
use registers::Registers;
use transaction::{NONE, Problem, Recorder};
use version_order::Source;

/// What is expected of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    models: Vec<Name>,
    version_orders: VersionOrders,
}

impl Default for Options {
    /// The strongest model there is.
    fn default() -> Options {
        Options { models: vec!["strong-serializable"], version_orders: VersionOrders::default() }
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
        Ok(Options { models, ..Options::default() })
    }

    /// The order of a register's versions is told from these.
    pub fn with_version_orders(self, version_orders: VersionOrders) -> Options {
        Options { version_orders, ..self }
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

/// What the order of a register's versions may be told from. A register does not show its past
/// as a list does, so that each of these is an assumption about the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionOrders {
    /// The initial state, `nil`, comes before all others.
    pub initial_state: bool,
    /// Within a transaction, what it writes comes after what it read.
    pub wfr_keys: bool,
    /// Each process sees the versions of a key in their order.
    pub sequential_keys: bool,
    /// Whoever begins after another has ended sees its version of a key or a later one.
    pub linearizable_keys: bool,
}

impl Default for VersionOrders {
    /// The initial state and writes that follow reads, as in the original.
    fn default() -> VersionOrders {
        VersionOrders {
            initial_state: true,
            wfr_keys: true,
            sequential_keys: false,
            linearizable_keys: false,
        }
    }
}

impl VersionOrders {
    fn has(self, source: Source) -> bool {
        match source {
            Source::InitialState => self.initial_state,
            Source::WritesFollowReads => self.wfr_keys,
            Source::SequentialKeys => self.sequential_keys,
            Source::LinearizableKeys => self.linearizable_keys,
        }
    }
}

/// Whether an anomaly is there wherever the other is, by their names in results: `G1c` where
/// `G0` is, and every anomaly where it is itself.
pub fn is_implied(anomaly: &str, by: &str) -> bool {
    anomaly == by || model::implied_by(by).contains(anomaly)
}

impl From<Problem> for Judgement {
    fn from(problem: Problem) -> Judgement {
        let mut judgement = Judgement::unknown(problem.message);
        judgement.results.push((Edn::keyword("type"), Edn::keyword(problem.kind)));
        judgement
    }
}

/// Judges transactions over lists: `[:append key element]` and `[:r key list]`.
pub struct ListAppend {
    recorder: Recorder<Lists>,
    options: Options,
}

impl ListAppend {
    /// A checker that has seen nothing yet.
    pub fn new(options: Options) -> ListAppend {
        ListAppend { recorder: Recorder::default(), options }
    }
}

impl Checker for ListAppend {
    fn push(&mut self, op: &Op) {
        self.recorder.push(op);
    }

    fn finish(self: Box<Self>) -> Judgement {
        match self.recorder.finish() {
            Ok((txns, _)) if txns.len() == 0 => Judgement::no_operations(),
            Ok((txns, lists)) => list_append::check(&txns, &lists, &self.options),
            Err(problem) => problem.into(),
        }
    }
}

/// Judges a whole history of transactions over lists.
pub fn list_append(history: &History, options: &Options) -> Judgement {
    history.judge(ListAppend::new(options.clone()))
}

/// Judges transactions over registers: `[:w key value]` and `[:r key value]`.
pub struct RwRegister {
    recorder: Recorder<Registers>,
    options: Options,
}

impl RwRegister {
    /// A checker that has seen nothing yet.
    pub fn new(options: Options) -> RwRegister {
        RwRegister { recorder: Recorder::default(), options }
    }
}

impl Checker for RwRegister {
    fn push(&mut self, op: &Op) {
        self.recorder.push(op);
    }

    fn finish(self: Box<Self>) -> Judgement {
        match self.recorder.finish() {
            Ok((txns, _)) if txns.len() == 0 => Judgement::no_operations(),
            Ok((txns, _)) => rw_register::check(&txns, &self.options),
            Err(problem) => problem.into(),
        }
    }
}

/// Judges a whole history of transactions over registers.
pub fn rw_register(history: &History, options: &Options) -> Judgement {
    history.judge(RwRegister::new(options.clone()))
}

/// Adds the cycles among dependencies by data, and by time as far as the models speak of it.
fn add_cycles(
    workload: &impl Explain,
    mut edges: Edges,
    options: &Options,
    findings: &mut Findings,
) {
    let timing = options.timing();
    let has_data = edges.has_any();
    let has_time = order::add_edges(&mut edges, workload.transactions(), timing);
    if !has_data && !has_time {
        findings.add_empty_graph();
    }
    let graph = edges.into_graph();
    let parts = components(&graph).of_several();
    if parts.is_empty() {
        return;
    }
    let mut places = vec![NONE; graph.len()];
    for vertices in parts {
        let component = graph.restricted_to(&vertices, &mut places);
        for cycle in cycles(&component, timing) {
            let cycle = cycle.among(&vertices);
            findings.add(cycle.kind, || explain::cycle(workload, &cycle));
        }
    }
}

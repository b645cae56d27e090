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
//! | `tables`, `transaction`, `records` | the history as numbers in flat arrays |
//! | `lists`, `clojure_hash`, `list_append` | lists: the order of versions, dependencies, anomalies |
//! | `registers`, `version_order`, `rw_register` | registers: the same, with less to go by |
//! | `predicates` | transactions that read by predicates, where all objects are known |
//! | `order` | process order and real time |
//! | `graph`, `components`, `cycles` | the graph and its shortest cycles |
//! | `reason`, `explain`, `findings` | why, in words and to draw; the verdict |
//! | `options` | which models and orders of versions are asked for |
//!
//! Time and memory grow with the size of the history, cycles or not: no search is timed. Which
//! anomalies are named is a function of the history alone: in each strongly connected component
//! every kind of cycle that exists, unless a worse one that was found there implies it. (Which
//! kinds the original names besides the first depends on the order in which it happens to visit
//! transactions.)
//!
//! Absent: predicates over objects that are changed several times, as no order of their versions
//! can be told.
//!
//! Chapter 13 of the book, `book/13-judging-the-judges.md`, reads this.

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
mod options;
mod order;
mod predicates;
mod reason;
mod records;
mod register_anomalies;
mod registers;
mod rw_register;
mod scratch;
mod tables;
mod transaction;
mod version_order;

use rayon::prelude::*;

use super::{Checker, Judgement};
use crate::edn::Edn;
use crate::history::{Entry, History, Op, Packed};
use components::components;
use cycles::{Cycle, cycles};
use findings::Findings;
use graph::Edges;
use lists::Lists;
use reason::Explain;
use registers::Registers;
use tables::NONE;
use transaction::{Problem, Recorder, Transactions};

pub use options::Options;
pub use predicates::ClosedPredicate;
pub use version_order::VersionOrders;

/// Whether an anomaly is there wherever the other is, by their names in results: `G1c` where
/// `G0` is, and every anomaly where it is itself.
pub fn is_implied(anomaly: &str, by: &str) -> bool {
    anomaly == by || model::implied_by(by).contains(anomaly)
}

impl From<Problem> for Judgement {
    fn from(problem: Problem) -> Judgement {
        let mut judgement = Judgement::bad_input(problem.message);
        judgement.results.push((Edn::keyword("type"), Edn::keyword(problem.kind)));
        judgement
    }
}

/// Judges transactions over lists: `[:append key element]` and `[:r key list]`.
pub struct ListAppend {
    recorder: Recorder<Lists>,
    /// For the entry that is taken in.
    packed: Packed,
    options: Options,
}

impl ListAppend {
    /// A checker that has seen nothing yet.
    pub fn new(options: Options) -> ListAppend {
        ListAppend { recorder: Recorder::default(), packed: Packed::default(), options }
    }
}

impl Checker for ListAppend {
    fn has_problem(&self) -> bool {
        self.recorder.has_problem()
    }

    fn push(&mut self, op: &Op) {
        self.packed.clear();
        self.packed.push(op);
        self.recorder.push(&self.packed.entry(0));
    }

    fn push_entry(&mut self, entry: &Entry) {
        self.recorder.push(entry);
    }

    fn finish(self: Box<Self>) -> Judgement {
        match self.recorder.finish() {
            Ok((txns, _)) if txns.len() == 0 => Judgement::no_operations(),
            Ok((txns, lists)) => judge_lists(&txns, &lists, &self.options),
            Err(problem) => problem.into(),
        }
    }
}

fn judge_lists(txns: &Transactions, lists: &Lists, options: &Options) -> Judgement {
    let analysis = list_append::Analysis::new(txns, lists);
    let find = |findings: &mut Findings| {
        list_anomalies::find(&analysis, findings);
        lost_update::find(&analysis, findings);
    };
    judge(&analysis, find, || analysis.edges(), options)
}

/// Judges a whole history of transactions over lists.
pub fn list_append(history: &History, options: &Options) -> Judgement {
    history.judge(ListAppend::new(options.clone()))
}

/// Judges transactions over registers: `[:w key value]` and `[:r key value]`.
pub struct RwRegister {
    recorder: Recorder<Registers>,
    /// For the entry that is taken in.
    packed: Packed,
    options: Options,
}

impl RwRegister {
    /// A checker that has seen nothing yet.
    pub fn new(options: Options) -> RwRegister {
        RwRegister { recorder: Recorder::default(), packed: Packed::default(), options }
    }
}

impl Checker for RwRegister {
    fn has_problem(&self) -> bool {
        self.recorder.has_problem()
    }

    fn push(&mut self, op: &Op) {
        self.packed.clear();
        self.packed.push(op);
        self.recorder.push(&self.packed.entry(0));
    }

    fn push_entry(&mut self, entry: &Entry) {
        self.recorder.push(entry);
    }

    fn finish(self: Box<Self>) -> Judgement {
        match self.recorder.finish() {
            Ok((txns, _)) if txns.len() == 0 => Judgement::no_operations(),
            Ok((txns, _)) => judge_registers(&txns, &self.options),
            Err(problem) => problem.into(),
        }
    }
}

fn judge_registers(txns: &Transactions, options: &Options) -> Judgement {
    let (analysis, contradictions) = rw_register::Analysis::new(txns, options.version_orders);
    let find = |findings: &mut Findings| {
        for contradiction in &contradictions {
            findings.add("cyclic-versions", || analysis.cyclic_versions(contradiction));
        }
        register_anomalies::find(&analysis, findings);
        lost_update::find(&analysis, findings);
    };
    let mut judgement = judge(&analysis, find, || analysis.edges(), options);
    if judgement.is_valid() {
        // Elle says so of registers, and not of lists.
        let none = [("anomaly-types", Edn::List(Vec::new())), ("anomalies", Edn::Nil)];
        judgement.results.extend(none.map(|(key, value)| (Edn::keyword(key), value)));
    }
    judgement
}

/// Judges a whole history of transactions over registers.
pub fn rw_register(history: &History, options: &Options) -> Judgement {
    history.judge(RwRegister::new(options.clone()))
}

/// The verdict on what `find` finds, and on the cycles. The two have nothing to do with each
/// other, and are looked for side by side.
fn judge(
    workload: &(impl Explain + Sync),
    find: impl FnOnce(&mut Findings) + Send,
    edges: impl FnOnce() -> Edges + Send,
    options: &Options,
) -> Judgement {
    let (mut findings, mut cycles) = (Findings::default(), Findings::default());
    rayon::join(|| find(&mut findings), || add_cycles(workload, edges(), options, &mut cycles));
    findings.extend(cycles);
    findings.judgement(options)
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
    // Side by side, but what is found is in the order of the components.
    let share = parts.len().div_ceil(2 * rayon::current_num_threads());
    let cycles = parts.par_chunks(share).map(|parts| {
        let mut places = vec![NONE; graph.len()];
        let mut found = Vec::new();
        for vertices in parts {
            let component = graph.restricted_to(vertices, &mut places);
            found.extend(cycles(&component, timing).into_iter().map(|c| c.among(vertices)));
        }
        found
    });
    let cycles: Vec<Vec<Cycle>> = cycles.collect();
    for cycle in cycles.iter().flatten() {
        findings.add(cycle.kind, || explain::cycle(workload, cycle));
    }
}

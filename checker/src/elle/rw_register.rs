//! Registers: the dependencies that follow from what is known of the order of versions.
//!
//! Who read what from whom is plain, since every value is written once. Who overwrote what is
//! known only as far as the order of versions is. Only transactions that certainly committed
//! take part. Source: Kingsbury and Alvaro, *Elle* (2020), section 5.

use super::cycles::Step;
use super::findings::Case;
use super::graph::{Edges, Relation};
use super::groups::Groups;
use super::reason::{Explain, Reason};
use super::registers::{self, Access, INITIAL, Registers, accesses};
use super::tables::NONE;
use super::transaction::{Action, MicroOp, States, Transactions};
use super::version_order::{Contradiction, Source, VersionOrder, VersionOrders};
use crate::edn::Edn;

/// A history of registers, and what is known of the order of their versions.
pub struct Analysis<'a> {
    /// The transactions.
    pub txns: &'a Transactions,
    accesses: Vec<Access>,
    order: VersionOrder,
}

impl<'a> Analysis<'a> {
    /// Puts the versions of each key in order as far as these assumptions go. Gives what they
    /// contradict, too.
    pub fn new(txns: &'a Transactions, sources: VersionOrders) -> (Self, Vec<Contradiction>) {
        let accesses = accesses(txns);
        let (order, contradictions) = VersionOrder::infer(txns, &accesses, sources);
        (Analysis { txns, accesses, order }, contradictions)
    }
}

impl Analysis<'_> {
    /// The dependencies by data.
    pub fn edges(&self) -> Edges {
        let txns = self.txns;
        let (versions, keys) = (txns.tables.versions.len(), txns.tables.keys.len());
        let mut edges = Edges::new(txns.len());
        let reads = || self.accesses.iter().filter(|access| access.read != NONE);
        let readers = Groups::new(versions + keys, || {
            reads().map(|access| (self.slot(access.read, access.key), access.txn))
        });
        for access in reads() {
            if access.written != NONE {
                edges.note_loop();
            }
            if let Some(writer) = self.writer(access.read) {
                edges.add(writer, access.txn, Relation::WriteRead);
            }
        }
        for later in self.order.successions.chunk_by(|a, b| a.earlier == b.earlier) {
            let earlier = later[0].earlier;
            // The initial state is seen to below, for all keys.
            if earlier == INITIAL {
                continue;
            }
            let writers: Vec<u32> =
                later.iter().filter_map(|edge| self.writer(edge.later)).collect();
            if let Some(before) = self.writer(earlier) {
                writers.iter().for_each(|&after| edges.add(before, after, Relation::WriteWrite));
            }
            edges.add_all(readers.of(earlier as usize), &writers, Relation::ReadWrite);
        }
        self.add_first_writes(&mut edges, &readers);
        edges
    }

    /// Those who saw a key before anybody had written it come before all who wrote it, or those
    /// that are known to come later.
    fn add_first_writes(&self, edges: &mut Edges, readers: &Groups) {
        let keys = self.txns.tables.keys.len();
        let versions = self.txns.tables.versions.len();
        let first = self.order.successions.iter().filter(|edge| edge.earlier == INITIAL);
        let writers = Groups::new(keys, || {
            let known = first.clone().map(|edge| edge.later).filter(|_| !self.order.initial_first);
            let all = self.accesses.iter().map(|access| access.written);
            let all = all.filter(|&version| self.order.initial_first && version != NONE);
            all.chain(known).filter_map(|version| {
                let key = self.txns.tables.versions[version as usize].key;
                Some((key as usize, self.writer(version)?))
            })
        });
        for key in 0..keys {
            edges.add_all(readers.of(versions + key), writers.of(key), Relation::ReadWrite);
        }
    }

    /// The committed transaction that left a version to others.
    fn writer(&self, version: u32) -> Option<u32> {
        registers::writer(self.txns, version)
    }

    /// The place of a state among all: versions first, and then the keys' initial states.
    fn slot(&self, state: u32, key: u32) -> usize {
        if state == INITIAL {
            self.txns.tables.versions.len() + key as usize
        } else {
            state as usize
        }
    }

    /// A state as it is printed.
    pub fn value(&self, state: u32) -> Edn {
        Registers.edn(&self.txns.tables, state)
    }

    /// The key of a micro-operation, as it is printed.
    pub fn key(&self, op: &MicroOp) -> Edn {
        self.txns.tables.key_edn(op.key)
    }

    /// What a transaction shows of its keys.
    fn accesses_of(&self, txn: u32) -> &[Access] {
        let start = self.accesses.partition_point(|access| access.txn < txn);
        let end = self.accesses.partition_point(|access| access.txn <= txn);
        &self.accesses[start..end]
    }

    /// Versions that would have to come before themselves, as a case of an anomaly.
    pub fn cyclic_versions(&self, contradiction: &Contradiction) -> Case {
        let key = self.txns.tables.key_edn(contradiction.key);
        let versions: Vec<Edn> = contradiction.versions.iter().map(|&v| self.value(v)).collect();
        let sources = contradiction.sources.iter().map(|source| source.name());
        let text = format!(
            "Each of the values {} of key {key} would have to come before itself, by {}.",
            Edn::Vector(versions.clone()),
            sources.clone().collect::<Vec<_>>().join(", ")
        );
        let entries = [
            ("key", key.clone()),
            ("scc", Edn::Set(versions)),
            ("sources", Edn::Vector(sources.map(Edn::keyword).collect())),
        ];
        Case::new(entries, text).on(key)
    }
}

impl Explain for Analysis<'_> {
    fn transactions(&self) -> &Transactions {
        self.txns
    }

    fn edn(&self, txn: u32) -> Edn {
        self.txns.edn(&Registers, txn)
    }

    fn micro_op_edn(&self, op: &MicroOp) -> Edn {
        self.txns.micro_op_edn(&Registers, op)
    }

    fn reason(&self, step: &Step, [a, b]: [&str; 2]) -> Reason {
        let (before, after) = (self.accesses_of(step.from), self.accesses_of(step.to));
        let pairs = before.iter().flat_map(|before| {
            let same = after.iter().filter(|after| after.key == before.key);
            same.map(move |after| (before, after))
        });
        let states = |before: &Access, after: &Access| match step.relation {
            Relation::WriteRead => (before.written, after.read),
            Relation::WriteWrite => (before.written, after.written),
            Relation::ReadWrite => (before.read, after.written),
            other => unreachable!("{other:?} is no dependency by data"),
        };
        let mut found = pairs.filter_map(|(before, after)| {
            let (earlier, later) = states(before, after);
            let is_reason = earlier != NONE
                && later != NONE
                && if step.relation == Relation::WriteRead {
                    earlier == later
                } else {
                    self.comes_before(earlier, later)
                };
            is_reason.then_some((before.key, earlier, later))
        });
        let (key, earlier, later) = found.next().expect("a step comes from what both did to a key");
        self.data_reason(step, key, earlier, later, [a, b])
    }
}

impl Analysis<'_> {
    fn comes_before(&self, earlier: u32, later: u32) -> bool {
        (earlier == INITIAL && self.order.initial_first)
            || self.order.reason(earlier, later).is_some()
    }

    fn data_reason(
        &self,
        step: &Step,
        key: u32,
        earlier: u32,
        later: u32,
        [a, b]: [&str; 2],
    ) -> Reason {
        let name = self.txns.tables.key_edn(key);
        let (value, next) = (self.value(earlier), self.value(later));
        let place = |txn: u32, action: Action, state: u32| {
            let is_it = |op: &MicroOp| op.action == action && op.key == key && op.value == state;
            self.txns.micro_ops(txn).iter().position(is_it)
        };
        let (did, does) = match step.relation {
            Relation::WriteRead => (Action::Write, Action::Read),
            Relation::WriteWrite => (Action::Write, Action::Write),
            _ => (Action::Read, Action::Write),
        };
        let places = [place(step.from, did, earlier), place(step.to, does, later)];
        if step.relation == Relation::WriteRead {
            let text = format!("{b} read key {name} as {value}, which {a} wrote");
            return Reason { entries: vec![("key", name), ("value", value)], places, text };
        }
        let saw = if step.relation == Relation::ReadWrite { "read" } else { "wrote" };
        let why = self.why_before(step, earlier, later, b);
        let text = format!("{a} {saw} key {name} as {value}, and {b} wrote {next}, which {why}");
        let entries = vec![("key", name), ("value", value), ("value'", next)];
        Reason { entries, places, text }
    }

    /// Why a version came later than another, as the end of a sentence.
    fn why_before(&self, step: &Step, earlier: u32, later: u32, b: &str) -> String {
        let Some(edge) = self.order.reason(earlier, later) else {
            return "came after the initial state, as every write does".into();
        };
        let index = |txn: u32| self.txns.record(txn).indices.1;
        let (first, second) = (index(edge.witnesses.0), index(edge.witnesses.1));
        match edge.source {
            Source::InitialState => unreachable!("these edges are not listed"),
            Source::ExplicitVersions => format!(
                "came later, for the database gave the first (operation {first}) a lower number \
                 than the other (operation {second})"
            ),
            Source::TransactionOrder => format!(
                "came later, for the database says that operation {first}, which wrote the \
                 first, came before operation {second}, which wrote the other"
            ),
            Source::WritesFollowReads if edge.witnesses.0 == step.to => {
                format!("came later, for {b} had read {} before", self.value(earlier))
            }
            Source::WritesFollowReads => {
                format!("came later, for its writer had read {} before", self.value(earlier))
            }
            Source::SequentialKeys => format!(
                "came later, for one process knew the first (operation {first}) before it knew \
                 the other (operation {second})"
            ),
            Source::LinearizableKeys => format!(
                "came later, for operation {first}, which knew the first, had ended before \
                 operation {second}, which knew the other, began"
            ),
        }
    }
}

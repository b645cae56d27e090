//! In which order the versions of a register came about, as far as anybody can tell.
//!
//! A register does not show its past as a list does. What is known of the order of its versions
//! comes from assumptions, each of which gives edges from a version to a later one. They are
//! taken in turn, and one that contradicts those before it is noted and left out. Source:
//! Kingsbury and Alvaro, *Elle* (2020), section 5.

use std::collections::BTreeMap;

use super::components::components;
use super::graph::{Edges, Relation};
use super::registers::{Access, INITIAL, writer};
use super::tables::{NONE, number};
use super::transaction::{Numbered, Transactions};
use crate::history::OpType;

/// An assumption about the order of a register's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The initial state, `nil`, comes before all others.
    InitialState,
    /// The database numbered the versions of each key.
    ExplicitVersions,
    /// The database said in which order its transactions took effect.
    TransactionOrder,
    /// Within a transaction, what it writes comes after what it read.
    WritesFollowReads,
    /// Each process sees versions in their order.
    SequentialKeys,
    /// Whoever begins after another has ended sees its version or a later one.
    LinearizableKeys,
}

impl Source {
    /// All of them, in the order in which they are taken.
    pub const ALL: [Source; 6] = [
        Source::InitialState,
        Source::ExplicitVersions,
        Source::TransactionOrder,
        Source::WritesFollowReads,
        Source::SequentialKeys,
        Source::LinearizableKeys,
    ];

    /// Its name, as the original has it where it knows it.
    pub fn name(self) -> &'static str {
        match self {
            Source::InitialState => "initial-state",
            Source::ExplicitVersions => "explicit-versions",
            Source::TransactionOrder => "transaction-order-keys",
            Source::WritesFollowReads => "wfr-keys",
            Source::SequentialKeys => "sequential-keys",
            Source::LinearizableKeys => "linearizable-keys",
        }
    }
}

/// What the order of a register's versions may be told from. A register does not show its past
/// as a list does, so that each of these is an assumption about the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionOrders {
    /// The initial state, `nil`, comes before all others.
    pub initial_state: bool,
    /// The number that stands behind a value, `[:r key value number]`, and behind what is written
    /// where a transaction ends, is the database's for this version: a later one has a higher one.
    pub explicit_versions: bool,
    /// What the database said of the order of its transactions (`:transaction-order` of their
    /// ends, an integer) is the order of what they wrote.
    pub transaction_order: bool,
    /// Within a transaction, what it writes comes after what it read.
    pub wfr_keys: bool,
    /// Each process sees the versions of a key in their order.
    pub sequential_keys: bool,
    /// Whoever begins after another has ended sees its version of a key or a later one.
    pub linearizable_keys: bool,
}

impl Default for VersionOrders {
    /// The initial state and writes that follow reads, as in the original; and what the history
    /// itself says of versions.
    fn default() -> VersionOrders {
        VersionOrders {
            initial_state: true,
            explicit_versions: true,
            transaction_order: false,
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
            Source::ExplicitVersions => self.explicit_versions,
            Source::TransactionOrder => self.transaction_order,
            Source::WritesFollowReads => self.wfr_keys,
            Source::SequentialKeys => self.sequential_keys,
            Source::LinearizableKeys => self.linearizable_keys,
        }
    }
}

/// One version comes before another, because of what two transactions saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Succession {
    /// The earlier version.
    pub earlier: u32,
    /// The later one.
    pub later: u32,
    /// The assumption that says so.
    pub source: Source,
    /// The transactions that it speaks of.
    pub witnesses: (u32, u32),
}

/// Versions that would have to come before themselves.
pub struct Contradiction {
    /// The key.
    pub key: u32,
    /// The versions, perhaps with [`INITIAL`].
    pub versions: Vec<u32>,
    /// The assumptions that are at odds.
    pub sources: Vec<Source>,
}

/// What is known of the order of versions.
pub struct VersionOrder {
    /// Whether the initial state comes before all versions of its key. These edges, one for each
    /// version, are not listed.
    pub initial_first: bool,
    /// The other edges, ordered, with no two between the same versions.
    pub successions: Vec<Succession>,
}

impl VersionOrder {
    /// Takes the assumptions in turn.
    pub fn infer(
        txns: &Transactions,
        accesses: &[Access],
        sources: VersionOrders,
    ) -> (VersionOrder, Vec<Contradiction>) {
        let mut order = VersionOrder { initial_first: false, successions: Vec::new() };
        let mut contradictions = Vec::new();
        let mut taken = Vec::new();
        for source in Source::ALL.into_iter().filter(|source| sources.has(*source)) {
            taken.push(source);
            let more = match source {
                Source::InitialState => {
                    order.initial_first = true;
                    continue;
                }
                Source::ExplicitVersions => explicit_versions(txns),
                Source::TransactionOrder => transaction_order(txns, accesses),
                Source::WritesFollowReads => writes_follow_reads(accesses),
                Source::SequentialKeys => sequential_keys(txns, accesses),
                Source::LinearizableKeys => linearizable_keys(txns, accesses),
            };
            let before = order.successions.len();
            order.successions.extend(more);
            let cyclic = order.cycles(txns, accesses);
            if !cyclic.is_empty() {
                contradictions.extend(cyclic.into_iter().map(|(key, versions)| Contradiction {
                    key,
                    versions,
                    sources: taken.clone(),
                }));
                order.successions.truncate(before);
                taken.pop();
            }
        }
        order.successions.sort_unstable();
        order.successions.dedup_by_key(|edge| (edge.earlier, edge.later));
        (order, contradictions)
    }

    /// Why one version comes before another, unless that is for the first being initial.
    pub fn reason(&self, earlier: u32, later: u32) -> Option<&Succession> {
        let edges = &self.successions;
        let found = edges.binary_search_by_key(&(earlier, later), |e| (e.earlier, e.later));
        found.ok().map(|place| &edges[place])
    }

    /// The keys and versions of each circle of versions.
    fn cycles(&self, txns: &Transactions, accesses: &[Access]) -> Vec<(u32, Vec<u32>)> {
        let versions = txns.tables.versions.len();
        let keys = txns.tables.keys.len();
        // Each key's initial state comes behind all versions.
        let vertex = |version: u32, key: u32| match version {
            INITIAL => number(versions) + key,
            version => version,
        };
        let key_of = |version: u32| txns.tables.versions[version as usize].key;
        let mut edges = Edges::new(versions + keys);
        let mut returns_to_initial = vec![false; keys];
        for edge in &self.successions {
            let key = key_of(if edge.earlier == INITIAL { edge.later } else { edge.earlier });
            returns_to_initial[key as usize] |= edge.later == INITIAL;
            edges.add(vertex(edge.earlier, key), vertex(edge.later, key), Relation::Onward);
        }
        for access in accesses.iter().filter(|access| returns_to_initial[access.key as usize]) {
            for version in [access.read, access.written] {
                if self.initial_first && version < INITIAL {
                    edges.add(vertex(INITIAL, access.key), version, Relation::Onward);
                }
            }
        }
        let cycles = components(&edges.into_graph()).of_several().into_iter();
        let named = cycles.map(|vertices| {
            let initial = vertices.iter().find(|&&vertex| vertex as usize >= versions);
            let key = initial.map_or_else(|| key_of(vertices[0]), |v| v - number(versions));
            let name = |vertex: u32| if vertex as usize >= versions { INITIAL } else { vertex };
            (key, vertices.into_iter().map(name).collect())
        });
        named.collect()
    }
}

/// The versions of each key in the order of the database's numbers. Each is linked to the next
/// one, and to the next one that is known to have been left by a transaction: else a version of
/// which nobody knows who left it would come between those two. Two versions with one number are
/// at odds.
fn explicit_versions(txns: &Transactions) -> Vec<Succession> {
    let edge = |before: &Numbered, after: &Numbered| Succession {
        earlier: before.state,
        later: after.state,
        source: Source::ExplicitVersions,
        witnesses: (before.txn, after.txn),
    };
    let mut edges = Vec::new();
    for versions in txns.numbered.chunk_by(|a, b| a.key == b.key) {
        let mut left = None;
        for (before, after) in versions.iter().zip(&versions[1..]).rev() {
            edges.push(edge(before, after));
            if before.number == after.number {
                edges.push(edge(after, before));
            }
            match writer(txns, after.state) {
                Some(_) => left = Some(after),
                None => edges.extend(left.map(|left| edge(before, left))),
            }
        }
    }
    edges.retain(|edge| edge.earlier != edge.later);
    edges
}

/// The versions of each key, in the order that the database gave to those who wrote them. Those of
/// which it said nothing, or the same, stay without one.
fn transaction_order(txns: &Transactions, accesses: &[Access]) -> Vec<Succession> {
    let writes = accesses.iter().filter(|access| access.written != NONE);
    let place = |access: &Access| {
        let order = txns.orders.get(&access.txn)?;
        Some((access.key, *order, access.txn, access.written))
    };
    let mut writes: Vec<_> = writes.filter_map(place).collect();
    writes.sort_unstable();
    let next = |pair: &[(u32, i64, u32, u32)]| {
        let ((key, first, before, earlier), (other, second, after, later)) = (pair[0], pair[1]);
        let (source, witnesses) = (Source::TransactionOrder, (before, after));
        let edge = Succession { earlier, later, source, witnesses };
        (key == other && first < second).then_some(edge)
    };
    writes.windows(2).filter_map(next).collect()
}

fn writes_follow_reads(accesses: &[Access]) -> Vec<Succession> {
    let follows = accesses.iter().filter(|access| access.read < INITIAL && access.written != NONE);
    let edges = follows.map(|access| Succession {
        earlier: access.read,
        later: access.written,
        source: Source::WritesFollowReads,
        witnesses: (access.txn, access.txn),
    });
    edges.filter(|edge| edge.earlier != edge.later).collect()
}

fn sequential_keys(txns: &Transactions, accesses: &[Access]) -> Vec<Succession> {
    let mut last: BTreeMap<(i64, u32), Access> = BTreeMap::new();
    let mut edges = Vec::new();
    for &access in accesses {
        let txn = txns.get(access.txn);
        if txn.outcome != OpType::Ok {
            continue;
        }
        if let Some(before) = last.insert((txn.process, access.key), access) {
            edges.extend(succession(&before, &access, Source::SequentialKeys));
        }
    }
    edges
}

/// For each key, real time among the transactions that touch it, without the edges that follow
/// from others: each that begins is linked to those that have ended and that no other, ended
/// too, began after.
fn linearizable_keys(txns: &Transactions, accesses: &[Access]) -> Vec<Succession> {
    let mut by_key: Vec<&Access> = accesses.iter().collect();
    by_key.sort_by_key(|access| access.key);
    let mut edges = Vec::new();
    for accesses in by_key.chunk_by(|a, b| a.key == b.key) {
        let mut events: Vec<(u32, bool, &Access)> = Vec::new();
        for access in accesses {
            let txn = txns.get(access.txn);
            events.extend(txn.begin.map(|begin| (begin, false, *access)));
            let end = txn.end.filter(|_| txn.outcome == OpType::Ok);
            events.extend(end.map(|end| (end, true, *access)));
        }
        events.sort_unstable_by_key(|(position, ..)| *position);
        let mut latest: Vec<&Access> = Vec::new();
        let mut ended_before: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (_, has_ended, access) in events {
            if has_ended {
                let covered = ended_before.remove(&access.txn).unwrap_or_default();
                latest.retain(|before| !covered.contains(&before.txn));
                latest.push(access);
            } else {
                let source = Source::LinearizableKeys;
                edges.extend(latest.iter().filter_map(|before| succession(before, access, source)));
                let covered = latest.iter().map(|before| before.txn).collect();
                ended_before.insert(access.txn, covered);
            }
        }
    }
    edges
}

/// The last that one transaction knew of a key comes before the first that a later one does.
fn succession(before: &Access, after: &Access, source: Source) -> Option<Succession> {
    let last = if before.written == NONE { before.read } else { before.written };
    let is_initial = after.read == NONE || after.read == INITIAL;
    let first = if is_initial && after.written != NONE { after.written } else { after.read };
    let edge =
        Succession { earlier: last, later: first, source, witnesses: (before.txn, after.txn) };
    (last != NONE && first != NONE && last != first).then_some(edge)
}

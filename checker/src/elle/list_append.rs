//! Lists: the order of a key's versions, and the dependencies that follow from it.
//!
//! The longest list that was read of a key gives the order of its elements, and with it who
//! overwrote what. Elements that were never read came after the last one that was, in an order
//! that nobody knows. Source: Kingsbury and Alvaro, *Elle* (2020), section 4.
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use super::cycles::Step;
use super::graph::{Edges, Relation};
use super::groups::Groups;
use super::lists::Lists;
use super::reason::{Explain, Reason};
use super::tables::{NONE, number};
use super::transaction::{Action, MicroOp, States, Transactions};
use crate::edn::Edn;

/// A history of lists, and the order of versions that its reads show.
pub struct Analysis<'a> {
    /// The transactions.
    pub txns: &'a Transactions,
    /// The states that they saw.
    pub lists: &'a Lists,
    /// The longest list of each key.
    longest: Vec<Option<u32>>,
    /// Its elements, each once.
    orders: Vec<Vec<u32>>,
    /// The place of each version in its key's order; [`NONE`] when it was never read.
    places: Vec<u32>,
}

impl<'a> Analysis<'a> {
    /// Puts the versions of each key in order.
    pub fn new(txns: &'a Transactions, lists: &'a Lists) -> Analysis<'a> {
        let tables = &txns.tables;
        let mut places = vec![NONE; tables.versions.len()];
        let mut orders = Vec::with_capacity(tables.keys.len());
        let longest = lists.longest(tables);
        for list in &longest {
            let mut order = list.map_or(Vec::new(), |list| lists.elements(list));
            let mut next = 0;
            order.retain(|&version| {
                let place = &mut places[version as usize];
                let is_first = *place == NONE;
                if is_first {
                    *place = next;
                    next += 1;
                }
                is_first
            });
            orders.push(order);
        }
        Analysis { txns, lists, longest, orders, places }
    }

    /// The longest list that was read of a key, if anybody read it.
    pub fn longest(&self, key: u32) -> Option<u32> {
        self.longest[key as usize]
    }

    /// Its elements, each once.
    pub fn order(&self, key: u32) -> &[u32] {
        &self.orders[key as usize]
    }

    /// The place of a version in the order of its key; [`NONE`] when it was never read.
    pub fn place(&self, version: u32) -> u32 {
        self.places[version as usize]
    }

    /// The version that came just before this one, or, if this one was never read, the last one
    /// that was; [`NONE`] for the initial state.
    fn previous(&self, version: u32) -> u32 {
        let order = self.order(self.txns.tables.versions[version as usize].key);
        match self.places[version as usize] {
            NONE => order.last().copied().unwrap_or(NONE),
            0 => NONE,
            place => order[place as usize - 1],
        }
    }

    /// The dependencies by data.
    pub fn edges(&self) -> Edges {
        let txns = self.txns;
        let mut edges = Edges::new(txns.len());
        let readers = Readers::new(self);
        let versions = || txns.tables.versions.iter().zip(0..);
        // Who may have written the versions of each key that nobody read.
        let unread = Groups::new(txns.tables.keys.len(), || {
            let unread = versions().filter(|(_, number)| self.places[*number as usize] == NONE);
            unread.filter_map(|(version, number)| {
                Some((version.key as usize, txns.possible_writer(number)?))
            })
        });
        // ANCHOR: overwrites
        for key in 0..number(txns.tables.keys.len()) {
            let mut previous = NONE;
            for &version in self.order(key) {
                if let Some(writer) = txns.possible_writer(version) {
                    self.add_overwrites(&mut edges, &readers, key, previous, &[writer]);
                }
                previous = version;
            }
            self.add_overwrites(&mut edges, &readers, key, previous, unread.of(key as usize));
        }
        // ANCHOR_END: overwrites
        // ANCHOR: reads
        for reader in txns.possible() {
            for op in reads(txns.micro_ops(reader)) {
                let last = self.lists.last(op.value);
                if last != NONE
                    && let Some(writer) = txns.possible_writer(last)
                {
                    edges.add(writer, reader, Relation::WriteRead);
                }
            }
        }
        // ANCHOR_END: reads
        edges
    }

    /// Those who wrote, and those who read, a version come before those who wrote the next.
    fn add_overwrites(
        &self,
        edges: &mut Edges,
        readers: &Readers,
        key: u32,
        version: u32,
        writers: &[u32],
    ) {
        if version == NONE {
            edges.add_all(readers.of_initial(key), writers, Relation::ReadWrite);
        } else {
            if let Some(before) = self.txns.possible_writer(version) {
                writers.iter().for_each(|&after| edges.add(before, after, Relation::WriteWrite));
            }
            edges.add_all(readers.of(version), writers, Relation::ReadWrite);
        }
    }

    /// Whether a micro-operation reads the state that a version left, or the initial one.
    fn sees(&self, op: &MicroOp, key: u32, version: u32) -> bool {
        op.action == Action::Read
            && op.key == key
            && op.value != NONE
            && self.lists.last(op.value) == version
    }
}

/// The reads whose state is known.
fn reads(ops: &[MicroOp]) -> impl Iterator<Item = &MicroOp> {
    ops.iter().filter(|op| op.action == Action::Read && op.value != NONE)
}

/// Who read each version, as the last element of a list, and who read each key empty.
struct Readers {
    versions: usize,
    groups: Groups,
}

impl Readers {
    fn new(analysis: &Analysis) -> Readers {
        let (txns, lists) = (analysis.txns, analysis.lists);
        let versions = txns.tables.versions.len();
        let group = |op: &MicroOp| match lists.last(op.value) {
            NONE => versions + op.key as usize,
            version => version as usize,
        };
        let groups = Groups::new(versions + txns.tables.keys.len(), || {
            txns.possible()
                .flat_map(|txn| reads(txns.micro_ops(txn)).map(move |op| (group(op), txn)))
        });
        Readers { versions, groups }
    }

    fn of(&self, version: u32) -> &[u32] {
        self.groups.of(version as usize)
    }

    fn of_initial(&self, key: u32) -> &[u32] {
        self.groups.of(self.versions + key as usize)
    }
}

impl Explain for Analysis<'_> {
    fn transactions(&self) -> &Transactions {
        self.txns
    }

    fn edn(&self, txn: u32) -> Edn {
        self.txns.edn(self.lists, txn)
    }

    fn micro_op_edn(&self, op: &MicroOp) -> Edn {
        self.txns.micro_op_edn(self.lists, op)
    }

    fn reason(&self, step: &Step, [a, b]: [&str; 2]) -> Reason {
        let ops = [self.txns.micro_ops(step.from), self.txns.micro_ops(step.to)];
        match step.relation {
            Relation::WriteRead => self.why_read(step, ops, [a, b]),
            Relation::WriteWrite => self.why_overwritten(step, ops, [a, b]),
            Relation::ReadWrite => self.why_unseen(step, ops, [a, b]),
            other => unreachable!("{other:?} is no dependency by data"),
        }
    }
}

impl Analysis<'_> {
    fn why_read(&self, step: &Step, ops: [&[MicroOp]; 2], [a, b]: [&str; 2]) -> Reason {
        let is_read_of = |op: &MicroOp| {
            let last = reads(std::slice::from_ref(op)).map(|op| self.lists.last(op.value)).next();
            last.filter(|&last| last != NONE && self.txns.tables.writer(last) == step.from)
        };
        let (place, version) =
            ops[1].iter().enumerate().find_map(|(i, op)| Some((i, is_read_of(op)?))).expect(STEP);
        let read = &ops[1][place];
        let (key, value) = (self.key(read), self.value(version));
        let state = self.lists.edn(&self.txns.tables, read.value);
        Reason {
            text: format!("{b} read key {key} as {state}, whose last element is {a}'s {value}"),
            entries: vec![("key", key), ("value", value)],
            places: [place_of_write(ops[0], version), Some(place)],
        }
    }

    fn why_overwritten(&self, step: &Step, ops: [&[MicroOp]; 2], [a, b]: [&str; 2]) -> Reason {
        let follows = |op: &&MicroOp| {
            let previous = self.previous(op.value);
            previous != NONE && self.txns.tables.writer(previous) == step.from
        };
        let append = writes(ops[1]).find(follows).expect(STEP);
        let previous = self.previous(append.value);
        let (key, before, after) =
            (self.key(append), self.value(previous), self.value(append.value));
        let text = if self.places[append.value as usize] == NONE {
            format!(
                "nobody read {b}'s append of {after} to key {key}, so it came after the last \
                 one that was read, {a}'s {before}"
            )
        } else {
            format!("{b} appended {after} to key {key} right after {a}'s {before}")
        };
        Reason {
            text,
            entries: vec![("key", key), ("value", before), ("value'", after)],
            places: [place_of_write(ops[0], previous), place_of_write(ops[1], append.value)],
        }
    }

    fn why_unseen(&self, step: &Step, ops: [&[MicroOp]; 2], [a, b]: [&str; 2]) -> Reason {
        debug_assert_ne!(step.from, step.to);
        let seen_before = |append: &MicroOp| {
            let previous = self.previous(append.value);
            ops[0].iter().position(|op| self.sees(op, append.key, previous))
        };
        let (append, place) =
            writes(ops[1]).find_map(|append| Some((append, seen_before(append)?))).expect(STEP);
        let (key, after) = (self.key(append), self.value(append.value));
        let previous = self.previous(append.value);
        let before = if previous == NONE { Edn::Nil } else { self.value(previous) };
        let state = self.lists.edn(&self.txns.tables, ops[0][place].value);
        Reason {
            text: if self.places[append.value as usize] == NONE {
                format!(
                    "nobody read {b}'s append of {after} to key {key}, so it came after all that \
                     was read, such as the {state} that {a} saw"
                )
            } else if previous == NONE {
                format!("{a} found key {key} empty, before {b} appended its first element, {after}")
            } else {
                format!("{a} read key {key} as {state}, before {b} appended the next, {after}")
            },
            entries: vec![("key", key), ("value", before), ("value'", after)],
            places: [Some(place), place_of_write(ops[1], append.value)],
        }
    }

    /// The key of a micro-operation, as it is printed.
    pub fn key(&self, op: &MicroOp) -> Edn {
        self.txns.tables.key_edn(op.key)
    }

    /// A version, as it is printed.
    pub fn value(&self, version: u32) -> Edn {
        self.txns.tables.version_edn(version)
    }
}

/// Why a step was made can always be found again.
const STEP: &str = "the step has a micro-operation that it comes from";

fn writes(ops: &[MicroOp]) -> impl Iterator<Item = &MicroOp> {
    ops.iter().filter(|op| op.action == Action::Write)
}

fn place_of_write(ops: &[MicroOp], version: u32) -> Option<usize> {
    ops.iter().position(|op| op.action == Action::Write && op.value == version)
}

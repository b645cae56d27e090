//! What is wrong with a history of lists short of any cycle.
//!
//! Lists are compared as nodes of a tree, so that a read costs no more for being long. Only a
//! read that is known to contain something odd is walked through.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::findings::{Case, Findings};
use super::list_append::Analysis;
use super::lists::Lists;
use super::reason::Explain;
use super::scratch::Scratch;
use super::tables::{NONE, number};
use super::transaction::{Action, MicroOp, States, Transactions};
use crate::edn::Edn;
use crate::history::OpType;

/// Adds every anomaly that is no cycle.
pub fn find(analysis: &Analysis, findings: &mut Findings) {
    let (txns, lists) = (analysis.txns, analysis.lists);
    let mut finder = Finder { analysis, txns, lists, findings };
    finder.duplicate_elements();
    finder.incompatible_orders();
    finder.reversed_appends();
    finder.odd_elements();
    finder.intermediate_reads();
    finder.dirty_updates();
    finder.internal();
    finder.future_reads();
}

struct Finder<'a> {
    analysis: &'a Analysis<'a>,
    txns: &'a Transactions,
    lists: &'a Lists,
    findings: &'a mut Findings,
}

impl<'a> Finder<'a> {
    /// A list with an element that was only appended once, and is in it twice.
    fn duplicate_elements(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        for (txn, op) in reads(txns, txns.possible()) {
            if !lists.has_repeats(op.value) {
                continue;
            }
            self.findings.add("duplicate-elements", || {
                let mut counts = BTreeMap::new();
                let elements = lists.backwards(op.value);
                elements
                    .for_each(|version| *counts.entry(analysis.value(version)).or_insert(0) += 1);
                counts.retain(|_, count: &mut i64| *count > 1);
                let text = format!(
                    "{}\nread key {} with elements in it more than once.",
                    analysis.edn(txn),
                    analysis.key(op)
                );
                let duplicates = ("duplicates", Edn::from(counts));
                Case::of_read(analysis, txn, op, [duplicates], text)
            });
        }
    }

    /// Two lists of one key of which neither is a prefix of the other.
    fn incompatible_orders(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        let mut is_found = vec![false; txns.tables.keys.len()];
        for (_, op) in reads(txns, txns.possible()) {
            if is_found[op.key as usize] || !lists.is_branched(op.key) {
                continue;
            }
            let longest = analysis.longest(op.key).expect("it was read");
            if lists.is_prefix(op.value, longest) {
                continue;
            }
            is_found[op.key as usize] = true;
            self.findings.add("incompatible-order", || {
                let key = analysis.key(op);
                let texts = [op.value, longest].map(|list| lists.edn(&txns.tables, list));
                let text = format!(
                    "Key {key} was read as {} and as {}; a list that only grows passes through \
                     one of them before the other.",
                    texts[0], texts[1]
                );
                let entries = [("key", key.clone()), ("values", Edn::Vector(texts.into()))];
                let seen = |list| reads(txns, txns.possible()).find(|(_, op)| op.value == list);
                let readers = [op.value, longest].into_iter().filter_map(seen);
                let case = Case::new(entries, text).on(key);
                readers.fold(case, |case, (txn, _)| case.about(analysis, txn, "read it"))
            });
        }
    }

    /// Appends of one transaction that a list shows in another order than it made them. Elle
    /// lets that pass, though no list that only grows has both orders.
    fn reversed_appends(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        let mut last_appends = Scratch::new(txns.tables.keys.len(), NONE);
        for txn in txns.possible() {
            last_appends.clear();
            for op in txns.micro_ops(txn).iter().filter(|op| op.action == Action::Write) {
                let before = std::mem::replace(last_appends.at(op.key), op.value);
                let is_read = before != NONE && analysis.place(before) != NONE;
                if !is_read || analysis.place(before) < analysis.place(op.value) {
                    continue;
                }
                self.findings.add("incompatible-order", || {
                    let key = analysis.key(op);
                    let appended = [before, op.value].map(|version| analysis.value(version));
                    let longest = analysis.longest(op.key).expect("it was read");
                    let list = lists.edn(&txns.tables, longest);
                    let text = format!(
                        "{}\nappended {} to key {key} and then {}, which was read as {list}.",
                        analysis.edn(txn),
                        appended[0],
                        appended[1]
                    );
                    let values = Edn::Vector(vec![Edn::Vector(appended.into()), list]);
                    let entries =
                        [("key", key.clone()), ("values", values), ("op", analysis.edn(txn))];
                    Case::new(entries, text).on(key).about(analysis, txn, "appended them")
                });
                break;
            }
        }
    }

    /// Elements that a failed transaction appended (G1a: Adya, section 3.2.1), or none did.
    fn odd_elements(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        let is_odd = |version: u32| txns.possible_writer(version).is_none();
        let mut has_odd = vec![false; lists.len()];
        for node in 0..number(lists.len()) {
            let parent = lists.parent(node);
            has_odd[node as usize] =
                parent != NONE && (has_odd[parent as usize] || is_odd(lists.last(node)));
        }
        for (txn, op) in reads(txns, txns.committed()) {
            if !has_odd[op.value as usize] {
                continue;
            }
            let odd = lists.elements(op.value).into_iter().filter(|&version| is_odd(version));
            for version in odd {
                let writer = txns.tables.writer(version);
                if writer == NONE {
                    self.findings.add("unwritten-read", || {
                        let element = analysis.value(version);
                        let text = format!(
                            "{}\nread {element} in key {}, which nobody appended.",
                            analysis.edn(txn),
                            analysis.key(op)
                        );
                        Case::of_read(analysis, txn, op, [("element", element)], text)
                    });
                } else {
                    let why = "which the failed transaction below appended";
                    self.add_misread("G1a", txn, op, version, why);
                }
            }
        }
    }

    /// A list that ends amid the appends of another transaction. G1b: Adya, section 3.2.2.
    fn intermediate_reads(&mut self) {
        let txns = self.txns;
        for (txn, op) in reads(txns, txns.committed()) {
            let last = self.lists.last(op.value);
            if last == NONE {
                continue;
            }
            let version = txns.tables.versions[last as usize];
            if version.is_superseded && version.writer != txn {
                let why = "after which the transaction below appended more";
                self.add_misread("G1b", txn, op, last, why);
            }
        }
    }

    fn add_misread(&mut self, name: &'static str, txn: u32, op: &MicroOp, version: u32, why: &str) {
        let analysis = self.analysis;
        self.findings.add(name, || {
            let element = analysis.value(version);
            let wrote = analysis.txns.tables.writer(version);
            let writer = analysis.edn(wrote);
            let reader = analysis.edn(txn);
            let key = analysis.key(op);
            let text = format!("{reader}\nread {element} in key {key}, {why}:\n{writer}");
            let more = [("writer", writer), ("element", element)];
            Case::of_read(analysis, txn, op, more, text).about(analysis, wrote, "appended it")
        });
    }

    /// A committed append on top of a failed one: Kingsbury and Alvaro, section 4.1.
    fn dirty_updates(&mut self) {
        let (txns, analysis) = (self.txns, self.analysis);
        for key in 0..number(txns.tables.keys.len()) {
            // The append that counts, and all from it on whose fate does not.
            let mut from: Option<u32> = None;
            let mut values = Vec::new();
            let has_failed = |writer: Option<u32>| {
                writer.is_some_and(|writer| txns.get(writer).outcome == OpType::Fail)
            };
            for &version in analysis.order(key) {
                let writer = Some(txns.tables.writer(version)).filter(|&writer| writer != NONE);
                let outcome = writer.map_or(OpType::Info, |writer| txns.get(writer).outcome);
                values.push(version);
                let is_dirty = has_failed(from);
                if outcome == OpType::Ok && is_dirty {
                    let (failed, committed) = (from.expect("it failed"), writer.expect("it is ok"));
                    let values = std::mem::take(&mut values);
                    self.add_dirty_update(key, &values, failed, committed);
                }
                if outcome == OpType::Ok || outcome == OpType::Fail && !is_dirty {
                    from = writer;
                    values = vec![version];
                }
            }
        }
    }

    fn add_dirty_update(&mut self, key: u32, values: &[u32], failed: u32, committed: u32) {
        let analysis = self.analysis;
        self.findings.add("dirty-update", || {
            let key = analysis.txns.tables.key_edn(key);
            let values = values.iter().map(|&version| analysis.value(version)).collect();
            let [before, after] = [failed, committed].map(|txn| analysis.edn(txn));
            let text = format!(
                "{after}\ncommitted an append to key {key} on top of one by a transaction \
                 that failed:\n{before}"
            );
            let txns = Edn::Vector(vec![before, Edn::Symbol("...".into()), after]);
            let entries = [("key", key.clone()), ("values", Edn::Vector(values)), ("txns", txns)];
            let case = Case::new(entries, text).on(key).about(analysis, committed, "built on it");
            case.about(analysis, failed, "failed")
        });
    }

    /// A read that does not fit the same transaction's own reads and appends before it: Cerone,
    /// Bernardi and Gotsman (2015), axiom INT. Of each transaction, the first.
    fn internal(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        let mut scratch = Scratch::new(txns.tables.keys.len(), Expected::UNKNOWN);
        let mut before = Vec::new();
        for txn in txns.committed() {
            scratch.clear();
            let ops = txns.micro_ops(txn);
            before.clear();
            before.resize(ops.len(), NONE);
            for (op, i) in ops.iter().zip(0..) {
                let expected = scratch.at(op.key);
                if op.action == Action::Write {
                    before[i as usize] = expected.last_append;
                    expected.last_append = i;
                    continue;
                }
                let appended = std::iter::successors(Some(expected.last_append), |&i| {
                    before.get(i as usize).copied()
                });
                let appended = appended.take_while(|&i| i != NONE).map(|i| ops[i as usize].value);
                if !expected.fits(lists, op.value, appended.clone()) {
                    let mut suffix: Vec<u32> = appended.collect();
                    suffix.reverse();
                    let base = expected.base;
                    self.findings
                        .add("internal", || internal_finding(analysis, txn, op, base, &suffix));
                    break;
                }
                *expected = Expected { base: op.value, last_append: NONE };
            }
        }
    }

    /// A read of an element that the same transaction appends only later. Of each transaction,
    /// the first.
    fn future_reads(&mut self) {
        let (txns, lists, analysis) = (self.txns, self.lists, self.analysis);
        // The earliest place, in its key's order, of what the transaction appends later; and all
        // that it appends later.
        let mut later = Scratch::new(txns.tables.keys.len(), NONE);
        let mut appended = FxHashSet::default();
        for txn in txns.committed() {
            later.clear();
            appended.clear();
            let mut first = None;
            for op in txns.micro_ops(txn).iter().rev() {
                let earliest = later.at(op.key);
                if op.action == Action::Write {
                    *earliest = analysis.place(op.value).min(*earliest);
                    appended.insert(op.value);
                } else if op.value == NONE {
                    continue;
                } else if !lists.is_plain(op.key, op.value) {
                    let mut elements = lists.backwards(op.value);
                    let own = elements.find(|version| appended.contains(version));
                    first = own.map(|version| (op, version)).or(first);
                } else if *earliest < lists.length(op.value) {
                    first = Some((op, analysis.order(op.key)[*earliest as usize]));
                }
            }
            let Some((read, version)) = first else { continue };
            self.findings.add("future-read", || {
                let element = analysis.value(version);
                let text = format!(
                    "{}\nread {element} in key {} before it appended it.",
                    analysis.edn(txn),
                    analysis.key(read)
                );
                Case::of_read(analysis, txn, read, [("element", element)], text)
            });
        }
    }
}

/// The reads of these transactions whose state is known.
fn reads(
    all: &Transactions,
    txns: impl Iterator<Item = u32>,
) -> impl Iterator<Item = (u32, &MicroOp)> {
    txns.flat_map(move |txn| {
        let ops = all.micro_ops(txn).iter();
        ops.filter(|op| op.action == Action::Read && op.value != NONE).map(move |op| (txn, op))
    })
}

/// What a transaction should see of a key, from what it saw and did before.
#[derive(Clone, Copy)]
struct Expected {
    /// The list that it last read; [`NONE`] if it has read none.
    base: u32,
    /// Its last append since then, by place; [`NONE`] if there is none.
    last_append: u32,
}

impl Expected {
    const UNKNOWN: Expected = Expected { base: NONE, last_append: NONE };

    fn fits(self, lists: &Lists, list: u32, appended: impl Iterator<Item = u32>) -> bool {
        let mut node = list;
        for version in appended {
            if lists.last(node) != version {
                return false;
            }
            node = lists.parent(node);
        }
        self.base == NONE || node == self.base
    }
}

fn internal_finding(
    analysis: &Analysis,
    txn: u32,
    op: &MicroOp,
    base: u32,
    suffix: &[u32],
) -> Case {
    let mut expected = match base {
        NONE => vec![Edn::Symbol("...".into())],
        base => analysis.lists.elements(base).into_iter().map(|v| analysis.value(v)).collect(),
    };
    expected.extend(suffix.iter().map(|&version| analysis.value(version)));
    let expected = Edn::Vector(expected);
    let text = format!(
        "{}\nread key {} otherwise than its own reads and appends have it, which is {expected}.",
        analysis.edn(txn),
        analysis.key(op)
    );
    Case::of_read(analysis, txn, op, [("expected", expected)], text)
}

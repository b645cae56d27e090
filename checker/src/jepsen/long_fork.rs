//! Long fork: two writes that two readers see in opposite orders.
//!
//! Each key is written once. Keys come in groups, and a read shows all keys of a group. If one
//! read shows x and lacks y, and another shows y and lacks x, then the one says that x was
//! written first and the other that y was: parallel snapshot isolation allows that, snapshot
//! isolation does not (Y. Sovran et al., *Transactional storage for geo-replicated systems*,
//! SOSP 2011).
//!
//! A write is `[[:w key value]]`, a read `[[:r key value] …]`; the name of the operation is of no
//! importance.
//!
//! Source: `jepsen.tests.long-fork/checker`, which compares all reads of a group with each other.
//! As there, nothing can be said when a key is written twice, when a read has another number of
//! keys than a group, or when two reads show different values of a key; but two reads that prove
//! a fork do so whatever others show.
//!
//! Cost: one look at each value. What a read shows is a set of keys; the reads of a group that
//! show the same set are alike, and only sets are compared. 24 bytes are kept for each read, and
//! about as much for each group and written key.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Problem;
use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// So many forks are in the results.
const SHOWN: usize = 5;

/// A read shows a set of keys as bits, so a group has no more.
pub const MOST_KEYS: usize = 64;

/// A read of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Read {
    group: u32,
    /// Bit `i` says that it shows a value for the group's key `i`.
    shown: u64,
    index: usize,
}

impl Read {
    fn is_forked_from(self, other: Read) -> bool {
        self.shown & !other.shown != 0 && other.shown & !self.shown != 0
    }
}

/// Judges reads of groups of keys.
pub struct LongFork {
    group_size: usize,
    written: FxHashSet<Edn>,
    /// The first key that was written twice.
    rewritten: Option<Edn>,
    groups: FxHashMap<Box<[Edn]>, u32>,
    reads: Vec<Read>,
    early: usize,
    late: usize,
    /// The value that all keys have, as a rule: the first that was read.
    common: Option<Edn>,
    /// Other values, by the place of the read in `reads` and that of the key in the group.
    others: Vec<(usize, usize, Edn)>,
    problem: Problem,
}

impl LongFork {
    /// A judge of groups of so many keys: from 1 to [`MOST_KEYS`].
    pub fn new(group_size: usize) -> LongFork {
        LongFork {
            group_size,
            written: FxHashSet::default(),
            rewritten: None,
            groups: FxHashMap::default(),
            reads: Vec::new(),
            early: 0,
            late: 0,
            common: None,
            others: Vec::new(),
            problem: Problem::default(),
        }
    }

    fn write(&mut self, key: &Edn) {
        if self.rewritten.is_some() {
            return;
        }
        let key = key.canonical().into_owned();
        if !self.written.insert(key.clone()) {
            self.rewritten = Some(key);
        }
    }

    /// Takes in what a read shows.
    ///
    /// # Errors
    /// A clause, when it is not a read of one group.
    fn read(&mut self, op: &Op, found: &[(&Edn, &Edn)]) -> Result<(), String> {
        let is_shown = |(_, value): &(&Edn, &Edn)| !value.is_nil();
        self.early += usize::from(!found.iter().any(is_shown));
        self.late += usize::from(found.iter().all(is_shown));
        // The last value of a key that is read twice counts.
        let mut by_key: Vec<(Edn, &Edn)> =
            found.iter().rev().map(|(key, value)| (key.canonical().into_owned(), *value)).collect();
        by_key.sort_by(|a, b| a.0.cmp(&b.0));
        by_key.dedup_by(|next, first| next.0 == first.0);
        if by_key.len() != self.group_size {
            let (size, keys) = (self.group_size, count(by_key.len(), "key"));
            return Err(format!(
                "it shows {keys}, and a group has {size}; another size is given by --group-size"
            ));
        }
        let next = u32::try_from(self.groups.len()).expect("more groups than memory holds");
        let (keys, values): (Vec<Edn>, Vec<&Edn>) = by_key.into_iter().unzip();
        let group = *self.groups.entry(keys.into()).or_insert(next);
        let mut shown = 0;
        for (place, value) in values.into_iter().enumerate().filter(|(_, value)| !value.is_nil()) {
            shown |= 1 << place;
            if self.common.get_or_insert_with(|| value.clone()) != value {
                self.others.push((self.reads.len(), place, value.clone()));
            }
        }
        self.reads.push(Read { group, shown, index: op.index });
        Ok(())
    }

    /// Two reads, by index, that show different values of a key.
    fn conflict(&self) -> Option<(usize, usize)> {
        let groups: FxHashSet<u32> =
            self.others.iter().map(|(read, ..)| self.reads[*read].group).collect();
        if groups.is_empty() {
            return None;
        }
        let other: FxHashMap<(usize, usize), &Edn> =
            self.others.iter().map(|(read, key, value)| ((*read, *key), value)).collect();
        let mut first: FxHashMap<(u32, usize), (Option<&Edn>, usize)> = FxHashMap::default();
        for (number, read) in self.reads.iter().enumerate() {
            if !groups.contains(&read.group) {
                continue;
            }
            for key in (0..self.group_size).filter(|key| read.shown >> key & 1 == 1) {
                // `None` is the common value.
                let value = other.get(&(number, key)).copied();
                let known = first.entry((read.group, key)).or_insert((value, read.index));
                if known.0 != value {
                    return Some((known.1, read.index));
                }
            }
        }
        None
    }
}

/// How many pairs of reads fork, and the first of them by index.
fn forks(mut reads: Vec<Read>) -> (u64, Vec<(usize, usize)>) {
    reads.sort_unstable();
    let (mut number, mut first) = (0, Vec::new());
    for group in reads.chunk_by(|a, b| a.group == b.group) {
        let alike: Vec<&[Read]> = group.chunk_by(|a, b| a.shown == b.shown).collect();
        // Which sets of keys each set is forked from.
        let mut forked: BTreeMap<u64, Vec<&[Read]>> = BTreeMap::new();
        for (place, one) in alike.iter().enumerate() {
            for other in alike[place + 1..].iter().filter(|other| one[0].is_forked_from(other[0])) {
                number += one.len() as u64 * other.len() as u64;
                forked.entry(one[0].shown).or_default().push(other);
                forked.entry(other[0].shown).or_default().push(one);
            }
        }
        if forked.is_empty() {
            continue;
        }
        let mut by_index: Vec<&Read> = group.iter().collect();
        by_index.sort_unstable_by_key(|read| read.index);
        let mut of_group = Vec::new();
        for read in by_index {
            let others = forked.get(&read.shown).into_iter().flatten();
            let later = |other: &&'_ [Read]| {
                let from = other.partition_point(|other| other.index <= read.index);
                let later = other[from..].iter().take(SHOWN);
                later.map(|other| (read.index, other.index)).collect::<Vec<_>>()
            };
            let mut pairs: Vec<(usize, usize)> = others.flat_map(later).collect();
            pairs.sort_unstable();
            of_group.extend(pairs);
            if of_group.len() >= SHOWN {
                break;
            }
        }
        first.extend(of_group);
        first.sort_unstable();
        first.truncate(SHOWN);
    }
    (number, first)
}

/// The micro-operations of a transaction: whether it reads, the key and the value of each.
type Steps<'a> = Vec<(bool, &'a Edn, &'a Edn)>;

/// The micro-operations of a value; `None` if it is no transaction.
fn steps(value: &Edn) -> Option<Steps<'_>> {
    if value.is_nil() { Some(Vec::new()) } else { value.as_slice()?.iter().map(step).collect() }
}

fn step(step: &Edn) -> Option<(bool, &Edn, &Edn)> {
    let Some([f, key, value]) = step.as_slice() else { return None };
    match f.as_keyword().or(f.as_str()) {
        Some("r") => Some((true, key, value)),
        Some("w") => Some((false, key, value)),
        _ => None,
    }
}

impl Checker for LongFork {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        let is_looked_at = matches!(op.kind, OpType::Invoke | OpType::Ok) && op.is_client();
        if !is_looked_at || self.problem.is_some() {
            return;
        }
        let Some(steps) = steps(&op.value) else {
            return self
                .problem
                .set(op, &format!("{} is no list of [:r k v] or [:w k v]", op.value));
        };
        match (op.kind, steps.as_slice()) {
            (OpType::Invoke, [(false, key, _)]) => self.write(key),
            (OpType::Ok, steps) if steps.iter().all(|(reads, ..)| *reads) => {
                let found: Vec<(&Edn, &Edn)> = steps.iter().map(|(_, k, v)| (*k, *v)).collect();
                if let Err(problem) = self.read(op, &found) {
                    self.problem.set(op, &problem);
                }
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        // A key that is written twice comes first, as in the original.
        if self.rewritten.is_none()
            && let Some(judgement) = self.problem.judgement()
        {
            return judgement;
        }
        let counts = [
            ("reads-count", self.reads.len().into()),
            ("early-read-count", self.early.into()),
            ("late-read-count", self.late.into()),
        ];
        let judgement = |verdict| Judgement::new(verdict, counts.clone());
        if let Some(key) = &self.rewritten {
            let mut unknown = judgement(Validity::Unknown);
            let error = Edn::Vector(vec![Edn::keyword("multiple-writes"), key.clone()]);
            unknown.results.insert(0, (Edn::keyword("error"), error));
            return unknown.summed_up(format!(
                "key {key} is written more than once, so that nobody knows in which order"
            ));
        }
        let conflict = self.conflict();
        let (number, first) = forks(self.reads);
        if number == 0 {
            return match conflict {
                None => judgement(Validity::True),
                Some((one, other)) => judgement(Validity::Unknown).because(format!(
                    "The reads at index {one} and {other} show different values of a key, so \
                     that it was written more than once."
                )),
            };
        }
        let mut findings = Findings::default();
        for &(one, other) in &first {
            findings.add("long-fork", || {
                let words = format!(
                    "The reads at index {one} and {other} each show a write that the other \
                     lacks: no order of the writes explains both."
                );
                Finding::new(words).about(one, "read").about(other, "read the opposite")
            });
        }
        findings.omit("long-fork", number as usize - first.len());
        let mut judgement = judgement(Validity::False);
        let pair = |(one, other): (usize, usize)| Edn::from(vec![one, other]);
        let shown = first.into_iter().map(pair).collect();
        judgement.results.push((Edn::keyword("fork-count"), Edn::Int(number as i64)));
        judgement.results.push((Edn::keyword("forks"), Edn::Vector(shown)));
        let pairs = count(number as usize, "pair");
        judgement.summed_up(format!("{pairs} of reads fork")).with(findings)
    }
}

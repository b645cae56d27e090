//! The log in memory: the entries that are not forgotten yet.
//!
//! Indexes count from 1 and never change their meaning; what the state machine has taken in may
//! be forgotten at the front, and `base` is the last entry that is. Terms never decrease along a
//! log, so a term is found by binary search.
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Configuration, Configured};
use crate::types::json;

/// A term: the period of at most one leader, and Raft's logical clock (§5.1).
///
/// ```
/// use gyre::raft::{Config, Durable, Input, Raft, Term};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), Vec::new());
/// let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let before: Term = raft.term();
/// raft.step(raft.deadline(), Input::Timeout); // an election
/// assert_eq!((before, raft.term()), (0, 1));
/// ```
pub type Term = u64;

/// A place in the log. The first entry is at 1; 0 is before all entries.
///
/// ```
/// use gyre::raft::{Config, Durable, Index, Input, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), Vec::new());
/// let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// raft.step(raft.deadline(), Input::Timeout); // an election, and the leader's first entry
/// let [before_all, first]: [Index; 2] = [0, 1];
/// assert!(raft.entry(before_all).is_none() && raft.entry(first).is_some());
/// ```
pub type Index = u64;

/// The term and index of an entry: two entries with the same id are the same entry, and so are
/// all before them (§5.3, the log matching property).
///
/// Ids are ordered by term, then index: exactly the order of "at least as up-to-date" by which
/// votes are given (§5.4.1).
///
/// ```
/// use gyre::raft::LogId;
///
/// let [long, recent] = [(2, 9), (3, 5)].map(|(term, index)| LogId { term, index });
/// assert!(recent > long); // who ends with `long` gets no vote of one who ends with `recent`
/// ```
// ANCHOR: log-id
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogId {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// Its place in the log.
    pub index: Index,
}
// ANCHOR_END: log-id

/// One entry of the log.
///
/// ```
/// use gyre::raft::Entry;
///
/// let entry = Entry::new(3, Some("x = 7"));
/// assert_eq!(serde_json::to_string(&entry)?, r#"{"term":3,"command":"x = 7"}"#);
/// let no_op = Entry::<&str>::new(4, None);
/// assert_eq!(serde_json::to_string(&no_op)?, r#"{"term":4}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<C> {
    /// The term of the leader that made it.
    pub term: Term,
    /// What the state machine is to do. `None` is the no-op with which a leader begins its
    /// term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<C>,
    /// Who has a say from here on, if that changes: see `raft/membership.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
}

impl<C> Entry<C> {
    /// A command, or a no-op.
    pub fn new(term: Term, command: Option<C>) -> Entry<C> {
        Entry { term, command, configuration: None }
    }
}

/// The entries after `base`.
#[derive(Clone, Debug)]
pub(super) struct Log<C> {
    base: LogId,
    entries: VecDeque<Stored<C>>,
    /// The configurations of this log. The first is the one that counts at `base`.
    configurations: VecDeque<Configured>,
    /// The bytes of all entries that were ever forgotten.
    forgotten_bytes: u64,
    /// Everything below is on disk, as far as the outputs so far were obeyed.
    unsaved_from: Index,
}

#[derive(Clone, Debug)]
struct Stored<C> {
    entry: Entry<C>,
    /// The bytes of all entries up to this one, the forgotten ones included. So what a part of
    /// the log takes is a subtraction.
    bytes_up_to: u64,
}

impl<C: Clone + Serialize> Log<C> {
    /// The log that was on disk: what follows the checkpoint that ends at `base`.
    pub fn new(base: LogId, configured: Configured, entries: Vec<Entry<C>>) -> Log<C> {
        assert!(configured.index <= base.index, "the configuration counts at the base");
        let mut log = Log {
            base,
            entries: VecDeque::new(),
            configurations: VecDeque::from([configured]),
            forgotten_bytes: 0,
            unsaved_from: 0,
        };
        for entry in entries {
            log.append(entry);
        }
        log.mark_saved();
        log
    }

    /// The last entry that is forgotten.
    pub fn base(&self) -> LogId {
        self.base
    }

    pub fn last(&self) -> LogId {
        let term = self.entries.back().map_or(self.base.term, |stored| stored.entry.term);
        LogId { term, index: self.last_index() }
    }

    pub fn last_index(&self) -> Index {
        self.base.index + self.entries.len() as u64
    }

    /// The entry at an index, unless it is forgotten or not there yet.
    pub fn get(&self, index: Index) -> Option<&Entry<C>> {
        self.stored(index).map(|stored| &stored.entry)
    }

    fn stored(&self, index: Index) -> Option<&Stored<C>> {
        let offset = index.checked_sub(self.base.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The id of the entry at an index that is not forgotten: `base` or after.
    pub fn id(&self, index: Index) -> Option<LogId> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.get(index).map(|entry| LogId { term: entry.term, index })
    }

    pub fn contains(&self, id: LogId) -> bool {
        self.id(id.index) == Some(id)
    }

    /// The entries from the one at `from` on: at most `count`, and no more than `bytes`, but at
    /// least one if there is one.
    pub fn entries(&self, from: Index, count: usize, bytes: u64) -> Vec<Entry<C>> {
        assert!(from > self.base.index, "entry {from} is forgotten");
        let skip = usize::try_from(from - self.base.index - 1).expect("a log fits in memory");
        let limit = self.bytes_up_to(from - 1).saturating_add(bytes);
        let mut taken = 0;
        let fits = |stored: &&Stored<C>| {
            taken += 1;
            taken == 1 || stored.bytes_up_to <= limit
        };
        let entries = self.entries.iter().skip(skip).take(count).take_while(fits);
        entries.map(|stored| stored.entry.clone()).collect()
    }

    /// The bytes of the entries after `from`, up to the one at `to`, as JSON. What is forgotten
    /// counts nothing.
    pub fn bytes_between(&self, from: Index, to: Index) -> u64 {
        self.bytes_up_to(to).saturating_sub(self.bytes_up_to(from))
    }

    fn bytes_up_to(&self, index: Index) -> u64 {
        if index > self.last_index() {
            return self.entries.back().map_or(self.forgotten_bytes, |last| last.bytes_up_to);
        }
        self.stored(index).map_or(self.forgotten_bytes, |stored| stored.bytes_up_to)
    }

    /// The last entry at or before `limit` in index *and* in term; `None` if it is forgotten.
    ///
    /// Whatever a leader and a follower have in common lies at or before it: one step takes
    /// them past a whole term of conflicting entries instead of one entry (§5.3, last part).
    pub fn last_at_or_before(&self, limit: LogId) -> Option<LogId> {
        if limit.index < self.base.index || limit.term < self.base.term {
            return None;
        }
        let within_term = self.entries.partition_point(|stored| stored.entry.term <= limit.term);
        self.id((self.base.index + within_term as u64).min(limit.index))
    }

    // ANCHOR: configured
    /// The configuration that counts if the log ends at `up_to`, which is not forgotten.
    pub fn configured(&self, up_to: Index) -> &Configured {
        let found = self.configurations.iter().rev().find(|configured| configured.index <= up_to);
        found.expect("there is one at the base")
    }
    // ANCHOR_END: configured

    /// The configurations that stand in these entries, and the one at the base if that is one.
    pub fn configurations(
        &self,
        range: RangeInclusive<Index>,
    ) -> impl Iterator<Item = &Configuration> {
        let within = self.configurations.iter().filter(move |it| range.contains(&it.index));
        within.map(|configured| &configured.configuration)
    }

    /// The configuration that goes with the state after an entry: none, if it is that with which
    /// the cluster began.
    pub fn configured_at(&self, index: Index) -> Option<Configured> {
        Some(self.configured(index)).filter(|configured| configured.index > 0).cloned()
    }

    pub fn append(&mut self, entry: Entry<C>) {
        let last = self.last();
        assert!(entry.term >= last.term, "terms never decrease along a log");
        let bytes_up_to = self.bytes_up_to(last.index) + json::bytes_of(&entry);
        if let Some(configuration) = entry.configuration.clone() {
            self.configurations.push_back(Configured { index: last.index + 1, configuration });
        }
        self.entries.push_back(Stored { entry, bytes_up_to });
        assert!(self.last_index() == last.index + 1, "a log has no gaps");
    }

    /// Removes the entry at `index` and all that follow.
    pub fn truncate(&mut self, index: Index) {
        let keep = index.checked_sub(self.base.index + 1).expect("the entry is not forgotten");
        assert!(index <= self.last_index(), "there is no entry {index} to remove");
        self.entries.truncate(usize::try_from(keep).expect("a log fits in memory"));
        self.configurations.retain(|configured| configured.index < index);
        self.unsaved_from = self.unsaved_from.min(index);
        assert!(self.last_index() == index - 1, "the log ends before what was removed");
    }

    /// Forgets entries at the front, up to the one at `limit` at most, until those that are left
    /// up to there take no more than `kept_bytes`.
    pub fn forget(&mut self, limit: Index, kept_bytes: u64) {
        assert!(limit <= self.last_index(), "what is forgotten was there");
        assert!(limit < self.unsaved_from, "what is forgotten is on disk");
        let before = self.base.index;
        while self.base.index < limit && self.bytes_between(self.base.index, limit) > kept_bytes {
            let stored = self.entries.pop_front().expect("the limit is in the log");
            self.base = LogId { term: stored.entry.term, index: self.base.index + 1 };
            self.forgotten_bytes = stored.bytes_up_to;
        }
        let is_forgotten = |next: &Configured| next.index <= self.base.index;
        while self.configurations.get(1).is_some_and(is_forgotten) {
            self.configurations.pop_front();
        }
        assert!(self.base.index <= limit || self.base.index == before, "no more is forgotten");
    }

    /// Replaces everything by a snapshot that ends at `base` and is on disk, and in which this
    /// configuration counts.
    pub fn reset(&mut self, base: LogId, configured: Configured) {
        assert!(base >= self.base, "what is forgotten stays so");
        *self = Log::new(base, configured, Vec::new());
    }

    /// Whether anything was changed since [`mark_saved`](Log::mark_saved). A truncation alone,
    /// with nothing after it, does not happen: it makes room for entries.
    pub fn has_unsaved(&self) -> bool {
        self.unsaved_from <= self.last_index()
    }

    /// What was changed since [`mark_saved`](Log::mark_saved): these entries, from this index
    /// on, replace whatever is on disk from there.
    pub fn unsaved(&self) -> (Index, Vec<Entry<C>>) {
        assert!(self.unsaved_from > self.base.index, "what is forgotten is on disk");
        (self.unsaved_from, self.entries(self.unsaved_from, usize::MAX, u64::MAX))
    }

    pub fn mark_saved(&mut self) {
        self.unsaved_from = self.last_index() + 1;
        assert!(self.unsaved_from > self.base.index, "what is forgotten is on disk");
        assert!(!self.has_unsaved(), "all of it is saved");
    }
}

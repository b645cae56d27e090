//! The log in memory: the entries after the last snapshot.
//!
//! Indexes count from 1 and never change their meaning; what a snapshot covers is gone from
//! the front, and `base` is the last position that is. Terms never decrease along a log, so a
//! term is found by binary search.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A term: the period of at most one leader, and Raft's logical clock (§5.1).
pub type Term = u64;

/// A place in the log. The first entry is at 1; 0 is before all entries.
pub type Index = u64;

/// The term and index of an entry: two entries with the same position are the same entry, and
/// so are all before them (§5.3, the log matching property).
///
/// Positions are ordered by term, then index: exactly the order of "at least as up-to-date"
/// by which votes are given (§5.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// Its place in the log.
    pub index: Index,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<C> {
    /// The term of the leader that made it.
    pub term: Term,
    /// What the state machine is to do. `None` is the no-op with which a leader begins its
    /// term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<C>,
}

/// The entries after the last snapshot.
#[derive(Clone, Debug)]
pub(super) struct Log<C> {
    base: Position,
    entries: VecDeque<Entry<C>>,
    /// Everything below is on disk, as far as the outputs so far were obeyed.
    unsaved_from: Index,
}

impl<C: Clone> Log<C> {
    /// The log that was on disk: what follows the snapshot that ends at `base`.
    pub fn new(base: Position, entries: Vec<Entry<C>>) -> Log<C> {
        let mut log = Log { base, entries: entries.into(), unsaved_from: 0 };
        log.mark_saved();
        log
    }

    /// The last position that a snapshot covers.
    pub fn base(&self) -> Position {
        self.base
    }

    pub fn last(&self) -> Position {
        let term = self.entries.back().map_or(self.base.term, |entry| entry.term);
        Position { term, index: self.last_index() }
    }

    pub fn last_index(&self) -> Index {
        self.base.index + self.entries.len() as u64
    }

    /// The entry at an index, unless it is compacted or not there yet.
    pub fn get(&self, index: Index) -> Option<&Entry<C>> {
        let offset = index.checked_sub(self.base.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The position at an index that is not compacted: `base` or after.
    pub fn position(&self, index: Index) -> Option<Position> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.get(index).map(|entry| Position { term: entry.term, index })
    }

    pub fn contains(&self, position: Position) -> bool {
        self.position(position.index) == Some(position)
    }

    /// Up to `count` entries, beginning with the one at `from`.
    pub fn entries(&self, from: Index, count: usize) -> Vec<Entry<C>> {
        assert!(from > self.base.index, "entry {from} was compacted away");
        let skip = usize::try_from(from - self.base.index - 1).expect("a log fits in memory");
        self.entries.iter().skip(skip).take(count).cloned().collect()
    }

    /// The last position at or before `limit` in index *and* in term; `None` if it is
    /// compacted away.
    ///
    /// Whatever a leader and a follower have in common lies at or before it: one step takes
    /// them past a whole term of conflicting entries instead of one entry (§5.3, last part).
    pub fn last_at_or_before(&self, limit: Position) -> Option<Position> {
        if limit.index < self.base.index || limit.term < self.base.term {
            return None;
        }
        let within_term = self.entries.partition_point(|entry| entry.term <= limit.term) as u64;
        self.position((self.base.index + within_term).min(limit.index))
    }

    pub fn append(&mut self, entry: Entry<C>) {
        debug_assert!(entry.term >= self.last().term, "terms never decrease along a log");
        self.entries.push_back(entry);
    }

    /// Removes the entry at `index` and all that follow.
    pub fn truncate(&mut self, index: Index) {
        let keep = index.checked_sub(self.base.index + 1).expect("the entry is not compacted");
        self.entries.truncate(usize::try_from(keep).expect("a log fits in memory"));
        self.unsaved_from = self.unsaved_from.min(index);
    }

    /// Forgets the entries up to `base`, which a snapshot covers now.
    pub fn compact(&mut self, base: Position) {
        assert!(self.contains(base), "only what the log holds can be compacted");
        let count = usize::try_from(base.index - self.base.index).expect("a log fits in memory");
        self.entries.drain(..count);
        self.base = base;
    }

    /// Replaces everything by a snapshot that ends at `base`.
    pub fn reset(&mut self, base: Position) {
        *self = Log::new(base, Vec::new());
    }

    /// Whether anything was changed since [`mark_saved`](Log::mark_saved). A truncation alone,
    /// with nothing after it, does not happen: it makes room for entries.
    pub fn has_unsaved(&self) -> bool {
        self.unsaved_from <= self.last_index()
    }

    /// What was changed since [`mark_saved`](Log::mark_saved): these entries, from this index
    /// on, replace whatever is on disk from there.
    pub fn unsaved(&self) -> (Index, Vec<Entry<C>>) {
        let from = self.unsaved_from.max(self.base.index + 1);
        (from, self.entries(from, usize::MAX))
    }

    pub fn mark_saved(&mut self) {
        self.unsaved_from = self.last_index() + 1;
    }

    /// All entries after `base`.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<C>> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(base: Position, terms: &[Term]) -> Log<()> {
        let entries = terms.iter().map(|&term| Entry { term, command: None }).collect();
        Log::new(base, entries)
    }

    #[test]
    fn back_off_skips_whole_terms_and_agrees_with_a_scan() {
        for base in [Position::default(), Position { term: 2, index: 3 }] {
            let log = log(base, &[2, 2, 4, 4, 4, 7]);
            for term in 0..9 {
                for index in 0..12 {
                    let slow = (base.index..=index)
                        .rev()
                        .filter_map(|index| log.position(index))
                        .find(|position| position.term <= term);
                    assert_eq!(log.last_at_or_before(Position { term, index }), slow);
                }
            }
        }
    }

    #[test]
    fn what_is_unsaved_begins_at_the_first_change() {
        let mut log = log(Position { term: 1, index: 10 }, &[1, 1, 1]);
        assert!(!log.has_unsaved());
        log.append(Entry { term: 2, command: None });
        assert_eq!(log.unsaved().0, 14);
        log.truncate(12);
        log.append(Entry { term: 3, command: None });
        let (from, entries) = log.unsaved();
        assert_eq!((from, entries.len()), (12, 1));
        log.mark_saved();
        assert!(!log.has_unsaved());
    }

    #[test]
    fn compaction_keeps_positions() {
        let mut log = log(Position::default(), &[1, 1, 2, 3]);
        log.compact(Position { term: 1, index: 2 });
        assert_eq!(log.position(1), None);
        assert_eq!(log.position(2), Some(Position { term: 1, index: 2 }));
        assert_eq!(log.last(), Position { term: 3, index: 4 });
        assert_eq!(log.entries(3, 9).len(), 2);
    }
}

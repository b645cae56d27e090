//! What must survive a crash, and how it is written down.
//!
//! A node's disk holds a checkpoint and, after it, records. Each record is what one step
//! changed, or several in a row: a term and vote, entries, or both. A record is on disk whole or
//! not at all (the storage checksums it), so a crash leaves the state after some step, never
//! half of one.
//!
//! Entries replace whatever stood at their indexes before, so that a truncation needs no
//! record of its own. A checkpoint holds everything, not only the state machine's snapshot:
//! it replaces the records, and with them the last word on term and vote.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Entry, Index, Position, Term};
use crate::types::{NodeId, json};

/// The term that a node is in, and whom it voted for in it (figure 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term that the node has seen.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<NodeId>,
}

/// The state machine as it was after some entry (§7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last entry that it covers.
    pub last: Position,
    /// The state, in whatever form the state machine chose.
    pub data: String,
}

/// All that a node needs to go on after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durable<C> {
    /// Term and vote.
    pub state: HardState,
    /// The last snapshot, if the log was ever compacted.
    pub snapshot: Option<Snapshot>,
    /// The log after the snapshot.
    pub entries: Vec<Entry<C>>,
}

/// A change to what is durable. It must be on disk before the messages that were given out
/// with it are sent, and before the entries given out with it are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persist<C> {
    /// To be appended to the records.
    Record(Record<C>),
    /// To take the place of the checkpoint and all records, atomically.
    Checkpoint(Durable<C>),
}

/// What one step, or several in a row, changed of term, vote and log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record<C> {
    /// The new term and vote, if either changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<HardState>,
    /// Where `entries` begin.
    pub first: Index,
    /// The log from `first` on. When empty, the log has not changed.
    #[serde(bound(deserialize = "C: Deserialize<'de>"))]
    pub entries: Vec<Entry<C>>,
}

impl<C> Default for Durable<C> {
    fn default() -> Durable<C> {
        Durable { state: HardState::default(), snapshot: None, entries: Vec::new() }
    }
}

impl<C> Durable<C> {
    /// The last position that the snapshot covers.
    pub fn base(&self) -> Position {
        self.snapshot.as_ref().map_or(Position::default(), |snapshot| snapshot.last)
    }

    /// Carries out one change.
    ///
    /// # Errors
    /// When the record begins beyond the end of the log, so that entries are missing.
    pub fn apply(&mut self, change: Persist<C>) -> Result<(), String> {
        let record = match change {
            Persist::Record(record) => record,
            Persist::Checkpoint(all) => {
                *self = all;
                return Ok(());
            }
        };
        if let Some(state) = record.state {
            self.state = state;
        }
        if !record.entries.is_empty() {
            let keep = record.first.checked_sub(self.base().index + 1);
            let keep = keep.and_then(|keep| usize::try_from(keep).ok());
            let keep = keep.filter(|&keep| keep <= self.entries.len()).ok_or_else(|| {
                let end = self.base().index + self.entries.len() as u64;
                format!("a record begins at entry {}, but the log ends at {end}", record.first)
            })?;
            self.entries.truncate(keep);
            self.entries.extend(record.entries);
        }
        Ok(())
    }
}

impl<C: DeserializeOwned> Durable<C> {
    /// Reads back what was written: the latest checkpoint, if any, and the records after it,
    /// in order, each as the JSON that serde makes of a [`Durable`] and a [`Record`].
    ///
    /// # Errors
    /// When one of them is not what this version wrote. The disk checks its own checksums, so
    /// that is never the work of a crash.
    pub fn read(checkpoint: Option<&[u8]>, records: &[Vec<u8>]) -> Result<Durable<C>, String> {
        let mut durable = match checkpoint {
            Some(text) => json::read_own(text)
                .map_err(|error| format!("the checkpoint on disk cannot be read: {error}"))?,
            None => Durable::default(),
        };
        for (number, text) in records.iter().enumerate() {
            let unreadable = |error| format!("record {number} on disk cannot be read: {error}");
            let record = json::read_own(text).map_err(|e| unreadable(e.to_string()))?;
            durable.apply(Persist::Record(record)).map_err(unreadable)?;
        }
        Ok(durable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: Index, terms: &[Term]) -> Record<u8> {
        let entries = terms.iter().map(|&term| Entry { term, command: Some(7) }).collect();
        Record { state: None, first, entries }
    }

    #[test]
    fn later_entries_replace_earlier_ones() {
        let records = [record(1, &[1, 1, 1]), record(2, &[2]), record(3, &[2, 3])];
        let records = records.map(|record| serde_json::to_vec(&record).unwrap());
        let durable = Durable::<u8>::read(None, &records).unwrap();
        let terms: Vec<Term> = durable.entries.iter().map(|entry| entry.term).collect();
        assert_eq!(terms, [1, 2, 2, 3]);
    }

    #[test]
    fn a_gap_or_garbage_is_an_error() {
        let gap = serde_json::to_vec(&record(3, &[1])).unwrap();
        let error = Durable::<u8>::read(None, &[gap]).unwrap_err();
        assert!(error.contains("begins at entry 3, but the log ends at 0"), "{error}");
        assert!(Durable::<u8>::read(Some(b"{}"), &[]).is_err());
        assert!(Durable::<u8>::read(None, &[b"[]".to_vec()]).is_err());
    }
}

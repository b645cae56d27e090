//! What must survive a crash, and how it is written down.
//!
//! A node's disk holds records. Most are what one step changed, or several in a row: a term and
//! vote, entries, or both. A record is on disk whole or not at all (the storage checksums it),
//! so a crash leaves the state after some step, never half of one.
//!
//! Entries replace whatever stood at their indexes before, so that a truncation needs no
//! record of its own. A checkpoint stands for all records before it: it begins with a record
//! that says so, and goes on with the pieces of the state machine's state.
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

use serde::{Deserialize, Serialize};

use super::{Configured, Entry, Index, LogId, Piece, Term};
use crate::types::NodeId;

// ANCHOR: hard-state
/// The term that a node is in, and whom it voted for in it (figure 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term that the node has seen.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<NodeId>,
}
// ANCHOR_END: hard-state

/// What stands on the disk, one after another. It must be there before the messages that were
/// given out with it are sent, and before the entries given out with it are applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "C: Deserialize<'de>"))]
pub enum Record<C> {
    /// What one step, or several in a row, changed.
    Change(Change<C>),
    /// A checkpoint begins: whatever was recorded before is void.
    Checkpoint(Checkpoint<C>),
    /// The next piece of the state machine's state, as it is at the checkpoint's `base`.
    Piece(Piece),
}

/// A change of term, vote and log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<C> {
    /// The new term and vote, if either changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<HardState>,
    /// Where `entries` begin.
    pub first: Index,
    /// The log from `first` on. When empty, the log has not changed.
    #[serde(bound(deserialize = "C: Deserialize<'de>"))]
    pub entries: Vec<Entry<C>>,
}

/// Term, vote and log at some moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint<C> {
    /// Term and vote.
    pub state: HardState,
    /// The last entry that the state machine's state covers (§7).
    pub base: LogId,
    /// Who has a say after that entry (dissertation §5.1), unless it is those with whom the
    /// cluster began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configured>,
    /// The log after `base`.
    #[serde(bound(deserialize = "C: Deserialize<'de>"))]
    pub entries: Vec<Entry<C>>,
}

/// All that a node needs to go on after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable<C> {
    /// Term and vote.
    pub state: HardState,
    /// The last entry that the state machine's state covers.
    pub base: LogId,
    /// Who has a say after that entry, unless it is those with whom the cluster began.
    pub configuration: Option<Configured>,
    /// The pieces of that state; none if it was never stored.
    pub pieces: Vec<Piece>,
    /// The log after `base`.
    pub entries: Vec<Entry<C>>,
}

impl<C> Default for Durable<C> {
    fn default() -> Durable<C> {
        Durable {
            state: HardState::default(),
            base: LogId::default(),
            configuration: None,
            pieces: Vec::new(),
            entries: Vec::new(),
        }
    }
}

impl<C> Durable<C> {
    /// What a disk holds: the records on it, oldest first.
    ///
    /// # Errors
    /// When records do not fit together. The disk checks its own checksums, so that is never
    /// the work of a crash.
    pub fn read(records: impl IntoIterator<Item = Record<C>>) -> Result<Durable<C>, String> {
        let mut durable = Durable::default();
        for (number, record) in records.into_iter().enumerate() {
            let unfit = |error| format!("record {number} on disk does not fit: {error}");
            durable.apply(record).map_err(unfit)?;
        }
        Ok(durable)
    }

    /// Carries out one record.
    ///
    /// # Errors
    /// When it begins beyond the end of the log, so that entries are missing, or goes back in
    /// time.
    pub fn apply(&mut self, record: Record<C>) -> Result<(), String> {
        match record {
            Record::Change(Change { state, first, entries }) => {
                self.set_state(state)?;
                if entries.is_empty() { Ok(()) } else { self.put(first, entries) }
            }
            Record::Checkpoint(Checkpoint { state, base, configuration, entries }) => {
                *self = Durable { state, base, configuration, pieces: Vec::new(), entries };
                Ok(())
            }
            Record::Piece(piece) => {
                self.pieces.push(piece);
                Ok(())
            }
        }
    }

    fn set_state(&mut self, state: Option<HardState>) -> Result<(), String> {
        let Some(state) = state else { return Ok(()) };
        if state.term < self.state.term {
            return Err(format!("term {} comes after term {}", state.term, self.state.term));
        }
        self.state = state;
        Ok(())
    }

    fn put(&mut self, first: Index, entries: Vec<Entry<C>>) -> Result<(), String> {
        let keep = first.checked_sub(self.base.index + 1);
        let keep = keep.and_then(|keep| usize::try_from(keep).ok());
        let keep = keep.filter(|&keep| keep <= self.entries.len()).ok_or_else(|| {
            let (start, end) = (self.base.index, self.base.index + self.entries.len() as u64);
            format!("it begins at entry {first}, but the log goes from {start} to {end}")
        })?;
        self.entries.truncate(keep);
        self.entries.extend(entries);
        Ok(())
    }
}

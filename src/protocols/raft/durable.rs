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

/// The term that a node is in, and whom it voted for in it (figure 2).
///
/// A node that was restarted does not vote a second time in a term:
///
/// ```
/// use gyre::raft::{Config, Durable, HardState, Input, Message, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let state = HardState { term: 3, vote: Some("n2".into()) };
/// let durable = Durable { state, ..Durable::default() };
/// let config = Config::new("n1".into(), vec!["n2".into(), "n3".into()]);
/// let mut raft = Raft::<u64>::new(config, durable, rng, gyre::Time::ZERO);
/// let message = Message::RequestVote { term: 3, last: raft.last(), transfer: false };
/// raft.step(raft.deadline(), Input::Message { from: "n3".into(), message });
/// let output = raft.output(&|| unreachable!("nobody needs the state"));
/// let refused = Message::RequestVoteReply { term: 3, granted: false };
/// assert_eq!(output.messages, [("n3".into(), refused)]);
/// ```
// ANCHOR: hard-state
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
///
/// ```
/// use gyre::raft::{Change, Entry, Record};
///
/// let entries = vec![Entry::new(3, Some("x = 7"))];
/// let record = Record::Change(Change { state: None, first: 5, entries });
/// assert_eq!(
///     serde_json::to_string(&record)?,
///     r#"{"change":{"first":5,"entries":[{"term":3,"command":"x = 7"}]}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// Entries of a new leader take the place of those that no majority had:
///
/// ```
/// use gyre::raft::{Change, Durable, Entry, Record};
///
/// let change = |first, term, commands: &[&'static str]| {
///     let entries = commands.iter().map(|command| Entry::new(term, Some(*command))).collect();
///     Record::Change(Change { state: None, first, entries })
/// };
/// let log = Durable::read([change(1, 1, &["a", "b", "c"]), change(2, 2, &["d"])])?.entries;
/// assert_eq!(log, [Entry::new(1, Some("a")), Entry::new(2, Some("d"))]);
/// # Ok::<(), String>(())
/// ```
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
///
/// ```
/// use gyre::raft::{Change, Checkpoint, Durable, Entry, HardState, LogId, Piece, Record};
///
/// let state = HardState { term: 1, vote: None };
/// let entries = vec![Entry::new(1, Some("add 4"))];
/// let base = LogId { term: 1, index: 2 };
/// let durable = Durable::read([
///     Record::Change(Change { state: Some(state.clone()), first: 1, entries: entries.clone() }),
///     Record::Checkpoint(Checkpoint { state, base, configuration: None, entries }),
///     Record::Piece(Piece::new("3".into()).unwrap()), // the sum after entries 1 and 2
/// ])?;
/// assert_eq!((durable.base, durable.entries.len(), durable.pieces.len()), (base, 1, 1));
/// # Ok::<(), String>(())
/// ```
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
///
/// Records that do not fit together are an error, and no log with a gap:
///
/// ```
/// use gyre::raft::{Change, Durable, Entry, Record};
///
/// let entry = |first, command| {
///     Record::Change(Change { state: None, first, entries: vec![Entry::new(1, Some(command))] })
/// };
/// assert_eq!(Durable::read([entry(1, "a"), entry(2, "b")])?.entries.len(), 2);
/// assert!(Durable::read([entry(1, "a"), entry(3, "c")]).is_err());
/// # Ok::<(), String>(())
/// ```
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

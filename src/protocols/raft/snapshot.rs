//! How a follower gets the state where the entries that it lacks are forgotten (§7): piece by
//! piece, several under way at a time, and while both sides go on with their work.
//!
//! Raft does not know what a state is. The state machine gives it [`Frozen`], a copy that shares
//! its parts with the live state, and its pieces are made one by one, when they can be sent. The
//! receiver hands each piece on to its own state machine, in order. When the last one is there
//! it has the new state stored. Until that is done it goes on with its old log, and takes no
//! entries: were some on disk before the state that they follow, a crash would leave a gap.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::Peekable;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Configured, Index, LogId, Message, Outcome, Raft, Role};
use crate::types::{NodeId, Time};

/// A part of a state, as a JSON text.
///
/// ```
/// use gyre::raft::Piece;
///
/// let piece = Piece::new(r#"["x", 7]"#.into())?;
/// assert_eq!(piece.as_str(), r#"["x", 7]"#);
/// assert!(Piece::new("x = 7".into()).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Piece(Box<RawValue>);

impl Piece {
    /// A piece of this text.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn new(text: String) -> Result<Piece, serde_json::Error> {
        Ok(Piece(RawValue::from_string(text)?))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Piece) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Piece {}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The pieces of a state, made as they are asked for. There is at least one.
///
/// ```
/// use gyre::raft::{Piece, Pieces};
///
/// let mut pieces: Pieces = Box::new((1..=1_000).map(|n| Piece::new(n.to_string()).unwrap()));
/// assert_eq!(pieces.next().unwrap().as_str(), "1"); // the others are not made yet
/// ```
pub type Pieces = Box<dyn Iterator<Item = Piece>>;

/// The state as it is at one moment.
///
/// ```
/// use gyre::raft::{Checkpoint, Config, Durable, Frozen, Piece, Raft, Record};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), Vec::new());
/// let raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let piece = Piece::new("0".into()).unwrap();
/// let state = Frozen { index: raft.commit(), pieces: Box::new([piece.clone()].into_iter()) };
/// let records: Vec<Record<u64>> = raft.checkpoint(state).collect();
/// assert!(matches!(&records[0], Record::Checkpoint(Checkpoint { base, .. }) if base.index == 0));
/// assert_eq!(records[1..], [Record::Piece(piece)]);
/// ```
pub struct Frozen {
    /// The last entry that it covers.
    pub index: Index,
    /// Its pieces.
    pub pieces: Pieces,
}

/// One piece on its way.
///
/// ```
/// use gyre::raft::{Numbered, Piece};
///
/// let piece = Numbered { number: 0, done: true, piece: Piece::new("7".into())? };
/// assert_eq!(serde_json::to_string(&piece)?, r#"{"number":0,"done":true,"piece":7}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// How many come before it.
    pub number: u64,
    /// Whether it is the last one.
    pub done: bool,
    /// The piece.
    pub piece: Piece,
}

/// A state on its way to a follower. It stays the same one to the end, even if it is not the
/// latest any more: starting over each time might never end.
pub(super) struct Sending {
    last: LogId,
    /// Who has a say after that entry.
    configuration: Option<Configured>,
    pieces: Peekable<Pieces>,
    /// Pieces that the follower may not have, in order.
    window: VecDeque<Numbered>,
    /// How many of the window were sent.
    sent: usize,
    /// The number of the next piece that is made.
    next: u64,
    /// When the follower began to receive, by its own clock: it says so with every answer.
    since: Option<u64>,
    bytes: u64,
}

impl Sending {
    pub fn new(last: LogId, configuration: Option<Configured>, pieces: Pieces) -> Sending {
        Sending {
            last,
            configuration,
            pieces: pieces.peekable(),
            window: VecDeque::new(),
            sent: 0,
            next: 0,
            since: None,
            bytes: 0,
        }
    }

    /// The last entry that it covers.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// Who has a say after that entry, unless it is those with whom the cluster began.
    pub fn configuration(&self) -> Option<Configured> {
        self.configuration.clone()
    }

    /// How many bytes of it were made.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece, unless so many are under way.
    pub fn next_piece(&mut self, max_in_flight: usize) -> Option<Numbered> {
        if self.sent == self.window.len() {
            if self.sent >= max_in_flight {
                return None;
            }
            let piece = self.pieces.next()?;
            self.bytes += piece.as_str().len() as u64;
            let done = self.pieces.peek().is_none();
            self.window.push_back(Numbered { number: self.next, done, piece });
            self.next += 1;
        }
        self.sent += 1;
        assert!(self.sent <= self.window.len(), "what was sent is in the window");
        assert!(self.window.len() <= max_in_flight, "so many are under way");
        Some(self.window[self.sent - 1].clone())
    }

    /// The first piece that the follower may not have, once more.
    pub fn first_piece(&self) -> Option<Numbered> {
        self.window.front().filter(|_| self.sent > 0).cloned()
    }

    /// The follower has the first `stored` pieces of the state up to `last`. Whether it can go
    /// on: if it was restarted since the beginning, what it had is gone.
    ///
    /// It may have more than were sent from here, from another leader: all replicas cut the same
    /// state into the same pieces.
    pub fn on_stored(&mut self, last: LogId, since: u64, stored: u64) -> bool {
        if last != self.last {
            return true;
        }
        if *self.since.get_or_insert(since) != since {
            return false;
        }
        // The last piece stays until the follower has stored all: it asks "and now?".
        while self.window.front().is_some_and(|first| first.number < stored && !first.done) {
            self.window.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        assert!(self.sent <= self.window.len(), "what was sent is in the window");
        assert!(self.window.len() as u64 <= self.next, "what is in the window was made");
        true
    }
}

/// A state of which not all pieces have arrived.
pub(super) struct Arriving {
    last: LogId,
    configuration: Option<Configured>,
    since: Time,
    /// How many pieces have arrived and were handed on.
    stored: u64,
    /// Pieces that have overtaken others.
    early: BTreeMap<u64, Numbered>,
}

impl Arriving {
    /// The last entry that the state covers.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// Who has a say after that entry, unless it is those with whom the cluster began.
    pub fn configuration(&self) -> Option<Configured> {
        self.configuration.clone()
    }
}

/// A piece of a state that arrives, for the state machine.
///
/// ```
/// use gyre::raft::{Arrived, Config, Durable, Input, LogId, Message, Numbered, Piece, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), vec!["n2".into()]);
/// let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let piece = Numbered { number: 0, done: true, piece: Piece::new("7".into()).unwrap() };
/// let last = LogId { term: 1, index: 5 };
/// let message = Message::InstallSnapshot {
///     term: 1,
///     last,
///     piece: piece.clone(),
///     round: 0,
///     configuration: None,
/// };
/// raft.step(gyre::Time::ZERO, Input::Message { from: "n2".into(), message });
/// let output = raft.output(&|| unreachable!("nobody needs the state"));
/// assert_eq!(output.arrived, [Arrived { last, piece }]);
/// assert_eq!(raft.storing(), Some(last)); // all of it is there, and must be made durable
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The last entry that the state covers.
    pub last: LogId,
    /// The piece. The first one begins a new state, whatever came before; when the last one is
    /// there the whole is to be stored, and then [`Input::SnapshotStored`](super::Input).
    pub piece: Numbered,
}

impl<C: Clone + Serialize> Raft<C> {
    /// A piece from the leader of this term.
    pub(super) fn on_install_snapshot(
        &mut self,
        from: NodeId,
        last: LogId,
        piece: Numbered,
        configuration: Option<Configured>,
        round: u64,
    ) {
        self.hear_leader(&from);
        let term = self.state.term;
        let contains = self.log.contains(last);
        if !(self.config.rules.replaces)(last.index, self.commit, contains) {
            // A piece of an older state may be late. A newer one that arrives is still needed.
            self.arriving.take_if(|arriving| arriving.last.index <= last.index);
            if contains {
                // The log has got there by itself, and what a snapshot covers is committed.
                self.verified = self.verified.max(last.index);
                self.learn_commit(last.index);
            }
            // What is committed here is a prefix of every leader's log (§5.4.3).
            let outcome = Outcome::Matched(self.commit);
            return self.send(from, Message::AppendEntriesReply { term, outcome, round });
        }
        assert!(last.index >= self.commit, "what is committed stays so");
        if self.storing.is_none() {
            self.take_piece(last, configuration, piece);
        }
        assert!(self.storing.is_none() || self.arriving.is_some(), "what is stored has arrived");
        let (stored, since) = self
            .arriving
            .as_ref()
            .map_or((0, 0), |arriving| (arriving.stored, arriving.since.as_nanos()));
        let last = self.arriving.as_ref().map_or(last, |arriving| arriving.last);
        self.send(from, Message::InstallSnapshotReply { term, last, since, stored, round });
    }

    fn take_piece(&mut self, last: LogId, configuration: Option<Configured>, piece: Numbered) {
        assert!(self.storing.is_none(), "one state is stored at a time");
        let now = self.now;
        let arriving = match &mut self.arriving {
            Some(arriving) if arriving.last == last => arriving,
            other => {
                let early = BTreeMap::new();
                other.insert(Arriving { last, configuration, since: now, stored: 0, early })
            }
        };
        // A leader sends no more than this at a time.
        let limit = arriving.stored + self.config.max_in_flight as u64;
        if piece.number >= arriving.stored && piece.number < limit {
            arriving.early.insert(piece.number, piece);
        }
        while let Some(piece) = arriving.early.remove(&arriving.stored) {
            arriving.stored += 1;
            if piece.done {
                arriving.early.clear();
                self.storing = Some(last);
            }
            self.output.arrived.push(Arrived { last, piece });
        }
        assert!(arriving.early.len() <= self.config.max_in_flight, "what came early is bounded");
    }

    /// The state whose pieces have all arrived is on disk: this node goes on from there.
    pub(super) fn on_snapshot_stored(&mut self) {
        let last = self.storing.take().expect("a snapshot is being stored");
        assert!(last.index >= self.commit, "what is committed stays so");
        // It was decided when the pieces came. Since then the log may have got there by itself.
        let contains = self.log.contains(last);
        let replaces = (self.config.rules.replaces)(last.index, self.commit, contains);
        assert!(replaces, "a log that has an entry needs no snapshot of it");
        assert!(!self.is_leader(), "a leader has every committed entry");
        let configuration = self.arriving.take().and_then(|arriving| arriving.configuration);
        self.log.reset(last, self.config.configured(configuration));
        self.verified = last.index;
        self.leader_commit = self.leader_commit.max(last.index);
        self.commit = last.index;
        if let Some(leader) = self.leader.clone() {
            let (term, outcome) = (self.state.term, Outcome::Matched(last.index));
            self.send(leader, Message::AppendEntriesReply { term, outcome, round: 0 });
        }
    }

    pub(super) fn on_install_snapshot_reply(
        &mut self,
        from: &NodeId,
        last: LogId,
        since: u64,
        stored: u64,
        round: u64,
    ) {
        self.note_heard(from);
        if let Role::Leader(leader) = &mut self.role
            && let Some(follower) = leader.progress.get_mut(from)
        {
            assert!(round <= leader.reads.round(), "what it acknowledges was begun in this term");
            follower.round = follower.round.max(round);
            follower.on_pieces_stored(last, since, stored);
        }
    }
}

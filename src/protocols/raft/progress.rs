//! What the leader knows of one follower, and what it sends to it next.
//!
//! Normally a follower is sent entries before it has acknowledged the ones before them
//! (pipelining, dissertation §10.2.2), as many as there are in one message (batching). When
//! it turns something down, because a message was lost, overtaken, or its log differs, the
//! leader first finds out, without entries, where the two logs meet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Log;
use super::snapshot::Sending;
use super::{Config, Index, Message, Position, Snapshot, Term};
use crate::types::Time;

/// One follower, as its leader sees it.
pub(super) struct Progress {
    mode: Mode,
    /// Its log is known to be the leader's up to here (`matchIndex`).
    pub matched: Index,
    /// The first entry to send next (`nextIndex`).
    next: Index,
    /// The last entry of each message with entries that it has not acknowledged.
    in_flight: VecDeque<Index>,
    /// When it was last sent anything.
    sent: Time,
    /// When it last answered.
    pub heard: Time,
    /// The latest round of reads that it was told of, and the latest that it acknowledged.
    round_sent: u64,
    pub round: u64,
    /// The commit index that it was told last, and the one that a client there waits for.
    commit_sent: Index,
    pub commit_wanted: Index,
}

enum Mode {
    /// Where the logs meet is not known; whether an answer to that is outstanding.
    Probe { asked: bool },
    /// Entries are sent as they come.
    Pipeline,
    /// What it needs next is compacted away.
    Snapshot(Sending),
}

/// What a leader's messages are made of.
pub(super) struct View<'a, C> {
    pub now: Time,
    pub config: &'a Config,
    pub term: Term,
    pub log: &'a Log<C>,
    pub snapshot: Option<&'a Arc<Snapshot>>,
    pub commit: Index,
    pub round: u64,
}

impl Progress {
    /// A follower at the start of a term. Most have the same log, so it is sent what comes
    /// after `last` until it objects.
    pub fn new(now: Time, last: Index) -> Progress {
        Progress {
            mode: Mode::Pipeline,
            matched: 0,
            next: last + 1,
            in_flight: VecDeque::new(),
            sent: now,
            heard: now,
            round_sent: 0,
            round: 0,
            commit_sent: 0,
            commit_wanted: 0,
        }
    }

    /// When it must hear something again.
    pub fn heartbeat_due(&self, config: &Config) -> Time {
        self.sent + config.heartbeat_interval
    }

    /// The next message to it, until there is nothing more to say.
    pub fn next_message<C: Clone>(&mut self, view: &View<'_, C>) -> Option<Message<C>> {
        let due = view.now >= self.heartbeat_due(view.config);
        let news = self.round_sent < view.round;
        if self.next <= view.log.base().index && !matches!(self.mode, Mode::Snapshot(_)) {
            let snapshot = view.snapshot.expect("a log is compacted by a snapshot");
            self.mode = Mode::Snapshot(Sending::new(snapshot));
        }
        let message = match &mut self.mode {
            Mode::Snapshot(sending) => sending.next_chunk(view, due)?,
            Mode::Probe { asked } if !*asked || due || news => {
                *asked = true;
                self.append_entries(view, 0)
            }
            Mode::Pipeline
                if self.next <= view.log.last_index()
                    && self.in_flight.len() < view.config.max_in_flight =>
            {
                self.append_entries(view, view.config.max_entries_per_message)
            }
            Mode::Pipeline if due || news => self.append_entries(view, 0),
            Mode::Pipeline if self.commit_wanted > self.commit_sent => {
                self.commit_sent = view.commit;
                return Some(Message::Commit { term: view.term, commit: view.commit });
            }
            Mode::Probe { .. } | Mode::Pipeline => return None,
        };
        self.sent = view.now;
        Some(message)
    }

    fn append_entries<C: Clone>(&mut self, view: &View<'_, C>, count: usize) -> Message<C> {
        let prev = view.log.position(self.next - 1).expect("what is compacted is not sent");
        let entries = view.log.entries(self.next, count);
        if !entries.is_empty() {
            self.next += entries.len() as u64;
            self.in_flight.push_back(self.next - 1);
        }
        self.round_sent = view.round;
        self.commit_sent = view.commit;
        Message::AppendEntries {
            term: view.term,
            prev,
            entries,
            commit: view.commit,
            round: view.round,
        }
    }

    /// It has the leader's log up to `index`.
    pub fn on_matched(&mut self, index: Index) {
        self.matched = self.matched.max(index);
        while self.in_flight.front().is_some_and(|&last| last <= self.matched) {
            self.in_flight.pop_front();
        }
        match &self.mode {
            Mode::Pipeline => self.next = self.next.max(self.matched + 1),
            // An answer to something sent before the snapshot.
            Mode::Snapshot(sending) if self.matched < sending.last().index => {}
            Mode::Probe { .. } | Mode::Snapshot(_) => {
                self.mode = Mode::Pipeline;
                self.next = self.matched + 1;
            }
        }
    }

    /// It does not have the leader's entry at `prev`; what they share ends at `hint` or before.
    pub fn on_conflict<C: Clone>(&mut self, prev: Index, hint: Position, log: &Log<C>) {
        let outdated = match self.mode {
            Mode::Probe { .. } => prev + 1 != self.next,
            Mode::Pipeline => prev <= self.matched || prev >= self.next,
            Mode::Snapshot(_) => true,
        };
        if outdated {
            return;
        }
        // When what they share is compacted away, `next` ends up in the compacted part too,
        // and a snapshot follows.
        let shared = log.last_at_or_before(hint).map_or(0, |position| position.index);
        self.next = shared.max(self.matched) + 1;
        self.mode = Mode::Probe { asked: false };
        self.in_flight.clear();
    }

    /// It has `offset` bytes of the snapshot that ends at `last`.
    pub fn on_chunk_stored(&mut self, last: Position, offset: u64) {
        if let Mode::Snapshot(sending) = &mut self.mode {
            sending.on_stored(last, offset);
        }
    }
}

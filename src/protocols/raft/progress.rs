//! What the leader knows of one follower, and what it sends to it next.
//!
//! Normally a follower is sent entries before it has acknowledged the ones before them
//! (pipelining, dissertation §10.2.2), as many as there are in one message (batching). When
//! it turns something down, because a message was lost, overtaken, or its log differs, the
//! leader first finds out, without entries, where the two logs meet.
//!
//! A follower that does not answer is sent heartbeats, and nothing more.
//!
//! Chapter 8 of the book, `book/08-raft-log.md`, reads this.

use std::collections::VecDeque;

use serde::Serialize;

use super::configuration::Part;
use super::log::Log;
use super::snapshot::Sending;
use super::{Config, Frozen, Index, LogId, Message, Term};
use crate::types::Time;

/// One follower, as its leader sees it.
pub(super) struct Progress {
    /// Whether it has a say.
    pub part: Part,
    mode: Mode,
    /// Its log is known to be the leader's up to here (`matchIndex`).
    matched: Index,
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
    /// What it needs next is forgotten.
    Snapshot(Sending),
}

/// What a leader's messages are made of.
pub(super) struct View<'a, C> {
    pub now: Time,
    pub config: &'a Config,
    pub term: Term,
    pub log: &'a Log<C>,
    pub freeze: &'a dyn Fn() -> Frozen,
    pub commit: Index,
    pub round: u64,
}

impl Progress {
    /// A follower at the start of a term. Most have the same log, so it is sent what comes
    /// after `last` until it objects.
    pub fn new(now: Time, last: Index) -> Progress {
        Progress {
            part: Part::default(),
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

    /// A node that comes while the leader leads. It is asked first what it has.
    pub fn joining(now: Time) -> Progress {
        Progress { mode: Mode::Probe { asked: false }, ..Progress::new(now, 0) }
    }

    /// How far it was told that the leader has committed.
    pub fn commit_sent(&self) -> Index {
        self.commit_sent
    }

    /// How far its log is known to be the leader's.
    pub fn matched(&self) -> Index {
        self.matched
    }

    /// When it must hear something again.
    pub fn heartbeat_due(&self, config: &Config) -> Time {
        self.sent + config.heartbeat_interval
    }

    /// Whether it has answered lately.
    pub fn is_live(&self, now: Time, config: &Config) -> bool {
        now < self.heard + config.election_timeout
    }

    /// The entry after which it needs the log, if it is being sent a snapshot, and how many
    /// bytes of that were made.
    pub fn snapshot_sent(&self) -> Option<(Index, u64)> {
        match &self.mode {
            Mode::Snapshot(sending) => Some((sending.last().index, sending.bytes())),
            Mode::Probe { .. } | Mode::Pipeline => None,
        }
    }

    /// The next message to it, until there is nothing more to say.
    pub fn next_message<C: Clone + Serialize>(&mut self, view: &View<'_, C>) -> Option<Message<C>> {
        assert!(self.matched < self.next, "what it has it is not sent");
        let due = view.now >= self.heartbeat_due(view.config);
        let news = self.round_sent < view.round;
        self.give_up_what_is_forgotten(view);
        let is_live = self.is_live(view.now, view.config);
        let message = match &mut self.mode {
            Mode::Snapshot(sending) => {
                let next = is_live.then(|| sending.next_piece(view.config.max_in_flight)).flatten();
                let again = || if due && is_live { sending.first_piece() } else { None };
                match next.or_else(again) {
                    Some(piece) => {
                        self.round_sent = view.round;
                        let (term, last, round) = (view.term, sending.last(), view.round);
                        let configuration = sending.configuration();
                        Message::InstallSnapshot { term, last, piece, round, configuration }
                    }
                    None if due || news => {
                        let prev = sending.last();
                        self.append_entries(view, prev, 0)
                    }
                    None => return None,
                }
            }
            Mode::Probe { asked } if !*asked || due || news => {
                *asked = true;
                self.append_after_last(view, 0)
            }
            Mode::Pipeline
                if self.next <= view.log.last_index()
                    && self.in_flight.len() < view.config.max_in_flight =>
            {
                self.append_after_last(view, view.config.max_entries_per_message)
            }
            Mode::Pipeline if due || news => self.append_after_last(view, 0),
            Mode::Pipeline if self.commit_wanted > self.commit_sent => {
                self.commit_sent = view.commit;
                return Some(Message::Commit { term: view.term, commit: view.commit });
            }
            Mode::Probe { .. } | Mode::Pipeline => return None,
        };
        self.sent = view.now;
        Some(message)
    }

    /// When entries that it needs are forgotten: begins to send it the state instead. If it does
    /// not answer, it is asked first where the logs meet.
    fn give_up_what_is_forgotten<C: Clone + Serialize>(&mut self, view: &View<'_, C>) {
        let needed = match &self.mode {
            Mode::Snapshot(sending) => sending.last().index + 1,
            Mode::Probe { .. } | Mode::Pipeline => self.next,
        };
        if needed > view.log.base().index {
            return;
        }
        self.in_flight.clear();
        if self.is_live(view.now, view.config) {
            let Frozen { index, pieces } = (view.freeze)();
            let last = view.log.id(index).expect("the state is as recent as the log's base");
            assert!(last.index <= view.commit, "what is applied is committed");
            assert!(last.index >= needed, "the state covers what is needed");
            let configuration = view.log.configured_at(last.index);
            let configuration = (view.config.rules.carried)(configuration);
            self.mode = Mode::Snapshot(Sending::new(last, configuration, pieces));
        } else {
            self.mode = Mode::Probe { asked: false };
            self.next = view.log.last_index() + 1;
        }
    }

    fn append_after_last<C: Clone + Serialize>(
        &mut self,
        view: &View<'_, C>,
        count: usize,
    ) -> Message<C> {
        let prev = view.log.id(self.next - 1).expect("what is forgotten is not sent");
        self.append_entries(view, prev, count)
    }

    fn append_entries<C: Clone + Serialize>(
        &mut self,
        view: &View<'_, C>,
        prev: LogId,
        count: usize,
    ) -> Message<C> {
        let mut entries = Vec::new();
        if count > 0 {
            entries = view.log.entries(self.next, count, view.config.max_bytes_per_message);
            self.next += entries.len() as u64;
            self.in_flight.push_back(self.next - 1);
            assert!(self.in_flight.len() <= view.config.max_in_flight, "so many are under way");
        }
        assert!(self.next <= view.log.last_index() + 1, "only what there is is sent");
        self.round_sent = view.round;
        self.commit_sent = view.commit;
        let (term, commit, round) = (view.term, view.commit, view.round);
        Message::AppendEntries { term, prev, entries, commit, round }
    }

    /// It has the leader's log up to `index`.
    pub fn on_matched<C: Clone + Serialize>(&mut self, index: Index, log: &Log<C>) {
        assert!(index <= log.last_index(), "it has no more than the leader");
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        while self.in_flight.front().is_some_and(|&last| last <= self.matched) {
            self.in_flight.pop_front();
        }
        match &self.mode {
            Mode::Pipeline => {}
            // An answer to something sent before the snapshot.
            Mode::Snapshot(_) if self.matched < log.base().index => {}
            Mode::Probe { .. } | Mode::Snapshot(_) => {
                self.mode = Mode::Pipeline;
                self.next = self.matched + 1;
            }
        }
        assert!(self.matched < self.next, "what it has it is not sent");
    }

    /// It does not have the leader's entry at `prev`; what they share ends at `hint` or before.
    pub fn on_conflict<C: Clone + Serialize>(&mut self, prev: Index, hint: LogId, log: &Log<C>) {
        let outdated = match self.mode {
            Mode::Probe { .. } => prev + 1 != self.next,
            Mode::Pipeline => prev <= self.matched || prev >= self.next,
            Mode::Snapshot(_) => true,
        };
        if outdated {
            return;
        }
        // When what they share is forgotten, `next` ends up in the forgotten part too, and a
        // snapshot follows.
        let shared = log.last_at_or_before(hint).map_or(0, |id| id.index);
        self.next = shared.max(self.matched) + 1;
        self.mode = Mode::Probe { asked: false };
        self.in_flight.clear();
        assert!(self.matched < self.next, "what it has it is not sent");
        assert!(self.next <= prev.max(self.matched + 1), "the search for the meeting goes back");
    }

    /// It has the first `stored` pieces of the snapshot that ends at `last`, and began to
    /// receive it at `since`.
    pub fn on_pieces_stored(&mut self, last: LogId, since: u64, stored: u64) {
        if let Mode::Snapshot(sending) = &mut self.mode
            && !sending.on_stored(last, since, stored)
        {
            // It was restarted. Where the logs meet shows again whether it needs a snapshot.
            self.mode = Mode::Probe { asked: false };
            self.next = self.matched + 1;
            assert!(self.in_flight.is_empty(), "no entries are sent beside a snapshot");
            assert!(self.matched < last.index, "it needs what it is sent");
        }
    }
}

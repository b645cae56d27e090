//! Linearizable reads without a log entry (§8, dissertation §6.4).
//!
//! A read must not miss a write that was acknowledged before the read began. The leader notes
//! its commit index when a read arrives, the read index, and makes sure that it *was* the
//! leader then: a majority must acknowledge it after the read arrived. One round of heartbeats
//! serves all reads that wait for it, and any message with entries counts as a heartbeat. A
//! follower asks the leader for the read index and answers from its own state.
//!
//! The follower's question is an acknowledgement too. It was in the leader's term when it
//! asked, after its own read began. So if a later leader had been elected before that, by a
//! majority that shares no node with {leader, follower, others who acknowledged}, there would
//! be two disjoint majorities. In a cluster of three that makes the question enough.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Index, Message, Raft, Role};
use crate::types::{NodeId, Time};

/// The reads of this node's own clients. Each is in one of these places, and nowhere when it
/// was answered or cancelled.
pub(super) struct Asking {
    /// Not asked about yet, or again to be asked about.
    waiting: BTreeSet<u64>,
    /// Asked about, by the number of the question.
    asked: BTreeMap<u64, Question>,
    last_question: u64,
    /// The read index is known: they wait for the commit index to reach it.
    confirmed: BTreeMap<Index, BTreeSet<u64>>,
}

struct Question {
    asked_at: Time,
    reads: BTreeSet<u64>,
}

impl Asking {
    /// `first_question` must be random: the answer to a question that this node asked before
    /// a crash is too old for one that it asks after, and must not be taken for it.
    pub fn new(first_question: u64) -> Asking {
        Asking {
            waiting: BTreeSet::new(),
            asked: BTreeMap::new(),
            last_question: first_question,
            confirmed: BTreeMap::new(),
        }
    }

    fn cancel(&mut self, read: u64) {
        let asked = self.asked.values_mut().map(|question| &mut question.reads);
        let places = asked.chain(self.confirmed.values_mut()).chain([&mut self.waiting]);
        let found =
            places.into_iter().filter_map(|place| place.remove(&read).then_some(())).count();
        assert!(found <= 1, "read {read} is in one place");
        self.asked.retain(|_, question| !question.reads.is_empty());
        self.confirmed.retain(|_, reads| !reads.is_empty());
    }

    fn count(&self) -> usize {
        let asked = self.asked.values().map(|question| question.reads.len());
        let confirmed = self.confirmed.values().map(BTreeSet::len);
        asked.chain(confirmed).sum::<usize>() + self.waiting.len()
    }
}

/// A leader's reads: its own and its followers'.
#[derive(Default)]
pub(super) struct LeaderReads {
    /// The questions of followers that are not assigned to a round yet.
    waiting: Vec<(NodeId, u64)>,
    /// The rounds that are not acknowledged yet, by their numbers.
    rounds: BTreeMap<u64, Round>,
    /// The latest round that was begun.
    last_round: u64,
}

/// Reads that wait for a majority to acknowledge the leader.
#[derive(Default)]
struct Round {
    /// The read index: how far the leader had committed when the last of them joined.
    index: Index,
    own: BTreeSet<u64>,
    /// The followers that ask, and the numbers of their questions.
    asked: Vec<(NodeId, u64)>,
}

impl LeaderReads {
    /// The latest round that was begun.
    pub fn round(&self) -> u64 {
        self.last_round
    }

    fn cancel(&mut self, read: u64) {
        for round in self.rounds.values_mut() {
            round.own.remove(&read);
        }
    }
}

impl<C: Clone + Serialize> Raft<C> {
    /// A read by this node's own client: it waits until there is a leader to confirm it.
    pub(super) fn read(&mut self, request: u64) {
        let is_new = self.asking.waiting.insert(request);
        assert!(is_new, "read {request} began twice");
    }

    /// Nobody waits for a read any more.
    pub(super) fn cancel_read(&mut self, request: u64) {
        self.asking.cancel(request);
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.cancel(request);
        }
    }

    /// How many reads of this node's clients wait.
    pub fn reads_waiting(&self) -> usize {
        let in_rounds = match &self.role {
            Role::Leader(leader) => leader.reads.rounds.values().map(|round| round.own.len()).sum(),
            _ => 0,
        };
        self.asking.count() + in_rounds
    }

    pub(super) fn on_read_index(&mut self, from: NodeId, request: u64) {
        self.note_heard(&from);
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.waiting.push((from, request));
        }
    }

    pub(super) fn on_read_index_reply(&mut self, from: &NodeId, request: u64, index: Index) {
        if self.leader.as_ref() != Some(from) {
            return;
        }
        // The answer says, by the way, how far the leader has committed.
        self.learn_commit(index);
        if let Some(question) = self.asking.asked.remove(&request) {
            self.asking.confirmed.entry(index).or_default().extend(question.reads);
        }
    }

    /// The leader that was to confirm them is gone: the reads wait for another one, but for
    /// those whose read index is known already.
    pub(super) fn reads_lose_leader(&mut self) {
        let count = self.reads_waiting();
        let asking = &mut self.asking;
        let asked = std::mem::take(&mut asking.asked);
        asking.waiting.extend(asked.into_values().flat_map(|question| question.reads));
        if let Role::Leader(leader) = &mut self.role {
            let rounds = std::mem::take(&mut leader.reads.rounds);
            asking.waiting.extend(rounds.into_values().flat_map(|round| round.own));
            leader.reads.waiting.clear();
        }
        assert!(self.asking.asked.is_empty(), "the former leader owes no answer");
        assert!(self.reads_waiting() == count, "no read is lost");
    }

    // ANCHOR: confirm-reads
    /// The leader's part: answers what is confirmed and begins a round for what is not.
    pub(super) fn confirm_reads(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        // Until an entry of this term is committed, the commit index may lag behind what an
        // earlier leader has acknowledged (dissertation §6.4, step 1).
        if self.commit >= leader.first_index {
            self.begin_round();
            self.end_rounds();
        }
    }
    // ANCHOR_END: confirm-reads

    /// Puts what waits into a round that begins after it arrived. When enough rounds are under
    /// way it waits for one of them to end, and shares the next with all that wait.
    fn begin_round(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.waiting.is_empty() && self.asking.waiting.is_empty() {
            return;
        }
        let questions = std::mem::take(&mut leader.reads.waiting);
        let next = leader.reads.last_round + 1;
        let under_way = leader.reads.last_round.saturating_sub(leader.acknowledged(None));
        let is_full = under_way >= self.config.max_in_flight as u64;
        // A round that is acknowledged before it begins is not needed: the question is.
        let is_needed = |from: Option<&NodeId>| leader.acknowledged(from) < next;
        let own_wait = is_full && is_needed(None);
        let own = if own_wait { BTreeSet::new() } else { std::mem::take(&mut self.asking.waiting) };
        let (asked, waiting): (Vec<_>, Vec<_>) =
            questions.into_iter().partition(|(from, _)| !(is_full && is_needed(Some(from))));
        let begins = !own.is_empty() && is_needed(None)
            || asked.iter().any(|(from, _)| is_needed(Some(from)));
        let reads = &mut leader.reads;
        reads.waiting = waiting;
        if !own.is_empty() || !asked.is_empty() {
            let round = reads.rounds.entry(next).or_default();
            round.index = self.commit;
            round.own.extend(own);
            round.asked.extend(asked);
        }
        reads.last_round += u64::from(begins);
        assert!(reads.rounds.keys().all(|&round| round <= next), "rounds begin in order");
        assert!(reads.last_round <= next, "one round begins at a time");
    }

    // ANCHOR: end-rounds
    /// Answers the reads whose round a majority has acknowledged.
    fn end_rounds(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let may_read = self.config.rules.may_read;
        let term = self.state.term;
        let mut rounds = std::mem::take(&mut leader.reads.rounds);
        let own_acknowledged = leader.acknowledged(None);
        for (&number, round) in &mut rounds {
            assert!(round.index <= self.commit, "a read index is committed");
            if !round.own.is_empty() && may_read(own_acknowledged >= number) {
                let confirmed = self.asking.confirmed.entry(round.index).or_default();
                confirmed.append(&mut round.own);
            }
            let may_read = |from: &NodeId| may_read(leader.acknowledged(Some(from)) >= number);
            for (from, request) in round.asked.extract_if(.., |(from, _)| may_read(from)) {
                let reply = Message::ReadIndexReply { term, request, index: round.index };
                self.output.messages.push((from, reply));
            }
        }
        rounds.retain(|_, round| !round.own.is_empty() || !round.asked.is_empty());
        leader.reads.rounds = rounds;
        assert!(self.commit >= leader.first_index, "the commit index is not behind");
    }
    // ANCHOR_END: end-rounds

    /// Everyone's part: asks the leader, and hands out the reads that can be answered.
    pub(super) fn release_reads(&mut self) {
        self.ask_leader();
        let later = self.asking.confirmed.split_off(&(self.commit + 1));
        let ready = std::mem::replace(&mut self.asking.confirmed, later);
        assert!(ready.keys().all(|&index| index <= self.commit), "a read sees what is committed");
        self.output.readable.extend(ready.into_values().flatten());
    }

    /// The follower's part: one question for all reads that wait.
    fn ask_leader(&mut self) {
        if self.is_leader() {
            return;
        }
        let Some(leader) = self.leader.clone() else { return };
        let asking = &mut self.asking;
        // A question or its answer may be lost. Time passes with every heartbeat, so there is
        // no need of a timer to notice.
        let patience = self.config.election_timeout;
        let lost = asking.asked.values().take_while(|q| q.asked_at + patience <= self.now).count();
        for _ in 0..lost {
            let (_, question) = asking.asked.pop_first().expect("it was just counted");
            asking.waiting.extend(question.reads);
        }
        if asking.waiting.is_empty() || asking.asked.len() >= self.config.max_in_flight {
            return;
        }
        asking.last_question += 1;
        let request = asking.last_question;
        let reads = std::mem::take(&mut asking.waiting);
        let former = asking.asked.insert(request, Question { asked_at: self.now, reads });
        assert!(former.is_none(), "question {request} was asked twice");
        assert!(asking.asked.len() <= self.config.max_in_flight, "so many are under way");
        self.send(leader, Message::ReadIndex { term: self.state.term, request });
    }
}

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

use std::collections::BTreeMap;

use super::{Index, Message, Raft, Role, reached_by_majority};
use crate::types::{NodeId, Time};

/// The reads of this node's own clients.
pub(super) struct Asking {
    /// Not asked about yet, or again to be asked about.
    waiting: Vec<u64>,
    /// Asked about, by the number of the question.
    asked: BTreeMap<u64, Question>,
    last_question: u64,
    /// The read index is known: they wait for the commit index to reach it.
    confirmed: Vec<(Index, u64)>,
}

impl Asking {
    /// `first_question` must be random: the answer to a question that this node asked before
    /// a crash is too old for one that it asks after, and must not be taken for it.
    pub fn new(first_question: u64) -> Asking {
        Asking {
            waiting: Vec::new(),
            asked: BTreeMap::new(),
            last_question: first_question,
            confirmed: Vec::new(),
        }
    }
}

struct Question {
    asked_at: Time,
    reads: Vec<u64>,
}

/// A leader's reads: its own and its followers'.
#[derive(Default)]
pub(super) struct LeaderReads {
    /// Not assigned to a round yet.
    waiting: Vec<Read>,
    /// Waiting for their round to be acknowledged, with the read index.
    pending: Vec<(u64, Index, Read)>,
    /// The latest round that was begun.
    round: u64,
}

struct Read {
    /// The follower that asks, or none if it is this node's own.
    from: Option<NodeId>,
    request: u64,
}

impl LeaderReads {
    /// The latest round that was begun.
    pub fn round(&self) -> u64 {
        self.round
    }
}

impl<C: Clone> Raft<C> {
    /// A read by this node's own client: it waits until there is a leader to confirm it.
    pub(super) fn read(&mut self, request: u64) {
        self.asking.waiting.push(request);
    }

    pub(super) fn on_read_index(&mut self, from: NodeId, request: u64) {
        self.note_heard(&from);
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.waiting.push(Read { from: Some(from), request });
        }
    }

    pub(super) fn on_read_index_reply(&mut self, from: &NodeId, request: u64, index: Index) {
        if self.leader.as_ref() != Some(from) {
            return;
        }
        // The answer says, by the way, how far the leader has committed.
        self.learn_commit(index);
        if let Some(question) = self.asking.asked.remove(&request) {
            self.asking.confirmed.extend(question.reads.into_iter().map(|read| (index, read)));
        }
    }

    /// The leader that was to confirm them is gone: the reads wait for another one, but for
    /// those whose read index is known already.
    pub(super) fn reads_lose_leader(&mut self) {
        let asking = &mut self.asking;
        let asked = std::mem::take(&mut asking.asked);
        asking.waiting.extend(asked.into_values().flat_map(|question| question.reads));
        if let Role::Leader(leader) = &mut self.role {
            let reads = &mut leader.reads;
            let pending = reads.pending.drain(..).map(|(_, _, read)| read);
            let own = pending.chain(reads.waiting.drain(..)).filter(|read| read.from.is_none());
            asking.waiting.extend(own.map(|read| read.request));
        }
    }

    /// The leader's part: answers what is confirmed and begins a round for what is not.
    pub(super) fn confirm_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        // Until an entry of this term is committed, the commit index may lag behind what an
        // earlier leader has acknowledged (dissertation §6.4, step 1).
        if self.commit < leader.first_index {
            return;
        }
        let reads = &mut leader.reads;
        let own = self.asking.waiting.drain(..);
        reads.waiting.extend(own.map(|request| Read { from: None, request }));
        if reads.waiting.is_empty() && reads.pending.is_empty() {
            return;
        }
        let progress = &leader.progress;
        let acknowledged = |from: Option<&NodeId>| {
            let rounds = progress
                .iter()
                .map(|(id, follower)| if from == Some(id) { u64::MAX } else { follower.round });
            reached_by_majority(rounds.chain([u64::MAX]))
        };
        // A read goes into a round that begins after it arrived. When enough rounds are under
        // way it waits for one of them to end, and shares the next with all that wait.
        let under_way = reads.round.saturating_sub(acknowledged(None));
        let full = under_way >= self.config.max_in_flight as u64;
        let mut round_needed = false;
        for read in std::mem::take(&mut reads.waiting) {
            let enough = acknowledged(read.from.as_ref()) > reads.round;
            if full && !enough {
                reads.waiting.push(read);
            } else {
                round_needed |= !enough;
                reads.pending.push((reads.round + 1, self.commit, read));
            }
        }
        reads.round += u64::from(round_needed);
        let may_read = self.config.rules.may_read;
        let term = self.state.term;
        let confirmed = |(round, _, read): &mut (u64, Index, Read)| {
            may_read(acknowledged(read.from.as_ref()) >= *round)
        };
        for (_, index, Read { from, request }) in reads.pending.extract_if(.., confirmed) {
            match from {
                Some(from) => {
                    let reply = Message::ReadIndexReply { term, request, index };
                    self.output.messages.push((from, reply));
                }
                None => self.asking.confirmed.push((index, request)),
            }
        }
    }

    /// Everyone's part: asks the leader, and hands out the reads that can be answered.
    pub(super) fn release_reads(&mut self) {
        self.ask_leader();
        let commit = self.commit;
        let ready = self.asking.confirmed.extract_if(.., |(index, _)| *index <= commit);
        self.output.readable.extend(ready.map(|(_, request)| request));
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
        asking.asked.insert(request, Question { asked_at: self.now, reads });
        self.send(leader, Message::ReadIndex { term: self.state.term, request });
    }
}

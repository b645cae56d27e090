//! What followers store, and when it counts as committed (§5.3, §5.4).
//!
//! Commands reach the log at the leader only. A follower passes its clients' commands on, and
//! learns their fate like everyone else: by applying the log.
//!
//! Chapter 8 of the book, `book/08-raft-log.md`, reads this.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::configuration::Part;
use super::learners::CatchingUp;
use super::log::Log;
use super::progress::{Progress, View};
use super::read::LeaderReads;
use super::{
    Config, Configured, Entry, Frozen, Index, LogId, Message, Outcome, Raft, Role,
    reached_by_majority,
};
use crate::types::{NodeId, Time};

/// What a leader knows beyond what every node knows.
pub(super) struct Leader {
    /// Every other node that has a say, those that learn, and those that are being told that they
    /// have none any more.
    pub progress: BTreeMap<NodeId, Progress>,
    /// The no-op with which the term began.
    pub first_index: Index,
    pub reads: LeaderReads,
    /// The entries that followers passed on, so that those hear of the commitment at once.
    passed_on: VecDeque<(Index, NodeId)>,
    pub transfer: Option<Transfer>,
    /// The entry in which the configuration stands that the leader goes by.
    pub configured_at: Index,
    /// Whether that is one of joint consensus.
    pub is_joint: bool,
    /// Whether the leader itself has a say in it.
    pub part: Part,
    /// The change whose new voters are not ready yet.
    pub catching_up: Option<CatchingUp>,
    /// Whether it does not hand over any more because it is to go.
    pub offered: bool,
}

/// Leadership is on its way to another node (dissertation §3.10).
pub(super) struct Transfer {
    to: NodeId,
    /// The other node seems not to take it: carry on.
    until: Time,
    told: bool,
}

impl Leader {
    /// A leader at the start of its term: where it stands, the configuration that it goes by, and
    /// the end of its log.
    fn new(id: &NodeId, configured: &Configured, now: Time, last: Index) -> Leader {
        let configuration = &configured.configuration;
        let follower = |peer: &NodeId| {
            let mut follower = Progress::new(now, last);
            follower.part = Part::of(configuration, peer);
            (peer.clone(), follower)
        };
        let others = configuration.members().filter(|peer| *peer != id);
        Leader {
            progress: others.map(follower).collect(),
            first_index: last + 1,
            reads: LeaderReads::default(),
            passed_on: VecDeque::new(),
            transfer: None,
            configured_at: configured.index,
            is_joint: configuration.is_joint(),
            part: Part::of(configuration, id),
            catching_up: None,
            offered: false,
        }
    }

    /// When the leader has to do something, whatever happens.
    pub fn deadline(&self, config: &Config) -> Time {
        let heartbeats = self.progress.values().map(|follower| follower.heartbeat_due(config));
        let transfer = self.transfer.as_ref().map(|transfer| transfer.until);
        heartbeats.chain(transfer).chain([self.lease_end(config)]).min().expect("not empty")
    }

    /// The first entry that a snapshot under way to a follower does not cover, so that what
    /// follows it is kept until then. A transfer that is slower than the log grows is given up:
    /// then more was written since than was sent.
    pub fn needed_from<C: Clone + Serialize>(&self, log: &Log<C>, kept_bytes: u64) -> Index {
        let snapshots = self.progress.values().filter_map(Progress::snapshot_sent);
        let needed = snapshots.filter(|&(index, sent_bytes)| {
            log.bytes_between(index, log.last_index()) <= kept_bytes + sent_bytes
        });
        needed.map(|(index, _)| index + 1).min().unwrap_or(Index::MAX)
    }

    /// Check quorum (dissertation §6.2): a leader that a majority has not answered for an
    /// election timeout is none.
    pub fn has_lost_its_majority(&self, now: Time, config: &Config) -> bool {
        now >= self.lease_end(config)
    }

    fn lease_end(&self, config: &Config) -> Time {
        let forever = Time::from_nanos(u64::MAX);
        if !config.stable_leadership || !config.check_quorum {
            return forever;
        }
        self.reached(forever, |_, follower| follower.heard) + config.election_timeout
    }

    /// The latest round of reads that a majority has acknowledged. The question of a voter, `from`,
    /// acknowledges all rounds.
    pub fn acknowledged(&self, from: Option<&NodeId>) -> u64 {
        let round = |id: &_, peer: &Progress| if from == Some(id) { u64::MAX } else { peer.round };
        self.reached(u64::MAX, round)
    }

    /// The largest value that a majority has reached, given the leader's own and that of each
    /// follower. In joint consensus a majority of the old voters has reached it, too.
    fn reached<T: Ord + Copy>(&self, own: T, value: impl Fn(&NodeId, &Progress) -> T) -> T {
        self.reached_by(|is_voter| is_voter, own, value)
    }

    /// The same, given who counts. The majority is one of the voters.
    fn reached_by<T: Ord + Copy>(
        &self,
        counts: fn(bool) -> bool,
        own: T,
        value: impl Fn(&NodeId, &Progress) -> T,
    ) -> T {
        let of = |is_in: fn(Part) -> bool| {
            let voters = self.progress.values().map(|follower| follower.part).chain([self.part]);
            let voters = voters.filter(|part| is_in(*part)).count();
            let followers = self.progress.iter().filter(|(_, peer)| counts(is_in(peer.part)));
            let others = followers.map(|(id, follower)| value(id, follower));
            reached_by_majority(voters, others.chain(is_in(self.part).then_some(own)))
        };
        let reached = of(|part| part.voter);
        if self.is_joint { reached.min(of(|part| part.outgoing)) } else { reached }
    }
}

impl<C: Clone + Serialize> Raft<C> {
    // ANCHOR: become-leader
    pub(super) fn become_leader(&mut self) {
        let last = self.log.last_index();
        let leader = Leader::new(&self.config.id, self.configured(), self.now, last);
        let offered = self.was_asked_to_lead;
        self.role = Role::Leader(Leader { offered, ..leader });
        assert!(self.state.vote.as_ref() == Some(&self.config.id), "a leader has its own vote");
        assert!(self.storing.is_none(), "a leader has every committed entry");
        self.leader = Some(self.config.id.clone());
        // The entry that will commit all that earlier leaders left (§5.4.2, §8).
        self.log.append(Entry::new(self.state.term, None));
    }
    // ANCHOR_END: become-leader

    /// A command from this node's own clients.
    pub(super) fn propose(&mut self, command: C) {
        if self.is_leader() {
            self.append_command(command, None);
        } else if let Some(leader) = self.leader.clone() {
            self.send(leader, Message::Propose { term: self.state.term, command });
        }
    }

    /// A command that a follower passed on. If this node does not lead, or is about to hand
    /// over, silence is the right answer: a refusal would say nothing about the copies that
    /// the network may have made of the command.
    pub(super) fn on_propose(&mut self, from: NodeId, command: C) {
        self.note_heard(&from);
        self.append_command(command, Some(from));
    }

    // ANCHOR: append-command
    fn append_command(&mut self, command: C, from: Option<NodeId>) {
        if !self.can_append() {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        self.log.append(Entry::new(self.state.term, Some(command)));
        let index = self.log.last_index();
        assert!(index > leader.first_index, "a term begins with a no-op");
        let last_passed_on = leader.passed_on.back().map_or(0, |(passed_on, _)| *passed_on);
        assert!(last_passed_on < index, "entries are passed on in order");
        leader.passed_on.extend(from.map(|from| (index, from)));
    }
    // ANCHOR_END: append-command

    /// Whether this node leads and has room for another command. Not while it hands over
    /// (dissertation §3.10, step 1), and not when more waits to be committed than it may keep.
    pub(super) fn can_append(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let uncommitted = self.log.bytes_between(self.commit, self.log.last_index());
        leader.transfer.is_none() && uncommitted < self.config.uncommitted_bytes_max
    }

    pub(super) fn on_append_entries(
        &mut self,
        from: NodeId,
        prev: LogId,
        entries: Vec<Entry<C>>,
        commit: Index,
        round: u64,
    ) {
        self.hear_leader(&from);
        let outcome = match self.storing {
            Some(_) => Outcome::Installing,
            None => self.store(prev, entries),
        };
        assert!(!self.is_leader(), "whoever takes entries follows");
        if let Outcome::Matched(index) = outcome {
            assert!(index >= prev.index, "the logs are the same up to there");
            self.verified = self.verified.max(index);
            self.learn_commit(commit);
        }
        let term = self.state.term;
        self.send(from, Message::AppendEntriesReply { term, outcome, round });
    }

    /// Takes note that the leader of this term lives.
    pub(super) fn hear_leader(&mut self, from: &NodeId) {
        let term = self.state.term;
        assert!(!self.is_leader(), "{from} and this node both lead term {term}: a vote was lost");
        if self.leader.as_ref() != Some(from) {
            self.follow(term, Some(from.clone()));
        }
        assert!(self.leader.as_ref() == Some(from), "a term has one leader");
        self.heard_leader = self.now;
        self.set_election_due();
    }

    // ANCHOR: store
    /// Makes the log the leader's from `prev` to the end of `entries` (§5.3).
    fn store(&mut self, prev: LogId, mut entries: Vec<Entry<C>>) -> Outcome {
        let end = prev.index + entries.len() as u64;
        // What is forgotten is committed, and so the same in every leader's log.
        let forgotten = self.log.base().index.saturating_sub(prev.index);
        if forgotten == 0 && !self.log.contains(prev) {
            let limit = LogId { term: prev.term, index: prev.index.min(self.log.last_index()) };
            let hint = self.log.last_at_or_before(limit).unwrap_or(self.log.base());
            return Outcome::Conflict { prev: prev.index, hint };
        }
        entries.drain(..entries.len().min(usize::try_from(forgotten).unwrap_or(usize::MAX)));
        let first = prev.index + forgotten + 1;
        for (index, entry) in (first..).zip(entries) {
            match self.log.id(index) {
                Some(mine) if !(self.config.rules.conflicts)(mine.term, entry.term) => continue,
                Some(_) => {
                    assert!(index > self.commit, "entry {index} is committed and must not change");
                    self.log.truncate(index);
                }
                None => {}
            }
            self.log.append(entry);
        }
        assert!(self.log.last_index() >= end, "what was sent is in the log");
        Outcome::Matched(end)
    }
    // ANCHOR_END: store

    // ANCHOR: learn-commit
    /// The leader says how far it has committed. Here that holds as far as this log is known
    /// to be the leader's (§5.3: "index of last new entry").
    pub(super) fn learn_commit(&mut self, commit: Index) {
        self.leader_commit = self.leader_commit.max(commit);
        self.commit = self.commit.max(self.leader_commit.min(self.verified));
        assert!(self.commit <= self.log.last_index(), "what is committed is in the log");
        assert!(self.verified <= self.log.last_index(), "what is verified is in the log");
    }
    // ANCHOR_END: learn-commit

    pub(super) fn on_commit(&mut self, from: NodeId, commit: Index) {
        if self.leader.as_ref() == Some(&from) {
            self.learn_commit(commit);
        }
    }

    pub(super) fn on_append_entries_reply(&mut self, from: &NodeId, outcome: Outcome, round: u64) {
        self.note_heard(from);
        let Role::Leader(leader) = &mut self.role else { return };
        // One that has no say any more may still answer.
        let Some(follower) = leader.progress.get_mut(from) else { return };
        assert!(round <= leader.reads.round(), "what it acknowledges was begun in this term");
        // Whatever it says of the log, it has acknowledged the leader (dissertation §6.4).
        follower.round = follower.round.max(round);
        match outcome {
            Outcome::Matched(index) => follower.on_matched(index, &self.log),
            Outcome::Conflict { prev, hint } => follower.on_conflict(prev, hint, &self.log),
            Outcome::Installing | Outcome::StaleTerm => {}
        }
        assert!(follower.matched() <= self.log.last_index(), "it has no more than the leader");
    }

    /// Takes note that a follower lives, and is in this term.
    pub(super) fn note_heard(&mut self, from: &NodeId) {
        if let Role::Leader(leader) = &mut self.role
            && let Some(follower) = leader.progress.get_mut(from)
        {
            assert!(follower.heard <= self.now, "time does not go back");
            follower.heard = self.now;
        }
    }

    /// What a leader does after every batch of steps; nothing, if this is none.
    pub(super) fn lead(&mut self, freeze: &dyn Fn() -> Frozen) {
        self.advance_commit();
        self.go_on_changing();
        self.confirm_reads();
        self.hand_over();
        self.replicate(freeze);
        self.part_with_removed();
    }

    // ANCHOR: advance-commit
    /// Commits what a majority stores, if a majority stores an entry of this term.
    fn advance_commit(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let last = self.log.last_index();
        if self.commit == last {
            return;
        }
        let counts = self.config.rules.counts;
        let stored = leader.reached_by(counts, last, |_, follower| follower.matched());
        if stored <= self.commit {
            return;
        }
        let entry_term = self.log.id(stored).expect("it is above the commit index").term;
        if !(self.config.rules.may_commit)(entry_term, self.state.term) {
            return;
        }
        assert!(stored > self.commit, "the commit index rises");
        assert!(stored <= last, "the commit index stays within the log");
        let before = std::mem::replace(&mut self.commit, stored);
        let count = leader.passed_on.partition_point(|(index, _)| *index <= stored);
        for (_, from) in leader.passed_on.drain(..count) {
            if let Some(follower) = leader.progress.get_mut(&from) {
                follower.commit_wanted = stored;
            }
        }
        leader.tell_of_configuration(before, stored);
    }
    // ANCHOR_END: advance-commit

    /// Sends every follower what it does not have yet, or a heartbeat when one is due.
    fn replicate(&mut self, freeze: &dyn Fn() -> Frozen) {
        let Role::Leader(leader) = &mut self.role else { return };
        let view = View {
            now: self.now,
            config: &self.config,
            term: self.state.term,
            log: &self.log,
            freeze,
            commit: self.commit,
            round: leader.reads.round(),
        };
        for (id, follower) in &mut leader.progress {
            while let Some(message) = follower.next_message(&view) {
                self.output.messages.push((id.clone(), message));
            }
        }
    }

    /// Begins to hand leadership over to the follower that can take it soonest: one that has
    /// answered lately, and of those the one that lacks the least.
    pub(super) fn transfer_to_furthest(&mut self) {
        if let Some(to) = self.furthest(|_| true) {
            self.transfer(to);
        }
    }

    /// The voter among these that can take leadership soonest, if this node leads.
    pub(super) fn furthest(&self, among: impl Fn(&NodeId) -> bool) -> Option<NodeId> {
        let Role::Leader(leader) = &self.role else { return None };
        let followers = leader.progress.iter();
        let voters = followers.filter(|(id, follower)| follower.part.voter && among(id));
        let live = voters.filter(|(_, follower)| follower.is_live(self.now, &self.config));
        let furthest = live.max_by_key(|(_, follower)| follower.matched());
        furthest.map(|(to, _)| to.clone())
    }

    /// Begins to hand leadership over, if this node has it.
    pub(super) fn transfer(&mut self, to: NodeId) {
        let until = self.now + self.config.election_timeout;
        if let Role::Leader(leader) = &mut self.role
            && leader.progress.get(&to).is_some_and(|follower| follower.part.voter)
        {
            assert!(to != self.config.id, "leadership passes to another node");
            assert!(until > self.now, "the other node has time to take it");
            leader.transfer = Some(Transfer { to, until, told: false });
        }
    }

    /// Leadership transfer (dissertation §3.10): takes no new commands, and when the next
    /// leader has the whole log, tells it to campaign.
    fn hand_over(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = &mut leader.transfer else { return };
        if self.now >= transfer.until {
            leader.transfer = None;
            return;
        }
        let Some(follower) = leader.progress.get(&transfer.to) else { return };
        assert!(follower.matched() <= self.log.last_index(), "it has no more than the leader");
        if !transfer.told && follower.matched() == self.log.last_index() {
            transfer.told = true;
            let term = self.state.term;
            assert!(self.commit <= follower.matched(), "the next leader has all that is committed");
            self.output.messages.push((transfer.to.clone(), Message::TimeoutNow { term }));
        }
    }
}

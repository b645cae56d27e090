//! Who leads (§5.2, §5.4.1), without disturbing a leader that does its work.
//!
//! A node that hears from no leader first asks whether it could win: the pre-vote
//! (dissertation §9.6). Only then does it begin a term. So a node that was cut off comes back
//! with the term it left with, and a restarted one can try at once. Conversely a leader that
//! does not hear from a majority gives up (check quorum, dissertation §6.2): its clients
//! would wait in vain.
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use serde::Serialize;

use super::{LogId, Message, Raft, Role, Term};
use crate::types::NodeId;

/// Those who have granted their vote, the candidate itself included.
pub(super) type Votes = BTreeSet<NodeId>;

impl<C: Clone + Serialize> Raft<C> {
    /// Nobody has been heard yet, and a pre-vote disturbs nobody: no reason to wait for the
    /// full timeout.
    pub(super) fn set_first_election(&mut self) {
        self.election_due = self.now + self.random_up_to_election_timeout();
    }

    // ANCHOR: election-due
    pub(super) fn set_election_due(&mut self) {
        let jitter = self.random_up_to_election_timeout();
        self.election_due = self.now + self.config.election_timeout + jitter;
        assert!(self.election_due > self.now, "there is time to hear from a leader");
    }
    // ANCHOR_END: election-due

    fn random_up_to_election_timeout(&mut self) -> Duration {
        self.rng.random_range(Duration::ZERO..self.config.election_timeout)
    }

    /// Whether a leader was heard from so lately that no election can be called for. A leader
    /// hears itself.
    pub(super) fn hears_leader(&self) -> bool {
        let lately = self.now < self.heard_leader + self.config.election_timeout;
        self.config.stable_leadership && (self.is_leader() || self.leader.is_some() && lately)
    }

    /// No leader was heard from for too long. A node without a say waits to be told of one.
    pub(super) fn look_for_leader(&mut self) {
        let is_named = self.configuration().contains(&self.config.id);
        let may_campaign = is_named || self.config.campaigns_until_removed;
        if !(self.is_member() && may_campaign) {
            self.follow(self.state.term, None);
            self.set_election_due();
        } else if self.config.stable_leadership {
            self.start_pre_vote()
        } else {
            self.campaign(false)
        }
    }

    // ANCHOR: start-pre-vote
    /// Asks everyone whether an election could be won.
    fn start_pre_vote(&mut self) {
        assert!(!self.is_leader(), "a leader does not look for one");
        let commit = self.commit;
        self.follow(self.state.term, None);
        self.set_election_due();
        self.role = Role::PreCandidate(Votes::from([self.config.id.clone()]));
        let term = self.state.term + 1;
        let last = self.log.last();
        assert!(last.index >= commit, "what is committed is in the log");
        self.broadcast(&Message::PreVote { term, last });
        self.count_votes();
    }
    // ANCHOR_END: start-pre-vote

    // ANCHOR: campaign
    /// Begins a term and asks for votes in it.
    fn campaign(&mut self, transfer: bool) {
        assert!(!self.is_leader(), "a leader does not look for one");
        let id = self.config.id.clone();
        self.follow(self.state.term + 1, None);
        self.set_election_due();
        self.was_asked_to_lead = transfer;
        self.give_vote(id.clone());
        self.role = Role::Candidate(Votes::from([id]));
        let term = self.state.term;
        let last = self.log.last();
        assert!(last.index >= self.commit, "what is committed is in the log");
        self.broadcast(&Message::RequestVote { term, last, transfer });
        self.count_votes();
    }
    // ANCHOR_END: campaign

    /// Votes in the current term: once (§5.2).
    fn give_vote(&mut self, candidate: NodeId) {
        let vote = &mut self.state.vote;
        assert!(vote.as_ref().is_none_or(|given| *given == candidate), "one vote a term");
        assert!(self.state.term > 0, "a vote is for a term that was begun");
        *vote = Some(candidate);
    }

    fn broadcast(&mut self, message: &Message<C>) {
        let configuration = self.configuration();
        let known = &self.config.peers;
        let later = configuration.members().filter(|id| !known.contains(id));
        let voters = known.iter().filter(|id| configuration.contains(id)).chain(later);
        let others = voters.filter(|id| **id != self.config.id);
        let messages: Vec<_> = others.map(|id| (id.clone(), message.clone())).collect();
        self.output.messages.extend(messages);
    }

    // ANCHOR: count-votes
    /// Goes one step further when a majority has agreed.
    fn count_votes(&mut self) {
        match &self.role {
            Role::PreCandidate(votes) if self.is_majority(votes) => self.campaign(false),
            Role::Candidate(votes) if self.is_majority(votes) => self.become_leader(),
            _ => {}
        }
    }
    // ANCHOR_END: count-votes

    /// Only the votes of voters count, the candidate's own included. Whoever else is asked, or
    /// asks, is answered like them: it may know of a change that is not known here (dissertation
    /// §4.1).
    fn is_majority(&self, votes: &Votes) -> bool {
        self.configuration().is_quorum(|id| votes.contains(id))
    }

    /// `term` is the one that the sender would begin; it is not before this node's.
    pub(super) fn on_pre_vote(&mut self, from: NodeId, term: Term, last: LogId) {
        let granted = term > self.state.term && last >= self.log.last() && !self.hears_leader();
        if granted {
            self.let_try(&from, last);
        }
        let term = if granted { term } else { self.state.term };
        self.send(from, Message::PreVoteReply { term, granted });
    }

    /// Lets another node try that may win. Where two try at once they split the votes, and all
    /// have to wait for another timeout. So the one whose log, or else whose name, is the lesser
    /// stops trying; nobody would vote for it who would not vote for the other. And those who
    /// have not tried yet wait a little. That is not in the dissertation, but a pre-vote binds
    /// nobody, so it is as safe with it as without.
    fn let_try(&mut self, candidate: &NodeId, last: LogId) {
        assert!(last >= self.log.last(), "it would get this node's vote");
        assert!(*candidate != self.config.id, "nobody asks itself");
        let is_lesser = (self.log.last(), &self.config.id) < (last, candidate);
        if matches!(self.role, Role::PreCandidate(_)) && is_lesser {
            self.follow(self.state.term, None);
        }
        let a_little = self.config.election_timeout / 4;
        self.election_due = self.election_due.max(self.now + a_little);
    }

    pub(super) fn on_pre_vote_reply(&mut self, from: NodeId, term: Term, granted: bool) {
        let is_voter = self.configuration().contains(&from);
        if let Role::PreCandidate(votes) = &mut self.role
            && granted
            && is_voter
            && term == self.state.term + 1
        {
            votes.insert(from);
            self.count_votes();
        }
    }

    // ANCHOR: on-request-vote
    pub(super) fn on_request_vote(&mut self, from: NodeId, last: LogId, transfer: bool) {
        if !transfer && self.hears_leader() {
            return;
        }
        // One vote a term (§5.2), and only for a log that holds all that this one may have
        // helped to commit (§5.4.1).
        let free = self.state.vote.as_ref().is_none_or(|vote| *vote == from);
        let granted = free && last >= self.log.last();
        if granted {
            assert!(!self.is_leader(), "a leader has given its vote to itself");
            assert!(last.index >= self.commit, "a leader has every committed entry");
            self.give_vote(from.clone());
            self.set_election_due();
        }
        self.send(from, Message::RequestVoteReply { term: self.state.term, granted });
    }
    // ANCHOR_END: on-request-vote

    pub(super) fn on_vote(&mut self, from: NodeId, granted: bool) {
        let is_voter = self.configuration().contains(&from);
        if let Role::Candidate(votes) = &mut self.role
            && granted
            && is_voter
        {
            votes.insert(from);
            self.count_votes();
        }
    }

    /// Leadership transfer, the other end (dissertation §3.10): the leader asks this node to
    /// take over, so no pre-vote is needed.
    pub(super) fn on_timeout_now(&mut self, from: &NodeId) {
        let term = self.state.term;
        if self.leader.as_ref() == Some(from) && self.is_member() {
            self.campaign(true);
            assert!(self.state.term == term + 1, "a campaign begins the next term");
            assert!(self.leader.as_ref() != Some(from), "the former leader leads no more");
        }
    }
}

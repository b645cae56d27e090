//! Changes of membership: who votes, and whose storing counts (dissertation chapter 4).
//!
//! The voters are written in the log, as an entry of their own: a [`Configuration`]. A node goes
//! by the latest one in its log, whether that is committed or not (§4.1). Were it to wait for the
//! commit, the old majority and the new one could both act without knowing of each other. If the
//! entry is truncated, the configuration before it counts again. `raft/log.rs` sees to both.
//!
//! Two ways to change it, behind one setting, [`Changes`]:
//!
//! - **One voter at a time** (§4.1). Every majority of the old voters shares a node with every
//!   majority of the new ones. That holds for neighbours in the log only. So a leader begins no
//!   change before the last one is committed, and before it has committed an entry of its own
//!   term. The second half is missing in the dissertation. Ongaro added it on the raft-dev list
//!   in July 2015 ("bug in single-server membership changes"): without it, two leaders of two
//!   terms may each change the same configuration, one of them by an entry that nobody knows of.
//! - **Joint consensus** (§4.3). Any number of voters at once. In between, the cluster is in a
//!   configuration of both, and whatever is decided takes a majority of the old voters and one
//!   of the new.
//!
//! A new voter first takes in the log without counting, as a *learner* (§4.2.1). Otherwise the
//! cluster may have to wait for it to commit anything. The leader sends it the log in rounds; it
//! is ready when a round takes less than an election timeout. Learners are known to the leader
//! alone. When it falls, whoever wanted the change asks the next one.
//!
//! A leader that is to go hands its leadership over first (§3.10). When nobody takes it, or it was
//! handed over by a leader that is to go as well, this one replicates the configuration without
//! itself, does not count itself, and steps down when that is committed (§4.2.2).
//!
//! A node that is out is told so for as long as it answers. When it knows, it does not campaign
//! any more. When it does not, pre-vote and check-quorum keep it from disturbing the others
//! (§4.2.3, `raft/election.rs`).
//!
//! **Identity.** A voter is its disk: its term, its vote and its log. A name belongs to one disk.
//! A node that is removed and comes back with its disk may be added again. A node whose disk is
//! empty gets a new name. Its configuration is then the one that the cluster began with, in which
//! it has no vote, and so it begins as a learner like any other. That is safe: nobody ever counted
//! on what it stored or promised. Under its old name it would not be: it could vote a second time
//! in a term, and give its vote against entries that it had helped to commit.
//!
//! Chapter 9b of the book, `book/09b-membership.md`, reads this.

use std::collections::BTreeSet;

use serde::Serialize;

use super::configuration::Part;
use super::learners::{CatchingUp, Learned};
use super::progress::Progress;
use super::replication::Leader;
use super::{Changes, Configuration, Configured, Entry, Index, Message, Raft, Role};
use crate::types::{MemberChange, NodeId, Time};

impl Leader {
    /// Goes by another configuration from now on.
    fn adopt(&mut self, id: &NodeId, configured: &Configured, now: Time) {
        let Configured { index, configuration } = configured;
        self.configured_at = *index;
        self.is_joint = configuration.is_joint();
        self.part = Part::of(configuration, id);
        for peer in configuration.members().filter(|peer| *peer != id) {
            self.progress.entry(peer.clone()).or_insert_with(|| Progress::joining(now));
        }
        for (peer, follower) in &mut self.progress {
            follower.part = Part::of(configuration, peer);
        }
    }

    /// When the configuration is committed, every follower is told at once: the old voters may
    /// go, and a new one may serve.
    pub fn tell_of_configuration(&mut self, before: Index, commit: Index) {
        if (before + 1..=commit).contains(&self.configured_at) {
            let followers = self.progress.values_mut();
            followers.for_each(|follower| follower.commit_wanted = commit);
        }
    }

    /// Who learns.
    pub fn learners(&self) -> impl Iterator<Item = &NodeId> {
        self.catching_up.iter().flat_map(CatchingUp::learners)
    }
}

impl<C: Clone + Serialize> Raft<C> {
    /// The configuration that this node goes by, and the entry that it stands in.
    pub(super) fn configured(&self) -> &Configured {
        let up_to = (self.config.rules.configured_up_to)(self.log.last_index(), self.commit);
        self.log.configured(up_to)
    }

    /// The configuration that this node goes by.
    pub fn configuration(&self) -> &Configuration {
        &self.configured().configuration
    }

    /// The latest configuration that is known to be committed.
    pub fn committed_configuration(&self) -> &Configuration {
        &self.log.configured(self.commit).configuration
    }

    /// Whether it goes without saying who the voters are: all nodes, from the beginning.
    pub fn are_all_voters(&self) -> bool {
        self.configured().index == 0
            && self.config.peers.iter().all(|peer| self.config.bootstrap.contains(peer))
            && self.config.bootstrap.contains(&self.config.id)
    }

    /// Who learns from this node, if it leads.
    pub fn learners(&self) -> Vec<&NodeId> {
        match &self.role {
            Role::Leader(leader) => leader.learners().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether this node has a say, as far as it knows. One that is to go has it until that is
    /// committed: it may be the only one that knows (§4.2.2). After a restart it knows less of
    /// what is committed, so any configuration counts that may be the last committed one.
    pub fn is_member(&self) -> bool {
        let (first, last) = (self.log.configured(self.commit).index, self.configured().index);
        let mut possible = self.log.configurations(first..=last);
        possible.any(|configuration| configuration.contains(&self.config.id))
    }

    /// Somebody here wants a change: the leader sees to it.
    pub(super) fn reconfigure(&mut self, change: MemberChange) {
        let since = self.log.configured(self.commit).index;
        if self.is_leader() {
            self.begin_change(since, &change);
        } else if let Some(leader) = self.leader.clone() {
            self.send(leader, Message::Reconfigure { term: self.state.term, since, change });
        }
    }

    pub(super) fn on_reconfigure(&mut self, from: &NodeId, since: Index, change: &MemberChange) {
        self.note_heard(from);
        self.begin_change(since, change);
    }

    // ANCHOR: begin-change
    /// Begins a change, if this node leads and is free to. Otherwise nothing happens: whoever
    /// wants it asks again.
    ///
    /// `since` is the entry with the last committed configuration, as far as whoever wants the
    /// change knows. If there is a later one by now, the message may be late or a copy, and what
    /// it wants may be made and undone already.
    fn begin_change(&mut self, since: Index, change: &MemberChange) {
        let Role::Leader(leader) = &self.role else { return };
        if self.log.configured(self.commit).index != since {
            return;
        }
        let Configured { index, configuration } = self.configured();
        let has_committed = self.commit >= leader.first_index;
        let is_settled = *index <= self.commit && !configuration.is_joint();
        if !(self.config.rules.may_reconfigure)(has_committed, is_settled) {
            return;
        }
        let voters = change.members_after(&configuration.voters);
        let changed = voters.symmetric_difference(&configuration.voters).count();
        let is_too_much = self.config.changes == Changes::OneAtATime && changed > 1;
        let is_busy = leader.transfer.is_some() || leader.catching_up.is_some();
        if changed == 0 || is_too_much || is_busy || voters.is_empty() {
            return;
        }
        let learners: Vec<NodeId> = voters.difference(&configuration.voters).cloned().collect();
        if !voters.contains(&self.config.id) && self.offers_leadership(&voters) {
            return;
        }
        if learners.is_empty() {
            self.append_configuration(voters);
        } else {
            self.begin_catching_up(voters, learners);
        }
    }
    // ANCHOR_END: begin-change

    /// Hands over to one of those who stay, once in a term. Whether it tries. A leader that was
    /// handed the term does not: two that are both to go would hand it to each other for ever.
    fn offers_leadership(&mut self, stay: &BTreeSet<NodeId>) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        if std::mem::replace(&mut leader.offered, true) {
            return false;
        }
        let furthest = self.furthest(|id| stay.contains(id));
        let tries = furthest.is_some();
        furthest.into_iter().for_each(|to| self.transfer(to));
        tries
    }

    fn begin_catching_up(&mut self, voters: BTreeSet<NodeId>, learners: Vec<NodeId>) {
        let (end, now) = (self.log.last_index(), self.now);
        let Role::Leader(leader) = &mut self.role else { return };
        for learner in &learners {
            leader.progress.insert(learner.clone(), Progress::joining(now));
        }
        leader.catching_up = Some(CatchingUp::new(voters, learners, end, now));
    }

    // ANCHOR: append-configuration
    /// Puts the new voters into the log, and goes by them at once (§4.1).
    fn append_configuration(&mut self, voters: BTreeSet<NodeId>) {
        let outgoing = match self.config.changes {
            Changes::OneAtATime => BTreeSet::new(),
            Changes::Joint => self.configuration().voters.clone(),
        };
        self.append_entry(Configuration { voters, outgoing });
    }
    // ANCHOR_END: append-configuration

    fn append_entry(&mut self, configuration: Configuration) {
        assert!(self.is_leader(), "only a leader changes who has a say");
        assert!(!configuration.voters.is_empty(), "somebody has a say");
        let (term, voters) = (self.state.term, configuration.shown());
        self.log.append(Entry { term, command: None, configuration: Some(configuration) });
        self.note(format!(
            "changes the configuration at entry {}: {voters}",
            self.log.last_index()
        ));
        self.adopt();
    }

    /// A leader goes by the configuration that counts now.
    pub(super) fn adopt(&mut self) {
        let configured = self.configured();
        if let Role::Leader(leader) = &self.role
            && leader.configured_at != configured.index
        {
            let configured = configured.clone();
            let Role::Leader(leader) = &mut self.role else { return };
            leader.adopt(&self.config.id, &configured, self.now);
        }
    }

    // ANCHOR: go-on-changing
    /// Goes on with a change, as far as it is ready: after every batch of steps of a leader.
    pub(super) fn go_on_changing(&mut self) {
        self.adopt();
        self.end_catching_up();
        let Configured { index, configuration } = self.configured();
        if self.is_leader() && configuration.is_joint() && *index <= self.commit {
            let voters = configuration.voters.clone();
            self.append_entry(Configuration::of(voters));
        }
    }
    // ANCHOR_END: go-on-changing

    /// Makes voters of the learners when all of them are ready.
    fn end_catching_up(&mut self) {
        let last = self.log.last_index();
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(catching_up) = &mut leader.catching_up else { return };
        match catching_up.look(&leader.progress, last, self.now, &self.config) {
            Learned::Ready if leader.transfer.is_none() => {
                let voters = catching_up.voters().clone();
                leader.catching_up = None;
                self.append_configuration(voters);
            }
            Learned::Ready | Learned::Behind => {}
            Learned::Hopeless => leader.catching_up = None,
        }
    }

    /// Forgets followers that have no say any more, when they know it or do not answer. And steps
    /// down when this node is one of them (§4.2.2).
    pub(super) fn part_with_removed(&mut self) {
        let (commit, now) = (self.commit, self.now);
        let Role::Leader(leader) = &mut self.role else { return };
        let at = leader.configured_at;
        let catching_up = leader.catching_up.as_ref();
        let learns = |id: &_| catching_up.is_some_and(|some| some.contains(id));
        leader.progress.retain(|id, follower| {
            let knows = at <= commit && follower.matched() >= at && follower.commit_sent() >= at;
            follower.part.is_member() || learns(id) || follower.is_live(now, &self.config) && !knows
        });
        let is_settled = at <= commit && !leader.is_joint;
        if !leader.part.is_member() && is_settled {
            self.resign();
        }
    }

    /// The end of a leader that has removed itself. Whoever has the whole log need not wait for
    /// an election timeout.
    fn resign(&mut self) {
        let term = self.state.term;
        let last = self.log.last_index();
        if let Role::Leader(leader) = &self.role
            && let Some(next) = self.furthest(|_| true)
            && leader.progress[&next].matched() == last
        {
            self.send(next, Message::TimeoutNow { term });
        }
        self.follow(term, None);
        self.note(format!("has removed itself, and leads term {term} no more"));
    }
}

//! Raft: a log that a majority agrees on, as a pure state machine.
//!
//! The paper is Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm",
//! extended version ("§5.4"); the details beyond it are in Ongaro's dissertation, "Consensus:
//! Bridging Theory and Practice" ("dissertation §6.4").
//!
//! [`Raft`] has no disk, no network and no clock. [`step`](Raft::step) takes what happened,
//! [`output`](Raft::output) gives what is to be done about it: first what must be made
//! durable, then what may be sent. Between the two, any number of steps may be taken, and
//! they share one write to disk and one message to each follower: a busy node batches by
//! itself, an idle one answers at once.
//!
//! To read the whole, go through the files in this order:
//!
//! | file | what it decides | source |
//! |---|---|---|
//! | `raft/log.rs` | the log, and "at least as up-to-date" | §5.3, §5.4.1 |
//! | `raft/durable.rs` | what a crash must not take away | figure 2 |
//! | `raft/message.rs` | what nodes say to each other | figure 2 |
//! | `raft/rules.rs` | the rules on which safety hangs | |
//! | `raft/configuration.rs` | who has a say | dissertation §4.1, §4.3 |
//! | `raft/config.rs` | who is in the cluster, and how patient a node is | |
//! | `raft/input.rs` | what a node is told, and what it wants done | |
//! | `raft/mod.rs`, here | terms, and who handles what | §5.1 |
//! | `raft/election.rs` | who leads | §5.2, dissertation §9.6, §6.2, §3.10 |
//! | `raft/replication.rs` | what followers store, and what is committed | §5.3, §5.4 |
//! | `raft/snapshot.rs` | how a follower gets the state where the log is forgotten | §7 |
//! | `raft/progress.rs` | what the leader sends to a follower next | dissertation §10.2 |
//! | `raft/read.rs` | reading without writing | §8, dissertation §6.4 |
//! | `raft/learners.rs` | when a new voter is ready to count | dissertation §4.2.1 |
//! | `raft/membership.rs` | how the voters change | dissertation §4 |
//! | `raft/notes.rs` | what people are told of all this | |
//! | `raft/invariants.rs` | what must always hold, as a checker | figure 3 |
//!
//! Deliberately absent: leases for reads (they trust clocks, which a pause or a skew breaks); and
//! writing the leader's disk in parallel with its messages (dissertation §10.2.1; a node here has
//! one thread).
//!
//! Three nodes elect a leader:
//!
//! ```
//! use gyre::key_value::Registers;
//! use gyre::protocols::simulator::{Faults, Simulator, Start};
//! use gyre::raft::Config;
//! use gyre::replicated::{Options, Replica};
//! use gyre::Time;
//! use std::time::Duration;
//!
//! let faults = Faults::none(Duration::from_millis(10));
//! let mut cluster = Simulator::new(3, 1, faults, |start| {
//!     let Start { node, nodes, records, now, rng, .. } = start;
//!     let peers = nodes.iter().filter(|other| *other != node).cloned().collect();
//!     let config = Config::new(node.clone(), peers);
//!     Replica::<Registers>::new(Options::default(), config, records, now, rng).unwrap()
//! });
//! cluster.run_until(Time::from_millis(2_000));
//! let leader = cluster.core(0).unwrap().raft().leader().unwrap();
//! assert!(cluster.cores().all(|(_, core)| core.raft().leader() == Some(leader)));
//! assert_eq!(cluster.cores().filter(|(_, core)| core.raft().is_leader()).count(), 1);
//! ```
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

mod config;
mod configuration;
mod durable;
mod election;
mod input;
mod invariants;
mod learners;
mod log;
mod membership;
mod message;
mod notes;
mod progress;
mod read;
mod replication;
mod rules;
mod snapshot;
#[cfg(test)]
mod tests;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

pub use config::Config;
pub use configuration::{Changes, Configuration, Configured};
pub use durable::{Change, Checkpoint, Durable, HardState, Record};
pub use input::{Input, Output};
pub use invariants::Invariants;
pub use log::{Entry, Index, LogId, Term};
pub use message::{Message, Outcome};
pub use rules::Rules;
pub use snapshot::{Arrived, Frozen, Numbered, Piece, Pieces};

use crate::types::{NodeId, Time};
use election::Votes;
use log::Log;
use read::Asking;
use replication::Leader;
use snapshot::Arriving;

/// One node's part in the consensus on a log of commands `C`.
///
/// One of three nodes, and two votes:
///
/// ```
/// use gyre::raft::{Config, Durable, Input, Message, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let peers = vec!["n2".into(), "n3".into()];
/// let config = Config::new("n1".into(), peers);
/// let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let now = raft.deadline();
/// raft.step(now, Input::Timeout);
/// assert_eq!((raft.role(), raft.term()), ("pre-candidate", 0));
/// let message = Message::PreVoteReply { term: 1, granted: true };
/// raft.step(now, Input::Message { from: "n2".into(), message });
/// assert_eq!((raft.role(), raft.term()), ("candidate", 1));
/// let message = Message::RequestVoteReply { term: 1, granted: true };
/// raft.step(now, Input::Message { from: "n3".into(), message });
/// assert_eq!((raft.role(), raft.term()), ("leader", 1)); // its own vote is the second
/// ```
pub struct Raft<C> {
    config: Config,
    rng: ChaCha8Rng,
    now: Time,

    // Durable: see `Durable`.
    state: HardState,
    log: Log<C>,
    /// The term and vote that the outputs so far have made durable.
    saved_state: HardState,

    // Volatile.
    role: Role,
    leader: Option<NodeId>,
    /// When the leader of this term was last heard from.
    heard_leader: Time,
    /// When to look for a new leader.
    election_due: Time,
    commit: Index,
    /// How far the leader of this term has committed, as far as is known here.
    leader_commit: Index,
    /// How far this log is known to be that of the leader of this term.
    verified: Index,
    arriving: Option<Arriving>,
    /// A state has arrived that ends here. Until it is durable the log is what it was, and takes
    /// no entries.
    storing: Option<LogId>,
    asking: Asking,
    /// Whether this node began its term because the leader before it said so.
    was_asked_to_lead: bool,
    output: Output<C>,
    /// What happened that people want to know, since it was last taken.
    notes: Vec<String>,
}

/// What a node is at the moment (figure 4).
enum Role {
    Follower,
    /// Asks whether an election could be won.
    PreCandidate(Votes),
    Candidate(Votes),
    Leader(Leader),
}

impl<C: Clone + Serialize> Raft<C> {
    /// A node that starts, or starts again, with what is on its disk.
    ///
    /// `rng` spreads the election timeouts; nodes must not share a seed, nor must
    /// one node's lives.
    pub fn new(config: Config, durable: Durable<C>, mut rng: ChaCha8Rng, now: Time) -> Raft<C> {
        assert!(!config.peers.contains(&config.id), "the peers are the other nodes");
        let base = durable.base;
        let configured = config.configured(durable.configuration);
        let mut raft = Raft {
            config,
            asking: Asking::new(rng.random_range(0..1 << 52)),
            rng,
            now,
            saved_state: durable.state.clone(),
            state: durable.state,
            log: Log::new(base, configured, durable.entries),
            role: Role::Follower,
            leader: None,
            heard_leader: Time::ZERO,
            election_due: now,
            commit: base.index,
            leader_commit: base.index,
            verified: base.index,
            arriving: None,
            storing: None,
            was_asked_to_lead: false,
            output: Output::default(),
            notes: Vec::new(),
        };
        raft.set_first_election();
        raft
    }

    /// Takes one thing that happened at `now`.
    pub fn step(&mut self, now: Time, input: Input<C>) {
        let (term, commit, base) = (self.state.term, self.commit, self.log.base());
        let before = self.standing();
        self.now = self.now.max(now);
        match input {
            Input::Timeout => self.on_timeout(),
            Input::Message { from, message } => self.on_message(from, message),
            Input::Propose { command } => self.propose(command),
            Input::Reconfigure { change } => self.reconfigure(change),
            Input::Read { request } => self.read(request),
            Input::CancelRead { request } => self.cancel_read(request),
            Input::Stop => self.transfer_to_furthest(),
            Input::Transfer { to } => self.transfer(to),
            Input::Applied { index } => self.forget(index),
            Input::SnapshotStored => self.on_snapshot_stored(),
        }
        assert!(self.state.term >= term, "terms never fall");
        assert!(self.commit >= commit, "what is committed stays so");
        assert!(self.log.base() >= base, "what is forgotten stays so");
        self.assert_order();
        self.note_change(before);
    }

    /// The places of a log are in this order: forgotten ≤ committed ≤ the end, and so is what is
    /// known of the leader's log.
    fn assert_order(&self) {
        let last = self.log.last();
        assert!(self.log.base().index <= self.commit, "only what is committed is forgotten");
        assert!(self.commit <= last.index, "what is committed is in the log");
        assert!(self.verified <= last.index, "what is verified is in the log");
        assert!(last.term <= self.state.term, "no entry is of a term to come");
    }

    /// What is to be done about the steps since the last call. `freeze` gives the state as it
    /// is now, for a follower that needs it.
    pub fn output(&mut self, freeze: &dyn Fn() -> Frozen) -> Output<C> {
        self.lead(freeze);
        self.release_reads();
        self.output.persist = self.take_changes();
        self.assert_order();
        std::mem::take(&mut self.output)
    }

    /// When it next wants an [`Input::Timeout`].
    pub fn deadline(&self) -> Time {
        match &self.role {
            Role::Leader(leader) => leader.deadline(&self.config),
            _ => self.election_due,
        }
    }

    /// Whether a command proposed now would get into the log of a leader, or on its way to it.
    pub fn can_propose(&self) -> bool {
        match &self.role {
            Role::Leader(_) => self.can_append(),
            _ => self.leader.is_some(),
        }
    }

    /// Whether the next output has something to be made durable.
    pub fn has_changes(&self) -> bool {
        self.log.has_unsaved() || self.state != self.saved_state
    }

    /// This node.
    pub fn id(&self) -> &NodeId {
        &self.config.id
    }

    /// The current term.
    pub fn term(&self) -> Term {
        self.state.term
    }

    /// Whom this node voted for in the current term.
    pub fn vote(&self) -> Option<&NodeId> {
        self.state.vote.as_ref()
    }

    /// The leader of the current term, if it is known here.
    pub fn leader(&self) -> Option<&NodeId> {
        self.leader.as_ref()
    }

    /// Whether this node leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whether no other node has a say.
    pub fn is_alone(&self) -> bool {
        self.configuration().members().all(|id| *id == self.config.id)
    }

    /// The role in one word, for people to read.
    pub fn role(&self) -> &'static str {
        match self.role {
            Role::Follower => "follower",
            Role::PreCandidate(_) => "pre-candidate",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        }
    }

    /// How far the log is committed: what may be applied.
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The last entry that is forgotten.
    pub fn base(&self) -> LogId {
        self.log.base()
    }

    /// The end of the log.
    pub fn last(&self) -> LogId {
        self.log.last()
    }

    /// The entry at an index, unless it is forgotten or not there yet.
    pub fn entry(&self, index: Index) -> Option<&Entry<C>> {
        self.log.get(index)
    }

    /// The last entry of the state that has arrived and is to be stored now, if there is one.
    pub fn storing(&self) -> Option<LogId> {
        self.storing
    }

    /// What stands for all records so far, given the state as it is after some entry: one that
    /// was applied here, or the last one of the state that is [being stored](Raft::storing).
    pub fn checkpoint(&self, state: Frozen) -> impl Iterator<Item = Record<C>> + use<C> {
        let Frozen { index, pieces } = state;
        let (base, configuration, entries) = match self.storing.filter(|last| last.index == index) {
            Some(last) => {
                let arriving = self.arriving.as_ref().expect("what is stored has arrived");
                (last, arriving.configuration(), Vec::new())
            }
            None => {
                let base = self.log.id(index).expect("the state is as recent as the log's base");
                let entries = self.log.entries(index + 1, usize::MAX, u64::MAX);
                (base, self.log.configured_at(index), entries)
            }
        };
        assert!(self.storing.is_some() || index <= self.commit, "what is applied is committed");
        let state = (self.config.rules.remembered)(&self.state);
        let configuration = (self.config.rules.carried)(configuration);
        let first = Record::Checkpoint(Checkpoint { state, base, configuration, entries });
        std::iter::once(first).chain(pieces.map(Record::Piece))
    }

    fn send(&mut self, to: NodeId, message: Message<C>) {
        self.output.messages.push((to, message));
    }

    fn on_timeout(&mut self) {
        if let Role::Leader(leader) = &self.role {
            // Heartbeats are due too, but `output` sees to whatever a leader has to send.
            if leader.has_lost_its_majority(self.now, &self.config) {
                self.follow(self.state.term, None);
            }
        } else if self.now >= self.election_due {
            self.look_for_leader();
        }
    }

    // ANCHOR: terms-first
    /// Terms come first (§5.1, figure 2 "all servers"): a message from a later term makes this
    /// node a follower in it, one from an earlier term is turned down.
    fn on_message(&mut self, from: NodeId, message: Message<C>) {
        if from == self.config.id {
            return;
        }
        let term = message.term();
        if term < self.state.term {
            return self.turn_down(from, message);
        }
        if term > self.state.term && !self.stays_in_term(&message) {
            self.follow(term, None);
        }
        // ANCHOR_END: terms-first
        match message {
            Message::PreVote { term, last } => self.on_pre_vote(from, term, last),
            Message::PreVoteReply { term, granted } => {
                self.on_pre_vote_reply(from, term, granted);
            }
            Message::RequestVote { last, transfer, .. } => {
                self.on_request_vote(from, last, transfer);
            }
            Message::RequestVoteReply { granted, .. } => self.on_vote(from, granted),
            Message::AppendEntries { prev, entries, commit, round, .. } => {
                self.on_append_entries(from, prev, entries, commit, round);
            }
            Message::AppendEntriesReply { outcome, round, .. } => {
                self.on_append_entries_reply(&from, outcome, round);
            }
            Message::Commit { commit, .. } => self.on_commit(from, commit),
            Message::InstallSnapshot { last, piece, round, configuration, .. } => {
                self.on_install_snapshot(from, last, piece, configuration, round);
            }
            Message::InstallSnapshotReply { last, since, stored, round, .. } => {
                self.on_install_snapshot_reply(&from, last, since, stored, round);
            }
            Message::TimeoutNow { .. } => self.on_timeout_now(&from),
            Message::Propose { command, .. } => self.on_propose(from, command),
            Message::Reconfigure { since, change, .. } => {
                self.on_reconfigure(&from, since, &change);
            }
            Message::ReadIndex { request, .. } => self.on_read_index(from, request),
            Message::ReadIndexReply { request, index, .. } => {
                self.on_read_index_reply(&from, request, index);
            }
        }
    }

    /// Whether a message carries a later term than this node's without moving it there.
    fn stays_in_term(&self, message: &Message<C>) -> bool {
        match *message {
            // A pre-vote is a question about a term that has not begun (dissertation §9.6).
            Message::PreVote { .. } => true,
            Message::PreVoteReply { granted, .. } => granted,
            // Who hears from a leader does not help to replace it, lest a node that hears
            // badly unseats one that does its work (dissertation §4.2.3).
            Message::RequestVote { transfer, .. } => !transfer && self.hears_leader(),
            _ => false,
        }
    }

    /// Answers a message from a past term, if its sender needs to know that the term is past.
    fn turn_down(&mut self, from: NodeId, message: Message<C>) {
        let term = self.state.term;
        let reply = match message {
            Message::PreVote { .. } if !self.config.answers_late_pre_votes => return,
            Message::PreVote { .. } => Message::PreVoteReply { term, granted: false },
            Message::RequestVote { .. } => Message::RequestVoteReply { term, granted: false },
            // Not the message's round: rounds are counted anew in each term, and its sender may
            // lead this one too. A late heartbeat of its former term would pass for an
            // acknowledgement that has not been given.
            Message::AppendEntries { .. } | Message::InstallSnapshot { .. } => {
                Message::AppendEntriesReply { term, outcome: Outcome::StaleTerm, round: 0 }
            }
            _ => return,
        };
        self.send(from, reply);
    }

    // ANCHOR: follow
    /// Becomes a follower in `term`, which is this one or a later one.
    fn follow(&mut self, term: Term, leader: Option<NodeId>) {
        assert!(term >= self.state.term, "terms never fall");
        assert!(leader.as_ref() != Some(&self.config.id), "nobody follows itself");
        if term > self.state.term {
            self.state = HardState { term, vote: None };
        }
        self.reads_lose_leader();
        if self.is_leader() || self.leader != leader {
            self.set_election_due();
        }
        self.role = Role::Follower;
        self.leader = leader;
        // Of the new leader's log it is known only that it holds all that is committed.
        self.verified = self.commit;
        self.leader_commit = self.commit;
    }
    // ANCHOR_END: follow

    /// Forgets the log up to `index`, but for what followers may need.
    fn forget(&mut self, index: Index) {
        assert!(index <= self.commit, "only what is committed is applied");
        let kept_bytes = self.config.log_kept_bytes;
        let needed_from = match &self.role {
            Role::Leader(leader) => leader.needed_from(&self.log, kept_bytes),
            _ => Index::MAX,
        };
        self.log.forget(index.min(needed_from - 1), kept_bytes);
        assert!(self.log.base().index <= index, "only what is applied is forgotten");
    }

    /// What this step changed of what must survive a crash.
    fn take_changes(&mut self) -> Option<Record<C>> {
        if !self.has_changes() {
            return None;
        }
        assert!(self.state.term >= self.saved_state.term, "terms never fall");
        let state_changed = self.state != self.saved_state;
        let (first, entries) = self.log.unsaved();
        self.saved_state = self.state.clone();
        self.log.mark_saved();
        assert!(!self.has_changes(), "each change is given out once");
        let state = (self.config.rules.remembered)(&self.state);
        Some(Record::Change(Change { state: state_changed.then_some(state), first, entries }))
    }
}

/// The largest value that a majority of so many voters has reached, given the value of each.
///
/// Commitment, the confirmation of reads and the leader's hold on its majority are all this.
// ANCHOR: reached-by-majority
fn reached_by_majority<T: Ord + Copy>(voters: usize, values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values[voters / 2]
}
// ANCHOR_END: reached-by-majority

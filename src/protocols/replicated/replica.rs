//! One replica of a state machine, as a pure state machine itself: Raft, the state it is
//! about, and the clients' requests that wait (`replicated/pending.rs`).
//!
//! Whatever a client is told must be true for good. So of every command that waits the
//! replica knows whether it may have got into a log anywhere: only if not, "it was not
//! applied" is an answer.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::{Value, json};

use super::image::Image;
use super::operation::{Operation, Outcome};
use super::options::Options;
use super::pending::Pending;
use super::sessions::Request;
use crate::protocols::core::{self, CheckpointSizes, Core, Outputs, RequestId, with_state};
use crate::protocols::raft::{
    self, Arrived, Durable, Frozen, Index, Input, Message, Raft, Record, Term,
};
use crate::state_machines::StateMachine;
use crate::types::Time;

/// The most entries that are applied in one go. A node that starts with a long log goes on
/// after a [`PAUSE`], so that it hears what is said meanwhile.
const APPLIED_AT_ONCE_MAX: u64 = 4_096;

/// The most parts that are dropped in one go of a state that another has replaced.
const DROPPED_AT_ONCE_MAX: usize = 1_024;

/// How long the pause is after that much was done at once.
const PAUSE: Duration = Duration::from_millis(1);

/// A message of Raft about a state machine.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::raft::Message;
/// use gyre::replicated::RaftMessage;
///
/// let vote: RaftMessage<Registers> = Message::RequestVoteReply { term: 3, granted: true };
/// assert_eq!(vote.term(), 3);
/// ```
pub type RaftMessage<S> = Message<Request<<S as StateMachine>::Command>>;

/// What a replica's disk holds.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::raft::{Change, Record};
/// use gyre::replicated::RaftRecord;
///
/// let text = r#"{"change": {"state": {"term": 3, "vote": "n2"}, "first": 1, "entries": []}}"#;
/// let record: RaftRecord<Registers> = serde_json::from_str(text)?;
/// assert!(matches!(record, Record::Change(Change { state: Some(state), .. }) if state.term == 3));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type RaftRecord<S> = Record<Request<<S as StateMachine>::Command>>;

/// Looks at a replica's part in the consensus.
type Watcher<S> = Box<dyn Fn(&RaftOf<S>)>;

/// A replica's part in the consensus.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::raft::{Config, Durable};
/// use gyre::replicated::RaftOf;
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), Vec::new());
/// let raft = RaftOf::<Registers>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// assert_eq!(raft.role(), "follower");
/// ```
pub type RaftOf<S> = Raft<Request<<S as StateMachine>::Command>>;

/// For tests: a watcher that counts the states that took the place of a replica's own.
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use gyre::raft::Config;
/// use gyre::replicated::{Operation, Options, Replica, counts_installed};
/// use gyre::Time;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// static INSTALLED: AtomicU64 = AtomicU64::new(0);
/// let faults = Faults::none(Duration::from_millis(10));
/// let mut cluster = Simulator::new(3, 1, faults, |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     let peers = nodes.iter().filter(|other| *other != node).cloned().collect();
///     let config = Config::new(node.clone(), peers);
///     let options = Options::with_short_log();
///     let mut replica = Replica::<Registers>::new(options, config, records, now, rng).unwrap();
///     replica.watch(counts_installed(&INSTALLED));
///     replica
/// });
/// cluster.crash(2);
/// for value in 0..100 {
///     cluster.request(0, Operation::Command(Change::Write("x".into(), value.into())));
/// }
/// cluster.run_until(Time::from_millis(5_000));
/// assert_eq!(INSTALLED.load(Ordering::Relaxed), 0);
/// cluster.start(2); // what it lacks, the others have forgotten
/// cluster.run_until(Time::from_millis(10_000));
/// assert_eq!(INSTALLED.load(Ordering::Relaxed), 1);
/// ```
pub fn counts_installed<C: Clone + Serialize>(count: &'static AtomicU64) -> impl Fn(&Raft<C>) {
    let stored = Cell::new(None);
    move |raft| {
        let last_stored = stored.replace(raft.storing());
        if last_stored == Some(raft.base()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One replica.
///
/// A command that is given to a follower is carried out on every replica:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use gyre::raft::Config;
/// use gyre::replicated::{Operation, Options, Replica};
/// use gyre::Time;
/// use std::time::Duration;
///
/// let faults = Faults::none(Duration::from_millis(10));
/// let mut cluster = Simulator::new(3, 1, faults, |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     let peers = nodes.iter().filter(|other| *other != node).cloned().collect();
///     let config = Config::new(node.clone(), peers);
///     Replica::<Registers>::new(Options::default(), config, records, now, rng).unwrap()
/// });
/// cluster.run_until(Time::from_millis(2_000));
/// let follower = cluster.cores().find(|(_, core)| !core.raft().is_leader()).unwrap().0;
/// cluster.request(follower, Operation::Command(Change::Write("x".into(), 7.into())));
/// cluster.run_until(Time::from_millis(3_000));
/// assert!(cluster.cores().all(|(_, core)| core.state().read(&"x".into()) == Ok(7.into())));
/// ```
pub struct Replica<S: StateMachine> {
    options: Options,
    raft: RaftOf<S>,
    retry_interval: Duration,
    now: Time,

    /// The replicated state, and the last entry that it covers.
    image: Image<S>,
    applied: Index,
    /// A state that takes the place of this one when it is there and on disk.
    arriving: Image<S>,
    /// The last entry of that state, once all of it is there.
    arrived: Option<Index>,
    /// States that are no more, and are dropped bit by bit.
    leaving: Vec<Box<dyn Iterator<Item = S::Part>>>,
    /// Up to which entry the latest checkpoint goes.
    checkpoint_index: Cell<Index>,

    // This node's clients.
    session: u64,
    pending: Pending<S::Command>,
    /// The term whose leader every pending command was proposed to.
    proposed_in: Option<Term>,
    ended: Vec<(RequestId, Outcome<S::Reply>)>,
    /// Reads whose state is known to be recent enough when it covers this entry.
    readable: VecDeque<(Index, RequestId)>,
    /// Records that are persisted too late, if that bug is planted.
    late: Vec<RaftRecord<S>>,
    watcher: Option<Watcher<S>>,
}

impl<S: StateMachine> Core for Replica<S> {
    type Local = Operation<S::Command>;
    type Reply = Outcome<S::Reply>;
    type Message = RaftMessage<S>;
    type Record = RaftRecord<S>;

    fn step(
        &mut self,
        now: Time,
        input: core::Input<Operation<S::Command>, RaftMessage<S>>,
        _: &mut ChaCha8Rng,
    ) {
        self.now = self.now.max(now);
        match input {
            core::Input::Local { id, request } => self.begin(id, request),
            core::Input::Cancel { id } => drop(self.forget(id)),
            core::Input::Message { from, message } => {
                self.raft.step(self.now, Input::Message { from, message });
            }
            core::Input::Wake => self.raft.step(self.now, Input::Timeout),
            core::Input::Stop => self.raft.step(self.now, Input::Stop),
            core::Input::Checkpointed => self.on_checkpointed(),
        }
    }

    fn outputs(&mut self) -> Outputs<RaftRecord<S>, RaftMessage<S>, Outcome<S::Reply>> {
        // What the last outputs decided is durable by now, and nothing of it forgotten yet.
        if let Some(watcher) = &self.watcher {
            watcher(&self.raft);
        }
        self.raft.step(self.now, Input::Applied { index: self.applied });
        self.propose_to_new_leader();
        self.look_after_pending();
        let (image, index, options) = (&self.image, self.applied, &self.options);
        let output = self.raft.output(&|| Frozen { index, pieces: image.kept(options) });
        let had_arrived = self.arrived;
        output.arrived.into_iter().for_each(|arrived| self.take_piece(&arrived));
        let commit = self.raft.commit();
        self.readable.extend(output.readable.into_iter().map(|id| (commit, id)));
        self.apply_committed();
        self.end_reads();
        self.end_changes();
        self.drop_parts();
        let mut persist = Vec::from_iter(output.persist);
        if self.options.persists_late {
            std::mem::swap(&mut persist, &mut self.late);
        }
        let checkpoint = self.arrived != had_arrived;
        let reply = std::mem::take(&mut self.ended);
        Outputs { persist, checkpoint, send: output.messages, reply }
    }

    fn must_persist(&self) -> bool {
        self.raft.has_changes()
    }

    fn next_wake(&self) -> Option<Time> {
        let is_behind = self.applied < self.raft.commit();
        let go_on = (is_behind || !self.leaving.is_empty()).then(|| self.now + PAUSE);
        self.pending.next_check().into_iter().chain(go_on).chain([self.raft.deadline()]).min()
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = RaftRecord<S>>> {
        let (index, image) = match self.arrived {
            Some(index) => (index, &self.arriving),
            None => (self.applied, &self.image),
        };
        self.checkpoint_index.set(index);
        Box::new(self.raft.checkpoint(Frozen { index, pieces: image.kept(&self.options) }))
    }

    fn checkpoint_sizes(&self) -> CheckpointSizes {
        self.options.checkpoint_sizes
    }

    /// When another node leads, or nobody else can: it may hand over in vain.
    fn may_stop(&self) -> bool {
        !self.raft.is_leader() || self.raft.is_alone()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.raft.take_notes()
    }

    fn inspect(&self) -> Value {
        let replica = json!({
            "role": self.raft.role(),
            "term": self.raft.term(),
            "vote": self.raft.vote(),
            "leader": self.raft.leader(),
            "last": self.raft.last(),
            "commit": self.raft.commit(),
            "applied": self.applied,
            "sessions": self.image.sessions.len(),
            "pending": self.pending.len(),
            "pending_bytes": self.pending.bytes(),
        });
        let replica = match self.raft.are_all_voters() {
            true => replica,
            false => with_state(replica, self.inspect_members()),
        };
        with_state(replica, self.image.state.inspect())
    }
}

impl<S: StateMachine> Replica<S> {
    /// A replica that starts, or starts again, with the records on its disk.
    ///
    /// # Errors
    /// When the records do not fit together, or the state among them cannot be read.
    pub fn new(
        options: Options,
        config: raft::Config,
        records: Vec<RaftRecord<S>>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> Result<Replica<S>, String> {
        let config = (options.configure)(config);
        let durable = Durable::read(records)?;
        let mut image = Image::default();
        durable.pieces.iter().try_for_each(|piece| image.add(piece))?;
        let applied = durable.base.index;
        // JSON of every language reads numbers below 2^53 exactly. A session is never reused.
        let session = rng.random_range(0..1 << 53);
        Ok(Replica {
            options,
            retry_interval: config.election_timeout,
            now,
            image,
            applied,
            arriving: Image::default(),
            arrived: None,
            leaving: Vec::new(),
            checkpoint_index: Cell::new(applied),
            session,
            pending: Pending::default(),
            proposed_in: None,
            ended: Vec::new(),
            readable: VecDeque::new(),
            late: Vec::new(),
            watcher: None,
            raft: Raft::new(config, durable, ChaCha8Rng::from_rng(rng), now),
        })
    }

    /// The state, as far as it is applied. For a read it must be [`Outcome::Readable`] first.
    pub fn state(&self) -> &S {
        &self.image.state
    }

    /// The node's part in the consensus.
    pub fn raft(&self) -> &RaftOf<S> {
        &self.raft
    }

    /// Has this look at the node's part in the consensus after every batch of steps: for tests
    /// that check what must hold.
    pub fn watch(&mut self, watcher: impl Fn(&RaftOf<S>) + 'static) {
        self.watcher = Some(Box::new(watcher));
    }

    /// Takes what a client wants.
    fn begin(&mut self, id: RequestId, operation: Operation<S::Command>) {
        if !self.raft.is_member() {
            return self.ended.push((id, Outcome::NotMember));
        }
        let is_read = matches!(operation, Operation::Read);
        let (patience, bytes_max) = (self.retry_interval, self.options.waiting_bytes_max);
        if !self.pending.insert(id, operation, self.now, patience, bytes_max) {
            return self.ended.push((id, Outcome::Overloaded));
        }
        if is_read {
            self.raft.step(self.now, Input::Read { request: id });
        } else {
            self.propose(id);
        }
    }

    /// Tells a client how its request ended, if it still waits.
    fn end(&mut self, id: RequestId, outcome: Outcome<S::Reply>) {
        if self.forget(id) {
            self.ended.push((id, outcome));
        }
    }

    /// Keeps nothing of a request any more. Whether it still waited.
    fn forget(&mut self, id: RequestId) -> bool {
        let Some(request) = self.pending.remove(id) else { return false };
        if request.is_read() {
            self.raft.step(self.now, Input::CancelRead { request: id });
        }
        true
    }

    /// Proposes a pending command to whoever leads. With no leader it just waits.
    fn propose(&mut self, id: RequestId) {
        if !self.raft.can_propose() {
            return;
        }
        // All numbers below the first that is pending have ended, and are not tried again.
        let settled = self.pending.ids().next().unwrap_or(id);
        let Some(pending) = self.pending.get_mut(id) else { return };
        let (session, number) = (self.session, id);
        let input = match pending.operation.clone() {
            Operation::Read => return,
            Operation::Command(command) => {
                Input::Propose { command: Request { session, number, settled, command } }
            }
            Operation::Reconfigure(change) => Input::Reconfigure { change },
        };
        pending.proposed_in = Some(self.raft.term());
        self.raft.step(self.now, input);
    }

    /// A new leader does not know what the last one was asked.
    fn propose_to_new_leader(&mut self) {
        let term = self.raft.term();
        if self.raft.leader().is_none() || self.proposed_in == Some(term) {
            return;
        }
        self.proposed_in = Some(term);
        for id in self.pending.not_proposed_in(term) {
            self.propose(id);
        }
    }

    /// Proposes again what may have been lost, and ends what has waited for too long.
    fn look_after_pending(&mut self) {
        while let Some((id, pending)) = self.pending.due(self.now) {
            let waited = self.now - pending.arrived;
            let is_read = pending.is_read();
            let is_nowhere = match is_read {
                true => self.raft.leader().is_none(),
                false => pending.proposed_in.is_none(),
            };
            if is_nowhere && waited >= self.options.patience {
                self.end(id, Outcome::NoLeader);
            } else if waited >= self.options.give_up_after {
                self.end(id, if is_read { Outcome::NoLeader } else { Outcome::Unknown });
            } else {
                let at_last = pending.arrived + self.options.give_up_after;
                self.pending.check_later(id, (self.now + self.retry_interval).min(at_last));
                self.retry(id);
            }
        }
    }

    /// Proposes a command again if it may have been lost on the way to the leader. Each wait is
    /// twice as long as the last: if the cluster is only slow, copies make it slower. A change of
    /// the voters is small, and waits only for the leader to be free.
    fn retry(&mut self, id: RequestId) {
        let pending = self.pending.get_mut(id).expect("it is looked after");
        let is_command = matches!(pending.operation, Operation::Command(_));
        let is_in_own_log =
            is_command && self.raft.is_leader() && pending.proposed_in == Some(self.raft.term());
        if self.now < pending.retry_at || is_in_own_log {
            return;
        }
        if is_command {
            pending.patience *= 2;
        }
        pending.retry_at = self.now + pending.patience;
        self.propose(id);
    }

    // ANCHOR: apply-committed
    /// Applies what is committed, or the first part of it if that is much.
    fn apply_committed(&mut self) {
        let commit = self.raft.commit();
        assert!(self.applied <= commit, "only what is committed is applied");
        let end = commit.min(self.applied + APPLIED_AT_ONCE_MAX);
        while self.applied < end {
            self.applied += 1;
            let entry = self.raft.entry(self.applied).expect("committed and not applied yet");
            let Some(request) = &entry.command else { continue };
            let is_done = self.image.sessions.is_done(request.session, request.number);
            if (self.options.ignores)(is_done) {
                continue;
            }
            let reply = self.image.state.apply(&request.command);
            self.image.sessions.note(request);
            if request.session == self.session {
                let id = request.number;
                self.end(id, Outcome::Applied(reply));
            }
        }
    }
    // ANCHOR_END: apply-committed

    /// Answers the reads that the state is recent enough for.
    fn end_reads(&mut self) {
        while let Some(&(_, id)) = self.readable.front().filter(|(index, _)| *index <= self.applied)
        {
            self.readable.pop_front();
            self.end(id, Outcome::Readable);
        }
    }

    /// Ends the changes of the voters that are made.
    fn end_changes(&mut self) {
        for id in self.pending.made_in(self.raft.committed_configuration()) {
            self.end(id, Outcome::Reconfigured);
        }
    }

    /// Who has a say, for people to see.
    fn inspect_members(&self) -> Value {
        let configuration = self.raft.configuration();
        let mut members = json!({
            "is_voter": configuration.voters.contains(self.raft.id()),
            "voters": configuration.voters,
        });
        if configuration.is_joint() {
            members["outgoing_voters"] = json!(configuration.outgoing);
        }
        let learners = self.raft.learners();
        if !learners.is_empty() {
            members["learners"] = json!(learners);
        }
        members
    }

    /// Adds a piece to the state that arrives.
    fn take_piece(&mut self, Arrived { last, piece }: &Arrived) {
        assert!(self.arrived.is_none(), "one state arrives at a time");
        if piece.number == 0 {
            let unfinished = std::mem::take(&mut self.arriving);
            self.leaving.push(unfinished.state.into_parts());
        }
        self.arriving.add(&piece.piece).expect("replicas of one version understand each other");
        self.arrived = piece.done.then_some(last.index);
    }

    /// A checkpoint is durable. If it is of the state that arrived, that is the state from now
    /// on; if it is of an older one, the next will be.
    fn on_checkpointed(&mut self) {
        let checkpoint_index = self.checkpoint_index.get();
        let Some(index) = self.arrived.take_if(|index| *index == checkpoint_index) else { return };
        self.raft.step(self.now, Input::SnapshotStored);
        assert!(index >= self.applied, "the state never goes back");
        let former = std::mem::replace(&mut self.image, std::mem::take(&mut self.arriving));
        self.leaving.push(former.state.into_parts());
        self.applied = index;
        assert!(self.applied == self.raft.commit(), "the log goes on after the state");
        self.end_those_in_snapshot();
    }

    /// Drops some of the state that another has replaced.
    fn drop_parts(&mut self) {
        let Some(parts) = self.leaving.last_mut() else { return };
        if parts.take(DROPPED_AT_ONCE_MAX).count() < DROPPED_AT_ONCE_MAX {
            self.leaving.pop();
        }
    }

    /// Commands that a snapshot has applied here: their replies went by unseen.
    fn end_those_in_snapshot(&mut self) {
        let is_done = |id: &RequestId| self.image.sessions.is_done(self.session, *id);
        let done: Vec<RequestId> = self.pending.ids().filter(is_done).collect();
        for id in done {
            self.end(id, Outcome::Unknown);
        }
    }
}

//! One replica of a state machine, as a pure state machine itself: Raft, the state it is
//! about, and the clients' requests that wait.
//!
//! Whatever a client is told must be true for good. So of every command that waits the
//! replica knows whether it may have got into a log anywhere: only if not, "it was not
//! applied" is an answer.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::{Value, json};

use super::image::Image;
use super::sessions::Request;
use crate::protocols::core::{self, CheckpointSizes, Core, Outputs, RequestId, with_state};
use crate::protocols::raft::{
    self, Arrived, Durable, Frozen, Index, Input, MemberChange, Message, Raft, Record, Term,
};
use crate::state_machines::StateMachine;
use crate::types::{Time, json};

/// The most entries that are applied in one go. A node that starts with a long log goes on
/// after a [`PAUSE`], so that it hears what is said meanwhile.
const APPLIED_AT_ONCE_MAX: u64 = 4_096;

/// The most parts that are dropped in one go of a state that another has replaced.
const DROPPED_AT_ONCE_MAX: usize = 1_024;

/// How long the pause is after that much was done at once.
const PAUSE: Duration = Duration::from_millis(1);

/// What a request that waits takes besides its command, in bytes.
const REQUEST_BYTES: u64 = 128;

/// How a replica treats its clients and its log.
#[derive(Clone, Copy)]
pub struct Options {
    /// How long a request waits for a leader to pass it on to, before its client is told that
    /// there is none. Less than the client's own patience, so that it hears it.
    pub patience: Duration,
    /// When a request is given up. Less than the 4.5 s after which the runtime withholds
    /// replies to clients: an answer that nobody gets need not be found.
    pub give_up_after: Duration,
    /// Requests that wait take no more than this, in bytes. Whoever asks for more is told so
    /// at once.
    pub waiting_bytes_max: u64,
    /// How long the pieces are in which the state is stored and sent.
    pub piece_bytes: usize,
    /// When the state is stored, and how much of it at once.
    pub checkpoint_sizes: CheckpointSizes,
    /// Changes Raft's settings. To change its rules is to plant a bug, and so is to change the
    /// two rules that follow.
    pub configure: fn(raft::Config) -> raft::Config,
    /// Whether to ignore a command, given whether it was applied already.
    pub ignores: fn(bool) -> bool,
    /// Whether records reach the disk only with those of the next step, after what depends on
    /// them was said.
    pub persists_late: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_millis(800),
            give_up_after: Duration::from_millis(4_400),
            waiting_bytes_max: 16 << 20,
            piece_bytes: 64 * 1024,
            checkpoint_sizes: CheckpointSizes::default(),
            configure: |config| config,
            ignores: |is_done| is_done,
            persists_late: false,
        }
    }
}

impl Options {
    /// For tests: hardly any log is kept, and states are stored and sent a few hundred bytes at a
    /// time. So there are many checkpoints, and whoever was away for a moment is sent the state.
    pub fn with_short_log() -> Options {
        Options {
            piece_bytes: 200,
            checkpoint_sizes: CheckpointSizes { log_slack_bytes: 1_000, slice_bytes: 300 },
            configure: |config| raft::Config { log_kept_bytes: 300, ..config },
            ..Options::default()
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// The command was applied, and this is the state machine's reply.
    Applied(R),
    /// The state is now recent enough for the read.
    Readable,
    /// There was no leader for it in time. A command has not been applied, and never will be.
    NoLeader,
    /// The voters are as they were to be, and that is committed.
    Reconfigured,
    /// This node has no vote in the cluster, and has not begun the request.
    NotMember,
    /// Too much waits here. The request has not been begun.
    Overloaded,
    /// The command was applied, or will be, or not: nobody here will ever know.
    Unknown,
}

/// What a client of a replica can want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation<C> {
    /// A state to look at that holds everything that was done before.
    Read,
    /// A change of the state.
    Command(C),
    /// A change of the voters. It ends at once when they are as wanted already, as far as this
    /// node knows: have it [read](Operation::Read) first.
    Reconfigure(MemberChange),
}

/// A message of Raft about a state machine.
pub type RaftMessage<S> = Message<Request<<S as StateMachine>::Command>>;

/// What a replica's disk holds.
pub type RaftRecord<S> = Record<Request<<S as StateMachine>::Command>>;

/// Looks at a replica's part in the consensus.
type Watcher<S> = Box<dyn Fn(&RaftOf<S>)>;

/// A replica's part in the consensus.
pub type RaftOf<S> = Raft<Request<<S as StateMachine>::Command>>;

/// For tests: a watcher that counts the states that took the place of a replica's own.
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
    pending: BTreeMap<RequestId, Pending<S::Command>>,
    /// When to look after which pending request.
    checks: BTreeSet<(Time, RequestId)>,
    /// Those among them that are changes of the voters.
    changes: BTreeSet<RequestId>,
    /// The term whose leader every pending command was proposed to.
    proposed_in: Option<Term>,
    ended: Vec<(RequestId, Outcome<S::Reply>)>,
    /// How many bytes the pending requests take.
    waiting_bytes: u64,
    /// Reads whose state is known to be recent enough when it covers this entry.
    readable: VecDeque<(Index, RequestId)>,
    /// Records that are persisted too late, if that bug is planted.
    late: Vec<RaftRecord<S>>,
    watcher: Option<Watcher<S>>,
}

struct Pending<C> {
    operation: Operation<C>,
    bytes: u64,
    /// The last term whose leader may have put the command into its log. With none, it is
    /// certain that nobody has.
    proposed_in: Option<Term>,
    arrived: Time,
    /// When it is looked after next.
    check_at: Time,
    /// How long the next wait for news of it is, before it is proposed again.
    patience: Duration,
    /// When that is over.
    retry_at: Time,
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
            core::Input::Cancel { id } => self.forget(id),
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
        let (image, applied, piece_bytes) = (&self.image, self.applied, self.options.piece_bytes);
        let freeze = || Frozen { index: applied, pieces: image.pieces(piece_bytes) };
        let output = self.raft.output(&freeze);
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
        let check = self.checks.first().map(|(due, _)| *due);
        let is_behind = self.applied < self.raft.commit();
        let go_on = (is_behind || !self.leaving.is_empty()).then(|| self.now + PAUSE);
        check.into_iter().chain(go_on).chain([self.raft.deadline()]).min()
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = RaftRecord<S>>> {
        let (index, image) = match self.arrived {
            Some(index) => (index, &self.arriving),
            None => (self.applied, &self.image),
        };
        self.checkpoint_index.set(index);
        let pieces = image.pieces(self.options.piece_bytes);
        Box::new(self.raft.checkpoint(Frozen { index, pieces }))
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
            "pending_bytes": self.waiting_bytes,
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
            pending: BTreeMap::new(),
            checks: BTreeSet::new(),
            changes: BTreeSet::new(),
            proposed_in: None,
            ended: Vec::new(),
            waiting_bytes: 0,
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
        let patience = self.retry_interval;
        let check_at = self.now + patience;
        if !self.raft.is_member() {
            return self.ended.push((id, Outcome::NotMember));
        }
        let bytes = REQUEST_BYTES
            + match &operation {
                Operation::Command(command) => json::bytes_of(command),
                Operation::Read | Operation::Reconfigure(_) => 0,
            };
        let is_read = matches!(operation, Operation::Read);
        if matches!(operation, Operation::Reconfigure(_)) {
            self.changes.insert(id);
        }
        // A command that alone is more than that is taken when nothing else waits.
        let is_full = self.waiting_bytes + bytes > self.options.waiting_bytes_max;
        if is_full && !self.pending.is_empty() {
            self.changes.remove(&id);
            return self.ended.push((id, Outcome::Overloaded));
        }
        let pending = Pending {
            operation,
            bytes,
            proposed_in: None,
            arrived: self.now,
            check_at,
            patience,
            retry_at: check_at,
        };
        let former = self.pending.insert(id, pending);
        assert!(former.is_none(), "request {id} began twice");
        self.checks.insert((check_at, id));
        self.waiting_bytes += bytes;
        if is_read {
            self.raft.step(self.now, Input::Read { request: id });
        } else {
            self.propose(id);
        }
    }

    /// Tells a client how its request ended, if it still waits.
    fn end(&mut self, id: RequestId, outcome: Outcome<S::Reply>) {
        if self.pending.contains_key(&id) {
            self.forget(id);
            self.ended.push((id, outcome));
        }
    }

    /// Keeps nothing of a request any more.
    fn forget(&mut self, id: RequestId) {
        let Some(pending) = self.pending.remove(&id) else { return };
        let was_there = self.checks.remove(&(pending.check_at, id));
        assert!(was_there, "whatever waits is looked after");
        self.changes.remove(&id);
        self.waiting_bytes -= pending.bytes;
        assert!(self.pending.is_empty() == (self.waiting_bytes == 0), "waiting bytes are counted");
        if matches!(pending.operation, Operation::Read) {
            self.raft.step(self.now, Input::CancelRead { request: id });
        }
    }

    /// Proposes a pending command to whoever leads. With no leader it just waits.
    fn propose(&mut self, id: RequestId) {
        if !self.raft.can_propose() {
            return;
        }
        // All numbers below the first that is pending have ended, and are not tried again.
        let settled = self.pending.keys().next().copied().unwrap_or(id);
        let Some(pending) = self.pending.get_mut(&id) else { return };
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
        let term = self.raft.leader().map(|_| self.raft.term());
        if term == self.proposed_in || term.is_none() {
            return;
        }
        self.proposed_in = term;
        let not_proposed = self.pending.iter().filter(|(_, pending)| {
            !matches!(pending.operation, Operation::Read) && pending.proposed_in != term
        });
        let ids: Vec<RequestId> = not_proposed.map(|(&id, _)| id).collect();
        for id in ids {
            self.propose(id);
        }
    }

    /// Proposes again what may have been lost, and ends what has waited for too long.
    fn look_after_pending(&mut self) {
        while let Some(&(due, id)) = self.checks.first().filter(|(due, _)| *due <= self.now) {
            let pending = self.pending.get_mut(&id).expect("what is looked after is pending");
            assert!(due == pending.check_at, "request {id} is looked after once at a time");
            let waited = self.now - pending.arrived;
            let is_command = !matches!(pending.operation, Operation::Read);
            let is_nowhere = match is_command {
                true => pending.proposed_in.is_none(),
                false => self.raft.leader().is_none(),
            };
            if is_nowhere && waited >= self.options.patience {
                self.end(id, Outcome::NoLeader);
            } else if waited >= self.options.give_up_after {
                self.end(id, if is_command { Outcome::Unknown } else { Outcome::NoLeader });
            } else {
                let at_last = pending.arrived + self.options.give_up_after;
                pending.check_at = (self.now + self.retry_interval).min(at_last);
                self.checks.remove(&(due, id));
                self.checks.insert((pending.check_at, id));
                self.retry(id);
            }
        }
    }

    /// Proposes a command again if it may have been lost on the way to the leader. Each wait is
    /// twice as long as the last: if the cluster is only slow, copies make it slower. A change of
    /// the voters is small, and waits only for the leader to be free.
    fn retry(&mut self, id: RequestId) {
        let pending = self.pending.get_mut(&id).expect("it is looked after");
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
        let configuration = self.raft.committed_configuration();
        let is_made = |id: &RequestId| match &self.pending[id].operation {
            Operation::Reconfigure(change) => change.is_made(configuration),
            Operation::Read | Operation::Command(_) => false,
        };
        let made: Vec<RequestId> = self.changes.iter().copied().filter(is_made).collect();
        for id in made {
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
        assert!(index > self.applied, "the state never goes back");
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
        let done: Vec<RequestId> = self.pending.keys().copied().filter(is_done).collect();
        for id in done {
            self.end(id, Outcome::Unknown);
        }
    }
}

//! One replica of a state machine, as a pure state machine itself: Raft, the state it is
//! about, and the clients' requests that wait.
//!
//! Whatever a client is told must be true for good. So of every command that waits the
//! replica knows whether it may have got into a log anywhere: only if not, "it was not
//! applied" is an answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::sessions::{Request, Sessions};
use crate::protocols::raft::{self, Durable, Index, Input, Message, Persist, Raft, Term};
use crate::state_machines::StateMachine;
use crate::storage::Storage;
use crate::types::{Error, NodeId, Time, json};

/// How a replica treats its clients and its log.
#[derive(Clone, Copy)]
pub struct Options {
    /// How long a request waits for a leader to pass it on to, before its client is told that
    /// there is none. Less than the client's own patience, so that it hears it.
    pub patience: Duration,
    /// When a request's client has surely gone, and it need not be tried again.
    pub give_up_after: Duration,
    /// The log is compacted when it is about twice this long; later if the state is large, so
    /// that saving the state stays cheap compared to the log it replaces.
    pub entries_per_snapshot: u64,
    /// Changes Raft's settings. To change its rules is to plant a bug, and so is to change the
    /// two rules that follow.
    pub configure: fn(raft::Config) -> raft::Config,
    /// Whether to ignore a command, given whether it was applied already.
    pub ignores: fn(bool) -> bool,
    /// Makes what was written durable, before anything is said that depends on it.
    pub sync: fn(&Storage) -> Result<(), Error>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_millis(800),
            give_up_after: Duration::from_secs(5),
            entries_per_snapshot: 1_000,
            configure: |config| config,
            ignores: |is_done| is_done,
            sync: Storage::sync,
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
    /// The command was applied, or will be, or not: nobody here will ever know.
    Unknown,
}

/// What is to be done, in the order of the fields.
#[derive(Clone, Debug)]
pub struct Output<S: StateMachine> {
    /// To be made durable before anything else.
    pub persist: Option<Persist<Request<S::Command>>>,
    /// To be sent, in order.
    pub messages: Vec<(NodeId, Message<Request<S::Command>>)>,
    /// The requests that have ended, by their numbers.
    pub ended: Vec<(u64, Outcome<S::Reply>)>,
}

/// What a snapshot holds, to be written.
#[derive(Serialize)]
struct ImageOf<'a, S> {
    sessions: &'a Sessions,
    state: &'a S,
}

/// What a snapshot holds, as read.
#[derive(Deserialize)]
struct Image<S> {
    sessions: Sessions,
    state: S,
}

/// One replica. See [`raft`] for how it is driven: the same way, by steps and outputs.
pub struct Replica<S: StateMachine> {
    options: Options,
    raft: Raft<Request<S::Command>>,
    retry_interval: Duration,
    now: Time,

    // Replicated: the same on every replica that has applied as much.
    state: S,
    sessions: Sessions,
    applied: Index,

    // This node's clients.
    session: u64,
    last_number: u64,
    pending: BTreeMap<u64, Pending<S::Command>>,
    /// When to look after a pending request, in order of time.
    checks: VecDeque<(Time, u64)>,
    /// The term whose leader every pending command was proposed to.
    proposed_in: Option<Term>,
    /// A snapshot that takes the place of its entries once there are as many after it: a
    /// follower that is a little behind should not need the snapshot.
    taken: Option<(Index, String)>,
    last_snapshot_bytes: usize,
}

struct Pending<C> {
    arrived: Time,
    /// How long the next wait for news of it is, before it is proposed again.
    patience: Duration,
    /// When that is over.
    retry_at: Time,
    operation: Operation<C>,
}

enum Operation<C> {
    Read,
    /// A command, and the last term whose leader may have put it into its log. With none, it
    /// is certain that nobody has.
    Command(C, Option<Term>),
}

impl<S: StateMachine> Replica<S> {
    /// A replica that starts, or starts again, with what is on its disk. `session` must be
    /// one that no replica has ever had: random.
    ///
    /// # Errors
    /// When the snapshot on the disk cannot be read.
    pub fn new(
        options: Options,
        config: raft::Config,
        durable: Durable<Request<S::Command>>,
        session: u64,
        rng: ChaCha8Rng,
        now: Time,
    ) -> Result<Replica<S>, String> {
        let config = (options.configure)(config);
        let base = durable.base().index;
        let mut replica = Replica {
            options,
            retry_interval: config.election_timeout,
            now,
            state: S::default(),
            sessions: Sessions::default(),
            applied: base,
            session,
            last_number: 0,
            pending: BTreeMap::new(),
            checks: VecDeque::new(),
            proposed_in: None,
            taken: None,
            last_snapshot_bytes: 0,
            raft: Raft::new(config, durable, rng, now),
        };
        if let Some(snapshot) = replica.raft.snapshot() {
            let data = snapshot.data.clone();
            replica.restore(base, &data)?;
        }
        Ok(replica)
    }

    /// Takes a command from a client, and gives the number under which it will end.
    pub fn execute(&mut self, now: Time, command: S::Command) -> u64 {
        self.begin(now, Operation::Command(command, None))
    }

    /// Takes a wish to read from a client, and gives the number under which it will end.
    pub fn read(&mut self, now: Time) -> u64 {
        self.begin(now, Operation::Read)
    }

    fn begin(&mut self, now: Time, operation: Operation<S::Command>) -> u64 {
        self.pass_time(now);
        self.last_number += 1;
        let number = self.last_number;
        let is_read = matches!(operation, Operation::Read);
        let (arrived, patience) = (self.now, self.retry_interval);
        let retry_at = arrived + patience;
        self.pending.insert(number, Pending { arrived, patience, retry_at, operation });
        self.checks.push_back((self.now + self.retry_interval, number));
        if is_read {
            self.raft.step(self.now, Input::Read { request: number });
        } else {
            self.propose(number);
        }
        number
    }

    /// Takes a message from another replica.
    pub fn receive(&mut self, now: Time, from: NodeId, message: Message<Request<S::Command>>) {
        self.pass_time(now);
        self.raft.step(self.now, Input::Message { from, message });
    }

    /// Does what was due at [`deadline`](Replica::deadline).
    pub fn on_timeout(&mut self, now: Time) {
        self.pass_time(now);
        self.raft.step(self.now, Input::Timeout);
    }

    /// Hands leadership over to another node, if this one has it.
    pub fn transfer(&mut self, now: Time, to: NodeId) {
        self.pass_time(now);
        self.raft.step(self.now, Input::Transfer { to });
    }

    fn pass_time(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// When it next wants [`on_timeout`](Replica::on_timeout).
    pub fn deadline(&self) -> Time {
        let check = self.checks.front().map(|(due, _)| *due);
        check.into_iter().chain([self.raft.deadline()]).min().expect("not empty")
    }

    /// Whether the next output has something to be made durable: worth waiting a moment for
    /// more, which the same write can take along.
    pub fn has_changes(&self) -> bool {
        self.raft.has_changes()
    }

    /// The state, as far as it is applied. For a read it must be [`Outcome::Readable`] first.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The node's part in the consensus.
    pub fn raft(&self) -> &Raft<Request<S::Command>> {
        &self.raft
    }

    /// What is to be done about everything that happened since the last call.
    pub fn output(&mut self) -> Output<S> {
        let mut ended = Vec::new();
        self.propose_to_new_leader();
        self.look_after_pending(&mut ended);
        let output = self.raft.output();
        if let Some(snapshot) = output.restore {
            self.restore(snapshot.last.index, &snapshot.data)
                .expect("a leader's snapshot can be read by its followers");
            self.end_those_in_snapshot(&mut ended);
        }
        self.apply_committed(&mut ended);
        for number in output.readable {
            if self.pending.remove(&number).is_some() {
                ended.push((number, Outcome::Readable));
            }
        }
        self.forget_checks_of_ended();
        self.compact_log();
        Output { persist: output.persist, messages: output.messages, ended }
    }

    /// Proposes a pending command to whoever leads. With no leader it just waits.
    fn propose(&mut self, number: u64) {
        if !self.raft.can_propose() {
            return;
        }
        // All numbers below the first that is pending have ended, and are not tried again.
        let settled = self.pending.keys().next().copied().unwrap_or(number);
        let Some(Pending { operation: Operation::Command(command, proposed_in), .. }) =
            self.pending.get_mut(&number)
        else {
            return;
        };
        *proposed_in = Some(self.raft.term());
        let command = command.clone();
        let command = Request { session: self.session, number, settled, command };
        self.raft.step(self.now, Input::Propose { command });
    }

    /// A new leader does not know what the last one was asked.
    fn propose_to_new_leader(&mut self) {
        let term = self.raft.leader().map(|_| self.raft.term());
        if term == self.proposed_in || term.is_none() {
            return;
        }
        self.proposed_in = term;
        let not_proposed = self.pending.iter().filter(|(_, pending)| match &pending.operation {
            Operation::Command(_, proposed_in) => *proposed_in != term,
            Operation::Read => false,
        });
        let numbers: Vec<u64> = not_proposed.map(|(&number, _)| number).collect();
        for number in numbers {
            self.propose(number);
        }
    }

    /// Proposes again what may have been lost, and ends what has waited for too long.
    fn look_after_pending(&mut self, ended: &mut Vec<(u64, Outcome<S::Reply>)>) {
        while self.checks.front().is_some_and(|(due, _)| *due <= self.now) {
            let (_, number) = self.checks.pop_front().expect("it has a front");
            let Some(pending) = self.pending.get(&number) else { continue };
            let waited = self.now - pending.arrived;
            let is_nowhere = match &pending.operation {
                Operation::Command(_, proposed_in) => proposed_in.is_none(),
                Operation::Read => self.raft.leader().is_none(),
            };
            let outcome = match pending.operation {
                _ if is_nowhere && waited >= self.options.patience => Outcome::NoLeader,
                _ if waited < self.options.give_up_after => {
                    self.checks.push_back((self.now + self.retry_interval, number));
                    self.retry(number);
                    continue;
                }
                Operation::Command(..) => Outcome::Unknown,
                Operation::Read => Outcome::NoLeader,
            };
            self.pending.remove(&number);
            ended.push((number, outcome));
        }
    }

    /// Leaves no deadline for the sake of requests that have ended.
    fn forget_checks_of_ended(&mut self) {
        while self.checks.front().is_some_and(|(_, number)| !self.pending.contains_key(number)) {
            self.checks.pop_front();
        }
    }

    /// Proposes a command again if it may have been lost on the way to the leader. Each wait is
    /// twice as long as the last: if the cluster is only slow, copies make it slower.
    fn retry(&mut self, number: u64) {
        let pending = self.pending.get_mut(&number).expect("it is looked after");
        let is_in_own_log = self.raft.is_leader()
            && matches!(&pending.operation, Operation::Command(_, proposed_in)
                if *proposed_in == Some(self.raft.term()));
        if self.now < pending.retry_at || is_in_own_log {
            return;
        }
        pending.patience *= 2;
        pending.retry_at = self.now + pending.patience;
        self.propose(number);
    }

    fn apply_committed(&mut self, ended: &mut Vec<(u64, Outcome<S::Reply>)>) {
        while self.applied < self.raft.commit() {
            self.applied += 1;
            let entry = self.raft.entry(self.applied).expect("committed and not applied yet");
            let Some(request) = &entry.command else { continue };
            let is_done = self.sessions.is_done(request.session, request.number);
            if (self.options.ignores)(is_done) {
                continue;
            }
            let reply = self.state.apply(&request.command);
            self.sessions.note(request);
            if request.session == self.session && self.pending.remove(&request.number).is_some() {
                ended.push((request.number, Outcome::Applied(reply)));
            }
        }
    }

    fn restore(&mut self, index: Index, snapshot: &str) -> Result<(), String> {
        let image: Image<S> = json::read_own(snapshot.as_bytes())
            .map_err(|error| format!("the snapshot of the state cannot be read: {error}"))?;
        self.state = image.state;
        self.sessions = image.sessions;
        self.applied = index;
        self.taken = None;
        self.last_snapshot_bytes = snapshot.len();
        Ok(())
    }

    /// Commands that a snapshot has applied here: their replies went by unseen.
    fn end_those_in_snapshot(&mut self, ended: &mut Vec<(u64, Outcome<S::Reply>)>) {
        self.pending.retain(|&number, _| {
            let is_done = self.sessions.is_done(self.session, number);
            if is_done {
                ended.push((number, Outcome::Unknown));
            }
            !is_done
        });
    }

    /// Takes a snapshot now and then, and compacts the log up to the last but one.
    fn compact_log(&mut self) {
        let last_taken = self.taken.as_ref().map_or(self.raft.base().index, |(index, _)| *index);
        // An entry takes some 64 bytes.
        let as_large_as_state = self.last_snapshot_bytes as u64 / 64;
        if self.applied - last_taken < self.options.entries_per_snapshot.max(as_large_as_state) {
            return;
        }
        let image = ImageOf { sessions: &self.sessions, state: &self.state };
        let data = serde_json::to_string(&image).expect("a state machine is made of JSON");
        self.last_snapshot_bytes = data.len();
        if let Some((index, data)) = self.taken.replace((self.applied, data)) {
            self.raft.step(self.now, Input::Compact { index, data });
        }
    }
}

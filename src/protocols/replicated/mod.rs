//! A state machine that survives the loss of any minority of its nodes: Raft, as a node uses
//! it.
//!
//! Write the state as a plain type, and what can be done to it as another: [`StateMachine`].
//! [`Replicated`] keeps a copy on each node, and lets every node read and change it as if
//! there were only one:
//!
//! ```
//! use gyre::replicated::{Incoming, Options, Replicated, StateMachine};
//! use gyre::{Ctx, Error, Node, NodeId, async_trait};
//! use serde::{Deserialize, Serialize};
//!
//! /// The state: a number. What can be done to it: adding another.
//! #[derive(Default, Serialize, Deserialize)]
//! struct Sum(i64);
//!
//! impl StateMachine for Sum {
//!     type Command = i64;
//!     type Reply = ();
//!     fn apply(&mut self, delta: &i64) {
//!         self.0 = self.0.wrapping_add(*delta);
//!     }
//! }
//!
//! struct Counter(Replicated<Sum>);
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request {
//!     Add { delta: i64 },
//!     Read {},
//! }
//!
//! #[derive(Serialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Response {
//!     AddOk {},
//!     ReadOk { value: i64 },
//! }
//!
//! impl Counter {
//!     fn new(ctx: &Ctx) -> Counter {
//!         Counter(Replicated::new(ctx, Options::default()))
//!     }
//! }
//!
//! #[async_trait(?Send)]
//! impl Node for Counter {
//!     // Clients' requests, and the messages of Raft.
//!     type Request = Incoming<Request, Sum>;
//!     // Raft's messages have no answer.
//!     type Response = Option<Response>;
//!
//!     async fn handle(
//!         &self,
//!         _: &Ctx,
//!         request: Self::Request,
//!         from: NodeId,
//!     ) -> Result<Option<Response>, Error> {
//!         Ok(Some(match request {
//!             Incoming::Raft(message) => {
//!                 self.0.receive(from, message)?;
//!                 return Ok(None);
//!             }
//!             Incoming::Client(Request::Add { delta }) => {
//!                 self.0.execute(delta).await?;
//!                 Response::AddOk {}
//!             }
//!             Incoming::Client(Request::Read {}) => {
//!                 let value = self.0.read(|sum| sum.0).await?;
//!                 Response::ReadOk { value }
//!             }
//!         }))
//!     }
//! }
//! ```
//!
//! What needs deciding is in [`replica`], which has no I/O; this file connects it to a node's
//! disk, network and clock. Reads and commands may be given to any node; they are
//! linearizable (see `raft/read.rs`), and a command takes effect at most once (see
//! `replicated/sessions.rs`).

pub mod replica;
mod sessions;
#[cfg(test)]
mod simulation;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

pub use replica::Options;
pub use sessions::Request;

pub use crate::state_machines::StateMachine;

use crate::protocols::raft::{Config, Durable, Message, Persist, Raft};
use crate::runtime::Ctx;
use crate::storage::Storage;
use crate::types::{Body, Error, NodeId, Time};
use replica::{Outcome, Replica};

/// A message of Raft about a state machine.
pub type RaftMessage<S> = Message<Request<<S as StateMachine>::Command>>;

/// What a node with a replicated state is sent: requests `R` of clients, and Raft's messages
/// about the state `S`. They are told apart by their `type`.
pub enum Incoming<R, S: StateMachine> {
    /// A request.
    Client(R),
    /// A message of Raft, for [`Replicated::receive`].
    Raft(RaftMessage<S>),
}

impl<'de, R: DeserializeOwned, S: StateMachine> Deserialize<'de> for Incoming<R, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let body = Body::parse(text).map_err(D::Error::custom)?;
        if RaftMessage::<S>::is_kind(body.kind()) {
            return body.to().map(Incoming::Raft).map_err(D::Error::custom);
        }
        body.to().map(Incoming::Client).map_err(D::Error::custom)
    }
}

/// This node's replica of a state machine.
pub struct Replicated<S: StateMachine>(Rc<Shell<S>>);

struct Shell<S: StateMachine> {
    ctx: Ctx,
    storage: Storage,
    sync: fn(&Storage) -> Result<(), Error>,
    replica: RefCell<Replica<S>>,
    /// The requests under way, and who waits for them to end.
    waiting: RefCell<BTreeMap<u64, oneshot::Sender<Outcome<S::Reply>>>>,
    /// When the replica will be woken, unless it wants to be woken earlier.
    alarm: Cell<Time>,
    flush_is_due: Cell<bool>,
}

/// Never.
const END_OF_TIME: Time = Time::from_nanos(u64::MAX);

impl<S: StateMachine> Replicated<S> {
    /// The replica of this node, with what is in the node's storage.
    ///
    /// # Panics
    /// When the storage cannot be read. A node that went on without what it has promised to
    /// remember would break the promises of all.
    pub fn new(ctx: &Ctx, options: Options) -> Replicated<S> {
        let config = Config::new(ctx.id().clone(), ctx.peers().to_vec());
        let session = ctx.rng().random_range(0..1 << 53);
        let rng = ChaCha8Rng::from_rng(&mut *ctx.rng());
        let storage = ctx.storage();
        let recovered = storage.load().unwrap_or_else(|error| panic!("{error}"));
        let replica =
            Durable::read(recovered.snapshot.first().map(Vec::as_slice), &recovered.records)
                .and_then(|durable| Replica::new(options, config, durable, session, rng, ctx.now()))
                .unwrap_or_else(|error| panic!("this node cannot start: {error}"));
        let shell = Rc::new(Shell {
            ctx: ctx.clone(),
            storage,
            sync: options.sync,
            replica: RefCell::new(replica),
            waiting: RefCell::default(),
            alarm: Cell::new(END_OF_TIME),
            flush_is_due: Cell::new(false),
        });
        shell.set_alarm();
        Replicated(shell)
    }

    /// Has every replica carry out a command, and gives the state machine's reply to it.
    ///
    /// # Errors
    /// `temporarily-unavailable` when no leader was found: the command was not carried out and
    /// never will be. `timeout` when that is not known.
    pub async fn execute(&self, command: S::Command) -> Result<S::Reply, Error> {
        let number = self.0.replica.borrow_mut().execute(self.0.ctx.now(), command);
        match self.0.end_of(number).await {
            Outcome::Applied(reply) => Ok(reply),
            Outcome::Readable => unreachable!("only reads become readable"),
            Outcome::NoLeader => Err(no_leader()),
            Outcome::Unknown => Err(Error::timeout(
                "the command was given to a leader that has not been heard from since; it may \
                 have been carried out or not",
            )),
        }
    }

    /// Looks at the state when it holds everything that was done before this call.
    ///
    /// # Errors
    /// `temporarily-unavailable` when no leader was found.
    pub async fn read<T>(&self, look: impl FnOnce(&S) -> T) -> Result<T, Error> {
        let number = self.0.replica.borrow_mut().read(self.0.ctx.now());
        match self.0.end_of(number).await {
            Outcome::Readable => Ok(look(self.0.replica.borrow().state())),
            _ => Err(no_leader()),
        }
    }

    /// Looks at the state as this node knows it, at no cost. It is a state that there was: what
    /// was done since may be missing, however long ago that is.
    pub fn peek<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(self.0.replica.borrow().state())
    }

    /// Looks at this node's part in the consensus: for tests that check its invariants.
    pub fn inspect<T>(&self, look: impl FnOnce(&Raft<Request<S::Command>>) -> T) -> T {
        look(self.0.replica.borrow().raft())
    }

    /// Takes a message from another node.
    ///
    /// # Errors
    /// `not-supported` when it comes from somebody who is not a node of this cluster.
    pub fn receive(&self, from: NodeId, message: RaftMessage<S>) -> Result<(), Error> {
        if !self.0.ctx.peers().contains(&from) {
            return Err(Error::not_supported("this type of message is for nodes only"));
        }
        self.0.replica.borrow_mut().receive(self.0.ctx.now(), from, message);
        self.0.go_on();
        Ok(())
    }

    /// Hands leadership over to another node, if this one has it: before a planned stop.
    pub fn transfer(&self, to: NodeId) {
        self.0.replica.borrow_mut().transfer(self.0.ctx.now(), to);
        self.0.go_on();
    }
}

fn no_leader() -> Error {
    Error::temporarily_unavailable("no leader was found, so nothing was done: try again")
}

impl<S: StateMachine> Shell<S> {
    /// Waits for a request to end.
    async fn end_of(self: &Rc<Self>, number: u64) -> Outcome<S::Reply> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(number, sender);
        self.go_on();
        receiver.await.expect("a request ends before its replica does")
    }

    /// Sees to it that the replica's output is carried out: at once, or, if it costs a write
    /// to disk, when the messages that have arrived already can share it.
    fn go_on(self: &Rc<Self>) {
        if self.flush_is_due.get() {
            return;
        }
        if !self.replica.borrow().has_changes() {
            return self.flush();
        }
        self.flush_is_due.set(true);
        let shell = Rc::clone(self);
        self.ctx.spawn(async move {
            shell.ctx.idle().await;
            shell.flush_is_due.set(false);
            shell.flush();
        });
    }

    /// Carries out what the replica wants done: disk first, then the network and the clients.
    fn flush(self: &Rc<Self>) {
        let output = self.replica.borrow_mut().output();
        if let Some(persist) = output.persist {
            // On an error nothing more may be said, lest it be something that is not so.
            self.persist(&persist).unwrap_or_else(|error| panic!("{error}"));
        }
        for (to, message) in output.messages {
            if let Err(error) = self.ctx.send(&to, &message) {
                self.ctx.log(error);
            }
        }
        for (number, outcome) in output.ended {
            let waiting = self.waiting.borrow_mut().remove(&number);
            // Nobody listens any more if the handler was dropped.
            let _ = waiting.expect("every request is waited for").send(outcome);
        }
        self.set_alarm();
    }

    fn persist(&self, persist: &Persist<Request<S::Command>>) -> Result<(), Error> {
        let json = |result: serde_json::Result<_>| result.expect("a command is made of JSON");
        match persist {
            Persist::Record(record) => self.storage.append(&json(serde_json::to_vec(record)))?,
            Persist::Checkpoint(all) => {
                self.storage.save_snapshot(&json(serde_json::to_vec(all)))?
            }
        }
        (self.sync)(&self.storage)
    }

    /// Has the replica woken at its deadline.
    fn set_alarm(self: &Rc<Self>) {
        let deadline = self.replica.borrow().deadline();
        if deadline >= self.alarm.get() {
            return;
        }
        self.alarm.set(deadline);
        let shell = Rc::clone(self);
        self.ctx.spawn(async move {
            shell.ctx.sleep_until(deadline).await;
            // If it was set to an earlier time since, that has seen to the rest.
            if shell.alarm.get() == deadline {
                shell.alarm.set(END_OF_TIME);
                shell.replica.borrow_mut().on_timeout(shell.ctx.now());
                shell.go_on();
            }
        });
    }
}

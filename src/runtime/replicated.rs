//! A state that survives the loss of any minority of its nodes, as a node uses it.
//!
//! This is a handle on the [driver](crate::driver) of a
//! [`Replica`]; what needs deciding is there.

use std::cell::Ref;

use crate::protocols::raft::{Config, Configuration};
use crate::protocols::replicated::{Operation, Options, Outcome, RaftOf, Replica};
use crate::runtime::ctx::Ctx;
use crate::runtime::driver::Driver;
use crate::state_machines::StateMachine;
use crate::types::{Error, MemberChange};

/// This node's replica of a state machine.
///
/// Write the state as a plain type, and what can be done to it as another: [`StateMachine`](crate::state_machines::StateMachine).
/// [`Replicated`] keeps a copy on each node, and lets every node read and change it as if
/// there were only one:
///
/// ```
/// use gyre::replicated::{Options, StateMachine};
/// use gyre::{Ctx, Error, Node, NodeId, Replicated, async_trait};
/// use gyre::{MemoryDisk, Message, Process, Runtime, Time};
/// use serde::{Deserialize, Serialize};
///
/// /// The state: a number. What can be done to it: adding another.
/// #[derive(Clone, Default)]
/// struct Sum(i64);
///
/// impl StateMachine for Sum {
///     type Command = i64;
///     type Reply = ();
///     type Part = i64;
///     fn apply(&mut self, delta: &i64) {
///         self.0 = self.0.wrapping_add(*delta);
///     }
///     // How it is stored: a number is small, and so it is one part.
///     fn into_parts(self) -> Box<dyn Iterator<Item = i64>> {
///         Box::new(std::iter::once(self.0))
///     }
///     fn add(&mut self, part: i64) {
///         self.0 = part;
///     }
/// }
///
/// struct Counter(Replicated<Sum>);
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Request {
///     Add { delta: i64 },
///     Read {},
/// }
///
/// #[derive(Serialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Response {
///     AddOk {},
///     ReadOk { value: i64 },
/// }
///
/// impl Counter {
///     fn new(ctx: &Ctx) -> Counter {
///         Counter(Replicated::new(ctx, Options::default()))
///     }
/// }
///
/// #[async_trait(?Send)]
/// impl Node for Counter {
///     type Request = Request;
///     type Response = Response;
///
///     async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
///         Ok(match request {
///             Request::Add { delta } => {
///                 self.0.execute(delta).await?;
///                 Response::AddOk {}
///             }
///             Request::Read {} => Response::ReadOk { value: self.0.read(|sum| sum.0).await? },
///         })
///     }
/// }
///
/// // Alone in its cluster, this node soon elects itself.
/// let mut node = Runtime::new(1, Box::new(MemoryDisk::default()), Counter::new);
/// for line in [
///     r#"{"src":"c0","dest":"n1","body":
///         {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#,
///     r#"{"src":"c1","dest":"n1","body":{"type":"add","msg_id":1,"delta":5}}"#,
///     r#"{"src":"c2","dest":"n1","body":{"type":"read","msg_id":1}}"#,
/// ] {
///     node.handle_message(Time::ZERO, Message::parse(line)?);
/// }
/// while let Some(due) = node.poll_timeout().filter(|due| *due < Time::from_millis(1_000)) {
///     node.handle_timeout(due);
/// }
/// let replies: Vec<Message> = std::iter::from_fn(|| node.poll_transmit()).collect();
/// assert_eq!(replies[1].body.as_json(), r#"{"in_reply_to":1,"type":"add_ok"}"#);
/// assert_eq!(replies[2].body.as_json(), r#"{"in_reply_to":1,"type":"read_ok","value":5}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Replicated<S: StateMachine>(Driver<Replica<S>>);

impl<S: StateMachine> Replicated<S> {
    /// The replica of this node, with what is in the node's storage.
    ///
    /// # Panics
    /// When the storage cannot be read. A node that went on without what it has promised to
    /// remember would break the promises of all.
    pub fn new(ctx: &Ctx, options: Options) -> Replicated<S> {
        Replicated::start(ctx, options, |_| {})
    }

    /// The same, and has `watcher` look at this node's part in the consensus after every batch
    /// of steps: for tests that check what must hold.
    ///
    /// # Panics
    /// As [`new`](Replicated::new).
    pub fn watched(
        ctx: &Ctx,
        options: Options,
        watcher: impl Fn(&RaftOf<S>) + 'static,
    ) -> Replicated<S> {
        Replicated::start(ctx, options, |replica| replica.watch(watcher))
    }

    fn start(ctx: &Ctx, options: Options, prepare: impl FnOnce(&mut Replica<S>)) -> Replicated<S> {
        let mut config = Config::new(ctx.id().clone(), ctx.peers().to_vec());
        config.bootstrap = Configuration::of(ctx.initial_members().iter().cloned());
        Replicated(Driver::start(ctx, |records, now, rng| {
            let mut replica = Replica::new(options, config, records, now, rng)
                .unwrap_or_else(|error| panic!("this node cannot start: {error}"));
            prepare(&mut replica);
            replica
        }))
    }

    /// Has every replica carry out a command, and gives the state machine's reply to it.
    ///
    /// # Errors
    /// `temporarily-unavailable` when no leader was found, or too much waits already: the command
    /// was not carried out and never will be. `timeout` when that is not known.
    pub async fn execute(&self, command: S::Command) -> Result<S::Reply, Error> {
        match self.0.request(Operation::Command(command)).await {
            Outcome::Applied(reply) => Ok(reply),
            Outcome::Readable | Outcome::Reconfigured => unreachable!("it is a command"),
            Outcome::NotMember => Err(not_a_member()),
            Outcome::NoLeader => Err(no_leader()),
            Outcome::Overloaded => Err(overloaded()),
            Outcome::Unknown => Err(Error::timeout(
                "the command was given to a leader that has not been heard from since; it may \
                 have been carried out or not",
            )),
        }
    }

    /// Looks at the state when it holds everything that was done before this call.
    ///
    /// # Errors
    /// `temporarily-unavailable` when no leader was found, or too much waits already.
    pub async fn read<T>(&self, look: impl FnOnce(&S) -> T) -> Result<T, Error> {
        match self.0.request(Operation::Read).await {
            Outcome::Readable => Ok(look(&self.state())),
            Outcome::Overloaded => Err(overloaded()),
            Outcome::NotMember => Err(not_a_member()),
            _ => Err(no_leader()),
        }
    }

    /// Has the cluster change its voters: see `raft/membership.rs`. When this is well they are as
    /// wanted, and that is committed.
    ///
    /// # Errors
    /// `node-not-found` for a node that `init` does not name. `precondition-failed` when nobody
    /// would be left. `not-a-member` where this node has no vote, and those of
    /// [`execute`](Replicated::execute).
    pub async fn reconfigure(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        if let Some(stranger) = change.add.iter().find(|node| !ctx.nodes().contains(node)) {
            return Err(Error::node_not_found(format!("init has not named {stranger}")));
        }
        // What this node knows of the voters may be old.
        self.read(|_| ()).await?;
        let configuration = self.0.core().raft().committed_configuration().clone();
        if configuration.has_made(&change) {
            return Ok(());
        }
        if change.members_after(&configuration.voters).is_empty() {
            return Err(Error::precondition_failed("a cluster keeps at least one member"));
        }
        match self.0.request(Operation::Reconfigure(change)).await {
            Outcome::Reconfigured => Ok(()),
            Outcome::NoLeader => Err(no_leader()),
            Outcome::NotMember => Err(not_a_member()),
            Outcome::Overloaded => Err(overloaded()),
            _ => Err(Error::timeout(
                "the leader was asked for the change, but this node has not seen it made; it may \
                 still be",
            )),
        }
    }

    /// Looks at the state as this node knows it, at no cost. It is a state that there was: what
    /// was done since may be missing, however long ago that is.
    pub fn peek<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.state())
    }

    fn state(&self) -> Ref<'_, S> {
        Ref::map(self.0.core(), Replica::state)
    }
}

fn not_a_member() -> Error {
    Error::not_a_member("this node has no vote in the cluster, so nothing was done: ask a member")
}

fn no_leader() -> Error {
    Error::temporarily_unavailable("no leader was found, so nothing was done: try again")
}

fn overloaded() -> Error {
    Error::temporarily_unavailable("too much waits here already, so nothing was done: try again")
}

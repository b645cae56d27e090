//! What a node can do: its view of the world, handed to every method of [`Node`](crate::Node).
//!
//! Here stands what needs nothing else. What is built on it adds its own methods to [`Ctx`]:
//! `sleep.rs` the waiting, `rpc.rs` the requests, `services.rs` the bench's stores.
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;

use crate::runtime::executor::Task;
use crate::runtime::network::Network;
use crate::runtime::timers::Timers;
use crate::storage::Storage;
use crate::types::{Body, Error, Message, NodeId, Time};

/// The world as one node sees it. Cheap to clone, so a spawned task can have its own.
///
/// Most of what there is, in one node; it is not a good one:
///
/// ```no_run
/// use std::time::Duration;
/// use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait, join_all};
/// use rand::RngExt;
/// use serde::{Deserialize, Serialize};
///
/// struct Tour;
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Request { Visit {}, Ping {} }
///
/// #[derive(Serialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Response { VisitOk { timestamp: u64 }, PingOk {} }
///
/// #[async_trait(?Send)]
/// impl Node for Tour {
///     type Request = Request;
///     type Response = Response;
///
///     async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
///         let Request::Visit {} = request else { return Ok(Response::PingOk {}) };
///         // Asks all others at once, each for half a second; then one, until it answers.
///         let half_a_second = Duration::from_millis(500);
///         let peers = ctx.peers().iter();
///         let calls = peers.map(|peer| ctx.rpc(peer, &Request::Ping {}, half_a_second));
///         let _replies = join_all(calls).await;
///         let patience = RetryPolicy::within(Duration::from_secs(3));
///         if let Some(peer) = ctx.peers().first() {
///             ctx.rpc_retry(peer, &Request::Ping {}, patience).await?;
///         }
///         // Waits for as long as chance has it.
///         let millis = ctx.rng().random_range(0..10);
///         ctx.sleep(Duration::from_millis(millis)).await;
///         // What is synced survives a crash.
///         ctx.storage().append(b"visited")?;
///         ctx.storage().sync()?;
///         // The bench's services.
///         ctx.lin_kv().write(&"visitor", &ctx.id()).await?;
///         Ok(Response::VisitOk { timestamp: ctx.lin_tso().ts().await? })
///     }
///
///     async fn background(&self, ctx: &Ctx) {
///         let recovered = ctx.storage().load();
///         ctx.log(format!("{} begins, with {recovered:?}", ctx.id()));
///     }
/// }
///
/// fn main() -> std::process::ExitCode { gyre::run(|_| Tour) }
/// ```
#[derive(Clone)]
pub struct Ctx(Rc<Shared>);

/// What a node's tasks share with its runtime.
struct Shared {
    id: NodeId,
    nodes: Vec<NodeId>,
    peers: Vec<NodeId>,
    members: Vec<NodeId>,
    outside: Rc<Outside>,
    rng: RefCell<ChaCha8Rng>,
    network: RefCell<Network>,
    timers: RefCell<Timers>,
    /// Those who wait until no message waits, and how often that has been so.
    idlers: RefCell<Vec<Waker>>,
    idle_moments: Cell<u64>,
    spawned: RefCell<VecDeque<Task>>,
    storage: Storage,
    /// The core that the node's driver runs. The node owns it.
    core: RefCell<Option<Weak<dyn AttachedCore>>>,
}

/// What the runtime knows of the core that a node's driver runs.
pub(crate) trait AttachedCore {
    /// Takes in what another node's core says.
    fn hear(self: Rc<Self>, from: NodeId, body: &Body) -> Result<(), Error>;

    /// Learns that the node is about to be stopped.
    fn stop(self: Rc<Self>);

    /// Whether the node may be stopped now.
    fn may_stop(&self) -> bool;

    /// What the core says that it is.
    fn inspect(&self) -> Value;
}

/// What there is before `init` too: the time, and what is on its way out.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) now: Cell<Time>,
    pub(crate) outbox: RefCell<VecDeque<Message>>,
    pub(crate) log: RefCell<VecDeque<String>>,
}

impl Outside {
    pub(crate) fn log(&self, line: impl fmt::Display) {
        self.log.borrow_mut().push_back(line.to_string());
    }
}

/// For the node.
impl Ctx {
    /// This node's name.
    pub fn id(&self) -> &NodeId {
        &self.0.id
    }

    /// All nodes of the cluster, this one included, in the order that `init` gave.
    pub fn nodes(&self) -> &[NodeId] {
        &self.0.nodes
    }

    /// The other nodes of the cluster, in the order that `init` gave.
    pub fn peers(&self) -> &[NodeId] {
        &self.0.peers
    }

    /// The nodes with whom the cluster begins, this one included if it is one of them: all nodes,
    /// unless `init` says otherwise with `initial_member_ids` (Maelstrom's pull request 101).
    pub fn initial_members(&self) -> &[NodeId] {
        &self.0.members
    }

    /// The time of the present step. It stands still while a handler runs, and moves on over
    /// an `await`.
    pub fn now(&self) -> Time {
        self.0.outside.now.get()
    }

    /// This node's stream of chance. Do not keep it over an `await`, or across another call
    /// of [`Ctx`].
    pub fn rng(&self) -> RefMut<'_, ChaCha8Rng> {
        self.0.rng.borrow_mut()
    }

    /// Sends a message and expects no reply: no acknowledgement, no retry. `payload` is
    /// something that serializes to a JSON object with a `type`.
    ///
    /// # Errors
    /// `node-not-found` when `dest` is nobody this node has been told of or heard from, and
    /// `crash` when `payload` is no such object. Nothing is sent then.
    pub fn send(&self, dest: &NodeId, payload: &impl Serialize) -> Result<(), Error> {
        let body = body_of(payload)?;
        self.0.network.borrow_mut().send(dest, body, &mut self.0.outside.outbox.borrow_mut())
    }

    /// Waits until the messages that have arrived already are taken in: what costs the same
    /// for one as for many, like a write to disk, is worth that. It takes no time.
    pub fn idle(&self) -> impl Future<Output = ()> {
        let before = self.0.idle_moments.get();
        std::future::poll_fn(move |context| {
            if self.0.idle_moments.get() > before {
                return Poll::Ready(());
            }
            self.0.idlers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
    }

    /// Runs a future beside the handlers, to its end or the node's.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawned.borrow_mut().push_back(Box::pin(future));
    }

    /// What survives a crash of this node.
    pub fn storage(&self) -> Storage {
        if self.0.storage.is_first_use_in_memory() {
            self.log("no data directory was given: what this node stores is kept in memory only");
        }
        self.0.storage.clone()
    }

    /// Writes a line to the node's log: stderr, or its log file in simulation.
    pub fn log(&self, line: impl fmt::Display) {
        self.0.outside.log(line);
    }
}

/// For the runtime.
impl Ctx {
    pub(crate) fn new(
        id: NodeId,
        nodes: Vec<NodeId>,
        members: Vec<NodeId>,
        outside: Rc<Outside>,
        mut rng: ChaCha8Rng,
        storage: Storage,
    ) -> Ctx {
        // Any number will do that the node's last life is unlikely to have used, and that
        // every language's JSON reads exactly.
        let first_msg_id = rng.random_range(1..1 << 52);
        let network = Network::new(id.clone(), &nodes, outside.now.get(), first_msg_id);
        Ctx(Rc::new(Shared {
            peers: nodes.iter().filter(|&node| *node != id).cloned().collect(),
            id,
            nodes,
            members,
            outside,
            rng: RefCell::new(rng),
            network: RefCell::new(network),
            timers: RefCell::default(),
            idlers: RefCell::default(),
            idle_moments: Cell::new(0),
            spawned: RefCell::default(),
            storage,
            core: RefCell::default(),
        }))
    }

    /// Does what the time alone brings: ends the holding back, and wakes sleepers that are due.
    pub(crate) fn pass_time(&self, now: Time) {
        let outbox = &mut self.0.outside.outbox.borrow_mut();
        self.0.network.borrow_mut().pass_time(now, outbox);
        let mut timers = self.0.timers.borrow_mut();
        while let Some(waker) = timers.pop_due(now) {
            waker.wake();
        }
    }

    /// Wakes those who wait until no message waits.
    pub(crate) fn become_idle(&self) {
        self.0.idle_moments.update(|moments| moments + 1);
        for waker in self.0.idlers.take() {
            waker.wake();
        }
    }

    /// When the time next brings something.
    pub(crate) fn next_due(&self) -> Option<Time> {
        if !self.0.idlers.borrow().is_empty() {
            return Some(self.now());
        }
        let timer = self.0.timers.borrow().next_due();
        let network = self.0.network.borrow().next_due();
        timer.into_iter().chain(network).min()
    }

    pub(crate) fn heard_from(&self, src: &NodeId, setup_is_over: bool) {
        let outbox = &mut self.0.outside.outbox.borrow_mut();
        self.0.network.borrow_mut().heard_from(src, setup_is_over, outbox);
    }

    /// Sends a request, and gives the `msg_id` under which its reply can be had.
    pub(crate) fn call(&self, dest: &NodeId, body: Body) -> Result<i64, Error> {
        let outbox = &mut self.0.outside.outbox.borrow_mut();
        self.0.network.borrow_mut().call(dest, body, outbox)
    }

    pub(crate) fn network(&self) -> RefMut<'_, Network> {
        self.0.network.borrow_mut()
    }

    pub(crate) fn timers(&self) -> RefMut<'_, Timers> {
        self.0.timers.borrow_mut()
    }

    pub(crate) fn complete(&self, src: &NodeId, msg_id: i64, reply: Body) {
        self.0.network.borrow_mut().complete(src, msg_id, reply);
    }

    /// Has messages between cores go to this one, and lets it be looked at.
    ///
    /// # Panics
    /// When the node has a core already.
    pub(crate) fn attach_core(&self, core: Weak<dyn AttachedCore>) {
        let former = self.0.core.replace(Some(core));
        assert!(former.is_none(), "a node has one driver");
    }

    /// The node's core, if it has one.
    pub(crate) fn core(&self) -> Option<Rc<dyn AttachedCore>> {
        self.0.core.borrow().as_ref().and_then(Weak::upgrade)
    }

    /// Passes what another node's core says to this node's.
    ///
    /// # Errors
    /// When `from` is no other node of the cluster, or this node has no core.
    pub(crate) fn hear_peer(&self, from: NodeId, body: &Body) -> Result<(), Error> {
        if !self.peers().contains(&from) {
            let text = format!("{} is for nodes of this cluster, and {from} is none", body.kind());
            return Err(Error::not_supported(text));
        }
        let core = self
            .core()
            .ok_or_else(|| Error::not_supported("this node has nothing to agree on with others"))?;
        core.hear(from, body)
    }

    pub(crate) fn next_spawned(&self) -> Option<Task> {
        self.0.spawned.borrow_mut().pop_front()
    }
}

pub(crate) fn body_of(payload: &impl Serialize) -> Result<Body, Error> {
    Body::new(payload)
        .map_err(|error| Error::crash(format!("this node tried to send what is no body: {error}")))
}

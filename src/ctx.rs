//! What a node can do: its view of the world, handed to every method of [`Node`](crate::Node).

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::executor::Task;
use crate::kv::{Kv, Tso};
use crate::network::Network;
use crate::storage::Storage;
use crate::timers::{TimerKey, Timers};
use crate::{Body, Error, ErrorCode, Message, NodeId, Time};

/// The world as one node sees it. Cheap to clone, so a spawned task can have its own.
#[derive(Clone)]
pub struct Ctx(Rc<Shared>);

/// What a node's tasks share with its runtime.
struct Shared {
    id: NodeId,
    nodes: Vec<NodeId>,
    peers: Vec<NodeId>,
    outside: Rc<Outside>,
    rng: RefCell<ChaCha8Rng>,
    network: RefCell<Network>,
    timers: RefCell<Timers>,
    spawned: RefCell<VecDeque<Task>>,
    storage: Storage,
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

    /// Sends a request at once, and gives the future of its reply: `rpc(…).await?`.
    ///
    /// Dropping the future forgets the call. For several at once, make all the futures and
    /// then await them one by one.
    ///
    /// # Errors
    /// What the other side answers with; `timeout` when `timeout` passes without a reply; and
    /// what [`send`](Ctx::send) can say.
    pub fn rpc(&self, dest: &NodeId, payload: &impl Serialize, timeout: Duration) -> Rpc {
        match body_of(payload) {
            Ok(body) => self.rpc_body(dest, body, timeout),
            Err(error) => Rpc(RpcState::Failed(Some(error))),
        }
    }

    /// As [`rpc`](Ctx::rpc), and again after a timeout or another error that may pass, with
    /// growing and slightly random pauses, until an answer comes or `policy.deadline` passes.
    ///
    /// The other side may so take in the request more than once: it must do no harm.
    ///
    /// # Errors
    /// The last attempt's. Where an earlier attempt may have taken effect, a definite error
    /// of a later one is turned into an indefinite one, unless the request is `read_only`.
    pub async fn rpc_retry(
        &self,
        dest: &NodeId,
        payload: &impl Serialize,
        policy: RetryPolicy,
    ) -> Result<Body, Error> {
        let body = body_of(payload)?;
        let deadline = self.now() + policy.deadline;
        let mut pause = policy.first_pause;
        let mut may_have_happened = false;
        loop {
            let timeout = policy.attempt_timeout.min(deadline - self.now());
            let error = match self.rpc_body(dest, body.clone(), timeout).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            // Full pauses would keep nodes that failed together in step with each other.
            let pause_now = pause.mul_f64(self.rng().random_range(0.5..=1.0));
            let may_pass = !error.is_definite() || error.code == ErrorCode::TemporarilyUnavailable;
            if !may_pass || self.now() + pause_now >= deadline {
                return Err(policy.verdict(error, may_have_happened));
            }
            may_have_happened |= !error.is_definite();
            self.sleep(pause_now).await;
            pause = (pause * 2).min(policy.pause_max);
        }
    }

    fn rpc_body(&self, dest: &NodeId, body: Body, timeout: Duration) -> Rpc {
        let outbox = &mut self.0.outside.outbox.borrow_mut();
        Rpc(match self.0.network.borrow_mut().call(dest, body, outbox) {
            Ok(msg_id) => RpcState::Called(Call {
                ctx: self.clone(),
                dest: dest.clone(),
                msg_id,
                timeout,
                timer: self.sleep(timeout),
            }),
            Err(error) => RpcState::Failed(Some(error)),
        })
    }

    /// Waits for so long. What is due already does not wait.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until this moment. What is due already does not wait.
    pub fn sleep_until(&self, at: Time) -> Sleep {
        Sleep { ctx: self.clone(), at, timer: None }
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

    /// The bench's sequentially consistent key-value store.
    pub fn seq_kv(&self) -> Kv {
        Kv::new(self, "seq-kv")
    }

    /// The bench's linearizable key-value store.
    pub fn lin_kv(&self) -> Kv {
        Kv::new(self, "lin-kv")
    }

    /// The bench's eventually consistent key-value store, where the last writer wins.
    pub fn lww_kv(&self) -> Kv {
        Kv::new(self, "lww-kv")
    }

    /// The bench's linearizable source of timestamps.
    pub fn lin_tso(&self) -> Tso {
        Tso::new(self)
    }
}

/// For the runtime.
impl Ctx {
    pub(crate) fn new(
        id: NodeId,
        nodes: Vec<NodeId>,
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
            outside,
            rng: RefCell::new(rng),
            network: RefCell::new(network),
            timers: RefCell::default(),
            spawned: RefCell::default(),
            storage,
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

    /// When the time next brings something.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let timer = self.0.timers.borrow().next_due();
        let network = self.0.network.borrow().next_due();
        timer.into_iter().chain(network).min()
    }

    pub(crate) fn heard_from(&self, src: &NodeId, setup_is_over: bool) {
        let outbox = &mut self.0.outside.outbox.borrow_mut();
        self.0.network.borrow_mut().heard_from(src, setup_is_over, outbox);
    }

    pub(crate) fn complete(&self, src: &NodeId, msg_id: i64, reply: Body) {
        self.0.network.borrow_mut().complete(src, msg_id, reply);
    }

    pub(crate) fn next_spawned(&self) -> Option<Task> {
        self.0.spawned.borrow_mut().pop_front()
    }

    /// How many calls and timers wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.0.network.borrow().calls(), self.0.timers.borrow().len())
    }
}

fn body_of(payload: &impl Serialize) -> Result<Body, Error> {
    Body::new(payload)
        .map_err(|error| Error::crash(format!("this node tried to send what is no body: {error}")))
}

/// How [`Ctx::rpc_retry`] retries. Start from [`RetryPolicy::within`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How long to go on trying, all in all.
    pub deadline: Duration,
    /// How long one attempt waits for its reply.
    pub attempt_timeout: Duration,
    /// The pause after the first attempt; each later one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Whether the request changes nothing, so that what earlier attempts did is of no
    /// account when a later one fails.
    pub read_only: bool,
}

impl RetryPolicy {
    /// Tries for so long, a second an attempt, with pauses of up to 50 ms, then 100 ms, and so
    /// on to a second.
    pub const fn within(deadline: Duration) -> RetryPolicy {
        RetryPolicy {
            deadline,
            attempt_timeout: Duration::from_secs(1),
            first_pause: Duration::from_millis(50),
            pause_max: Duration::from_secs(1),
            read_only: false,
        }
    }

    /// The same for a request that changes nothing.
    pub const fn read_only(self) -> RetryPolicy {
        RetryPolicy { read_only: true, ..self }
    }

    /// The error of the last attempt, as it stands for all of them.
    fn verdict(&self, error: Error, may_have_happened: bool) -> Error {
        if may_have_happened && error.is_definite() && !self.read_only {
            Error::timeout(format!("an earlier attempt got no answer, and the last one: {error}"))
        } else {
            error
        }
    }
}

/// The future that [`Ctx::sleep`] gives.
#[must_use = "a sleep that is not awaited does not wait"]
pub struct Sleep {
    ctx: Ctx,
    at: Time,
    timer: Option<TimerKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= self.ctx.now() {
            return Poll::Ready(());
        }
        let sleep = &mut *self;
        let mut timers = sleep.ctx.0.timers.borrow_mut();
        match sleep.timer {
            Some(key) if timers.update(key, context.waker()) => {}
            _ => sleep.timer = Some(timers.set(sleep.at, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.ctx.0.timers.borrow_mut().cancel(key);
        }
    }
}

/// The future that [`Ctx::rpc`] gives: the reply's body, or an error.
#[must_use = "the reply is had by awaiting"]
pub struct Rpc(RpcState);

enum RpcState {
    /// It could not be sent.
    Failed(Option<Error>),
    Called(Call),
}

/// A request that is on its way. Dropping it forgets it.
struct Call {
    ctx: Ctx,
    dest: NodeId,
    msg_id: i64,
    timeout: Duration,
    timer: Sleep,
}

impl Future for Rpc {
    type Output = Result<Body, Error>;

    fn poll(mut self: Pin<&mut Rpc>, context: &mut Context<'_>) -> Poll<Result<Body, Error>> {
        match &mut self.0 {
            RpcState::Failed(error) => {
                Poll::Ready(Err(error.take().expect("a future is not polled after its end")))
            }
            RpcState::Called(call) => call.poll(context),
        }
    }
}

impl Call {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Body, Error>> {
        let reply = self.ctx.0.network.borrow_mut().take_reply(self.msg_id, context.waker());
        if let Some(reply) = reply {
            return Poll::Ready(as_result(reply));
        }
        Pin::new(&mut self.timer).poll(context).map(|()| {
            Err(Error::timeout(format!("no reply from {} in {:?}", self.dest, self.timeout)))
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ctx.0.network.borrow_mut().forget(self.msg_id);
    }
}

/// An error body is an `Err`.
fn as_result(reply: Body) -> Result<Body, Error> {
    if reply.kind() != "error" {
        return Ok(reply);
    }
    Err(reply.to::<Error>().unwrap_or_else(|_| {
        Error::crash(format!("an error without a code came in: {}", reply.as_json()))
    }))
}

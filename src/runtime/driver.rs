//! Runs a [`Core`] inside a node: the storage, the timers and the network between
//! `step(input) -> outputs` and a real [`Ctx`].
//!
//! The driver gives every protocol the same five things:
//!
//! - **Group commit.** Steps that have something to persist wait until the messages that have
//!   arrived already are taken in. One sync then serves all of them.
//! - **The order that makes promises true.** What is persisted is durable before anything is
//!   sent and before a client gets its reply.
//! - **Checkpoints**, when the log has grown longer than the last one. They are written in slices
//!   with pauses between them, so that no step of the node is long, however large its state is.
//! - **Wake-ups** when the core wants them.
//! - **One envelope** for whatever nodes say to each other, [`PEER_TYPE`], so that no word of a
//!   protocol can collide with a request of a client.
//!
//! Absent on purpose: any way to go on after the storage failed. The core has gone ahead of
//! what is stored then, so the node must fall silent at once: the driver raises a [`Failure`],
//! and a restart reads what there is.
//!
//! A node hands over what its clients want, and replies when it is durable. What else the core
//! needs, the driver does:
//!
//! ```
//! use gyre::driver::Driver;
//! use gyre::gossip::{Gossip, Setting};
//! use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
//! use rand::Rng;
//!
//! struct Broadcast(Driver<Gossip>);
//!
//! impl Broadcast {
//!     fn new(ctx: &Ctx) -> Broadcast {
//!         Broadcast(Driver::start(ctx, |records, now, rng| {
//!             let number = rng.next_u64();
//!             Gossip::new(Setting::LOW_LATENCY, ctx.id(), ctx.nodes(), records, number, now)
//!         }))
//!     }
//! }
//! # #[derive(serde::Deserialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Request { Broadcast { message: Json } }
//! # #[derive(serde::Serialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Response { BroadcastOk {} }
//!
//! #[async_trait(?Send)]
//! impl Node for Broadcast {
//! #     type Request = Request;
//! #     type Response = Response;
//!     // …
//!     async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
//!         let Request::Broadcast { message } = request;
//!         self.0.request(message.into()).await;
//!         Ok(Response::BroadcastOk {})
//!     }
//! }
//! # use gyre::{MemoryDisk, Message, Process, Runtime, Time};
//! # let mut node = Runtime::new(1, Box::new(MemoryDisk::default()), Broadcast::new);
//! # for line in [
//! #     r#"{"src":"c0","dest":"n1","body":
//! #         {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#,
//! #     r#"{"src":"c1","dest":"n1","body":{"type":"broadcast","msg_id":1,"message":7}}"#,
//! # ] {
//! #     node.handle_message(Time::ZERO, Message::parse(line)?);
//! # }
//! # node.handle_timeout(Time::ZERO);
//! # assert_eq!(node.inspect().unwrap()["messages"], 1);
//! # assert_eq!(node.poll_transmit().unwrap().body.kind(), "init_ok");
//! # assert_eq!(node.poll_transmit().unwrap().body.kind(), "broadcast_ok");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::{Rc, Weak};
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::protocols::core::{CheckpointSizes, Core, Input, OutputsOf, RequestId};
use crate::runtime::Failure;
use crate::runtime::ctx::{AttachedCore, Ctx};
use crate::types::{Body, Error, NodeId, Time, json};

/// The `type` of every message between the cores of two nodes.
///
/// ```
/// let line = r#"{"src":"n1","dest":"n2","body":{"type":"peer","message":{"ask":7}}}"#;
/// let message = gyre::Message::parse(line)?;
/// assert_eq!(message.body.kind(), gyre::driver::PEER_TYPE);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub const PEER_TYPE: &str = "peer";

/// How long the pause between two slices is.
const SLICE_PAUSE: Duration = Duration::from_millis(1);

/// How long the first pause is at most. Replicas draw it, and so write their checkpoints at
/// different moments though they have all been asked by the same message.
const FIRST_PAUSE_MAX_MS: u64 = 50;

/// A core at work in a node. A handle: clones are the same core.
///
/// A key-value store on one node, whose core is a [`Single`](crate::single::Single):
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::driver::Driver;
/// use gyre::key_value::{Change, Registers};
/// use gyre::{Process, single::Single};
///
/// let mut node = asked(async |ctx| {
///     let store = Driver::start(ctx, |records, _, _| Single::<Registers>::new(records));
///     store.request(Change::Write(7.into(), "seven".into())).await?;
///     let value = store.core().state().read(&7.into())?;
///     Ok(json!({ "type": "go_ok", "value": value }))
/// });
/// node.handle_timeout(gyre::Time::ZERO); // no more messages wait: the write goes to the disk
/// let reply: serde_json::Value = node.poll_transmit().unwrap().body.to()?;
/// assert_eq!(reply["value"], "seven");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Driver<K: Core>(Rc<Inner<K>>);

struct Inner<K: Core> {
    ctx: Ctx,
    core: RefCell<K>,
    last_request: Cell<RequestId>,
    /// The requests under way, and who waits for them.
    waiting: RefCell<BTreeMap<RequestId, oneshot::Sender<K::Reply>>>,
    /// Those who have looked at what is not durable yet.
    looking: RefCell<Vec<oneshot::Sender<()>>>,
    /// When the next wake-up is due that has been arranged.
    wake_at: Cell<Option<Time>>,
    flush_is_due: Cell<bool>,
    sizes: CheckpointSizes,
    /// The length of the log, in bytes, at which the next checkpoint begins.
    checkpoint_at: Cell<u64>,
    /// The number of the latest checkpoint that was begun.
    last_checkpoint: Cell<u64>,
}

impl<K: Core> Clone for Driver<K> {
    fn clone(&self) -> Driver<K> {
        Driver(Rc::clone(&self.0))
    }
}

/// How a message to another core is written.
#[derive(Serialize)]
#[serde(tag = "type", rename = "peer")]
struct Envelope<'a, M> {
    message: &'a M,
}

/// How a message from another core is read.
#[derive(Deserialize)]
struct Opened<M> {
    message: M,
}

impl<K: Core + 'static> Driver<K> {
    /// Starts a core with what the storage holds: `make` gets the records, oldest first, and
    /// gives the core. For use where the node is made. A node has one driver.
    ///
    /// When the storage cannot be read, or holds records of something else, the node ends with a
    /// [`Failure`].
    pub fn start(
        ctx: &Ctx,
        make: impl FnOnce(Vec<K::Record>, Time, &mut ChaCha8Rng) -> K,
    ) -> Driver<K> {
        let recovered = fatal(ctx.storage().load());
        let texts = recovered.snapshot.iter().chain(&recovered.records);
        // Each text is a list of records: those of one step, or of one slice of a checkpoint.
        let records = texts.flat_map(|text| fatal(json::read_own::<Vec<K::Record>>(text)));
        let core = make(records.collect(), ctx.now(), &mut ctx.rng());
        let sizes = core.checkpoint_sizes();
        let last_bytes = ctx.storage().snapshot_bytes();
        let checkpoint_at = next_checkpoint_at(last_bytes, sizes, &mut *ctx.rng());
        let driver = Driver(Rc::new(Inner {
            ctx: ctx.clone(),
            core: RefCell::new(core),
            last_request: Cell::new(0),
            waiting: RefCell::default(),
            looking: RefCell::default(),
            wake_at: Cell::new(None),
            flush_is_due: Cell::new(false),
            sizes,
            checkpoint_at: Cell::new(checkpoint_at),
            last_checkpoint: Cell::new(0),
        }));
        ctx.attach_core(Rc::downgrade(&driver.0) as Weak<dyn AttachedCore>);
        driver.go_on();
        driver
    }

    /// Has the core do what a client wants, and gives its reply. What the reply tells is durable
    /// by then.
    ///
    /// Whoever drops the future cancels the request: the core need not remember it. What it has
    /// done by then stays done.
    ///
    /// When the storage fails, the node ends with a [`Failure`].
    pub fn request(&self, request: K::Local) -> impl Future<Output = K::Reply> {
        let id = self.0.last_request.get() + 1;
        self.0.last_request.set(id);
        let (sender, receiver) = oneshot::channel();
        self.0.waiting.borrow_mut().insert(id, sender);
        let guard = CancelOnDrop { driver: self.clone(), id };
        self.step(Input::Local { id, request });
        async move {
            let reply = receiver.await.expect("a core replies to every request that is waited for");
            drop(guard);
            reply
        }
    }

    /// Looks at the core, and gives what was seen when it is durable.
    pub async fn read<T>(&self, look: impl FnOnce(&K) -> T) -> T {
        let seen = look(&self.core());
        if self.0.flush_is_due.get() {
            let (sender, receiver) = oneshot::channel();
            self.0.looking.borrow_mut().push(sender);
            receiver.await.expect("a flush that is due comes");
        }
        seen
    }

    /// The core, to look at. What it shows may be lost in a crash until the next sync: see
    /// [`read`](Driver::read).
    pub fn core(&self) -> Ref<'_, K> {
        self.0.core.borrow()
    }

    fn step(&self, input: Input<K::Local, K::Message>) {
        let ctx = &self.0.ctx;
        self.0.core.borrow_mut().step(ctx.now(), input, &mut ctx.rng());
        self.go_on();
    }

    /// Sees to it that the core's outputs are carried out: at once, or, if they cost a write to
    /// disk, when the messages that have arrived already can share it.
    fn go_on(&self) {
        if self.0.flush_is_due.get() {
            return;
        }
        if !self.core().must_persist() {
            return self.flush();
        }
        self.0.flush_is_due.set(true);
        let driver = self.clone();
        self.0.ctx.spawn(async move {
            driver.0.ctx.idle().await;
            driver.0.flush_is_due.set(false);
            driver.flush();
        });
    }

    fn flush(&self) {
        let outputs = self.0.core.borrow_mut().outputs();
        self.carry_out(outputs);
        self.log_notes();
        self.arrange_wake_up();
    }

    fn carry_out(&self, outputs: OutputsOf<K>) {
        let storage = self.0.ctx.storage();
        if !outputs.persist.is_empty() {
            fatal(storage.append(&to_json(&outputs.persist)));
            fatal(storage.sync());
        }
        for (to, message) in &outputs.send {
            if let Err(error) = self.0.ctx.send(to, &Envelope { message }) {
                self.0.ctx.log(format_args!("could not send to {to}: {error}"));
            }
        }
        for (id, reply) in outputs.reply {
            if let Some(waiting) = self.0.waiting.borrow_mut().remove(&id) {
                // Whoever has dropped the future does not want to know.
                let _ = waiting.send(reply);
            }
        }
        for looking in self.0.looking.take() {
            let _ = looking.send(());
        }
        let is_log_long = storage.log_bytes() >= self.0.checkpoint_at.get();
        if outputs.checkpoint || (is_log_long && !storage.is_writing_snapshot()) {
            self.begin_checkpoint();
        }
    }

    /// Writes into the node's log what the core notes, with the node's own clock: in virtual time
    /// that is the time of the run, and in real time it counts from the start of this process.
    fn log_notes(&self) {
        let (ctx, notes) = (&self.0.ctx, self.0.core.borrow_mut().take_notes());
        for note in notes {
            ctx.log(format_args!("{:.6} s: {} {note}", ctx.now().as_secs_f64(), ctx.id()));
        }
    }

    /// Begins a checkpoint of the core as it is now, instead of one that is being written.
    fn begin_checkpoint(&self) {
        fatal(self.0.ctx.storage().begin_snapshot());
        let records = self.core().checkpoint();
        let number = self.0.last_checkpoint.get() + 1;
        self.0.last_checkpoint.set(number);
        let driver = self.clone();
        self.0.ctx.spawn(async move { driver.write_checkpoint(number, records).await });
    }

    /// Writes a checkpoint slice by slice, unless another one is begun meanwhile.
    async fn write_checkpoint(
        &self,
        number: u64,
        mut records: Box<dyn Iterator<Item = K::Record>>,
    ) {
        let (ctx, storage) = (&self.0.ctx, self.0.ctx.storage());
        let first_pause = ctx.rng().random_range(0..=FIRST_PAUSE_MAX_MS);
        ctx.sleep(Duration::from_millis(first_pause)).await;
        while self.0.last_checkpoint.get() == number {
            let Some(slice) = next_slice(&mut records, self.0.sizes.slice_bytes) else {
                fatal(storage.finish_snapshot());
                let last_bytes = storage.snapshot_bytes();
                let next = next_checkpoint_at(last_bytes, self.0.sizes, &mut *ctx.rng());
                self.0.checkpoint_at.set(next);
                return self.step(Input::Checkpointed);
            };
            fatal(storage.append_to_snapshot(&slice));
            ctx.sleep(SLICE_PAUSE).await;
        }
    }

    /// Sees to it that the core is woken in time. A wake-up that is arranged already and comes
    /// later than needed is left to come: it does no harm.
    fn arrange_wake_up(&self) {
        let Some(at) = self.core().next_wake() else { return };
        if self.0.wake_at.get().is_some_and(|arranged| arranged <= at) {
            return;
        }
        self.0.wake_at.set(Some(at));
        let driver = self.clone();
        self.0.ctx.spawn(async move {
            driver.0.ctx.sleep_until(at).await;
            if driver.0.wake_at.get() == Some(at) {
                driver.0.wake_at.set(None);
                driver.step(Input::Wake);
            }
        });
    }
}

impl<K: Core + 'static> AttachedCore for Inner<K> {
    fn hear(self: Rc<Self>, from: NodeId, body: &Body) -> Result<(), Error> {
        let opened: Opened<K::Message> = body.to().map_err(|error| {
            Error::malformed_request(format!("{from} said what this node does not read: {error}"))
        })?;
        Driver(self).step(Input::Message { from, message: opened.message });
        Ok(())
    }

    fn stop(self: Rc<Self>) {
        Driver(self).step(Input::Stop);
    }

    fn may_stop(&self) -> bool {
        self.core.borrow().may_stop() && !self.flush_is_due.get()
    }

    fn inspect(&self) -> serde_json::Value {
        self.core.borrow().inspect()
    }
}

/// Cancels a request that nobody waits for any more.
struct CancelOnDrop<K: Core> {
    driver: Driver<K>,
    id: RequestId,
}

impl<K: Core> Drop for CancelOnDrop<K> {
    fn drop(&mut self) {
        let inner = &self.driver.0;
        if inner.waiting.borrow_mut().remove(&self.id).is_none() {
            return;
        }
        // While a panic unwinds the core may be borrowed; then the node ends, and the request too.
        if let Ok(mut core) = inner.core.try_borrow_mut() {
            core.step(inner.ctx.now(), Input::Cancel { id: self.id }, &mut inner.ctx.rng());
        }
    }
}

fn to_json<R: Serialize>(records: &[R]) -> Vec<u8> {
    serde_json::to_vec(records).expect("a record is JSON")
}

/// The next records of a checkpoint as one text, `None` after the last one.
fn next_slice<R: Serialize>(
    records: &mut dyn Iterator<Item = R>,
    slice_bytes: usize,
) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while text.len() < slice_bytes
        && let Some(record) = records.next()
    {
        text.push(if text.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut text, &record).expect("a record is JSON");
    }
    if text.is_empty() {
        return None;
    }
    text.push(b']');
    Some(text)
}

/// How long the log may become before the next checkpoint begins, in bytes, when the last one is
/// so long.
///
/// It is at least as long as the last checkpoint. So at most as many bytes are written for
/// checkpoints as twice those of the log, and the log is at most about one and a half times as
/// long as the state. Chance keeps replicas from doing it all at the same time.
fn next_checkpoint_at(last_bytes: u64, sizes: CheckpointSizes, rng: &mut impl Rng) -> u64 {
    let slack = sizes.log_slack_bytes;
    let slack = rng.random_range(slack / 8..=slack);
    last_bytes + rng.random_range(0..=last_bytes / 2) + slack
}

/// The value, or the end of the node.
fn fatal<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| Failure::raise(format_args!("this node cannot go on: {error}")))
}

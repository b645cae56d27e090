//! Runs a pure protocol core inside a node: the few lines between `step(now, input) -> outputs`
//! and a real [`Ctx`].
//!
//! A [`Core`] says what is to be stored and sent; a [`Driver`] does it, in an order that makes
//! promises true: what is stored is synced before anything is sent, so no peer and no client
//! ever hears of what a crash could still undo. One sync does for a whole step.
//!
//! Absent on purpose: any way to go on after the storage failed. The core has gone ahead of
//! what is stored then, so the node must fall silent at once; the driver panics, and a restart
//! reads what there is.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Ctx, Error, NodeId, Time, json};

/// Something that happens to a core.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<L, M> {
    /// A client of this node wants this.
    Local(L),
    /// Another node says something.
    Message {
        /// The node that sent it.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// The time at which [`Core::next_wake`] wanted to be woken has come.
    Wake,
}

/// Something that a core wants done. What was to be stored by then is durable before anything
/// is sent, and before a client hears `ok`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<R, M> {
    /// Append this to the storage.
    Persist(R),
    /// Let these records stand for all that the storage holds.
    Compact(Vec<R>),
    /// Send this.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: M,
    },
}

/// What a core gives back from a step.
pub type Outputs<K> = Vec<Output<<K as Core>::Record, <K as Core>::Message>>;

/// A protocol as a state machine without I/O or clock. Time and chance are passed in.
pub trait Core {
    /// What a client can want.
    type Local;
    /// What nodes say to each other. On the wire its `type` is `gossip`.
    type Message;
    /// What must be found in the storage after a crash.
    type Record;

    /// Takes one input and gives what is to be done about it, in order. `now` never goes back.
    fn step(
        &mut self,
        now: Time,
        input: Input<Self::Local, Self::Message>,
        rng: &mut ChaCha8Rng,
    ) -> Outputs<Self>
    where
        Self: Sized;

    /// When [`Input::Wake`] is due; `None` is never. To be woken early does no harm.
    fn next_wake(&self) -> Option<Time>;
}

/// A core at work in a node. A handle: clones are the same core.
pub struct Driver<K>(Rc<Inner<K>>);

struct Inner<K> {
    core: RefCell<K>,
    /// When the next wake-up is due that has been arranged.
    wake_at: Cell<Option<Time>>,
}

impl<K> Clone for Driver<K> {
    fn clone(&self) -> Driver<K> {
        Driver(Rc::clone(&self.0))
    }
}

/// A message as the other node's `Request` enum reads it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire<'a, M> {
    Gossip(&'a M),
}

impl<K> Driver<K>
where
    K: Core + 'static,
    K::Message: Serialize,
    K::Record: Serialize + DeserializeOwned,
{
    /// Starts a core with what the storage holds: `start` gets the records, and gives the core
    /// and what it wants done first. For use in [`Node::new`](crate::Node::new).
    ///
    /// # Panics
    /// When the storage cannot be read, or holds records of something else.
    pub fn start(
        ctx: &Ctx,
        start: impl FnOnce(Vec<K::Record>, &mut ChaCha8Rng) -> (K, Outputs<K>),
    ) -> Driver<K> {
        let recovered = fatal(ctx.storage().load());
        let texts = recovered.snapshot.iter().chain(&recovered.records);
        // A snapshot is many records, so each text is a list of them.
        let records = texts.map(|text| fatal(json::read_own::<Vec<K::Record>>(text)));
        let records = records.flatten().collect();
        let (core, outputs) = start(records, &mut ctx.rng());
        let inner = Inner { core: RefCell::new(core), wake_at: Cell::new(None) };
        let driver = Driver(Rc::new(inner));
        driver.carry_out(ctx, outputs);
        driver.arrange_wake_up(ctx);
        driver
    }

    /// The core, to look at.
    pub fn core(&self) -> Ref<'_, K> {
        self.0.core.borrow()
    }

    /// Lets a client's wish happen. When this returns it is durable.
    ///
    /// # Panics
    /// When the storage fails.
    pub fn act(&self, ctx: &Ctx, wish: K::Local) {
        self.step(ctx, Input::Local(wish));
        fatal(ctx.storage().sync());
    }

    /// Takes in what another node says.
    ///
    /// # Errors
    /// When `from` is no other node of the cluster.
    ///
    /// # Panics
    /// When the storage fails.
    pub fn hear(&self, ctx: &Ctx, from: NodeId, message: K::Message) -> Result<(), Error> {
        if !ctx.peers().contains(&from) {
            let text = format!("gossip is for nodes of this cluster, and {from} is none");
            return Err(Error::malformed_request(text));
        }
        self.step(ctx, Input::Message { from, message });
        Ok(())
    }

    fn step(&self, ctx: &Ctx, input: Input<K::Local, K::Message>) {
        let outputs = self.0.core.borrow_mut().step(ctx.now(), input, &mut ctx.rng());
        self.carry_out(ctx, outputs);
        self.arrange_wake_up(ctx);
    }

    fn carry_out(&self, ctx: &Ctx, outputs: Outputs<K>) {
        let storage = ctx.storage();
        for output in outputs {
            match output {
                Output::Persist(record) => fatal(storage.append(&to_json(&[record]))),
                Output::Compact(records) => fatal(storage.save_snapshot(&to_json(&records))),
                Output::Send { to, message } => {
                    // Costs nothing when nothing was stored since the last time.
                    fatal(storage.sync());
                    if let Err(error) = ctx.send(&to, &Wire::Gossip(&message)) {
                        ctx.log(format_args!("could not gossip with {to}: {error}"));
                    }
                }
            }
        }
    }

    /// Sees to it that the core is woken in time. A wake-up that is arranged already and comes
    /// later than needed is left to come: it does no harm.
    fn arrange_wake_up(&self, ctx: &Ctx) {
        let Some(at) = self.0.core.borrow().next_wake() else { return };
        if self.0.wake_at.get().is_some_and(|arranged| arranged <= at) {
            return;
        }
        self.0.wake_at.set(Some(at));
        let (driver, own_ctx) = (self.clone(), ctx.clone());
        ctx.spawn(async move {
            own_ctx.sleep_until(at).await;
            if driver.0.wake_at.get() == Some(at) {
                driver.0.wake_at.set(None);
            }
            driver.step(&own_ctx, Input::Wake);
        });
    }
}

fn to_json<R: Serialize>(records: &[R]) -> Vec<u8> {
    serde_json::to_vec(records).expect("a record is JSON")
}

fn fatal<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("this node cannot go on: {error}"))
}

//! The seam inside a node: what every protocol looks like to what runs it.
//!
//! A [`Core`] is a protocol as a pure state machine. It is told what happened, one [`Input`] at
//! a time, and says what is to be done about it, as [`Outputs`]. It has no disk, no network, no
//! clock and no chance of its own: time and random numbers are passed in. So the same core runs
//! in a node, where [`Driver`](crate::driver::Driver) carries out what it wants, and in a test,
//! where a simulated network does.
//!
//! Between two calls of [`Core::outputs`] any number of steps may be taken. They share one write
//! to the disk, which is most of what a step costs. This is called group commit.
//!
//! The order of the fields of [`Outputs`] is a promise that whoever drives a core keeps: what is
//! to be persisted is durable before anything is sent, and before a client gets its reply. So
//! nobody ever hears of what a crash could still undo.
//!
//! Two clients at once, and one write:
//!
//! ```
//! use gyre::key_value::{Change, Registers};
//! use gyre::protocols::core::{Core, Input};
//! use gyre::{Time, single::Single};
//! use rand::SeedableRng;
//!
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
//! let mut core = Single::<Registers>::new(Vec::new());
//! for id in [1, 2] {
//!     let request = Change::Write("x".into(), id.into());
//!     core.step(Time::ZERO, Input::Local { id, request }, &mut rng);
//! }
//! let outputs = core.outputs();
//! assert_eq!((outputs.persist.len(), outputs.reply.len()), (2, 2));
//! ```
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::types::{NodeId, Time};

/// The number under which a client's request runs. It is never used twice in one life of a node.
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::core::{Core, Input, RequestId};
/// use gyre::{Time, single::Single};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let mut core = Single::<Registers>::new(Vec::new());
/// let id: RequestId = 41;
/// let request = Change::Write("x".into(), 7.into());
/// core.step(Time::ZERO, Input::Local { id, request }, rng);
/// assert_eq!(core.outputs().reply, [(41, Ok(()))]);
/// ```
pub type RequestId = u64;

/// Something that happened.
///
/// A client that waits no longer gets no reply, but what it asked for is done:
///
/// ```
/// use gyre::crdt::{AntiEntropy, GSet};
/// use gyre::protocols::core::{Core, Input};
/// use gyre::{NodeId, Time};
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let nodes = ["n1", "n2"].map(NodeId::from);
/// let mut core = AntiEntropy::new(&nodes[0], &nodes, Vec::new(), Time::ZERO, &mut rng);
/// core.step(Time::ZERO, Input::Local { id: 1, request: GSet::add(7).into() }, &mut rng);
/// core.step(Time::ZERO, Input::Cancel { id: 1 }, &mut rng);
/// assert!(core.outputs().reply.is_empty());
/// assert!(core.state().iter().eq(&[7]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Input<L, M> {
    /// A client of this node wants something. It waits for a reply under this number.
    Local {
        /// The number of the request.
        id: RequestId,
        /// What the client wants.
        request: L,
    },
    /// Nobody waits for the reply to this request any more. Nothing of it needs to be kept.
    Cancel {
        /// The number of the request.
        id: RequestId,
    },
    /// Another node says something.
    Message {
        /// The node that sent it. It is one of this cluster, and not this one.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// The time at which [`Core::next_wake`] wanted to be woken has come. Early or for nothing,
    /// it does no harm.
    Wake,
    /// The latest [checkpoint](Core::checkpoint) is durable.
    Checkpointed,
    /// This node is about to be stopped. A core that leads others hands over, and then
    /// [may be stopped](Core::may_stop).
    Stop,
}

/// What is to be done about the steps since the last time, in the order of the fields.
///
/// ```
/// use gyre::protocols::core::Outputs;
///
/// let mut outputs = Outputs { persist: vec!["term 3"], ..Outputs::default() };
/// outputs.send.push(("n2".into(), "vote for me"));
/// // Whoever carries them out begins at the top, or n1 may vote twice in term 3.
/// let Outputs { persist, send, reply, .. }: Outputs<_, _, ()> = outputs;
/// assert_eq!((persist, send), (vec!["term 3"], vec![("n2".into(), "vote for me")]));
/// assert!(reply.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs<R, M, P> {
    /// Records to append to the storage. They must be durable before anything below is done.
    pub persist: Vec<R>,
    /// Whether a [checkpoint](Core::checkpoint) has to be taken now, whatever the length of the
    /// log. [`Input::Checkpointed`] says when it is durable.
    pub checkpoint: bool,
    /// Messages to other nodes.
    pub send: Vec<(NodeId, M)>,
    /// Replies to clients of this node.
    pub reply: Vec<(RequestId, P)>,
}

/// The outputs of a core.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::protocols::core::{Core, OutputsOf};
/// use gyre::single::Single;
///
/// let outputs: OutputsOf<Single<Registers>> = Single::<Registers>::new(Vec::new()).outputs();
/// assert!(outputs.is_empty()); // nothing has happened yet
/// ```
pub type OutputsOf<K> = Outputs<<K as Core>::Record, <K as Core>::Message, <K as Core>::Reply>;

impl<R, M, P> Default for Outputs<R, M, P> {
    fn default() -> Outputs<R, M, P> {
        Outputs { persist: Vec::new(), checkpoint: false, send: Vec::new(), reply: Vec::new() }
    }
}

impl<R, M, P> Outputs<R, M, P> {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.persist.is_empty() && !self.checkpoint && self.send.is_empty() && self.reply.is_empty()
    }
}

/// When a checkpoint is due, and how much of it is written at once.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::protocols::core::{CheckpointSizes, Core};
/// use gyre::single::Single;
///
/// let small = CheckpointSizes { slice_bytes: 4 * 1024, ..CheckpointSizes::default() };
/// let core = Single::<Registers>::new(Vec::new());
/// assert_eq!(core.checkpoint_sizes(), CheckpointSizes { slice_bytes: 64 * 1024, ..small });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointSizes {
    /// How much longer than the last checkpoint the log may be before the next one pays: so much
    /// at most.
    pub log_slack_bytes: u64,
    /// How much is written at once, with a pause after it.
    pub slice_bytes: usize,
}

impl Default for CheckpointSizes {
    fn default() -> CheckpointSizes {
        CheckpointSizes { log_slack_bytes: 64 * 1024, slice_bytes: 64 * 1024 }
    }
}

/// A protocol as a state machine without I/O, clock or chance.
///
/// The smallest one there is, a state machine on [one node](crate::single), driven by hand:
///
/// ```
/// use gyre::protocols::core::{Core, Input};
/// use gyre::key_value::{Change, Registers};
/// use gyre::single::Single;
/// use gyre::{Json, Time};
/// use rand::SeedableRng;
///
/// let mut core: Single<Registers> = Single::new(Vec::new());
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let write = Change::Write(Json::parse("7").unwrap(), Json::null());
/// core.step(Time::ZERO, Input::Local { id: 1, request: write }, &mut rng);
/// let outputs = core.outputs();
/// assert_eq!(outputs.persist.len(), 1); // first it must be durable,
/// assert_eq!(outputs.reply, [(1, Ok(()))]); // and then the client hears of it
/// ```
pub trait Core {
    /// What a client of this node can want.
    type Local;
    /// What the client is told in the end.
    type Reply;
    /// What nodes say to each other.
    type Message: Serialize + DeserializeOwned;
    /// What must be found in the storage after a crash.
    type Record: Serialize + DeserializeOwned;

    /// Takes in one thing that happened. `now` never goes back; `rng` is the node's chance.
    fn step(&mut self, now: Time, input: Input<Self::Local, Self::Message>, rng: &mut ChaCha8Rng);

    /// What is to be done about the steps since the last call.
    fn outputs(&mut self) -> OutputsOf<Self>;

    /// Whether the next outputs have something to persist. It is then worth waiting until the
    /// messages that have arrived already are taken in, for they share the write.
    fn must_persist(&self) -> bool;

    /// When [`Input::Wake`] is due; `None` is never.
    fn next_wake(&self) -> Option<Time>;

    /// Records that stand for everything persisted so far. They are taken one by one while the
    /// core goes on, so the iterator must hold the state as it is now: a copy, or better a
    /// clone of a structure that shares its parts. No record should be long.
    ///
    /// After a restart the core is made from these records, and then those persisted since. A
    /// crash before [`Input::Checkpointed`] leaves the records from before it instead, and then
    /// also those persisted since.
    fn checkpoint(&self) -> Box<dyn Iterator<Item = Self::Record>>;

    /// When a checkpoint is due, and how much of it is written at once. It never changes.
    fn checkpoint_sizes(&self) -> CheckpointSizes {
        CheckpointSizes::default()
    }

    /// Whether nobody would miss this node if it were stopped now. Asked after [`Input::Stop`].
    fn may_stop(&self) -> bool {
        true
    }

    /// What has happened since the last call that belongs into the node's log, in clauses of which
    /// the node is the subject: `leads in term 3`. Few, and not for each request.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What the core is at this moment, as a small JSON object: its role and term, what it
    /// holds, what it waits for. Reports show it. It is called only when somebody looks.
    fn inspect(&self) -> Value;
}

/// What a protocol says of itself, and after it what the state says that it keeps.
pub(crate) fn with_state(mut protocol: Value, state: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut protocol, state) {
        fields.extend(more);
    }
    protocol
}

/// A longer value is shown by its beginning.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// A value of a client's as a report shows it: short, whatever its length and depth.
pub(crate) fn shown(value: &impl Serialize) -> Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => serde_json::from_str(&text).unwrap_or_default(),
    }
}

//! A small world in which cores are tested: a few nodes, one seed, every fault.
//!
//! The bench simulates whole nodes, with their requests, replies and files. This one speaks a
//! core's own types, so a core is tested alone, and many seeds a second.
//!
//! It runs a core as [`Driver`](crate::driver::Driver) does:
//!
//! - **Group commit.** A step that has something to persist is not carried out at once. Further
//!   steps may come before the write is, and share it.
//! - **Order.** Records are durable before messages are sent, and messages are sent before
//!   clients get their replies. A crash may come between any two of these:
//!   see [`Faults::crash_at_write`].
//! - **Checkpoints in slices.** The records of a checkpoint are taken a few at a time, while the
//!   core goes on. A crash before the last slice leaves the old log.
//! - **Cancellation.** A request that is [cancelled](Simulator::cancel) is never replied to.
//!
//! | a test wants to | it calls |
//! |---|---|
//! | make the nodes | [`Simulator::new`], with a closure that makes a core from a [`Start`] |
//! | do what a client does | [`request`](Simulator::request), [`cancel`](Simulator::cancel), and reads [`replies`](Simulator::replies) |
//! | let time pass | [`run_until`](Simulator::run_until), or event by event [`advance`](Simulator::advance) |
//! | break something | [`faults`](Simulator::faults), [`crash`](Simulator::crash), [`pause`](Simulator::pause), …, or anything at random: [`trouble`](Simulator::trouble) |
//! | mend everything | [`heal`](Simulator::heal) |
//! | look | [`core`](Simulator::core), and [`watch`](Simulator::watch) for what cores want done |
//! | decide each step itself | [`step`](Simulator::step), [`flush`](Simulator::flush), [`take_letters`](Simulator::take_letters), [`deliver`](Simulator::deliver), without `advance` |
//!
//! The same seed and the same calls give the same run.
//!
//! Deliberately absent: the text of the wire and of the disk, unless [`Simulator::as_json`] asks
//! for it, and disks that tear or forget what was synced, which are the storage's to cope with.
//!
//! ```
//! use gyre::gossip::{Gossip, Setting};
//! use gyre::protocols::simulator::{Faults, Simulator, Start};
//! use gyre::{Json, Time};
//! use rand::Rng;
//! use std::time::Duration;
//!
//! let latency = Duration::from_millis(10);
//! let mut cluster = Simulator::new(5, 1, Faults::none(latency), |start| {
//!     let Start { node, nodes, records, now, rng, .. } = start;
//!     Gossip::new(Setting::LOW_TRAFFIC, node, nodes, records, rng.next_u64(), now)
//! });
//! cluster.partition(&[3, 4]);
//! cluster.request(0, Json::from("news").into());
//! cluster.run_until(Time::from_millis(1_000));
//! assert_eq!([2, 3].map(|rank| cluster.core(rank).unwrap().messages().len()), [1, 0]);
//! cluster.heal(latency);
//! cluster.run_until(Time::from_millis(20_000));
//! assert!(cluster.cores().all(|(_, core)| core.messages().len() == 1));
//! ```
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

mod exchange;
mod faults;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocols::core::{Core, Input, OutputsOf, RequestId};
use crate::types::{NodeId, Time};

pub use exchange::{Letter, Replied, Start};
pub use faults::Faults;

/// How much longer than the last checkpoint a log may be before the next one, in records.
const LOG_SLACK: usize = 20;
/// How many records a slice of a checkpoint has at most.
const SLICE_MAX: usize = 4;
/// How often a core may be woken at one moment. One that wants more never sleeps.
const WAKES_AT_ONCE_MAX: usize = 1_000;

/// A checkpoint that is being written.
struct Writing<R> {
    /// What is yet to be taken.
    rest: Box<dyn Iterator<Item = R>>,
    taken: Vec<R>,
    /// How long the log was when it began: the records from there on come after it.
    log_start: usize,
    next_slice_at: Time,
}

/// One node and its disk.
struct Slot<C: Core> {
    /// `None` while it is down.
    core: Option<C>,
    rng: ChaCha8Rng,
    records: Vec<C::Record>,
    /// How many of the records a crash cannot take.
    durable: usize,
    /// How many of the records are the last checkpoint.
    checkpoint_length: usize,
    writing: Option<Writing<C::Record>>,
    /// When what the core wants done is carried out.
    flush_at: Option<Time>,
    /// The requests that wait for a reply.
    waiting: BTreeSet<RequestId>,
    paused: bool,
    /// What came while it was paused.
    queue: Vec<Letter<C::Message>>,
    /// How fast its clock runs, in thousandths.
    clock_rate: u64,
    /// How often it was woken at this moment.
    wakes: (Time, usize),
    /// Whether it was woken since its outputs were last carried out. Until they are it may want
    /// to be woken still, and is not.
    is_woken: bool,
}

type Make<C> = dyn FnMut(Start<'_, <C as Core>::Record>) -> C;
type Watch<C> = dyn FnMut(usize, &OutputsOf<C>);

/// A cluster of cores, its network, its disks and its clients.
///
/// A disk that takes up to 20 ms for a write, and a node that crashes meanwhile:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator};
/// use gyre::{Time, single::Single};
/// use std::time::Duration;
///
/// let slow = Faults { write_latency: Duration::from_millis(20), ..Faults::none(Duration::ZERO) };
/// let mut node = Simulator::new(1, 1, slow, |start| Single::<Registers>::new(start.records));
/// node.request(0, Change::Write("x".into(), 7.into()));
/// node.crash(0); // before the write: the client never hears of it
/// node.start(0);
/// node.run_until(Time::from_millis(100));
/// assert!(node.replies.is_empty() && node.records(0).is_empty());
/// node.request(0, Change::Write("x".into(), 8.into()));
/// node.run_until(Time::from_millis(200));
/// assert_eq!((node.replies.len(), node.records(0).len()), (1, 1));
/// ```
pub struct Simulator<C: Core> {
    /// The nodes, `n0`, `n1`, … A node's place here is its rank.
    pub nodes: Vec<NodeId>,
    /// The true time.
    pub now: Time,
    /// What goes wrong.
    pub faults: Faults,
    /// The chance of everything here. A test may draw from it too.
    pub rng: ChaCha8Rng,
    /// Whether a crash takes everything on the disk, as if there were none.
    pub memory_only: bool,
    /// Whether messages and records go through their JSON, as on the wire and on the disk.
    pub as_json: bool,
    /// How many messages were sent between nodes so far.
    pub sent: usize,
    /// The replies so far. A test may take them out.
    pub replies: Vec<Replied<C::Reply>>,
    slots: Vec<Slot<C>>,
    make: Box<Make<C>>,
    watch: Option<Box<Watch<C>>>,
    under_way: BTreeMap<(Time, u64), Letter<C::Message>>,
    letters: u64,
    last_request: RequestId,
}

/// What is due next, in the order in which things of one moment happen: what has arrived is
/// taken in before it is written down together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(Time, u64),
    Wake(usize),
    Flush(usize),
    Slice(usize),
}

impl<C> Simulator<C>
where
    C: Core<Message: Clone + Debug, Record: Clone>,
{
    /// Starts a cluster of `size` nodes. `make` makes the core of a node, now and after each
    /// crash.
    pub fn new(
        size: usize,
        seed: u64,
        faults: Faults,
        make: impl FnMut(Start<'_, C::Record>) -> C + 'static,
    ) -> Simulator<C> {
        let mut simulator = Simulator::not_started(size, seed, faults, make);
        (0..size).for_each(|rank| simulator.start(rank));
        simulator
    }

    /// A cluster whose nodes are all down, with empty disks.
    pub fn not_started(
        size: usize,
        seed: u64,
        faults: Faults,
        make: impl FnMut(Start<'_, C::Record>) -> C + 'static,
    ) -> Simulator<C> {
        let slot = |_| Slot {
            core: None,
            rng: ChaCha8Rng::seed_from_u64(0),
            records: Vec::new(),
            durable: 0,
            checkpoint_length: 0,
            writing: None,
            flush_at: None,
            waiting: BTreeSet::new(),
            paused: false,
            queue: Vec::new(),
            clock_rate: 1_000,
            wakes: (Time::ZERO, 0),
            is_woken: false,
        };
        Simulator {
            nodes: (0..size).map(|rank| NodeId::from(format!("n{rank}"))).collect(),
            now: Time::ZERO,
            faults,
            rng: ChaCha8Rng::seed_from_u64(seed),
            memory_only: false,
            as_json: false,
            sent: 0,
            replies: Vec::new(),
            slots: (0..size).map(slot).collect(),
            make: Box::new(make),
            watch: None,
            under_way: BTreeMap::new(),
            letters: 0,
            last_request: 0,
        }
    }

    /// The core of a node, unless it is down.
    pub fn core(&self, rank: usize) -> Option<&C> {
        self.slots[rank].core.as_ref()
    }

    /// The cores of all nodes that are up, with their ranks.
    pub fn cores(&self) -> impl Iterator<Item = (usize, &C)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(rank, slot)| slot.core.as_ref().map(|core| (rank, core)))
    }

    /// Whether a node is neither down nor paused.
    pub fn is_up(&self, rank: usize) -> bool {
        self.slots[rank].core.is_some() && !self.slots[rank].paused
    }

    /// The records on a node's disk, oldest first.
    pub fn records(&self, rank: usize) -> &[C::Record] {
        &self.slots[rank].records
    }

    /// Puts records on the disk of a node that is down.
    pub fn set_records(&mut self, rank: usize, records: Vec<C::Record>) {
        let slot = &mut self.slots[rank];
        assert!(slot.core.is_none(), "the disk of a node that is up is its own");
        (slot.durable, slot.records) = (records.len(), records);
    }

    /// Has `watch` see everything that any core wants done, with its rank, before it is done.
    pub fn watch(&mut self, watch: impl FnMut(usize, &OutputsOf<C>) + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// Lets a node's clock run at `thousandths` of true time. For before anything happens.
    pub fn set_clock_rate(&mut self, rank: usize, thousandths: u64) {
        self.slots[rank].clock_rate = thousandths;
    }

    /// The time on a node's clock.
    pub fn clock(&self, rank: usize) -> Time {
        let nanos = u128::from(self.now.as_nanos()) * u128::from(self.slots[rank].clock_rate);
        Time::from_nanos((nanos / 1_000) as u64)
    }

    /// The true time at which a node's clock shows `local`.
    fn true_time(&self, rank: usize, local: Time) -> Time {
        let nanos = u128::from(local.as_nanos()) * 1_000;
        let nanos = nanos.div_ceil(u128::from(self.slots[rank].clock_rate));
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// A client asks a node that is up. The number names the request among all requests.
    pub fn request(&mut self, rank: usize, request: C::Local) -> RequestId {
        self.last_request += 1;
        let id = self.last_request;
        self.slots[rank].waiting.insert(id);
        self.step(rank, Input::Local { id, request });
        id
    }

    /// A client no longer waits for the reply to its request. Nothing happens when it has it, or
    /// when the node is down.
    pub fn cancel(&mut self, rank: usize, id: RequestId) {
        let slot = &mut self.slots[rank];
        if slot.core.is_some() && slot.waiting.remove(&id) {
            self.step(rank, Input::Cancel { id });
        }
    }

    /// How many requests of a node wait for a reply.
    pub fn waiting(&self, rank: usize) -> usize {
        self.slots[rank].waiting.len()
    }

    /// Lets something happen to a node that is up, even if it is paused. What the core then
    /// wants done is done at once, or by [`advance`](Simulator::advance) if it costs a write.
    pub fn step(&mut self, rank: usize, input: Input<C::Local, C::Message>) {
        let now = self.clock(rank);
        let Slot { core, rng, .. } = &mut self.slots[rank];
        core.as_mut().expect("the node is up").step(now, input, rng);
        self.stepped(rank);
    }

    fn stepped(&mut self, rank: usize) {
        let slot = &self.slots[rank];
        if slot.flush_at.is_some() {
            return;
        }
        if !slot.core.as_ref().expect("the node is up").must_persist() {
            return self.flush(rank);
        }
        let write = self.rng.random_range(Duration::ZERO..=self.faults.write_latency);
        self.slots[rank].flush_at = Some(self.now + write);
    }

    /// Starts a node that is down.
    pub fn start(&mut self, rank: usize) {
        if self.slots[rank].core.is_some() {
            return;
        }
        let mut records = self.slots[rank].records.clone();
        if self.as_json {
            records = through_json(&records);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.rng.next_u64());
        let now = self.clock(rank);
        let nodes = &self.nodes;
        let start = Start { rank, node: &nodes[rank], nodes, records, now, rng: &mut rng };
        self.slots[rank].core = Some((self.make)(start));
        self.slots[rank].rng = rng;
        self.stepped(rank);
    }

    /// Kills a node. Of the records that were not durable, the first few may be on the disk.
    pub fn crash(&mut self, rank: usize) {
        let slot = &mut self.slots[rank];
        slot.core = None;
        slot.writing = None;
        slot.flush_at = None;
        slot.is_woken = false;
        slot.paused = false;
        slot.waiting.clear();
        slot.queue.clear();
        let kept = self.rng.random_range(slot.durable..=slot.records.len());
        slot.records.truncate(if self.memory_only { 0 } else { kept });
        slot.durable = slot.records.len();
        slot.checkpoint_length = slot.checkpoint_length.min(slot.durable);
    }

    /// Ends a node as SIGTERM does: it is told, and what it then wants done is done.
    pub fn stop(&mut self, rank: usize) {
        if self.slots[rank].core.is_some() {
            self.step(rank, Input::Stop);
            self.flush(rank);
            self.crash(rank);
        }
    }

    /// Lets a node stand still. What arrives waits.
    pub fn pause(&mut self, rank: usize) {
        self.slots[rank].paused = self.slots[rank].core.is_some();
    }

    /// Lets a paused node go on.
    pub fn resume(&mut self, rank: usize) {
        self.slots[rank].paused = false;
        for letter in std::mem::take(&mut self.slots[rank].queue) {
            self.deliver(letter);
        }
    }

    /// Lets time pass until `end`.
    pub fn run_until(&mut self, end: Time) {
        while self.advance(end).is_some() {}
    }

    /// Lets the next thing happen that is due by `end`, and gives the rank of the node to which
    /// it happened. `None` when there is none: then it is `end`.
    pub fn advance(&mut self, end: Time) -> Option<usize> {
        let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= end) else {
            self.now = self.now.max(end);
            return None;
        };
        self.now = at;
        let rank = match event {
            Event::Arrival(at, number) => {
                let letter = self.under_way.remove(&(at, number)).expect("it is under way");
                let rank = letter.to;
                self.deliver(letter);
                rank
            }
            Event::Wake(rank) => {
                self.wake(rank);
                rank
            }
            Event::Flush(rank) => {
                self.flush(rank);
                rank
            }
            Event::Slice(rank) => {
                self.take_slice(rank);
                rank
            }
        };
        Some(rank)
    }

    fn next_event(&self) -> Option<(Time, Event)> {
        let arrival = self.under_way.keys().next().map(|&(at, n)| (at, Event::Arrival(at, n)));
        let up = (0..self.nodes.len()).filter(|rank| self.is_up(*rank));
        let due = up.flat_map(|rank| {
            let slot = &self.slots[rank];
            let wake = slot.core.as_ref().and_then(C::next_wake).filter(|_| !slot.is_woken);
            let wake = wake.map(|local| (self.true_time(rank, local), Event::Wake(rank)));
            let flush = slot.flush_at.map(|at| (at, Event::Flush(rank)));
            let slice = slot.writing.as_ref().map(|w| (w.next_slice_at, Event::Slice(rank)));
            [wake, flush, slice].into_iter().flatten()
        });
        // What is late, for its node was paused, is as late as all else that is due now.
        due.chain(arrival).map(|(at, event)| (at.max(self.now), event)).min()
    }

    fn wake(&mut self, rank: usize) {
        let (at, count) = self.slots[rank].wakes;
        let count = if at == self.now { count + 1 } else { 0 };
        assert!(count < WAKES_AT_ONCE_MAX, "{} never sleeps again", self.nodes[rank]);
        self.slots[rank].wakes = (self.now, count);
        self.slots[rank].is_woken = true;
        self.step(rank, Input::Wake);
    }

    /// Delivers a message now. A node that is paused gets it later, one that is down never.
    pub fn deliver(&mut self, letter: Letter<C::Message>) {
        let slot = &mut self.slots[letter.to];
        if slot.paused {
            slot.queue.push(letter);
        } else if slot.core.is_some() {
            let from = self.nodes[letter.from].clone();
            self.step(letter.to, Input::Message { from, message: letter.message });
        }
    }

    /// Takes messages that are under way off the network, in the order of their arrival.
    pub fn take_letters(
        &mut self,
        mut wanted: impl FnMut(&Letter<C::Message>) -> bool,
    ) -> Vec<Letter<C::Message>> {
        let under_way = std::mem::take(&mut self.under_way);
        let (taken, left) = under_way.into_iter().partition(|(_, letter)| wanted(letter));
        self.under_way = left;
        let taken: BTreeMap<(Time, u64), Letter<C::Message>> = taken;
        taken.into_values().collect()
    }

    /// Puts a message on the network. It arrives `after` now.
    pub fn put_letter(&mut self, letter: Letter<C::Message>, after: Duration) {
        self.letters += 1;
        self.under_way.insert((self.now + after, self.letters), letter);
    }

    /// Carries out what a core wants done. It may crash meanwhile, and starts again then.
    pub fn flush(&mut self, rank: usize) {
        let slot = &mut self.slots[rank];
        slot.flush_at = None;
        slot.is_woken = false;
        let Some(core) = &mut slot.core else { return };
        let outputs = core.outputs();
        if let Some(watch) = &mut self.watch {
            watch(rank, &outputs);
        }
        let writes = !outputs.persist.is_empty();
        let crashes = writes && self.rng.random_bool(self.faults.crash_at_write);
        // After how many of the things that follow: the sync, and each message.
        let crash_after = crashes.then(|| self.rng.random_range(0..=outputs.send.len() + 1));
        let slot = &mut self.slots[rank];
        slot.records.extend(outputs.persist);
        if crash_after == Some(0) {
            return self.restart(rank);
        }
        slot.durable = slot.records.len();
        for (done, (to, message)) in outputs.send.into_iter().enumerate() {
            if crash_after == Some(done + 1) {
                return self.restart(rank);
            }
            self.send(rank, &to, message);
        }
        if crashes {
            return self.restart(rank);
        }
        for (id, reply) in outputs.reply {
            if self.slots[rank].waiting.remove(&id) {
                self.replies.push(Replied { rank, id, reply, at: self.now });
            }
        }
        self.begin_checkpoint(rank, outputs.checkpoint);
    }

    fn restart(&mut self, rank: usize) {
        self.crash(rank);
        self.start(rank);
    }

    /// Begins a checkpoint if the core must have one now, or the log has become long.
    fn begin_checkpoint(&mut self, rank: usize, now: bool) {
        let slot = &mut self.slots[rank];
        let is_long = slot.records.len() > 2 * slot.checkpoint_length + LOG_SLACK;
        if now || is_long && slot.writing.is_none() {
            let rest = slot.core.as_ref().expect("the node is up").checkpoint();
            slot.writing = Some(Writing {
                rest,
                taken: Vec::new(),
                log_start: slot.records.len(),
                next_slice_at: self.now,
            });
        }
    }

    fn take_slice(&mut self, rank: usize) {
        let count = self.rng.random_range(1..=SLICE_MAX);
        let pause = self.rng.random_range(Duration::ZERO..=self.faults.write_latency);
        let slot = &mut self.slots[rank];
        let writing = slot.writing.as_mut().expect("a checkpoint is being written");
        let before = writing.taken.len();
        writing.taken.extend(writing.rest.by_ref().take(count));
        if writing.taken.len() == before + count {
            writing.next_slice_at = self.now + pause;
            return;
        }
        // That was all of it. The log goes on after it.
        let Writing { taken, log_start, .. } = slot.writing.take().expect("it is there");
        let unsynced = slot.records.len() - slot.durable;
        slot.checkpoint_length = taken.len();
        drop(slot.records.splice(..log_start, taken));
        slot.durable = slot.records.len() - unsynced;
        self.step(rank, Input::Checkpointed);
    }

    fn send(&mut self, from: usize, to: &NodeId, message: C::Message) {
        let to = self.nodes.iter().position(|node| node == to);
        let to = to.expect("a core sends to nodes of its cluster only");
        assert_ne!(to, from, "{} sends to itself: {message:?}", self.nodes[to]);
        self.sent += 1;
        if self.faults.cut.contains(&(from, to)) || self.rng.random_bool(self.faults.loss) {
            return;
        }
        let message = if self.as_json { through_json(&message) } else { message };
        let copies = 1 + usize::from(self.rng.random_bool(self.faults.duplicate));
        for _ in 0..copies {
            let (least, most) = self.faults.latency;
            let after = self.rng.random_range(least..=most);
            self.put_letter(Letter { from, to, message: message.clone() }, after);
        }
    }
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_vec(value).expect("it can be written as JSON");
    crate::types::json::read_own(&text).expect("what was written can be read")
}

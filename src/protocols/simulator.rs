//! A tiny network for the tests of the pure cores: a few nodes, one seed, every fault.
//!
//! The real bench simulates whole nodes with their requests, replies and disks. This one
//! speaks a core's own types, so that a core is tested alone, many seeds a second.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::protocols::core::{Core, Input};
use crate::types::{NodeId, Time};

/// After how many records a node takes a checkpoint.
const CHECKPOINT_AFTER: usize = 20;

/// A core that the network can start.
pub(crate) trait Start: Core<Message: Clone + Debug, Record: Clone> + Sized {
    /// A start with what the disk holds.
    fn start(
        node: &NodeId,
        nodes: &[NodeId],
        records: Vec<Self::Record>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> Self;
}

/// What may go wrong on the way; nothing, by default.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// The share of messages that are lost.
    pub(crate) loss: f64,
    /// The share of messages that come twice.
    pub(crate) duplicate: f64,
    /// A message takes between these.
    pub(crate) latency: (Duration, Duration),
    /// Links that carry nothing, as (from, to), by rank.
    pub(crate) cut: BTreeSet<(usize, usize)>,
}

impl Faults {
    /// A network that delivers everything once, after exactly this long.
    pub(crate) fn none(latency: Duration) -> Faults {
        Faults { loss: 0.0, duplicate: 0.0, latency: (latency, latency), cut: BTreeSet::new() }
    }
}

struct Slot<C: Start> {
    core: Option<C>,
    rng: ChaCha8Rng,
    records: Vec<C::Record>,
    /// How many of the records are synced.
    durable: usize,
    paused: bool,
    /// What came while it was paused.
    queue: Vec<(NodeId, C::Message)>,
}

pub(crate) struct Network<C: Start> {
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) now: Time,
    pub(crate) faults: Faults,
    /// How many messages were sent between nodes so far.
    pub(crate) sent: usize,
    pub(crate) rng: ChaCha8Rng,
    /// Whether a crash loses everything on the disk, as if there were none.
    pub(crate) memory_only: bool,
    slots: Vec<Slot<C>>,
    in_transit: BTreeMap<(Time, u64), (NodeId, usize, C::Message)>,
    sequence: u64,
}

impl<C: Start> Network<C> {
    pub(crate) fn new(size: usize, seed: u64, faults: Faults) -> Network<C> {
        let nodes: Vec<NodeId> = (0..size).map(|i| NodeId::from(format!("n{i}"))).collect();
        let slot = || Slot {
            core: None,
            rng: ChaCha8Rng::seed_from_u64(0),
            records: Vec::new(),
            durable: 0,
            paused: false,
            queue: Vec::new(),
        };
        let mut network = Network {
            slots: nodes.iter().map(|_| slot()).collect(),
            nodes,
            now: Time::ZERO,
            faults,
            sent: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            memory_only: false,
            in_transit: BTreeMap::new(),
            sequence: 0,
        };
        (0..size).for_each(|rank| network.start(rank));
        network
    }

    /// The core of a node, unless it is down.
    pub(crate) fn core(&self, rank: usize) -> Option<&C> {
        self.slots[rank].core.as_ref()
    }

    pub(crate) fn is_up(&self, rank: usize) -> bool {
        self.slots[rank].core.is_some() && !self.slots[rank].paused
    }

    /// Lets a client's wish happen on a node that is up; it is durable afterwards.
    pub(crate) fn act(&mut self, rank: usize, request: C::Local) {
        self.step(rank, Input::Local { id: 0, request });
        self.slots[rank].durable = self.slots[rank].records.len();
    }

    /// Lets something happen to a node that is up.
    pub(crate) fn step(&mut self, rank: usize, input: Input<C::Local, C::Message>) {
        let Slot { core, rng, .. } = &mut self.slots[rank];
        let core = core.as_mut().expect("the node is up");
        core.step(self.now, input, rng);
        self.carry_out(rank);
    }

    pub(crate) fn start(&mut self, rank: usize) {
        if self.slots[rank].core.is_none() {
            let records = self.slots[rank].records.clone();
            // Chance must differ from life to life.
            let mut rng = ChaCha8Rng::seed_from_u64(self.rng.next_u64());
            let core = C::start(&self.nodes[rank], &self.nodes, records, self.now, &mut rng);
            self.slots[rank].core = Some(core);
            self.slots[rank].rng = rng;
            self.carry_out(rank);
        }
    }

    /// Kills a node. Of what was not synced, any prefix may have reached the disk.
    pub(crate) fn crash(&mut self, rank: usize) {
        let slot = &mut self.slots[rank];
        slot.core = None;
        slot.paused = false;
        slot.queue.clear();
        let kept = self.rng.random_range(slot.durable..=slot.records.len());
        slot.records.truncate(if self.memory_only { 0 } else { kept });
        slot.durable = slot.records.len();
    }

    pub(crate) fn pause(&mut self, rank: usize) {
        self.slots[rank].paused = self.slots[rank].core.is_some();
    }

    pub(crate) fn resume(&mut self, rank: usize) {
        self.slots[rank].paused = false;
        for (from, message) in std::mem::take(&mut self.slots[rank].queue) {
            self.deliver(rank, from, message);
        }
    }

    /// Ends every fault.
    pub(crate) fn heal(&mut self, latency: Duration) {
        self.faults = Faults::none(latency);
        for rank in 0..self.nodes.len() {
            self.resume(rank);
            self.start(rank);
        }
    }

    /// Lets time pass until `end`.
    pub(crate) fn run_until(&mut self, end: Time) {
        loop {
            let wake = (0..self.nodes.len())
                .filter(|rank| self.is_up(*rank))
                .filter_map(|rank| Some((self.core(rank)?.next_wake()?, rank)))
                .min();
            let arrival = self.in_transit.keys().next().map(|(at, _)| *at);
            let next = [wake.map(|(at, _)| at), arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (from, rank, message)) = self.in_transit.pop_first().expect("an arrival");
                self.deliver(rank, from, message);
            } else if let Some((_, rank)) = wake {
                self.step(rank, Input::Wake);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, rank: usize, from: NodeId, message: C::Message) {
        let slot = &mut self.slots[rank];
        if slot.paused {
            slot.queue.push((from, message));
        } else if slot.core.is_some() {
            self.step(rank, Input::Message { from, message });
        }
    }

    fn carry_out(&mut self, rank: usize) {
        let slot = &mut self.slots[rank];
        let core = slot.core.as_mut().expect("the node is up");
        let outputs = core.outputs();
        slot.records.extend(outputs.persist);
        if !outputs.send.is_empty() {
            slot.durable = slot.records.len();
        }
        // Now and then, so that a start from a checkpoint is an everyday thing.
        if slot.records.len() > CHECKPOINT_AFTER || outputs.checkpoint {
            slot.records = core.checkpoint().collect();
            slot.durable = slot.records.len();
        }
        for (to, message) in outputs.send {
            self.send(rank, &to, &message);
        }
    }

    fn send(&mut self, rank: usize, to: &NodeId, message: &C::Message) {
        let dest = self.nodes.iter().position(|node| node == to).expect("a known node");
        assert_ne!(dest, rank, "{to} sends to itself: {message:?}");
        self.sent += 1;
        if self.faults.cut.contains(&(rank, dest)) || self.rng.random_bool(self.faults.loss) {
            return;
        }
        let copies = 1 + usize::from(self.rng.random_bool(self.faults.duplicate));
        for _ in 0..copies {
            let (least, most) = self.faults.latency;
            let latency = self.rng.random_range(least..=most);
            self.sequence += 1;
            let place = (self.now + latency, self.sequence);
            let from = self.nodes[rank].clone();
            self.in_transit.insert(place, (from, dest, message.clone()));
        }
    }

    /// One random fault, or its end.
    pub(crate) fn trouble(&mut self) {
        let size = self.nodes.len();
        let rank = self.rng.random_range(0..size);
        match self.rng.random_range(0..11) {
            0 => self.faults.loss = self.rng.random_range(0.0..0.5),
            1 => self.faults.duplicate = self.rng.random_range(0.0..0.5),
            2 => {
                let most = self.rng.random_range(1..300);
                self.faults.latency = (Duration::ZERO, Duration::from_millis(most));
            }
            3 => self.partition(),
            4 => {
                // One direction of one link.
                self.faults.cut.insert((rank, self.rng.random_range(0..size)));
            }
            5 => self.faults.cut.clear(),
            6 | 7 => self.crash(rank),
            8 => self.pause(rank),
            9 => self.resume(rank),
            _ => self.start(rank),
        }
    }

    fn partition(&mut self) {
        let size = self.nodes.len();
        let mut shuffled: Vec<(Reverse<u64>, usize)> =
            (0..size).map(|rank| (Reverse(self.rng.next_u64()), rank)).collect();
        shuffled.sort_unstable();
        let minority = self.rng.random_range(0..=size / 2);
        for (_, a) in &shuffled[..minority] {
            for (_, b) in &shuffled[minority..] {
                self.faults.cut.extend([(*a, *b), (*b, *a)]);
            }
        }
    }
}

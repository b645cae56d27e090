//! What goes wrong in a simulated cluster, and faults at random.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::Simulator;
use crate::protocols::core::Core;

/// What may go wrong on the way and at the disk.
///
/// Every second message is lost, and some come twice:
///
/// ```
/// use gyre::Time;
/// use gyre::crdt::{AntiEntropy, GSet};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use std::time::Duration;
///
/// let faults = Faults { loss: 0.5, duplicate: 0.1, ..Faults::none(Duration::from_millis(10)) };
/// let mut cluster = Simulator::new(3, 1, faults, |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     AntiEntropy::new(node, nodes, records, now, rng)
/// });
/// (0..3).for_each(|rank| drop(cluster.request(rank, GSet::add(rank as u64).into())));
/// cluster.run_until(Time::from_millis(60_000));
/// assert!(cluster.cores().all(|(_, core)| core.state().iter().eq(&[0, 1, 2])));
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    /// The share of messages that are lost.
    pub loss: f64,
    /// The share of messages that come twice.
    pub duplicate: f64,
    /// A message takes between these. If they differ, messages overtake each other.
    pub latency: (Duration, Duration),
    /// Links that carry nothing, as (from, to), by rank.
    pub cut: BTreeSet<(usize, usize)>,
    /// A write to the disk takes at most this long. What happens meanwhile shares the next one.
    pub write_latency: Duration,
    /// The share of writes at which the node crashes: before the write is durable, after it, or
    /// after some of the messages that depend on it are sent. It starts again at once.
    pub crash_at_write: f64,
}

impl Faults {
    /// None: every message is delivered once, after exactly `latency`, and a write takes no time.
    pub fn none(latency: Duration) -> Faults {
        Faults {
            loss: 0.0,
            duplicate: 0.0,
            latency: (latency, latency),
            cut: BTreeSet::new(),
            write_latency: Duration::ZERO,
            crash_at_write: 0.0,
        }
    }
}

impl<C> Simulator<C>
where
    C: Core<Message: Clone + Debug, Record: Clone>,
{
    /// Cuts both directions of every link between the `side` and the rest.
    pub fn partition(&mut self, side: &[usize]) {
        for rank in (0..self.nodes.len()).filter(|rank| !side.contains(rank)) {
            self.faults.cut.extend(side.iter().flat_map(|other| [(*other, rank), (rank, *other)]));
        }
    }

    /// Ends every fault: the network is whole, and every node is up.
    pub fn heal(&mut self, latency: Duration) {
        self.faults = Faults::none(latency);
        for rank in 0..self.nodes.len() {
            self.resume(rank);
            self.start(rank);
        }
    }

    /// One fault at random, or the end of one.
    pub fn trouble(&mut self) {
        let rank = self.rng.random_range(0..self.nodes.len());
        self.trouble_at(rank);
    }

    /// One fault at random, or the end of one. If it is about one node, it is about this one.
    pub fn trouble_at(&mut self, rank: usize) {
        match self.rng.random_range(0..14) {
            0 => self.faults.loss = self.rng.random_range(0.0..0.5),
            1 => self.faults.duplicate = self.rng.random_range(0.0..0.5),
            2 => {
                let most = Duration::from_millis(self.rng.random_range(1..300));
                self.faults.latency = (Duration::ZERO, most);
            }
            3 => {
                let mut ranks: Vec<usize> = (0..self.nodes.len()).collect();
                ranks.shuffle(&mut self.rng);
                let minority = self.rng.random_range(0..=ranks.len() / 2);
                self.partition(&ranks[..minority]);
            }
            4 => {
                // One direction of one link.
                let to = self.rng.random_range(0..self.nodes.len());
                self.faults.cut.insert((rank, to));
            }
            5 => self.faults.cut.clear(),
            6 => self.crash(rank),
            7 => {
                self.crash(rank);
                self.start(rank);
            }
            8 => self.stop(rank),
            9 => self.pause(rank),
            10 => self.resume(rank),
            11 => {
                let most = [0, 5, 100][self.rng.random_range(0..3)];
                self.faults.write_latency = Duration::from_millis(most);
            }
            12 => self.faults.crash_at_write = [0.0, 0.02, 0.1][self.rng.random_range(0..3)],
            _ => self.start(rank),
        }
    }
}

//! The simulated network: what becomes of each message is decided here and nowhere else.
//!
//! Servers (nodes and services) are apart; clients sit right beside their node, so their
//! messages take no time: latency there would only hide anomalies. Faults strike the links
//! between nodes alone. A service is infrastructure that a node may rely on, and a client is
//! the observer.
//!
//! Messages are not ordered: each has a latency of its own.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gyre::Time;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::seeds::{Concern, Seeds};

/// How latencies are distributed around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum LatencyDistribution {
    /// Always the mean.
    Constant,
    /// Evenly between zero and twice the mean.
    Uniform,
    /// Mostly short, sometimes very long.
    Exponential,
}

impl LatencyDistribution {
    /// Every distribution that there is.
    pub const ALL: [LatencyDistribution; 3] = [
        LatencyDistribution::Constant,
        LatencyDistribution::Uniform,
        LatencyDistribution::Exponential,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            LatencyDistribution::Constant => "constant",
            LatencyDistribution::Uniform => "uniform",
            LatencyDistribution::Exponential => "exponential",
        }
    }
}

/// What becomes of a message that was just sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It arrives after this time, unless its link is cut at that moment.
    Deliver(Duration),
    /// It arrives twice, after these times.
    Duplicate(Duration, Duration),
    /// It is lost.
    Drop,
}

/// Who is at the end of a link, as far as the network cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A node, by its number.
    Node(usize),
    /// A service of the bench.
    Service,
    /// A client of the bench.
    Client,
}

/// The network between all participants.
pub struct Network {
    mean_ms: u64,
    distribution: LatencyDistribution,
    /// The directed links, (from, to), that each fault has cut.
    cuts: BTreeMap<&'static str, BTreeSet<(usize, usize)>>,
    /// The share of messages between nodes that is lost, in thousandths.
    loss_per_mille: u32,
    /// The share of messages between nodes that arrives twice, in thousandths.
    duplication_per_mille: u32,
    latency_rng: ChaCha8Rng,
    loss_rng: ChaCha8Rng,
}

impl Network {
    /// A network without faults.
    pub fn new(mean_ms: u64, distribution: LatencyDistribution, seeds: Seeds) -> Network {
        Network {
            mean_ms,
            distribution,
            cuts: BTreeMap::new(),
            loss_per_mille: 0,
            duplication_per_mille: 0,
            latency_rng: seeds.stream(Concern::Latency),
            loss_rng: seeds.stream(Concern::Loss),
        }
    }

    // ANCHOR: verdict
    /// Decides what becomes of a message as it is sent.
    pub fn verdict(&mut self, src: Endpoint, dest: Endpoint) -> Verdict {
        if src == Endpoint::Client || dest == Endpoint::Client {
            return Verdict::Deliver(Duration::ZERO);
        }
        let latency = self.latency();
        if !matches!((src, dest), (Endpoint::Node(_), Endpoint::Node(_))) {
            return Verdict::Deliver(latency);
        }
        if self.strikes(self.loss_per_mille) {
            return Verdict::Drop;
        }
        if self.strikes(self.duplication_per_mille) {
            // The second copy comes visibly later, as a retransmission would.
            let delay = Duration::from_micros(self.loss_rng.random_range(0..200_000));
            return Verdict::Duplicate(latency, latency + delay);
        }
        Verdict::Deliver(latency)
    }
    // ANCHOR_END: verdict

    /// Whether a message that is due now gets through.
    pub fn admits(&self, src: Endpoint, dest: Endpoint) -> bool {
        match (src, dest) {
            (Endpoint::Node(from), Endpoint::Node(to)) => {
                !self.cuts.values().any(|links| links.contains(&(from, to)))
            }
            _ => true,
        }
    }

    fn strikes(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.loss_rng.random_range(0..1000) < per_mille
    }

    /// Whole milliseconds, as in the original, except for the exponential distribution, where
    /// rounding would turn a mean of one millisecond into mostly none.
    fn latency(&mut self) -> Duration {
        match self.distribution {
            LatencyDistribution::Constant => Duration::from_millis(self.mean_ms),
            LatencyDistribution::Uniform => {
                Duration::from_millis(self.latency_rng.random_range(0..=2 * self.mean_ms))
            }
            LatencyDistribution::Exponential => {
                // The inverse of the distribution function; 1 - u is never zero.
                let u: f64 = self.latency_rng.random();
                let latency_ms = -(1.0 - u).ln() * self.mean_ms as f64;
                Duration::from_nanos((latency_ms * 1e6) as u64)
            }
        }
    }

    /// Cuts these directed links in the name of a fault, besides what other faults have cut.
    pub fn cut(&mut self, fault: &'static str, links: BTreeSet<(usize, usize)>) {
        self.cuts.insert(fault, links);
    }

    /// Mends what this fault has cut.
    pub fn mend(&mut self, fault: &'static str) {
        self.cuts.remove(fault);
    }

    /// Loses this share of the messages between nodes, in thousandths.
    pub fn set_loss(&mut self, per_mille: u32) {
        self.loss_per_mille = per_mille;
    }

    /// Doubles this share of the messages between nodes, in thousandths.
    pub fn set_duplication(&mut self, per_mille: u32) {
        self.duplication_per_mille = per_mille;
    }
}

/// A node's own clock, which may run fast or slow and jump ahead.
///
/// Between two changes it is a straight line. It never goes back: what a node is told is a
/// monotonic clock, and the rates and jumps here are what such a clock can do (a slow crystal,
/// a virtual machine that was paused and did not know it).
#[derive(Clone, Copy, Debug)]
pub struct SkewedClock {
    real_base: Time,
    local_base: Time,
    rate_per_mille: u64,
}

impl Default for SkewedClock {
    fn default() -> SkewedClock {
        SkewedClock { real_base: Time::ZERO, local_base: Time::ZERO, rate_per_mille: 1000 }
    }
}

impl SkewedClock {
    /// What this clock shows at the real time `now`.
    pub fn local(&self, now: Time) -> Time {
        if self.rate_per_mille == 1000 && self.real_base == self.local_base {
            return now;
        }
        let elapsed = u128::from(now.since(self.real_base).as_nanos() as u64);
        let local = (elapsed * u128::from(self.rate_per_mille) / 1000) as u64;
        self.local_base + Duration::from_nanos(local)
    }

    /// The first real time at which this clock shows `local`, or later.
    pub fn real(&self, local: Time) -> Time {
        if self.rate_per_mille == 1000 && self.real_base == self.local_base {
            return local;
        }
        let wait = local.since(self.local_base).as_nanos();
        let rate = u128::from(self.rate_per_mille);
        let real = (wait * 1000).div_ceil(rate);
        self.real_base + Duration::from_nanos(u64::try_from(real).unwrap_or(u64::MAX))
    }

    /// From `now` on runs at this rate, after a jump ahead.
    pub fn change(&mut self, now: Time, rate_per_mille: u64, jump: Duration) {
        self.local_base = self.local(now) + jump;
        self.real_base = now;
        self.rate_per_mille = rate_per_mille;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: (Endpoint, Endpoint) = (Endpoint::Node(0), Endpoint::Node(1));

    #[test]
    fn a_distribution_is_known_by_its_name() {
        for distribution in LatencyDistribution::ALL {
            let name = serde_json::Value::from(distribution.name());
            assert_eq!(serde_json::from_value::<LatencyDistribution>(name).unwrap(), distribution);
        }
        assert!(serde_json::from_str::<LatencyDistribution>("\"normal\"").is_err());
    }

    #[test]
    fn only_links_between_nodes_are_slow_or_broken() {
        let mut network = Network::new(10, LatencyDistribution::Constant, Seeds::new(1));
        network.set_loss(1000);
        let client = (Endpoint::Client, Endpoint::Node(0));
        let service = (Endpoint::Node(0), Endpoint::Service);
        assert_eq!(network.verdict(client.0, client.1), Verdict::Deliver(Duration::ZERO));
        let ten = Duration::from_millis(10);
        assert_eq!(network.verdict(service.0, service.1), Verdict::Deliver(ten));
        assert_eq!(network.verdict(NODES.0, NODES.1), Verdict::Drop);
    }

    #[test]
    fn a_cut_has_a_direction_and_can_be_mended() {
        let mut network = Network::new(0, LatencyDistribution::Constant, Seeds::new(1));
        network.cut("partition", BTreeSet::from([(0, 1)]));
        network.cut("one-way", BTreeSet::from([(0, 1), (0, 2)]));
        network.mend("one-way");
        assert!(!network.admits(NODES.0, NODES.1));
        assert!(network.admits(NODES.1, NODES.0));
        network.mend("partition");
        assert!(network.admits(NODES.0, NODES.1));
    }

    #[test]
    fn latencies_have_their_mean() {
        for distribution in [LatencyDistribution::Uniform, LatencyDistribution::Exponential] {
            let mut network = Network::new(50, distribution, Seeds::new(7));
            let total: Duration = (0..10_000).map(|_| network.latency()).sum();
            let mean_ms = total.as_secs_f64() * 1e3 / 10_000.0;
            assert!((48.0..52.0).contains(&mean_ms), "{distribution:?} has mean {mean_ms}");
        }
    }

    #[test]
    fn a_skewed_clock_goes_forward_and_converts_both_ways() {
        let mut clock = SkewedClock::default();
        clock.change(Time::from_millis(100), 1500, Duration::from_millis(30));
        assert_eq!(clock.local(Time::from_millis(100)), Time::from_millis(130));
        assert_eq!(clock.local(Time::from_millis(200)), Time::from_millis(280));
        assert_eq!(clock.real(Time::from_millis(280)), Time::from_millis(200));
        for nanos in [1, 7, 999, 123_456_789] {
            let local = clock.local_base + Duration::from_nanos(nanos);
            assert!(clock.local(clock.real(local)) >= local);
        }
    }
}

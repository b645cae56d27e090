//! The broadcast in a simulated network: nothing is lost, everything converges, and the
//! traffic and latency of each preset without faults.
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use super::*;
use crate::protocols::simulator::{Faults, Simulator};

const LATENCY: Duration = Duration::from_millis(100);

type Network = Simulator<Gossip>;

fn network(setting: Setting, size: usize, seed: u64) -> Network {
    Simulator::new(size, seed, Faults::none(LATENCY), move |start| {
        let number = start.rng.random();
        Gossip::new(setting, start.node, start.nodes, start.records, number, start.now)
    })
}

fn broadcast(network: &mut Network, rank: usize, message: u64) {
    network.request(rank, Json::from(message).into());
}

fn known(network: &Network, rank: usize) -> BTreeSet<u64> {
    let messages = network.core(rank).expect("the node is up").messages();
    let known: BTreeSet<u64> = messages.iter().filter_map(|json| json.to().ok()).collect();
    assert_eq!(known.len(), messages.len(), "a message is shown twice");
    known
}

fn after(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

/// Ten seconds of every fault and broadcasts, then ten of quiet: afterwards all nodes know
/// the same messages, among them all that were acknowledged, and fall silent.
fn survives(setting: Setting, seed: u64, size: usize, memory_only: bool) {
    let mut network = network(setting, size, seed);
    network.memory_only = memory_only;
    network.as_json = seed.is_multiple_of(4);
    let mut asked = BTreeMap::new();
    for message in 0..200 {
        network.run_until(Time::from_millis(message * 50));
        let rank = network.rng.random_range(0..size);
        if network.is_up(rank) {
            asked.insert(network.request(rank, Json::from(message).into()), message);
        }
        if network.rng.random_bool(0.2) {
            network.trouble();
        }
    }
    network.heal(LATENCY);
    network.run_until(network.now + Duration::from_secs(10));
    let acknowledged: BTreeSet<u64> =
        network.replies.iter().map(|replied| asked[&replied.id]).collect();

    let everywhere = known(&network, 0);
    if !memory_only {
        let lost: Vec<_> = acknowledged.difference(&everywhere).collect();
        assert!(lost.is_empty(), "seed {seed}, {size} nodes: {lost:?} are lost");
    }
    for rank in 1..size {
        let differing: Vec<_> =
            known(&network, rank).symmetric_difference(&everywhere).copied().collect();
        assert!(differing.is_empty(), "seed {seed}, {size} nodes: n{rank} differs: {differing:?}");
    }
    network.run_until(network.now + Duration::from_secs(20));
    for rank in 0..size {
        let wake = network.core(rank).expect("the node is up").next_wake();
        assert_eq!(wake, None, "seed {seed}, {size} nodes: n{rank} does not fall silent");
    }
}

const SEEDS: u64 = 100;

#[test]
fn low_latency_survives_every_fault() {
    for seed in 0..SEEDS {
        survives(Setting::LOW_LATENCY, seed, [1, 2, 3, 5, 8, 13][seed as usize % 6], false);
    }
}

#[test]
fn low_traffic_survives_every_fault() {
    for seed in 0..SEEDS {
        survives(Setting::LOW_TRAFFIC, seed, [1, 2, 3, 5, 8, 13][seed as usize % 6], false);
    }
}

/// Without a disk a message that nobody else had yet dies with its node; but what is anywhere
/// gets everywhere, and a restarted node's numbers are not taken for its old ones.
#[test]
fn nodes_without_storage_agree_after_every_fault() {
    for seed in 0..SEEDS {
        let size = [2, 3, 5, 8][seed as usize % 4];
        survives(Setting::LOW_LATENCY, seed, size, true);
        survives(Setting::LOW_TRAFFIC, seed, size, true);
    }
}

/// What the two presets cost without faults, on the efficiency challenge's network: 25 nodes,
/// 100 ms between them, 50 broadcasts a second for 20 s. Returns server messages per
/// broadcast, and the greatest time that a message took to be everywhere, in ms.
fn cost(setting: Setting, seed: u64) -> (f64, u64) {
    const COUNT: u64 = 1_000;
    let mut network = network(setting, 25, seed);
    let mut at = Time::ZERO;
    let mut worst_ms = 0;
    let mut pending: Vec<(u64, Time)> = Vec::new();
    for message in 0..COUNT {
        // Two operations, one of which is a read, each uniform in 0..20 ms after the last.
        let gap_us = network.rng.random_range(0..40_000);
        let next = at + Duration::from_micros(gap_us);
        while at < next {
            at = next.min(at + Duration::from_millis(5));
            network.run_until(at);
            pending.retain(|(message, since)| {
                let missing = (0..25).any(|rank| {
                    !network.core(rank).unwrap().archive.contains(&Json::from(*message))
                });
                if !missing {
                    worst_ms = worst_ms.max(at.since(*since).as_millis() as u64);
                }
                missing
            });
        }
        let rank = network.rng.random_range(0..25);
        pending.push((message, network.now));
        broadcast(&mut network, rank, message);
    }
    network.run_until(at + Duration::from_secs(10));
    let all = known(&network, 0).len() as u64;
    assert_eq!(all, COUNT);
    (network.sent as f64 / COUNT as f64, worst_ms)
}

#[test]
fn presets_cost_what_the_arithmetic_says() {
    for seed in 0..3 {
        let (messages, worst_ms) = cost(Setting::LOW_LATENCY, seed);
        assert!(messages <= 23.5 && worst_ms <= 137, "{messages} per broadcast, {worst_ms} ms");
        let (messages, worst_ms) = cost(Setting::LOW_TRAFFIC, seed);
        assert!(messages <= 3.6 && worst_ms <= 395, "{messages} per broadcast, {worst_ms} ms");
    }
}

/// A checkpoint holds what is beyond a gap, and in which order it does not matter: a node that
/// starts from it has the same vector, shows the same messages, and asks for what is missing.
#[test]
fn a_checkpoint_keeps_what_is_beyond_a_gap() {
    let mut network = network(Setting::LOW_LATENCY, 2, 0);
    let source = Incarnation::new(&NodeId::from("n1"), 7);
    for first in [3, 5, 0] {
        let batch = Batch { source: source.clone(), first, values: vec![Json::from(first)] };
        let message = Rumor {
            from: source.clone(),
            hub: NodeId::from("n0"),
            batches: vec![batch],
            have: None,
            stable: None,
            ask: false,
            answer: false,
            members: None,
        };
        network.step(0, Input::Message { from: NodeId::from("n1"), message });
        network.flush(0);
    }
    let before = network.core(0).unwrap();
    let have = before.archive.have().clone();
    assert_eq!(have.get(&source), 1);
    let checkpoint = before.checkpoint().collect();
    network.crash(0);
    network.set_records(0, checkpoint);
    network.start(0);
    let after = network.core(0).unwrap();
    assert_eq!(*after.archive.have(), have);
    assert_eq!(known(&network, 0), BTreeSet::from([0, 3, 5]));
    assert!(after.archive.gaps().eq([&source]));
    // That life of n1 is over, so nobody fills the gaps, and n0 passes on what is beyond them.
    network.run_until(Time::from_millis(30_000));
    assert_eq!(known(&network, 1), BTreeSet::from([0, 3, 5]));
}

/// A node of a broken or hostile cluster may say anything.
#[test]
fn nonsense_is_survived() {
    let mut network = network(Setting::LOW_LATENCY, 3, 0);
    let source = Incarnation::new(&NodeId::from("n1"), 7);
    let mut have = VersionVector::default();
    have.raise(&source, u64::MAX);
    let rumor = Rumor {
        from: source.clone(),
        hub: NodeId::from("nobody"),
        batches: vec![Batch { source, first: u64::MAX, values: vec![Json::null(); 2] }],
        have: Some(have.clone()),
        stable: Some(have),
        ask: true,
        answer: true,
        members: None,
    };
    for from in ["n0", "n1", "n2", "c1", "nobody"] {
        let from = NodeId::from(from);
        network.step(0, Input::Message { from, message: rumor.clone() });
    }
    network.run_until(after(20));
    broadcast(&mut network, 0, 1);
    network.run_until(after(40));
    assert_eq!(known(&network, 2), BTreeSet::from([1]));
}

//! Replicas in a simulated network: whatever goes wrong, no change is lost or counted twice.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::changes::PIECE_BYTES;
use super::*;
use crate::protocols::core::{Core, Input};
use crate::protocols::simulator::{Faults, Simulator};
use crate::types::{Incarnation, NodeId, Time};

const LATENCY: Duration = Duration::from_millis(50);

type Network<C> = Simulator<AntiEntropy<C>>;

fn network<C>(size: usize, seed: u64) -> Network<C>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    Simulator::new(size, seed, Faults::none(LATENCY), |start| {
        AntiEntropy::new(start.node, start.nodes, start.records, start.now, start.rng)
    })
}

/// Ten seconds of changes and every fault, then ten of quiet. Returns what each node's reader
/// sees at the end, and the changes, each with whether it was acknowledged.
fn run<C: Crdt + Debug + PartialEq + Serialize + DeserializeOwned + 'static>(
    seed: u64,
    size: usize,
    memory_only: bool,
    mut change: impl FnMut(&C, &Incarnation, i64) -> C,
) -> (Vec<C>, Vec<(i64, bool)>) {
    let mut network: Network<C> = network(size, seed);
    network.memory_only = memory_only;
    network.as_json = seed.is_multiple_of(4);
    let mut changes = BTreeMap::new();
    for step in 0..200 {
        network.run_until(Time::from_millis(step * 50));
        let rank = network.rng.random_range(0..size);
        if network.is_up(rank) {
            let amount = network.rng.random_range(-5..5);
            let replica = network.core(rank).unwrap();
            let delta = change(&replica.state(), replica.incarnation(), amount);
            changes.insert(network.request(rank, delta.into()), amount);
        }
        if network.rng.random_bool(0.2) {
            network.trouble();
        }
    }
    network.heal(LATENCY);
    network.run_until(network.now + Duration::from_secs(10));
    let states: Vec<C> =
        (0..size).map(|rank| network.core(rank).unwrap().state().clone()).collect();
    for (rank, state) in states.iter().enumerate() {
        assert_eq!(*state, states[0], "seed {seed}, {size} nodes: n{rank} differs");
        let wake = network.core(rank).unwrap().next_wake();
        assert_eq!(wake, None, "seed {seed}, {size} nodes: n{rank} does not fall silent");
    }
    let replied: BTreeSet<u64> = network.replies.iter().map(|replied| replied.id).collect();
    let changes = changes.into_iter().map(|(id, amount)| (amount, replied.contains(&id)));
    (states, changes.collect())
}

/// The least and the greatest that a counter may show: a change that was not acknowledged may
/// have happened or not, and none happens twice.
fn bounds(changes: &[(i64, bool)]) -> RangeInclusive<i128> {
    let least = changes.iter().filter(|(amount, replied)| *replied || *amount < 0);
    let most = changes.iter().filter(|(amount, replied)| *replied || *amount > 0);
    let least: i64 = least.map(|(amount, _)| amount).sum();
    let most: i64 = most.map(|(amount, _)| amount).sum();
    least.into()..=most.into()
}

#[test]
fn a_counter_counts_each_change_once_through_every_fault() {
    for seed in 0..100 {
        let size = [1, 2, 3, 5, 8, 13][seed as usize % 6];
        let (states, changes) =
            run(seed, size, false, |state: &PnCounter, me, amount| state.add(me, amount).unwrap());
        let (value, bounds) = (states[0].value(), bounds(&changes));
        assert!(bounds.contains(&value), "seed {seed}, {size} nodes: {value} not in {bounds:?}");
    }
}

#[test]
fn a_set_keeps_each_element_through_every_fault() {
    let mut acknowledged = 0;
    for seed in 0..100 {
        let size = [1, 2, 3, 5, 8, 13][seed as usize % 6];
        let mut next = 0;
        let (states, changes) = run(seed, size, false, |_: &GSet<u64>, _, _| {
            next += 1;
            GSet::add(next)
        });
        for ((_, replied), element) in changes.into_iter().zip(1..) {
            let kept = states[0].iter().any(|other| *other == element);
            assert!(kept || !replied, "seed {seed}, {size} nodes: {element} is lost");
            acknowledged += usize::from(replied);
        }
    }
    assert!(acknowledged > 5_000, "only {acknowledged} changes were acknowledged");
}

/// Without a disk a change that nobody else had yet dies with its node; but all agree, and
/// nobody counts more than there was.
#[test]
fn replicas_without_storage_agree_after_every_fault() {
    for seed in 0..100 {
        let size = [2, 3, 5, 8][seed as usize % 4];
        let (states, changes) = run(seed, size, true, |state: &GCounter, me, amount| {
            state.add(me, amount.unsigned_abs()).unwrap()
        });
        let most: u64 = changes.iter().map(|(amount, _)| amount.unsigned_abs()).sum();
        assert!(states[0].value() <= most.into(), "seed {seed}, {size} nodes");
    }
}

/// What a node has sent to others so far, in bytes of JSON, and in messages.
fn traffic<C>(network: &mut Network<C>) -> Rc<Cell<(usize, usize)>>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    let traffic = Rc::new(Cell::new((0, 0)));
    let counting = Rc::clone(&traffic);
    network.watch(move |_, outputs| {
        for (_, message) in &outputs.send {
            let (bytes, messages) = counting.get();
            let length = serde_json::to_vec(message).unwrap().len();
            assert!(length < 2 * PIECE_BYTES + 300, "a message has {length} bytes");
            counting.set((bytes + length, messages + 1));
        }
    });
    traffic
}

#[test]
fn a_peer_out_of_reach_costs_a_few_pieces_and_then_an_ask_now_and_then() {
    let mut network: Network<GSet<u64>> = network(2, 0);
    network.run_until(Time::from_millis(1_000));
    network.crash(1);
    for element in 0..10_000 {
        network.request(0, GSet::add(element).into());
    }
    let traffic = traffic(&mut network);
    network.run_until(Time::from_millis(11_000));
    let (bytes, messages) = traffic.take();
    assert!(bytes < 1_000 && messages <= 6, "{bytes} bytes, {messages} messages");
    let inspected = network.core(0).unwrap().inspect();
    assert_eq!(inspected["value"], 10_000);
    assert_eq!(inspected["owes"], json!(["n1"]));
    assert_eq!(inspected["silent"], json!(["n1"]));

    // When it is back it gets all of it, once, and in pieces.
    network.start(1);
    network.run_until(network.now + Duration::from_secs(600));
    assert_eq!(network.core(1).unwrap().state().iter().len(), 10_000);
    let (bytes, _) = traffic.take();
    let once: usize = (0..10_000).map(|element: usize| element.to_string().len() + 1).sum();
    assert!(bytes < 8 * once, "{bytes} bytes for a set of {once}");
    assert_eq!(network.core(0).unwrap().inspect()["owes"], json!([]));
}

#[test]
fn a_restart_costs_an_ask_and_not_the_state() {
    let mut network: Network<GSet<u64>> = network(3, 0);
    for element in 0..500 {
        network.request(element as usize % 3, GSet::add(element).into());
    }
    network.run_until(Time::from_millis(60_000));
    let traffic = traffic(&mut network);
    for rank in 0..3 {
        network.crash(rank);
    }
    (0..3).for_each(|rank| network.start(rank));
    network.run_until(network.now + Duration::from_secs(10));
    assert_eq!(network.core(2).unwrap().next_wake(), None);
    let (bytes, messages) = traffic.take();
    assert!(bytes < 6 * 2 * 600 && messages <= 24, "{bytes} bytes, {messages} messages");
}

#[test]
fn nonsense_is_survived() {
    let nodes = ["n1", "n2"].map(NodeId::from);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut replica = AntiEntropy::<GCounter>::new(&nodes[0], &nodes, vec![], Time::ZERO, &mut rng);
    replica.step(Time::from_millis(200), Input::Wake, &mut rng);
    let outputs = replica.outputs();
    let [(_, message)] = &outputs.send[..] else { panic!("{outputs:?}") };
    assert!(message.ask.is_some() && message.update.is_none());
    let update =
        Update { since: 0, upto: u64::MAX, delta: Some(GCounter::default()), is_last: true };
    let message = Message {
        from: Incarnation::new(&nodes[1], 1),
        acknowledged: Some(Mark { of: message.from.clone(), number: u64::MAX }),
        update: Some(update),
        ask: Some(u64::MAX),
        answer: message.ask,
        members: None,
    };
    for from in ["n1", "n2", "n2", "c1", "nobody"] {
        let input = Input::Message { from: NodeId::from(from), message: message.clone() };
        replica.step(Time::from_millis(200), input, &mut rng);
    }
    let delta = replica.state().add(replica.incarnation(), 1).unwrap();
    replica.step(Time::from_millis(200), Input::Local { id: 1, request: delta.into() }, &mut rng);
    assert!(replica.next_wake().is_some(), "the change has yet to be sent");
}

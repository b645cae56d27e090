//! Nodes that join and leave in a simulated network: whatever goes wrong meanwhile, no message that
//! was acknowledged is lost, and all members agree in the end.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::protocols::members::HasMembers;
use crate::protocols::members::cluster::{Cluster, Event, LATENCY, events};
use crate::types::MemberChange;

fn cluster(setting: Setting, size: usize, seed: u64) -> Cluster<Gossip> {
    Cluster::new(size, seed, move |start| {
        let (nodes, initial, number) = (start.nodes, &start.nodes[..2], start.rng.random());
        Gossip::with_members(setting, start.node, nodes, initial, start.records, number, start.now)
    })
}

fn name(rank: usize) -> NodeId {
    NodeId::from(format!("n{rank}"))
}

fn add(rank: usize) -> MemberChange {
    MemberChange::add(name(rank))
}

fn remove(rank: usize) -> MemberChange {
    MemberChange::remove(name(rank))
}

/// Every message that a node has, sorted.
fn messages(gossip: &Gossip) -> Vec<u64> {
    let mut messages: Vec<u64> =
        gossip.messages().iter().map(|message| message.to().expect("a number")).collect();
    messages.sort_unstable();
    messages
}

fn known(cluster: &Cluster<Gossip>, rank: usize) -> Vec<u64> {
    messages(cluster.network.core(rank).expect("the node is up"))
}

fn broadcast(cluster: &mut Cluster<Gossip>, rank: usize, message: u64) {
    cluster.network.request(rank, Json::from(message).into());
}

/// Has a change made, by the node that is asked.
fn change(cluster: &mut Cluster<Gossip>, rank: usize, change: MemberChange) {
    let id = cluster.ask(rank, change);
    cluster.pass(Duration::from_secs(4));
    assert_eq!(cluster.replied(id), Some(true), "the change is made");
}

fn survives(
    setting: Setting,
    script: &[Event],
    size: usize,
    seed: u64,
) -> Result<(), TestCaseError> {
    let mut cluster = cluster(setting, size, seed);
    let mut next = 0;
    let changes = cluster.play(script, |_: &Gossip| {
        next += 1;
        Json::from(next).into()
    });
    let known: Vec<Vec<u64>> = cluster.cores().map(messages).collect();
    for others in &known {
        prop_assert_eq!(others, &known[0]);
    }
    for (is_acknowledged, message) in changes.into_iter().zip(1..) {
        prop_assert!(known[0].contains(&message) || !is_acknowledged, "{} is lost", message);
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_message_is_lost_whoever_joins_and_leaves(script in events(5), seed in any::<u64>()) {
        survives(Setting::LOW_LATENCY, &script, 5, seed)?;
    }

    #[test]
    fn nor_is_one_that_takes_the_way_by_the_hub(script in events(5), seed in any::<u64>()) {
        survives(Setting::LOW_TRAFFIC, &script, 5, seed)?;
    }
}

#[test]
fn nobody_leaves_before_a_member_has_what_it_alone_had() {
    let mut cluster = cluster(Setting::LOW_LATENCY, 2, 0);
    cluster.network.partition(&[1]);
    broadcast(&mut cluster, 1, 7);
    let in_vain = cluster.ask(1, remove(1));
    cluster.pass(Duration::from_secs(5));
    assert!(!cluster.network.core(1).unwrap().is_member(), "it takes no more requests");
    assert_eq!(cluster.replied(in_vain), Some(false));

    cluster.network.faults.cut.clear();
    change(&mut cluster, 0, remove(1));
    assert_eq!(known(&cluster, 0), [7]);
}

/// It owes what it has after a crash, too: that it has left is stored, as its messages are.
#[test]
fn who_is_killed_while_it_leaves_hands_over_when_it_is_back() {
    let mut cluster = cluster(Setting::LOW_TRAFFIC, 2, 0);
    cluster.network.partition(&[1]);
    broadcast(&mut cluster, 1, 7);
    cluster.ask(1, remove(1));
    cluster.pass(Duration::from_secs(1));
    cluster.network.crash(1);
    cluster.network.start(1);
    assert!(!cluster.network.core(1).unwrap().is_member(), "its disk says so");
    cluster.network.faults.cut.clear();
    cluster.pass(Duration::from_secs(4));
    assert_eq!(known(&cluster, 0), [7]);
    change(&mut cluster, 0, remove(1));
}

/// The hub adds nobody here: a spoke does, which otherwise sends on nothing but its own.
#[test]
fn who_joins_has_all_that_the_one_had_who_was_asked() {
    let mut cluster = cluster(Setting::LOW_TRAFFIC, 3, 0);
    // More than one message between nodes may carry.
    for message in 0..4_500 {
        broadcast(&mut cluster, 0, message);
    }
    cluster.pass(Duration::from_secs(3));
    cluster.network.crash(0);
    cluster.network.start(2);
    for is_back_without_its_disk in [false, true] {
        if is_back_without_its_disk {
            change(&mut cluster, 1, remove(2));
            cluster.network.crash(2);
            cluster.network.set_records(2, Vec::new());
            cluster.network.start(2);
        }
        let begun = cluster.network.now;
        let id = cluster.ask(1, add(2));
        while cluster.replied(id).is_none() {
            let is_member = cluster.network.core(2).unwrap().is_member();
            assert!(!is_member || known(&cluster, 2).len() == 4_500, "it joins when it has all");
            cluster.pass(LATENCY);
        }
        assert_eq!(cluster.replied(id), Some(true));
        assert!(cluster.network.now.since(begun) < Duration::from_secs(2));
    }
}

#[test]
fn who_has_left_is_told_nothing_and_falls_silent() {
    let mut cluster = cluster(Setting::LOW_LATENCY, 3, 0);
    cluster.network.start(2);
    change(&mut cluster, 0, add(2));
    change(&mut cluster, 1, remove(0));
    cluster.pass(Duration::from_secs(3));
    broadcast(&mut cluster, 1, 7);
    cluster.pass(Duration::from_secs(6));
    assert_eq!([0, 1, 2].map(|rank| known(&cluster, rank)), [vec![], vec![7], vec![7]]);
    assert_eq!(cluster.network.core(0).unwrap().next_wake(), None);
    // n1 is the hub now, and what all members have is all that there is.
    let hub = cluster.network.core(1).unwrap();
    assert_eq!((hub.hub(), &hub.stable), (1, hub.archive.have()));
}

/// A number that a source's own node would have to fill in, and that node has left.
#[test]
fn what_is_beyond_a_gap_of_one_who_has_left_gets_everywhere() {
    let mut cluster = cluster(Setting::LOW_LATENCY, 3, 0);
    let source = Incarnation::new(&name(2), 7);
    let early = Batch { source, first: 3, values: vec![Json::from(7)] };
    let hub = cluster.network.core(0).unwrap();
    let rumor = Rumor { batches: vec![early], ..hub.rumor(0) };
    cluster.network.step(1, Input::Message { from: name(0), message: rumor });
    cluster.pass(Duration::from_secs(20));
    assert_eq!([0, 1].map(|rank| known(&cluster, rank)), [[7], [7]]);
}

/// What the nodes of two clusters, each of which has heard nothing of the other, would be for ever,
/// if members asked members only.
#[test]
fn two_halves_that_were_replaced_side_by_side_find_each_other() {
    for setting in [Setting::LOW_LATENCY, Setting::LOW_TRAFFIC] {
        let mut cluster = cluster(setting, 4, 0);
        (2..4).for_each(|rank| cluster.network.start(rank));
        cluster.network.partition(&[0, 2]);
        for (old, new) in [(0, 2), (1, 3)] {
            change(&mut cluster, old, add(new));
            broadcast(&mut cluster, new, new as u64);
            change(&mut cluster, new, remove(old));
            cluster.network.crash(old);
        }
        cluster.network.faults.cut.clear();
        cluster.pass(Duration::from_secs(12));
        for rank in 2..4 {
            assert_eq!(known(&cluster, rank), [2, 3], "n{rank}");
            let members = cluster.network.core(rank).unwrap().members();
            assert!(members.iter().eq(&[name(2), name(3)]), "n{rank}");
        }
    }
}

/// As long as all nodes are members from the beginning, nothing of this is said or stored.
#[test]
fn a_cluster_that_does_not_change_says_nothing_of_members() {
    let mut cluster = cluster(Setting::LOW_LATENCY, 2, 0);
    let says = Rc::new(Cell::new(0));
    let heard = Rc::clone(&says);
    cluster.network.watch(move |_, outputs| {
        let says = outputs.send.iter().filter(|(_, rumor)| rumor.members.is_some()).count();
        let stores = |record: &&Record| matches!(record, Record::Members(_));
        heard.set(heard.get() + says + outputs.persist.iter().filter(stores).count());
    });
    broadcast(&mut cluster, 0, 7);
    cluster.pass(Duration::from_secs(20));
    assert_eq!(known(&cluster, 1), [7]);
    assert_eq!(says.get(), 0);
    cluster.ask(1, remove(0));
    cluster.pass(Duration::from_secs(2));
    assert!(says.get() > 0, "then it has to");
}

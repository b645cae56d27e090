//! Replicas that join and leave in a simulated network: whatever goes wrong meanwhile, nothing that
//! was acknowledged is lost or counted twice, and all members agree in the end.

use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::protocols::members::HasMembers;
use crate::protocols::members::cluster::{Cluster, Event, events};
use crate::types::{Incarnation, MemberChange, NodeId, Time};

fn cluster<C>(size: usize, seed: u64) -> Cluster<AntiEntropy<C>>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    Cluster::new(size, seed, |start| {
        let (node, nodes, initial) = (start.node, start.nodes, &start.nodes[..2]);
        AntiEntropy::with_members(node, nodes, initial, start.records, start.now, start.rng)
    })
}

/// Plays a script. Returns what the members have in the end, and the changes, each with whether it
/// was acknowledged.
fn play<C>(
    script: &[Event],
    size: usize,
    seed: u64,
    mut change: impl FnMut(&C, &Incarnation) -> C,
) -> (Vec<C>, Vec<bool>)
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    let mut cluster = cluster(size, seed);
    let changes = cluster
        .play(script, |core: &AntiEntropy<C>| change(&core.state(), core.incarnation()).into());
    (cluster.cores().map(|core| core.state().clone()).collect(), changes)
}

proptest! {
    #[test]
    fn no_element_is_lost_whoever_joins_and_leaves(
        script in events(5),
        seed in any::<u64>(),
    ) {
        let mut next = 0;
        let (states, changes) = play(&script, 5, seed, |_: &GSet<u64>, _| {
            next += 1;
            GSet::add(next)
        });
        for state in &states {
            prop_assert_eq!(state, &states[0]);
        }
        for (is_acknowledged, element) in changes.into_iter().zip(1..) {
            let is_kept = states[0].iter().any(|other| *other == element);
            prop_assert!(is_kept || !is_acknowledged, "{} is lost", element);
        }
    }

    /// A node that is back without its disk counts under another name.
    #[test]
    fn no_addition_is_lost_or_counted_twice_whoever_joins_and_leaves(
        script in events(4),
        seed in any::<u64>(),
    ) {
        let (states, changes) = play(&script, 4, seed, |state: &GCounter, me| {
            state.add(me, 1).expect("it is far from full")
        });
        for state in &states {
            prop_assert_eq!(state, &states[0]);
        }
        let acknowledged = changes.iter().filter(|is_acknowledged| **is_acknowledged).count();
        let bounds = acknowledged as u128..=changes.len() as u128;
        prop_assert!(bounds.contains(&states[0].value()), "{} not in {:?}", states[0].value(), bounds);
    }
}

#[test]
fn nobody_leaves_before_a_member_has_what_it_alone_had() {
    let mut cluster = cluster::<GSet<u64>>(2, 0);
    cluster.network.partition(&[1]);
    cluster.network.request(1, GSet::add(7).into());
    let change = || Request::Members(MemberChange::remove("n1".into()));
    let in_vain = cluster.network.request(1, change());
    cluster.pass(Duration::from_secs(5));
    assert!(!cluster.network.core(1).unwrap().is_member(), "it takes no more requests");
    assert_eq!(cluster.replied(in_vain), Some(false));

    cluster.network.faults.cut.clear();
    let again = cluster.network.request(0, change());
    cluster.pass(Duration::from_secs(2));
    assert_eq!(cluster.replied(again), Some(true));
    assert!(cluster.network.core(0).unwrap().state().iter().eq(&[7]));
}

#[test]
fn a_late_order_does_nothing() {
    let mut cluster = cluster::<GSet<u64>>(2, 0);
    let remove = || Request::Members(MemberChange::remove("n1".into()));
    cluster.network.request(0, remove());
    cluster.network.run_until(Time::from_millis(5));
    let is_order = |message: &Message<GSet<u64>>| {
        message.members.as_ref().is_some_and(|word| word.order.is_some())
    };
    let letters = cluster.network.take_letters(|letter| is_order(&letter.message));
    assert_eq!(letters.len(), 1);
    for change in [remove(), Request::Members(MemberChange::add("n1".into()))] {
        let id = cluster.network.request(0, change);
        cluster.pass(Duration::from_secs(3));
        assert_eq!(cluster.replied(id), Some(true));
    }
    letters.into_iter().for_each(|letter| cluster.network.deliver(letter));
    assert!(cluster.network.core(1).unwrap().is_member());
}

#[test]
fn who_is_back_without_its_disk_gets_everything_before_it_joins() {
    let mut cluster = cluster::<GSet<u64>>(3, 0);
    cluster.network.start(2);
    cluster.network.request(0, GSet::add(7).into());
    for change in [MemberChange::add("n2".into()), MemberChange::remove("n2".into())] {
        let id = cluster.ask(0, change);
        cluster.pass(Duration::from_secs(3));
        assert_eq!(cluster.replied(id), Some(true));
    }
    cluster.network.crash(2);
    cluster.network.set_records(2, Vec::new());
    cluster.network.start(2);

    cluster.ask(0, MemberChange::add("n2".into()));
    let is_member =
        |cluster: &Cluster<AntiEntropy<GSet<u64>>>| cluster.network.core(2).unwrap().is_member();
    while !is_member(&cluster) {
        assert!(cluster.network.now < Time::from_millis(20_000), "it joins");
        cluster.pass(Duration::from_millis(1));
    }
    assert!(cluster.network.core(2).unwrap().state().iter().eq(&[7]));
}

/// What the nodes of two clusters, each of which has heard nothing of the other, would be for ever,
/// if members asked members only.
#[test]
fn two_halves_that_were_replaced_side_by_side_find_each_other() {
    let mut cluster = cluster::<GSet<u64>>(4, 0);
    (2..4).for_each(|rank| cluster.network.start(rank));
    cluster.network.partition(&[0, 2]);
    for (old, new) in [(0, 2), (1, 3)] {
        let name = |rank: usize| NodeId::from(format!("n{rank}"));
        cluster.network.request(old, Request::Members(MemberChange::add(name(new))));
        cluster.pass(Duration::from_secs(3));
        cluster.network.request(new, GSet::add(new as u64).into());
        let left = cluster.network.request(new, Request::Members(MemberChange::remove(name(old))));
        cluster.pass(Duration::from_secs(3));
        assert_eq!(cluster.replied(left), Some(true));
        cluster.network.crash(old);
    }
    cluster.network.faults.cut.clear();
    cluster.pass(Duration::from_secs(10));
    for rank in 2..4 {
        let core = cluster.network.core(rank).unwrap();
        assert!(core.state().iter().eq(&[2, 3]), "n{rank}");
        assert!(core.members().iter().map(NodeId::as_str).eq(["n2", "n3"]), "n{rank}");
    }
}

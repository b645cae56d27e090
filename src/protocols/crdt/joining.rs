//! Replicas that join and leave in a simulated network: whatever goes wrong meanwhile, nothing that
//! was acknowledged is lost or counted twice, and all members agree in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::*;
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::protocols::core::RequestId;
use crate::protocols::simulator::{Faults, Simulator};
use crate::types::{Incarnation, MemberChange, NodeId, Time};

const LATENCY: Duration = Duration::from_millis(20);
/// How often whoever changes the members looks whether a change is made.
const LOOK: Duration = Duration::from_millis(100);

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A client asks a member for a change of the state.
    Change,
    /// A node is to join, or if it is a member, to leave. Its disk is destroyed when it has left.
    Move(usize),
    /// A fault, or the end of one.
    Trouble,
    Pass(u64),
}

fn events(size: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => Just(Event::Change),
        2 => (0..size).prop_map(Event::Move),
        2 => Just(Event::Trouble),
        3 => (1..1_500_u64).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..60)
}

/// A cluster, and somebody who changes its members, one at a time. As in the bench it asks members
/// in turn until one says that it is done.
struct Cluster<C>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    network: Simulator<AntiEntropy<C>>,
    members: BTreeSet<usize>,
    /// The nodes that there are: members and those about to be.
    there: BTreeSet<usize>,
    moves: Option<usize>,
    asked: Option<(RequestId, Time)>,
    turn: usize,
}

impl<C> Cluster<C>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    /// It begins with two members.
    fn new(size: usize, seed: u64) -> Cluster<C> {
        let faults = Faults::none(LATENCY);
        let mut network = Simulator::not_started(size, seed, faults, |start| {
            let (node, nodes, initial) = (start.node, start.nodes, &start.nodes[..2]);
            AntiEntropy::with_members(node, nodes, initial, start.records, start.now, start.rng)
        });
        (0..2).for_each(|rank| network.start(rank));
        let members = BTreeSet::from([0, 1]);
        Cluster { network, there: members.clone(), members, moves: None, asked: None, turn: 0 }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.network.now + time;
        while self.network.now < end {
            self.network.run_until(end.min(self.network.now + LOOK));
            self.look();
        }
    }

    /// A member that is up and knows that it is one.
    fn some_member(&mut self) -> Option<usize> {
        self.turn += 1;
        let rank = *self.members.iter().nth(self.turn % self.members.len())?;
        let is_member = |core: &AntiEntropy<C>| core.is_member();
        let is_up = self.network.is_up(rank) && self.network.core(rank).is_some_and(is_member);
        is_up.then_some(rank)
    }

    /// Goes on with the change of the members that is under way.
    fn look(&mut self) {
        let Some(node) = self.moves else { return };
        if let Some((id, at)) = self.asked {
            let reply = self.network.replies.iter().find(|replied| replied.id == id);
            match reply.map(|replied| replied.reply) {
                Some(true) => return self.is_made(node),
                None if self.network.now.since(at) < Duration::from_secs(5) => return,
                _ => self.asked = None,
            }
        }
        if let Some(rank) = self.some_member() {
            let name = NodeId::from(format!("n{node}"));
            let change = match self.members.contains(&node) {
                true => MemberChange::remove(name),
                false => MemberChange::add(name),
            };
            let id = self.network.request(rank, Request::Members(change));
            self.asked = Some((id, self.network.now));
        }
    }

    fn is_made(&mut self, node: usize) {
        (self.moves, self.asked) = (None, None);
        if self.members.insert(node) {
            return;
        }
        self.members.remove(&node);
        self.there.remove(&node);
        self.network.crash(node);
        self.network.set_records(node, Vec::new());
    }

    fn begin_move(&mut self, node: usize) {
        let leaves = self.members.contains(&node);
        if self.moves.is_none() && (!leaves || self.members.len() > 1) {
            self.moves = Some(node);
            self.there.insert(node);
            self.network.start(node);
        }
    }

    /// Ends every fault, has the last change made, and lets everybody hear of everything.
    fn settle(&mut self) {
        self.network.faults = Faults::none(LATENCY);
        for rank in self.there.clone() {
            self.network.resume(rank);
            self.network.start(rank);
        }
        self.pass(Duration::from_secs(60));
        assert_eq!(self.moves, None, "a change of the members is made when all is well");
    }
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
    let mut cluster: Cluster<C> = Cluster::new(size, seed);
    cluster.network.as_json = seed.is_multiple_of(4);
    let mut changes = BTreeMap::new();
    for event in script {
        match *event {
            Event::Change => {
                let Some(rank) = cluster.some_member() else { continue };
                let core = cluster.network.core(rank).expect("it is up");
                let delta = change(&core.state(), core.incarnation());
                let id = cluster.network.request(rank, delta.into());
                changes.insert(id, false);
            }
            Event::Move(node) => cluster.begin_move(node),
            Event::Trouble => {
                let index = cluster.network.rng.random_range(0..cluster.there.len());
                let rank = *cluster.there.iter().nth(index).expect("it is there");
                cluster.network.trouble_at(rank);
            }
            Event::Pass(time_ms) => cluster.pass(Duration::from_millis(time_ms)),
        }
    }
    cluster.settle();
    for replied in &cluster.network.replies {
        changes.entry(replied.id).and_modify(|is_acknowledged| *is_acknowledged = true);
    }
    let names: Vec<String> = cluster.members.iter().map(|rank| format!("n{rank}")).collect();
    let core = |rank: &usize| cluster.network.core(*rank).expect("a member is there");
    for rank in &cluster.members {
        let known: Vec<&str> = core(rank).members().iter().map(NodeId::as_str).collect();
        assert_eq!(known, names, "n{rank} knows who is a member");
    }
    let states = cluster.members.iter().map(|rank| core(rank).state().clone());
    (states.collect(), changes.into_values().collect())
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

/// The moment at which a request was replied to, and what with.
fn replied<C>(cluster: &Cluster<C>, id: RequestId) -> Option<bool>
where
    C: Crdt + Debug + Serialize + DeserializeOwned + 'static,
{
    let reply = cluster.network.replies.iter().find(|replied| replied.id == id);
    reply.map(|replied| replied.reply)
}

#[test]
fn nobody_leaves_before_a_member_has_what_it_alone_had() {
    let mut cluster: Cluster<GSet<u64>> = Cluster::new(2, 0);
    cluster.network.partition(&[1]);
    cluster.network.request(1, GSet::add(7).into());
    let change = || Request::Members(MemberChange::remove("n1".into()));
    let in_vain = cluster.network.request(1, change());
    cluster.pass(Duration::from_secs(5));
    assert!(!cluster.network.core(1).unwrap().is_member(), "it takes no more requests");
    assert_eq!(replied(&cluster, in_vain), Some(false));

    cluster.network.faults.cut.clear();
    let again = cluster.network.request(0, change());
    cluster.pass(Duration::from_secs(2));
    assert_eq!(replied(&cluster, again), Some(true));
    assert!(cluster.network.core(0).unwrap().state().iter().eq(&[7]));
}

#[test]
fn a_late_order_does_nothing() {
    let mut cluster: Cluster<GSet<u64>> = Cluster::new(2, 0);
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
        assert_eq!(replied(&cluster, id), Some(true));
    }
    letters.into_iter().for_each(|letter| cluster.network.deliver(letter));
    assert!(cluster.network.core(1).unwrap().is_member());
}

/// What the nodes of two clusters, each of which has heard nothing of the other, would be for ever,
/// if members asked members only.
#[test]
fn two_halves_that_were_replaced_side_by_side_find_each_other() {
    let mut cluster: Cluster<GSet<u64>> = Cluster::new(4, 0);
    (2..4).for_each(|rank| cluster.network.start(rank));
    cluster.network.partition(&[0, 2]);
    for (old, new) in [(0, 2), (1, 3)] {
        let name = |rank: usize| NodeId::from(format!("n{rank}"));
        cluster.network.request(old, Request::Members(MemberChange::add(name(new))));
        cluster.pass(Duration::from_secs(3));
        cluster.network.request(new, GSet::add(new as u64).into());
        let left = cluster.network.request(new, Request::Members(MemberChange::remove(name(old))));
        cluster.pass(Duration::from_secs(3));
        assert_eq!(replied(&cluster, left), Some(true));
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

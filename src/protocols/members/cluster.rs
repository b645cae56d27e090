//! Nodes that join and leave in a simulated network, whatever goes wrong meanwhile: what tests of
//! protocols in which nobody leads share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::*;
use rand::RngExt;

use super::HasMembers;
use crate::protocols::core::RequestId;
use crate::protocols::simulator::{Faults, Simulator, Start};
use crate::types::{MemberChange, NodeId, Time};

pub(crate) const LATENCY: Duration = Duration::from_millis(20);
/// How often whoever changes the members looks whether a change is made.
const LOOK: Duration = Duration::from_millis(100);

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A client asks a member for a change of the state.
    Change,
    /// A node is to join, or if it is a member, to leave. Its disk is destroyed when it has left.
    Move(usize),
    /// A fault, or the end of one.
    Trouble,
    Pass(u64),
}

pub(crate) fn events(size: usize) -> impl Strategy<Value = Vec<Event>> {
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
pub(crate) struct Cluster<K: HasMembers> {
    pub(crate) network: Simulator<K>,
    pub(crate) members: BTreeSet<usize>,
    /// The nodes that there are: members and those about to be.
    there: BTreeSet<usize>,
    moves: Option<usize>,
    asked: Option<(RequestId, Time)>,
    turn: usize,
}

impl<K> Cluster<K>
where
    K: HasMembers<Message: Clone + Debug, Record: Clone> + 'static,
{
    /// It begins with two members.
    pub(crate) fn new(
        size: usize,
        seed: u64,
        make: impl FnMut(Start<'_, K::Record>) -> K + 'static,
    ) -> Cluster<K> {
        let mut network = Simulator::not_started(size, seed, Faults::none(LATENCY), make);
        (0..2).for_each(|rank| network.start(rank));
        network.as_json = seed.is_multiple_of(4);
        let members = BTreeSet::from([0, 1]);
        Cluster { network, there: members.clone(), members, moves: None, asked: None, turn: 0 }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
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
        let is_member = |core: &K| core.is_member();
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
            let id = self.network.request(rank, K::member_request(change));
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

    /// What a request was replied to with.
    pub(crate) fn replied(&self, id: RequestId) -> Option<bool> {
        let reply = self.network.replies.iter().find(|replied| replied.id == id);
        reply.map(|replied| replied.reply)
    }

    /// Asks a node for a change of the members.
    pub(crate) fn ask(&mut self, rank: usize, change: MemberChange) -> RequestId {
        self.network.request(rank, K::member_request(change))
    }

    /// The members.
    pub(crate) fn cores(&self) -> impl Iterator<Item = &K> {
        self.members.iter().map(|rank| self.network.core(*rank).expect("a member is there"))
    }

    /// Plays a script. Returns the changes, each with whether it was acknowledged.
    pub(crate) fn play(
        &mut self,
        script: &[Event],
        mut change: impl FnMut(&K) -> K::Local,
    ) -> Vec<bool> {
        let mut changes = BTreeMap::new();
        for event in script {
            match *event {
                Event::Change => {
                    let Some(rank) = self.some_member() else { continue };
                    let request = change(self.network.core(rank).expect("it is up"));
                    changes.insert(self.network.request(rank, request), false);
                }
                Event::Move(node) => self.begin_move(node),
                Event::Trouble => {
                    let index = self.network.rng.random_range(0..self.there.len());
                    let rank = *self.there.iter().nth(index).expect("it is there");
                    self.network.trouble_at(rank);
                }
                Event::Pass(time_ms) => self.pass(Duration::from_millis(time_ms)),
            }
        }
        self.settle();
        for replied in &self.network.replies {
            changes.entry(replied.id).and_modify(|is_acknowledged| *is_acknowledged = true);
        }
        let names: Vec<String> = self.members.iter().map(|rank| format!("n{rank}")).collect();
        for core in self.cores() {
            let known: Vec<&str> = core.members().iter().map(NodeId::as_str).collect();
            assert_eq!(known, names, "every member knows who is one");
        }
        changes.into_values().collect()
    }
}

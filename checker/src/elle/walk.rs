//! The cycles that Elle comes across.
//!
//! [`cycles`](super::cycles) finds the shortest cycle of each kind that there is. Elle is content
//! with less: it walks from one transaction after another, breadth first, and takes the first
//! cycle that could be of the kind it looks for. It then names the cycle by the relation with
//! which it explains each step; and where one transaction precedes another for two reasons,
//! that need not be the one by which the walk came. If the name is another, the cycle is
//! dropped, the kind counts as absent, and Elle goes on to the milder kinds that it would
//! otherwise have passed over as implied.
//!
//! So what Elle names depends on the order in which it visits transactions: that of a hash trie
//! over their indices. This module makes the same walk in the same order, so that whatever Elle
//! names is named here too. It never takes the place of the other search, and only adds to it.
//!
//! Absent: Elle's limit of one second for each component. A walk here gives up after so many
//! steps, so that a history is judged alike on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::components::{self, components};
use super::cycles::{Cycle, Kind, Rule, Step, kinds, name_of};
use super::graph::{Graph, Relation, Relations};
use super::model;
use super::order::{Successors, Timing};
use super::transaction::{NONE, Transaction, Transactions, number};
use super::trie;

/// How many steps are walked in one component at most. Of 2,419 components, in histories that
/// Elle has judged, all but two took at most 14,000; for those two, its second was too short.
const STEPS: usize = 100_000;

/// How many are walked in all components together: about half a second, for a history that is
/// wrong everywhere.
const STEPS_IN_ALL: usize = 20 * STEPS;

/// A component with more edges than this is not walked: it would take all those steps to leave
/// the first few transactions.
const EDGES: usize = 20_000;

/// The walk through the components of a graph of transactions.
pub struct Walker<'a> {
    txns: &'a Transactions,
    timing: Timing,
    successors: Option<Successors>,
    steps_left: usize,
}

impl<'a> Walker<'a> {
    /// A walk through transactions in this order of time.
    pub fn new(txns: &'a Transactions, timing: Timing) -> Walker<'a> {
        let successors = (timing == Timing::Realtime).then(|| Successors::new(txns));
        Walker { txns, timing, successors, steps_left: STEPS_IN_ALL }
    }

    /// The cycles that are come across in a component, which is that of these vertices.
    pub fn cycles(&mut self, component: &Graph, vertices: &[u32]) -> Vec<Cycle> {
        if self.steps_left == 0 {
            return Vec::new();
        }
        let Some(map) = self.map(component, vertices) else { return Vec::new() };
        let mut steps_left = STEPS;
        let found = map.cycles(self.timing, &mut steps_left);
        self.steps_left = self.steps_left.saturating_sub(STEPS - steps_left);
        found
    }

    /// A component in the order in which Elle visits it; `None` if it has too many edges.
    fn map(&self, component: &Graph, vertices: &[u32]) -> Option<Map> {
        let is_txn = |(_, place): &(&u32, u32)| !component.is_helper(*place);
        let txns = vertices.iter().zip(0..).take_while(is_txn);
        let txns: Vec<&Transaction> = txns.map(|(&txn, _)| self.txns.get(txn)).collect();
        let mut edges = BTreeMap::new();
        for from in 0..number(txns.len()) {
            add_edges(component, from, &mut edges);
            if edges.len() > EDGES {
                return None;
            }
        }
        if let Some(successors) = &self.successors {
            add_realtime(successors, &txns, &mut edges);
        }
        let hashes: Vec<u32> = txns.iter().map(|txn| trie::hash(txn.indices.1 as u64)).collect();
        (edges.len() <= EDGES).then(|| Map::new(hashes.into(), edges))
    }
}

/// Edges, each by its two ends, with all that it says.
type Edges = BTreeMap<(u32, u32), Relations>;

fn add_edge(edges: &mut Edges, from: u32, to: u32, relation: Relation) {
    let relations = edges.entry((from, to)).or_insert(Relations::NONE);
    *relations = relations.and(relation.only());
}

/// The edges from one transaction to others, those of real time apart.
fn add_edges(component: &Graph, from: u32, edges: &mut Edges) {
    let is_data = |&(_, relation): &(u32, Relation)| relation != Relation::Realtime;
    let mut open: Vec<(u32, Relation)> = component.edges(from).filter(is_data).collect();
    while let Some((to, relation)) = open.pop() {
        if component.is_helper(to) {
            open.extend(component.edges(to).map(|(to, _)| (to, relation)));
        } else if to != from {
            add_edge(edges, from, to, relation);
        }
    }
}

/// The edges of real time, without those that follow from others: Elle has none of these.
fn add_realtime(successors: &Successors, txns: &[&Transaction], edges: &mut Edges) {
    let mut by_begin: Vec<(u32, u32)> =
        txns.iter().zip(0..).filter_map(|(txn, place)| Some((txn.begin?, place))).collect();
    by_begin.sort_unstable();
    for (from, txn) in (0..).zip(txns) {
        let moments = successors.of(txn);
        let first = by_begin.partition_point(|(begin, _)| *begin < moments.start);
        for &(_, to) in by_begin[first..].iter().take_while(|(at, _)| moments.contains(at)) {
            add_edge(edges, from, to, Relation::Realtime);
        }
        if edges.len() > EDGES {
            return;
        }
    }
}

/// What is looked for: a kind of cycle, as an automaton over the relations of its steps.
struct Goal {
    /// What any step may be.
    allowed: Relations,
    start: State,
}

#[derive(Clone, Copy)]
struct State {
    /// Relations that the cycle must still have.
    needs: Relations,
    /// How many anti-dependencies it must still have.
    needed_rw: u8,
    rw: AntiDependency,
}

/// Whether the next step may be an anti-dependency.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AntiDependency {
    /// It may if any step may.
    IfAllowed,
    /// It may, and no other after it.
    Once,
    /// It may, but not the one after it.
    Apart,
    /// It may not: the one before was one.
    NotNext,
}

impl Goal {
    fn new(kind: &Kind, time: Option<Relation>) -> Goal {
        let (needed_rw, rw) = match (kind.first, kind.rule) {
            (Relation::ReadWrite, Rule::NoMore) => (1, AntiDependency::Once),
            (Relation::ReadWrite, Rule::Apart) => (2, AntiDependency::Apart),
            (Relation::ReadWrite, Rule::Any) => (2, AntiDependency::IfAllowed),
            _ => (0, AntiDependency::IfAllowed),
        };
        let time = time.map_or(Relations::NONE, Relation::only);
        let needs = match kind.first {
            Relation::WriteRead => time.and(Relation::WriteRead.only()),
            _ => time,
        };
        Goal { allowed: kind.others.and(time), start: State { needs, needed_rw, rw } }
    }

    fn is_reached(&self, state: State) -> bool {
        state.needs.is_empty() && state.needed_rw == 0 && state.rw != AntiDependency::NotNext
    }

    /// The states after a step that could be any of these relations, in the order in which Elle
    /// tries them: an anti-dependency that is sought, what else is needed, what is allowed. A
    /// walk starts with a step that it needs.
    fn follow(&self, state: State, step: Relations, is_first: bool, mut reach: impl FnMut(State)) {
        let is_sought = |relation| {
            relation == Relation::ReadWrite
                && (state.needed_rw > 0
                    || matches!(state.rw, AntiDependency::Once | AntiDependency::Apart))
        };
        let mut take = |relation| {
            if let Some(next) = self.take(state, relation) {
                reach(next);
            }
        };
        let relations = || Relation::ALL.into_iter().filter(|&relation| step.has(relation));
        relations().filter(|&relation| is_sought(relation)).for_each(&mut take);
        if is_first && state.needed_rw > 0 {
            return;
        }
        relations().filter(|&relation| state.needs.has(relation)).for_each(&mut take);
        if is_first && !state.needs.is_empty() {
            return;
        }
        relations()
            .find(|&relation| {
                let is_allowed = self.allowed.has(relation);
                is_allowed && !is_sought(relation) && !state.needs.has(relation)
            })
            .into_iter()
            .for_each(take);
    }

    fn take(&self, state: State, relation: Relation) -> Option<State> {
        let is_rw = relation == Relation::ReadWrite;
        let rw = match state.rw {
            AntiDependency::NotNext if !is_rw => AntiDependency::Apart,
            rw if !is_rw || self.allowed.has(relation) => rw,
            AntiDependency::Once => AntiDependency::IfAllowed,
            AntiDependency::Apart => AntiDependency::NotNext,
            AntiDependency::IfAllowed | AntiDependency::NotNext => return None,
        };
        Some(State {
            needs: state.needs.without(relation),
            needed_rw: state.needed_rw.saturating_sub(u8::from(is_rw)),
            rw,
        })
    }
}

/// A part of a graph, in the order in which it is visited.
struct Map {
    /// The hashes of all transactions, also of those that are not in this part.
    hashes: Rc<[u32]>,
    order: Vec<u32>,
    onward: BTreeMap<u32, Vec<(u32, Relations)>>,
}

/// Where a walk has come to.
struct Place {
    txn: u32,
    state: State,
    /// The place before, in the list of places.
    before: u32,
}

impl Map {
    fn new(hashes: Rc<[u32]>, edges: impl IntoIterator<Item = ((u32, u32), Relations)>) -> Map {
        let mut onward: BTreeMap<u32, Vec<(u32, Relations)>> = BTreeMap::new();
        for ((from, to), relations) in edges {
            onward.entry(from).or_default().push((to, relations));
            onward.entry(to).or_default();
        }
        let hash = |txn: u32| hashes[txn as usize];
        for heads in onward.values_mut() {
            trie::sort(heads, |&(to, _)| hash(to));
        }
        let mut order: Vec<u32> = onward.keys().copied().collect();
        trie::sort(&mut order, |&txn| hash(txn));
        Map { hashes, order, onward }
    }

    fn edges(&self) -> impl Iterator<Item = ((u32, u32), Relations)> + '_ {
        self.onward.iter().flat_map(|(&from, heads)| {
            heads.iter().map(move |&(to, relations)| ((from, to), relations))
        })
    }

    /// The part of it that has these relations.
    fn only(&self, relations: Relations) -> Map {
        let edges = self.edges().map(|(ends, all)| (ends, all.only_of(relations)));
        Map::new(self.hashes.clone(), edges.filter(|(_, relations)| !relations.is_empty()))
    }

    /// The part of it between these transactions.
    fn between(&self, txns: &[u32], steps_left: &mut usize) -> Map {
        let mut edges = Vec::new();
        for &from in txns {
            let heads = self.onward.get(&from).map_or(&[][..], Vec::as_slice);
            *steps_left = steps_left.saturating_sub(heads.len());
            let inside = heads.iter().filter(|(to, _)| txns.contains(to));
            edges.extend(inside.map(|&(to, relations)| ((from, to), relations)));
        }
        Map::new(self.hashes.clone(), edges)
    }

    /// The cycles that are come across, of each kind that none before implies.
    fn cycles(&self, timing: Timing, steps_left: &mut usize) -> Vec<Cycle> {
        let mut found = Vec::new();
        let mut implied = BTreeSet::new();
        for (name, kind, time) in kinds(timing) {
            if implied.contains(name) {
                continue;
            }
            let goal = Goal::new(kind, time);
            let part = self.only(goal.allowed.and(kind.first.only()));
            // Without this, a walk through what has no cycle would try every path.
            let has_cycle = !components(&part).of_several().is_empty();
            let Some(way) = has_cycle.then(|| part.search(&goal, steps_left)).flatten() else {
                continue;
            };
            let steps = self.explained(&way);
            let cycle = Cycle { kind: name_of(&steps), steps };
            // Those without anti-dependencies are taken under whatever name they have.
            if cycle.kind == name || kind.first != Relation::ReadWrite {
                implied.extend(model::implied_by(name));
                found.push(cycle);
            }
        }
        found
    }

    /// The first cycle that reaches the goal, as the transactions that it comes by. It ends where
    /// it starts.
    fn search(&self, goal: &Goal, steps_left: &mut usize) -> Option<Vec<u32>> {
        self.order.iter().find_map(|&origin| self.search_from(origin, goal, steps_left))
    }

    fn search_from(&self, origin: u32, goal: &Goal, steps_left: &mut usize) -> Option<Vec<u32>> {
        let mut places = vec![Place { txn: origin, state: goal.start, before: NONE }];
        let mut level = 0..1;
        while !level.is_empty() {
            let mut open = Vec::new();
            for at in level {
                let Some(around) = way_around(&places, at) else {
                    open.push(at);
                    continue;
                };
                if !goal.is_reached(places[at].state) {
                    continue;
                }
                if around[0] == origin {
                    return Some(around);
                }
                // It goes around without coming by where it started. Elle looks for a cycle
                // among the transactions that it goes around by.
                let inside = self.between(&around[1..], steps_left);
                let mut from_each = around.iter();
                let found = from_each.find_map(|&txn| inside.search_from(txn, goal, steps_left));
                if found.is_some() {
                    return found;
                }
            }
            let reached = places.len();
            for at in open {
                if places.len() - reached > *steps_left {
                    break;
                }
                let (txn, state) = (places[at].txn, places[at].state);
                let is_first = places[at].before == NONE;
                for &(txn, relations) in self.onward.get(&txn).into_iter().flatten() {
                    goal.follow(state, relations, is_first, |state| {
                        places.push(Place { txn, state, before: number(at) });
                    });
                }
            }
            *steps_left = steps_left.saturating_sub(places.len() - reached);
            if *steps_left == 0 {
                return None;
            }
            level = reached..places.len();
        }
        None
    }

    /// A way around as steps, each with the relation that Elle would explain it with.
    fn explained(&self, way: &[u32]) -> Vec<Step> {
        let relation = |from: u32, to: u32| {
            let (_, relations) = *self.onward[&from].iter().find(|(head, _)| *head == to)?;
            Relation::ALL.into_iter().find(|&relation| relations.has(relation))
        };
        let step = |ends: &[u32]| Step {
            from: ends[0],
            to: ends[1],
            relation: relation(ends[0], ends[1]).expect("it was walked"),
        };
        way.windows(2).map(step).collect()
    }
}

/// If the walk to a place has come by its transaction before: the way from there to here.
fn way_around(places: &[Place], at: usize) -> Option<Vec<u32>> {
    let mut way = vec![places[at].txn];
    let mut before = places[at].before;
    while before != NONE {
        let place = &places[before as usize];
        way.push(place.txn);
        if place.txn == way[0] {
            way.reverse();
            return Some(way);
        }
        before = place.before;
    }
    None
}

impl components::Walk for Map {
    fn vertices(&self) -> usize {
        self.hashes.len()
    }

    fn edge(&self, vertex: u32, nth: u32) -> Option<u32> {
        self.onward.get(&vertex)?.get(nth as usize).map(|&(to, _)| to)
    }
}

#[cfg(test)]
mod tests;

//! Cycles, the shortest of each kind.
//!
//! A cycle of dependencies is what no serial order can have; which edges it is made of says
//! which anomaly it is (Adya, *Weak Consistency*, sections 3.1 to 3.3 and 4.2 to 4.3; for
//! `G-nonadjacent`, Cerone and Gotsman, *Analysing Snapshot Isolation*, Theorem 9):
//!
//! | kind | edges |
//! |---|---|
//! | `G0` | `ww` |
//! | `G1c` | `ww` and `wr`, at least one of them `wr` |
//! | `G-single-item` | the same, and exactly one `rw` |
//! | `G-nonadjacent-item` | the same, and several `rw`, no two of which follow each other |
//! | `G2-item` | `ww`, `wr` and `rw`, at least one of them `rw` |
//!
//! Without `-item`, the last three have an `rwp` among what counts as `rw`: an anti-dependency on
//! what a predicate matches. A `wr` may be one of a predicate read in all of them.
//!
//! Each comes plain, and in a second form that also takes the edges of time (`-process` or
//! `-realtime`). Every cycle lies within one strongly connected component. In each component
//! the kinds are looked for from the worst down, and a kind that a worse one already implies is
//! passed over. That makes the search simple: when `G-single-item-realtime` is looked for, no
//! cycle without real time has exactly one `rw`, so that each one found must use real time.
//!
//! A cycle of a kind starts with an edge that the kind must have. From there, breadth-first
//! search over pairs of a transaction and whether an `rw` led there finds the shortest way back.
//! Only edges that some cycle can contain are tried as a start, a question that components
//! answer in linear time; so no search is in vain, except for `G-single-item`, where it is kept
//! to what lies between the edge's two ends in a topological order. Nothing is timed. The
//! shortest way back that keeps `rw` edges apart may come by some transaction twice; for that
//! there is another search, [`untangled`].
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

mod untangled;

use std::collections::{BTreeSet, VecDeque};

use rayon::prelude::*;

use super::components::{Components, Walk, components};
use super::graph::{Graph, Relation, Relations};
use super::model::{self, Name};
use super::order::Timing;
use super::tables::{NONE, number};

/// A cycle: each step starts where the one before ends, and the last ends where the first starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Which anomaly it is.
    pub kind: Name,
    /// Its steps in order.
    pub steps: Vec<Step>,
}

impl Cycle {
    /// The same in the whole graph, for a cycle in the component of these vertices.
    pub fn among(mut self, vertices: &[u32]) -> Cycle {
        for step in &mut self.steps {
            step.from = vertices[step.from as usize];
            step.to = vertices[step.to as usize];
        }
        self
    }
}

/// A step of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The transaction that comes first.
    pub from: u32,
    /// The one that comes after it.
    pub to: u32,
    /// Why it does.
    pub relation: Relation,
}

/// What a kind allows of anti-dependencies, `rw`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// None but the first edge, if that is one.
    NoMore,
    /// No two that follow each other.
    Apart,
    /// Any.
    Any,
}

/// A kind of cycle.
struct Kind {
    /// The names of its plain form, with process edges and with real-time edges.
    names: [Name; 3],
    /// The edge that it must have, and with which the search starts.
    first: Relation,
    /// The other edges that it may have.
    others: Relations,
    /// The anti-dependencies among its edges.
    against: Relations,
    /// What it allows of them.
    rule: Rule,
}

const WRITES: Relations = Relation::WriteWrite.only();
const FLOW: Relations = WRITES.and(Relation::WriteRead.only());
const ITEM: Relations = Relation::ReadWrite.only();
const PREDICATE: Relations = ITEM.and(Relation::PredicateReadWrite.only());

/// From the worst down.
const KINDS: [Kind; 8] = [
    Kind {
        names: ["G0", "G0-process", "G0-realtime"],
        first: Relation::WriteWrite,
        others: WRITES,
        against: ITEM,
        rule: Rule::NoMore,
    },
    Kind {
        names: ["G1c", "G1c-process", "G1c-realtime"],
        first: Relation::WriteRead,
        others: FLOW,
        against: ITEM,
        rule: Rule::NoMore,
    },
    Kind {
        names: ["G-single-item", "G-single-item-process", "G-single-item-realtime"],
        first: Relation::ReadWrite,
        others: FLOW,
        against: ITEM,
        rule: Rule::NoMore,
    },
    Kind {
        names: ["G-single", "G-single-process", "G-single-realtime"],
        first: Relation::PredicateReadWrite,
        others: FLOW,
        against: PREDICATE,
        rule: Rule::NoMore,
    },
    Kind {
        names: ["G-nonadjacent-item", "G-nonadjacent-item-process", "G-nonadjacent-item-realtime"],
        first: Relation::ReadWrite,
        others: FLOW,
        against: ITEM,
        rule: Rule::Apart,
    },
    Kind {
        names: ["G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime"],
        first: Relation::PredicateReadWrite,
        others: FLOW,
        against: PREDICATE,
        rule: Rule::Apart,
    },
    Kind {
        names: ["G2-item", "G2-item-process", "G2-item-realtime"],
        first: Relation::ReadWrite,
        others: FLOW.and(ITEM),
        against: ITEM,
        rule: Rule::Any,
    },
    Kind {
        names: ["G2", "G2-process", "G2-realtime"],
        first: Relation::PredicateReadWrite,
        others: FLOW.and(PREDICATE),
        against: PREDICATE,
        rule: Rule::Any,
    },
];

/// The kinds of cycles that can be found with such an order of time, from the worst down: the
/// name, the edges, and the relation of time that it needs besides.
fn kinds(timing: Timing) -> impl Iterator<Item = (Name, &'static Kind, Option<Relation>)> {
    let plain = KINDS.iter().map(|kind| (kind.names[0], kind, None));
    let form = if timing == Timing::Process { 1 } else { 2 };
    let timed = KINDS.iter().map(move |kind| (kind.names[form], kind, timing.relation()));
    plain.chain(timed.filter(move |_| timing != Timing::Ignored))
}

/// The names of all kinds of cycles that use this order of time.
pub fn names(timing: Timing) -> impl Iterator<Item = Name> {
    kinds(timing).filter(|(_, _, time)| time.is_some()).map(|(name, ..)| name)
}

/// The cycles of one component, as [`Graph::restricted_to`] gives it: one of each kind that no
/// worse one implies.
pub fn cycles(component: &Graph, timing: Timing) -> Vec<Cycle> {
    let component = component.without_milder();
    // In a large one several kinds are looked for at once. That one of them is implied by
    // another may be found out too late; then it is dropped, so that the result is the same.
    let is_large = component.len() >= LARGE;
    let at_once = if is_large { rayon::current_num_threads() } else { 1 };
    let has_predicates = (0..number(component.len())).any(|vertex| {
        component.edges(vertex).any(|(_, relation)| relation == Relation::PredicateReadWrite)
    });
    let is_looked_for = |kind: &Kind| has_predicates || kind.against == ITEM;
    let mut left: VecDeque<_> = kinds(timing).filter(|(_, kind, _)| is_looked_for(kind)).collect();
    let mut implied = BTreeSet::new();
    let mut found = Vec::new();
    while !left.is_empty() {
        let next: Vec<_> = left.drain(..at_once.min(left.len())).collect();
        let search = |&(_, kind, time): &(Name, &Kind, Option<Relation>)| {
            Search::new(&component).shortest(kind, time)
        };
        let results: Vec<Option<Vec<Step>>> = if at_once == 1 {
            vec![search(&next[0])]
        } else {
            next.par_iter().map(search).collect()
        };
        for ((name, ..), steps) in next.into_iter().zip(results) {
            if let Some(steps) = steps.filter(|_| !implied.contains(name)) {
                let kind = name_of(&steps);
                implied.extend(model::implied_by(kind));
                found.push(Cycle { kind, steps });
            }
        }
        left.retain(|(name, ..)| !implied.contains(name));
    }
    found
}

/// A component with so many vertices is searched for several kinds of cycles at once.
const LARGE: usize = 1 << 12;

/// Which anomaly a cycle is.
///
/// It is the one that was looked for, unless [`Search::untangled`] gave up: then one that keeps
/// `rw` edges apart may turn up as one of any kind.
fn name_of(steps: &[Step]) -> Name {
    let has = |relation| steps.iter().any(|step| step.relation == relation);
    let is_rw = |step: &Step| PREDICATE.has(step.relation);
    let mut pairs = steps.iter().zip(steps.iter().cycle().skip(1));
    let of_items = match steps.iter().filter(|step| is_rw(step)).count() {
        0 if has(Relation::WriteRead) => 1,
        0 => 0,
        1 => 2,
        _ if pairs.any(|(a, b)| is_rw(a) && is_rw(b)) => 6,
        _ => 4,
    };
    let kind = of_items + usize::from(has(Relation::PredicateReadWrite));
    let form = match () {
        () if has(Relation::Realtime) => 2,
        () if has(Relation::Process) => 1,
        () => 0,
    };
    KINDS[kind].names[form]
}

/// A graph with only some of its edges.
struct Only<'a>(&'a Graph, Relations);

impl Walk for Only<'_> {
    fn vertices(&self) -> usize {
        self.0.len()
    }

    fn edge(&self, vertex: u32, nth: u32) -> Option<u32> {
        let (to, relation) = self.0.nth_edge(vertex, nth)?;
        let is_taken = relation == Relation::Onward || self.1.has(relation);
        Some(if is_taken { to } else { vertex })
    }
}

/// A graph in which an `rw` edge may not follow another: each vertex is there twice, reached by
/// an `rw` edge (the odd number) or otherwise. After the graph, the edges that may be taken, and
/// those that count as `rw`.
struct Alternating<'a>(&'a Graph, Relations, Relations);

impl Walk for Alternating<'_> {
    fn vertices(&self) -> usize {
        2 * self.0.len()
    }

    fn edge(&self, vertex: u32, nth: u32) -> Option<u32> {
        let (to, relation) = self.0.nth_edge(vertex / 2, nth)?;
        let after_rw = vertex % 2;
        Some(match relation {
            Relation::Onward => 2 * to + after_rw,
            relation if after_rw == 0 && self.2.has(relation) => 2 * to + 1,
            relation if self.1.has(relation) => 2 * to,
            _ => vertex,
        })
    }
}

/// How many times a component's edges may be walked to make a cycle shorter that is already
/// found. A component where every transaction is tangled with every other has short cycles
/// everywhere, and they are found at once; this bounds the one that has only long ones.
const PATIENCE: usize = 32;

/// The search for cycles in one component.
struct Search<'a> {
    graph: &'a Graph,
    edges: usize,
    /// How each pair of a vertex and whether an `rw` led to it was reached: in which round, from
    /// which pair, and by what relation.
    round_of: Vec<u32>,
    reached_from: Vec<u32>,
    reached_by: Vec<Relation>,
    round: u32,
    effort: usize,
    /// The fewest steps of a way back that came by some transaction twice.
    tangled: Option<usize>,
}

impl Search<'_> {
    fn new(graph: &Graph) -> Search<'_> {
        let pairs = 2 * graph.len();
        let edges = (0..number(graph.len())).map(|vertex| graph.edges(vertex).count()).sum();
        Search {
            graph,
            edges,
            round_of: vec![0; pairs],
            reached_from: vec![NONE; pairs],
            reached_by: vec![Relation::Onward; pairs],
            round: 0,
            effort: 0,
            tangled: None,
        }
    }

    fn shortest(&mut self, kind: &Kind, time: Option<Relation>) -> Option<Vec<Step>> {
        let others = time.map_or(kind.others, |time| kind.others.and(time.only()));
        let graph = self.graph;
        let alternates = kind.against.has(kind.first) && kind.rule != Rule::Any;
        let can_close = if alternates {
            components(&Alternating(graph, others, kind.against))
        } else {
            components(&Only(graph, others))
        };
        let is_candidate = |from: u32, to: u32| {
            if alternates {
                can_close.are_together(2 * from, 2 * to + 1)
            } else {
                can_close.are_together(from, to)
            }
        };
        let between =
            (alternates && kind.rule == Rule::NoMore).then(|| components(&Only(graph, others)));
        let mut best: Option<Vec<Step>> = None;
        'starts: for from in (0..number(graph.len())).filter(|&vertex| !graph.is_helper(vertex)) {
            for (to, relation) in graph.edges(from) {
                if relation != kind.first || !is_candidate(from, to) {
                    continue;
                }
                let limit = best.as_ref().map_or(usize::MAX, Vec::len);
                if limit == 2 || (best.is_some() && self.effort > PATIENCE * self.edges) {
                    break 'starts;
                }
                let Kind { rule, against, .. } = *kind;
                let start = Start { from, to, relation, rule, others, against };
                best = self.way_back(&start, between.as_ref(), limit).or(best);
            }
        }
        let limit = best.as_ref().map_or(usize::MAX, Vec::len);
        if self.tangled.is_some_and(|steps| steps < limit) {
            best = self.untangled(kind, others, &can_close, limit).or(best);
        }
        best
    }

    /// The shortest cycle that starts with this edge, if it has fewer steps than the limit.
    fn way_back(
        &mut self,
        start: &Start,
        between: Option<&Components>,
        limit: usize,
    ) -> Option<Vec<Step>> {
        let graph = self.graph;
        self.round += 1;
        let after_rw = u32::from(start.rule == Rule::Apart);
        let mut level = Vec::new();
        // A helper that the first step goes by stays unvisited: the last may come by it too.
        let by_helper = graph.edges(start.to).filter(|_| graph.is_helper(start.to));
        let direct = (!graph.is_helper(start.to)).then_some(start.to);
        for to in by_helper.map(|(to, _)| to).chain(direct).filter(|&to| to != start.from) {
            self.reach(2 * to + after_rw, NONE, start.relation);
            level.push(2 * to + after_rw);
        }
        // A step ends at a transaction. Those that are under way at a helper end first, so that
        // what they reach is not taken to be a step further away.
        let mut under_way: Vec<u32> = Vec::new();
        for steps in 1..limit {
            while let Some(pair) = under_way.pop() {
                for (to, relation) in graph.edges(pair / 2) {
                    match self.take(start, between, pair, to, relation) {
                        Taken::Back => return self.cycle(start, pair, relation),
                        Taken::To(next) if graph.is_helper(to) => under_way.push(next),
                        Taken::To(next) => level.push(next),
                        Taken::Not => {}
                    }
                }
            }
            if level.is_empty() {
                return None;
            }
            for pair in std::mem::take(&mut level) {
                for (to, relation) in graph.edges(pair / 2) {
                    match self.take(start, between, pair, to, relation) {
                        Taken::Back if steps + 1 < limit => {
                            return self.cycle(start, pair, relation);
                        }
                        Taken::Back => return None,
                        Taken::To(next) if graph.is_helper(to) => under_way.push(next),
                        Taken::To(next) => level.push(next),
                        Taken::Not => {}
                    }
                }
            }
        }
        None
    }

    /// Follows an edge from a pair, if it may be and leads to somewhere new.
    fn take(
        &mut self,
        start: &Start,
        between: Option<&Components>,
        pair: u32,
        to: u32,
        relation: Relation,
    ) -> Taken {
        self.effort += 1;
        let Some(after_rw) = start.follow(pair % 2, relation) else { return Taken::Not };
        if to == start.from {
            let is_apart = start.rule != Rule::Apart || after_rw == 0;
            return if is_apart { Taken::Back } else { Taken::Not };
        }
        let next = 2 * to + after_rw;
        let is_beyond = between.is_some_and(|components| {
            components.of[to as usize] < components.of[start.from as usize]
        });
        if is_beyond || self.round_of[next as usize] == self.round {
            return Taken::Not;
        }
        self.reach(next, pair, relation);
        Taken::To(next)
    }

    fn reach(&mut self, pair: u32, from: u32, by: Relation) {
        self.round_of[pair as usize] = self.round;
        self.reached_from[pair as usize] = from;
        self.reached_by[pair as usize] = by;
    }

    /// The cycle that ends with an edge from this pair to the start; `None` when it comes by
    /// some transaction twice, and so is two cycles of other kinds.
    fn cycle(&mut self, start: &Start, last: u32, by: Relation) -> Option<Vec<Step>> {
        let mut edges = vec![(start.from, by)];
        let mut pair = last;
        while pair != NONE {
            edges.push((pair / 2, self.reached_by[pair as usize]));
            pair = self.reached_from[pair as usize];
        }
        let steps = self.told(start.from, edges.iter().rev());
        let mut visited: Vec<u32> = steps.iter().map(|step| step.from).collect();
        visited.sort_unstable();
        visited.dedup();
        if visited.len() == steps.len() {
            return Some(steps);
        }
        self.tangled = Some(self.tangled.map_or(steps.len(), |fewest| fewest.min(steps.len())));
        None
    }

    /// The steps of a way, each edge of which is given by its end.
    fn told<'e>(&self, start: u32, edges: impl Iterator<Item = &'e (u32, Relation)>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let (mut from, mut by) = (start, None);
        for &(to, relation) in edges {
            // By way of helpers, the relation is that of the edge into the first of them.
            let relation = *by.get_or_insert(relation);
            if !self.graph.is_helper(to) {
                steps.push(Step { from, to, relation });
                (from, by) = (to, None);
            }
        }
        steps.dedup_by(|next, step| {
            // What a process ran later than what it ran later is later still.
            let is_transitive =
                step.relation == Relation::Process && next.relation == Relation::Process;
            if is_transitive {
                step.to = next.to;
            }
            is_transitive
        });
        steps
    }
}

/// What came of an edge.
enum Taken {
    /// It leads back to the start.
    Back,
    /// It leads to this pair.
    To(u32),
    /// It may not be taken, or there was no need to.
    Not,
}

/// The edge that a search starts with, and what it may go on with.
struct Start {
    from: u32,
    to: u32,
    relation: Relation,
    rule: Rule,
    others: Relations,
    against: Relations,
}

impl Start {
    /// Whether an edge may be taken, after one that was or was not an `rw`: if so, whether the
    /// next comes after an `rw`. Only the rule that keeps them apart needs to know.
    fn follow(&self, after_rw: u32, relation: Relation) -> Option<u32> {
        match (relation, self.rule) {
            (Relation::Onward, _) => Some(after_rw),
            (relation, Rule::Apart) if self.against.has(relation) => (after_rw == 0).then_some(1),
            (relation, _) => self.others.has(relation).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests;

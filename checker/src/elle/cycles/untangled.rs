//! Cycles that keep `rw` edges apart, where the shortest way back is none.
//!
//! Whether the next edge may be an `rw` depends on the last. So the shortest way back may come by
//! a transaction twice, once after an `rw` and once not, and then it is no cycle. What it takes
//! to find one that is there all the same is to look at ways one by one, as it does for all
//! problems of *forbidden transitions* (S. Szeider, *Finding paths in graphs avoiding forbidden
//! transitions*, Discrete Applied Mathematics 126 (2003), shows that they are NP-complete). That
//! only happens where there is a `G0` or a `G1c`, too: at the transaction the way falls into two
//! cycles, one of which neither leaves it nor comes back by an `rw`. If it had two of them it
//! would have been the shorter way, and if it had one it would be a `G-single-item`, which
//! implies this kind.
//!
//! So the search is short: the verdict does not depend on it, only whether this kind is named
//! beside the worse.

use super::{Components, Kind, Relations, Search, Start, Step};
use crate::elle::graph::Relation;

/// So many edges are looked at before the search is given up. In a component of a dozen
/// transactions that is never so.
const PATIENCE: usize = 1 << 20;

/// A place on the way that is being tried.
struct Place {
    vertex: u32,
    after_rw: u32,
    /// The relation of the edge that led here.
    by: Relation,
    /// Which of its edges is tried next.
    next: u32,
}

/// What came of all ways of one length.
enum Tried {
    Found(Vec<Step>),
    /// There is none, but there may be a longer one.
    NoneSoLong,
    /// There is none of any length.
    None,
    GivenUp,
}

impl Search<'_> {
    /// The shortest cycle that comes by no transaction twice, if it has fewer steps than the
    /// limit.
    pub(super) fn untangled(
        &self,
        kind: &Kind,
        others: Relations,
        can_close: &Components,
        limit: usize,
    ) -> Option<Vec<Step>> {
        let mut effort = 0;
        for length in 2..limit {
            let mut may_be_longer = false;
            for from in (0..self.graph.len() as u32).filter(|&vertex| !self.graph.is_helper(vertex))
            {
                let (to, relation) = (from, kind.first);
                let Kind { rule, against, .. } = *kind;
                let start = Start { from, to, relation, rule, others, against };
                match self.of_length(length, &start, can_close, &mut effort) {
                    Tried::Found(steps) => return Some(steps),
                    Tried::NoneSoLong => may_be_longer = true,
                    Tried::None => {}
                    Tried::GivenUp => return None,
                }
            }
            if !may_be_longer {
                return None;
            }
        }
        None
    }

    /// Tries all ways of one length from a transaction back to it.
    fn of_length(
        &self,
        length: usize,
        start: &Start,
        can_close: &Components,
        effort: &mut usize,
    ) -> Tried {
        let graph = self.graph;
        let mut way = vec![Place { vertex: start.from, after_rw: 0, by: start.relation, next: 0 }];
        let mut steps = 1;
        let mut may_be_longer = false;
        while let Some(place) = way.last_mut() {
            let (vertex, before, nth) = (place.vertex, place.after_rw, place.next);
            place.next += 1;
            let Some((to, by)) = graph.nth_edge(vertex, nth) else {
                way.pop();
                steps -= usize::from(!graph.is_helper(vertex));
                continue;
            };
            *effort += 1;
            if *effort > PATIENCE {
                return Tried::GivenUp;
            }
            if way.len() == 1 && by != start.relation {
                continue;
            }
            let Some(after_rw) = start.follow(before, by) else { continue };
            if to == start.from {
                if after_rw == 0 && steps == length {
                    let edges = way[1..].iter().map(|place| (place.vertex, place.by));
                    let edges: Vec<(u32, Relation)> = edges.chain([(to, by)]).collect();
                    return Tried::Found(self.told(start.from, edges.iter()));
                }
                continue;
            }
            if !can_close.are_together(2 * start.from, 2 * to + after_rw)
                || way.iter().any(|place| place.vertex == to)
            {
                continue;
            }
            if !graph.is_helper(to) {
                if steps == length {
                    may_be_longer = true;
                    continue;
                }
                steps += 1;
            }
            way.push(Place { vertex: to, after_rw, by, next: 0 });
        }
        if may_be_longer { Tried::NoneSoLong } else { Tried::None }
    }
}

//! Exercise 9b-joint: who decides while many voters change at once?
//!
//! On the way from some voters to others the cluster is in a configuration of both (dissertation
//! §4.3). Some nodes go by the old voters alone meanwhile, others by both, and others by the new
//! voters alone. Nothing may be decided that one of these would not know of.
//!
//! `decides` says whether the nodes that agree are enough for those that go by both. This one asks
//! for a majority of all nodes that are in either. The bench tries all sets of up to five nodes.

use std::collections::BTreeSet;

use crate::{Task, answer, attempt};

/// Nodes, by their numbers.
pub type Nodes = BTreeSet<u32>;

/// Whether those who agree can decide, on the way from the old voters to the new ones.
pub fn decides(old: &Nodes, new: &Nodes, agree: &Nodes) -> bool {
    // To do: these may be too few, or too many.
    let voters: Nodes = old.union(new).copied().collect();
    2 * voters.intersection(agree).count() > voters.len()
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(decides))
}

/// How many nodes there are.
const NODES: u32 = 5;

/// Compares a function with what is the case.
///
/// # Errors
/// A sentence about the first case in which it is wrong.
pub fn judge(decides: fn(&Nodes, &Nodes, &Nodes) -> bool) -> Result<(), String> {
    for old in sets(NODES).filter(|old| !old.is_empty()) {
        for new in sets(NODES).filter(|new| !new.is_empty()) {
            for agree in sets(NODES) {
                one_case(decides, &old, &new, &agree)?;
            }
        }
    }
    Ok(())
}

fn one_case(
    decides: fn(&Nodes, &Nodes, &Nodes) -> bool,
    old: &Nodes,
    new: &Nodes,
    agree: &Nodes,
) -> Result<(), String> {
    let way = || format!("on the way from {} to {}, {}", names(old), names(new), names(agree));
    let found = attempt(|| format!("{} agree", way()), || decides(old, new, agree))?;
    for (voters, which) in [(old, "old"), (new, "new")] {
        let is_majority = 2 * voters.intersection(agree).count() > voters.len();
        if !is_majority && found {
            return Err(format!("{} would decide: no majority of the {which} voters", way()));
        }
        if !is_majority {
            return Ok(());
        }
    }
    match found {
        true => Ok(()),
        false => Err(format!("{} would not decide: a majority of the old and the new", way())),
    }
}

fn sets(nodes: u32) -> impl Iterator<Item = Nodes> {
    let set = move |bits: u32| (0..nodes).filter(|node| bits & 1 << node != 0).collect();
    (0..1_u32 << nodes).map(set)
}

fn names(nodes: &Nodes) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("n{node}")).collect();
    format!("{{{}}}", names.join(", "))
}

//! Exercise 6-majority: how many nodes are a quorum?
//!
//! A store asks a quorum of its nodes before it answers. Any two quorums must have a node in
//! common, or two of them can decide differently. And a quorum should be no larger than necessary,
//! because while fewer nodes than that can be reached, no client is answered.
//!
//! The second question: reads may do with fewer nodes, if writes ask more. Every set of `read`
//! nodes must then meet every set of `write` nodes, and any two sets of `write` nodes must meet.
//!
//! The bench tries all sets of up to nine nodes.

use crate::{Task, answer};

/// How many of these nodes are the smallest quorum.
pub fn quorum(nodes: u32) -> u32 {
    // To do: this is not right for all numbers.
    nodes.div_ceil(2)
}

/// How many nodes a read must ask when a write asks `write` of them, which is a quorum at least.
pub fn read_quorum(nodes: u32, write: u32) -> u32 {
    // To do: nor is this.
    nodes - write
}

/// The most nodes that are tried.
const NODES_MAX: u32 = 9;

/// Compares answers with what is the case.
///
/// # Errors
/// A sentence about the first that is wrong.
pub fn judge(quorum: fn(u32) -> u32, read_quorum: fn(u32, u32) -> u32) -> Result<(), String> {
    for nodes in 1..=NODES_MAX {
        let said = quorum(nodes);
        needs(nodes, said, said, "quorum", "quorum")?;
    }
    for nodes in 1..=NODES_MAX {
        for write in quorum(nodes)..=nodes {
            let read = read_quorum(nodes, write);
            needs(nodes, read, write, "read quorum", "write quorum")?;
        }
    }
    Ok(())
}

/// Whether sets of one size meet all sets of another, and those of one node less would not.
fn needs(nodes: u32, one: u32, other: u32, name: &str, of_other: &str) -> Result<(), String> {
    if one == 0 || one > nodes {
        return Err(format!("{one} of {nodes} nodes is no {name}"));
    }
    if let Some([one, other]) = apart(nodes, one, other) {
        let (one, other) = (names(one), names(other));
        return Err(format!(
            "of {nodes} nodes, {one} would be a {name} and {other} a {of_other}, and they have \
             none in common"
        ));
    }
    let is_same = name == of_other;
    let less = if is_same { [one - 1, one - 1] } else { [one - 1, other] };
    if apart(nodes, less[0], less[1]).is_none() {
        return Err(format!("of {nodes} nodes, a {name} of {} would do, not only {one}", one - 1));
    }
    Ok(())
}

/// Two sets of nodes of these sizes that have none in common, a bit for each node.
fn apart(nodes: u32, one: u32, other: u32) -> Option<[u32; 2]> {
    let sets = |size: u32| (0..1_u32 << nodes).filter(move |set| set.count_ones() == size);
    sets(one).find_map(|a| sets(other).find(|b| a & b == 0).map(|b| [a, b]))
}

fn names(set: u32) -> String {
    let nodes = (0..NODES_MAX).filter(|node| set & 1 << node != 0);
    let names: Vec<String> = nodes.map(|node| format!("n{node}")).collect();
    format!("{{{}}}", names.join(", "))
}

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(quorum, read_quorum))
}

//! Topologies: which nodes are neighbours, as broadcast nodes are told.
//!
//! A topology is advice: every node can reach every other. Facts: `workload/broadcast.clj` of
//! the original.

use gyre::NodeId;

/// The names that `--topology` knows.
pub const NAMES: [&str; 7] = ["grid", "line", "total", "tree", "tree2", "tree3", "tree4"];

/// Each node with its neighbours, in the order of the nodes.
///
/// # Errors
/// A sentence, when there is no topology of this name.
pub fn topology<'a>(
    name: &str,
    nodes: &'a [NodeId],
) -> Result<Vec<(&'a NodeId, Vec<&'a NodeId>)>, String> {
    let neighbours: fn(usize, usize) -> Vec<usize> = match name {
        "grid" => grid,
        "line" => line,
        "total" => |node, count| (0..count).filter(|other| *other != node).collect(),
        "tree" | "tree2" => |node, count| tree(2, node, count),
        "tree3" => |node, count| tree(3, node, count),
        "tree4" => |node, count| tree(4, node, count),
        _ => {
            let known = NAMES.join(", ");
            return Err(format!("there is no topology {name}; there are: {known}"));
        }
    };
    let named = |numbers: Vec<usize>| numbers.into_iter().map(|other| &nodes[other]).collect();
    let neighbours = |number| (&nodes[number], named(neighbours(number, nodes.len())));
    Ok((0..nodes.len()).map(neighbours).collect())
}

/// Row by row in a square, the last row maybe short: below, above, right, left.
fn grid(node: usize, count: usize) -> Vec<usize> {
    let side = (1..).find(|side| side * side >= count).expect("some square is great enough");
    let (row, column) = (node / side, node % side);
    let below = Some(node + side);
    let above = (row > 0).then(|| node - side);
    let right = (column + 1 < side).then_some(node + 1);
    let left = (column > 0).then(|| node - 1);
    [below, above, right, left].into_iter().flatten().filter(|other| *other < count).collect()
}

/// One after the other.
fn line(node: usize, count: usize) -> Vec<usize> {
    let left = node.checked_sub(1);
    left.into_iter().chain([node + 1]).filter(|other| *other < count).collect()
}

/// Tier by tier, each node with up to `width` children: the parent, then the children.
fn tree(width: usize, node: usize, count: usize) -> Vec<usize> {
    let parent = node.checked_sub(1).map(|number| number / width);
    let children = (1..=width).map(|child| node * width + child);
    parent.into_iter().chain(children).filter(|other| *other < count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::numbered_nodes;

    /// As the original prints them, neighbours in its order.
    #[test]
    fn topologies_are_those_of_the_original() {
        for (name, count, expected) in [
            ("grid", 5, "n0:n3,n1 n1:n4,n2,n0 n2:n1 n3:n0,n4 n4:n1,n3"),
            ("grid", 1, "n0:"),
            ("line", 3, "n0:n1 n1:n0,n2 n2:n1"),
            ("total", 3, "n0:n1,n2 n1:n0,n2 n2:n0,n1"),
            ("tree", 4, "n0:n1,n2 n1:n0,n3 n2:n0 n3:n1"),
            ("tree3", 6, "n0:n1,n2,n3 n1:n0,n4,n5 n2:n0 n3:n0 n4:n1 n5:n1"),
        ] {
            let nodes = numbered_nodes(count);
            let topology = topology(name, &nodes).unwrap();
            let text: Vec<String> = topology
                .iter()
                .map(|(node, others)| {
                    let others: Vec<&str> = others.iter().map(|other| other.as_str()).collect();
                    format!("{node}:{}", others.join(","))
                })
                .collect();
            assert_eq!(text.join(" "), expected, "{name} of {count}");
        }
    }

    #[test]
    fn neighbours_are_mutual_and_everybody_is_reached() {
        for name in NAMES {
            for count in 1..30 {
                let nodes = numbered_nodes(count);
                let topology = topology(name, &nodes).unwrap();
                for (node, others) in &topology {
                    for other in others {
                        let (_, back) = topology.iter().find(|(name, _)| name == other).unwrap();
                        assert!(back.contains(node), "{name} of {count}: {node} and {other}");
                    }
                }
                let mut reached = vec![&nodes[0]];
                for next in 0..count {
                    let (_, others) =
                        topology.iter().find(|(node, _)| *node == reached[next]).unwrap();
                    let new: Vec<_> =
                        others.iter().copied().filter(|other| !reached.contains(other)).collect();
                    reached.extend(new);
                }
                assert_eq!(reached.len(), count, "{name}");
            }
        }
    }
}

//! Which links a partition cuts. The four shapes are those of Jepsen's
//! `jepsen.nemesis.combined`; a shape is drawn anew for each partition.

use std::collections::{BTreeMap, BTreeSet};

use gyre::NodeId;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::edn::Edn;

/// The directed links that are cut, for the history, and for people.
type Cuts = (BTreeSet<(usize, usize)>, Edn, String);

/// The shape of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// One node alone.
    One,
    /// A clean cut between a majority and the rest.
    Majority,
    /// Every node sees a majority, and no two the same one.
    MajoritiesRing,
    /// A clean cut between less than a third and the rest.
    MinorityThird,
}

impl Plan {
    /// Draws a shape that cuts something among this many nodes, if any does.
    pub fn choose(rng: &mut impl Rng, nodes: usize) -> Plan {
        let mut plans = vec![Plan::One, Plan::Majority];
        if nodes > 2 {
            plans.push(Plan::MajoritiesRing);
        }
        if nodes > 3 {
            plans.push(Plan::MinorityThird);
        }
        plans[rng.random_range(0..plans.len())]
    }

    /// Its name in the history.
    pub fn name(self) -> &'static str {
        match self {
            Plan::One => "one",
            Plan::Majority => "majority",
            Plan::MajoritiesRing => "majorities-ring",
            Plan::MinorityThird => "minority-third",
        }
    }

    /// Draws the links to cut.
    pub fn cuts(self, rng: &mut impl Rng, names: &[NodeId]) -> Cuts {
        let mut nodes: Vec<usize> = (0..names.len()).collect();
        nodes.shuffle(rng);
        let count = nodes.len();
        match self {
            Plan::One => split(&nodes, 1.min(count), names),
            Plan::Majority => split(&nodes, count / 2, names),
            // Less than a third, but at least one.
            Plan::MinorityThird => split(&nodes, (count.div_ceil(3) - 1).max(1), names),
            Plan::MajoritiesRing => ring(rng, &nodes, names),
        }
    }
}

/// Cuts every link between the first `size` nodes and the others.
fn split(nodes: &[usize], size: usize, names: &[NodeId]) -> Cuts {
    let (left, right) = nodes.split_at(size);
    let mut links = BTreeSet::new();
    for &a in left {
        for &b in right {
            links.extend([(a, b), (b, a)]);
        }
    }
    let sentence = format!("{} cut off from {}", list(left, names), list(right, names));
    let outcome = isolated(&links, names);
    (links, outcome, sentence)
}

/// Lets every node see a majority, and no two the same one.
fn ring(rng: &mut impl Rng, nodes: &[usize], names: &[NodeId]) -> Cuts {
    let majority = nodes.len() / 2 + 1;
    let sees = match nodes.len() {
        0..=5 => exact_ring(nodes, majority),
        _ => grown_ring(rng, nodes, majority),
    };
    let mut links = BTreeSet::new();
    for &receiver in nodes {
        let unseen = nodes.iter().filter(|sender| !sees[&receiver].contains(sender));
        links.extend(unseen.map(|&sender| (sender, receiver)));
    }
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    let views: Vec<String> = sorted
        .iter()
        .map(|node| {
            let others: Vec<usize> = sees[node].iter().copied().filter(|n| n != node).collect();
            format!("{} sees {}", names[*node], list(&others, names))
        })
        .collect();
    let outcome = isolated(&links, names);
    (links, outcome, format!("overlapping majorities: {}", views.join("; ")))
}

/// Whom each node sees when they stand in a ring, each in the middle of its majority. An even
/// majority has no middle: among three nodes each hears only the one before it, so that no two
/// hear each other.
fn exact_ring(nodes: &[usize], majority: usize) -> BTreeMap<usize, BTreeSet<usize>> {
    let views = (0..nodes.len()).map(|first| {
        let view: Vec<usize> = nodes.iter().cycle().skip(first).take(majority).copied().collect();
        (view[majority / 2], view.into_iter().collect())
    });
    views.collect()
}

/// Whom each node sees when nodes are linked until each sees a majority, always two of the least
/// connected that are not linked yet. More than five nodes do not always fit into a ring.
fn grown_ring(
    rng: &mut impl Rng,
    nodes: &[usize],
    majority: usize,
) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut sees: BTreeMap<usize, BTreeSet<usize>> =
        nodes.iter().map(|&node| (node, BTreeSet::from([node]))).collect();
    loop {
        let mut order = nodes.to_vec();
        order.shuffle(rng);
        order.sort_by_key(|node| sees[node].len());
        let least = order[0];
        if sees[&least].len() >= majority {
            return sees;
        }
        let other = order.iter().copied().find(|other| !sees[&least].contains(other));
        let other = other.expect("a node without a majority has someone left to see");
        sees.entry(least).or_default().insert(other);
        sees.entry(other).or_default().insert(least);
    }
}

/// Cuts one node's outgoing or incoming links, or a random third of all directed links.
pub fn one_way(rng: &mut impl Rng, names: &[NodeId]) -> Cuts {
    let count = names.len();
    let node = rng.random_range(0..count);
    let others = (0..count).filter(|&other| other != node);
    let name = &names[node];
    let (links, sentence): (BTreeSet<_>, String) = match rng.random_range(0..3) {
        0 => (others.map(|other| (node, other)).collect(), format!("nobody hears {name}")),
        1 => (others.map(|other| (other, node)).collect(), format!("{name} hears nobody")),
        _ => {
            let all = (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
            let some = all.filter(|(a, b)| a != b && rng.random_range(0..3) == 0).collect();
            let sentence = describe(&some, names);
            (some, sentence)
        }
    };
    let outcome = isolated(&links, names);
    (links, outcome, sentence)
}

/// What the history shows of these cuts, and a sentence.
pub fn described(links: &BTreeSet<(usize, usize)>, names: &[NodeId]) -> (Edn, String) {
    (isolated(links, names), clean_cut(links, names).unwrap_or_else(|| describe(links, names)))
}

/// The sentence for cuts that part all nodes in two.
fn clean_cut(links: &BTreeSet<(usize, usize)>, names: &[NodeId]) -> Option<String> {
    let &(first, _) = links.first()?;
    let (left, right): (Vec<usize>, Vec<usize>) =
        (0..names.len()).partition(|&node| !links.contains(&(first, node)));
    let all = left.iter().flat_map(|&a| right.iter().flat_map(move |&b| [(a, b), (b, a)]));
    let is_clean = all.collect::<BTreeSet<_>>() == *links;
    is_clean.then(|| format!("{} cut off from {}", list(&left, names), list(&right, names)))
}

fn describe(links: &BTreeSet<(usize, usize)>, names: &[NodeId]) -> String {
    if links.is_empty() {
        return "no link is cut".into();
    }
    let words: Vec<String> =
        links.iter().map(|&(a, b)| format!("{} to {}", names[a], names[b])).collect();
    format!("cut one way: {}", words.join(", "))
}

/// What Jepsen's history shows: each receiver with those whom it does not hear.
fn isolated(links: &BTreeSet<(usize, usize)>, names: &[NodeId]) -> Edn {
    let mut unheard: BTreeMap<usize, Vec<Edn>> = BTreeMap::new();
    for &(from, to) in links {
        unheard.entry(to).or_default().push(Edn::from(names[from].as_str()));
    }
    let entries =
        unheard.into_iter().map(|(to, from)| (Edn::from(names[to].as_str()), Edn::Set(from)));
    Edn::Vector(vec![Edn::keyword("isolated"), Edn::Map(entries.collect())])
}

fn list(nodes: &[usize], names: &[NodeId]) -> String {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    let names: Vec<&str> = nodes.iter().map(|&node| names[node].as_str()).collect();
    if names.is_empty() { "nobody".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::options::numbered_nodes;

    #[test]
    fn in_a_ring_every_node_sees_a_majority_of_its_own() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for count in 1..12 {
            let (links, ..) = Plan::MajoritiesRing.cuts(&mut rng, &numbered_nodes(count));
            for node in 0..count {
                let seen = (0..count).filter(|&other| !links.contains(&(other, node))).count();
                assert!(seen > count / 2, "a node of {count} sees only {seen}");
                assert!(count > 5 || seen == count / 2 + 1, "a node of {count} sees {seen}");
            }
            let goes_both_ways = links.iter().all(|&(a, b)| links.contains(&(b, a)));
            assert_eq!(goes_both_ways, count != 3);
        }
    }

    #[test]
    fn clean_cuts_have_two_sides() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (plan, cut) in [(Plan::One, 2 * 4), (Plan::Majority, 2 * 2 * 3)] {
            let (links, ..) = plan.cuts(&mut rng, &numbered_nodes(5));
            assert_eq!(links.len(), cut, "{plan:?}");
        }
        let (links, ..) = Plan::MinorityThird.cuts(&mut rng, &numbered_nodes(9));
        assert_eq!(links.len(), 2 * 2 * 7);
    }

    #[test]
    fn the_sentence_names_both_sides() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (_, outcome, sentence) = Plan::One.cuts(&mut rng, &numbered_nodes(2));
        assert!(["n0 cut off from n1", "n1 cut off from n0"].contains(&&*sentence), "{sentence}");
        let isolated = r#"[:isolated {"n0" #{"n1"}, "n1" #{"n0"}}]"#;
        assert_eq!(outcome.to_string(), isolated);
    }
}

//! The walk against a list of all cycles, and where it finds less.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::elle::model::Name;

const SEEDS: u64 = 4000;

/// Transactions from 0 on, visited in the order of their hashes.
fn map(hashes: &[u32], edges: &[(u32, u32, &[Relation])]) -> Map {
    let of = |relations: &[Relation]| {
        relations.iter().fold(Relations::NONE, |all, relation| all.and(relation.only()))
    };
    let edges = edges.iter().map(|&(from, to, relations)| ((from, to), of(relations)));
    Map::new(hashes.into(), edges)
}

fn names(map: &Map) -> Vec<Name> {
    map.cycles(Timing::Realtime, &mut { STEPS }).iter().map(|cycle| cycle.kind).collect()
}

/// Few transactions, with at most one relation from one to another, and time onward only.
fn random(rng: &mut ChaCha8Rng) -> Map {
    let hashes: Vec<u32> = (0..rng.random_range(2..7)).map(|_| rng.random()).collect();
    let len = number(hashes.len());
    let mut edges = BTreeMap::new();
    for _ in 0..rng.random_range(0..3 * len) {
        let (from, to) = (rng.random_range(0..len), rng.random_range(0..len));
        let data = [Relation::WriteWrite, Relation::WriteRead, Relation::ReadWrite];
        let relation = match rng.random_range(0..4) {
            3 if from < to => Relation::Realtime,
            n => data[n % data.len()],
        };
        if from != to {
            edges.entry((from, to)).or_insert(relation.only());
        }
    }
    Map::new(hashes.into(), edges)
}

/// The names of all cycles that come by no transaction twice.
fn all_names(map: &Map, path: &mut Vec<u32>, names: &mut BTreeSet<Name>) {
    let Some(&at) = path.last() else {
        for &origin in &map.order {
            path.push(origin);
            all_names(map, path, names);
            path.pop();
        }
        return;
    };
    for &(to, _) in &map.onward[&at] {
        let is_new = !path.contains(&to);
        path.push(to);
        if is_new {
            all_names(map, path, names);
        } else if to == path[0] {
            names.insert(name_of(&map.explained(path)));
        }
        path.pop();
    }
}

#[test]
fn with_one_relation_between_any_two_it_finds_each_kind_that_there_is() {
    for seed in 0..SEEDS {
        let map = random(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut all = BTreeSet::new();
        all_names(&map, &mut Vec::new(), &mut all);
        let mut implied = BTreeSet::new();
        let mut expected = Vec::new();
        for (name, ..) in kinds(Timing::Realtime) {
            if all.contains(name) && !implied.contains(name) {
                implied.extend(model::implied_by(name));
                expected.push(name);
            }
        }
        assert_eq!(names(&map), expected, "seed {seed}");
    }
}

#[test]
fn of_a_kind_it_takes_the_first_and_drops_what_has_another_name() {
    use Relation::{ReadWrite as Rw, WriteRead as Wr, WriteWrite as Ww};
    let edges: &[(u32, u32, &[Relation])] = &[
        // Taken as rw and wr, explained as ww and wr: G1c.
        (0, 1, &[Ww, Rw]),
        (1, 0, &[Wr]),
        // G-single-item, beyond doubt.
        (2, 3, &[Rw]),
        (3, 2, &[Wr]),
        // G-nonadjacent-item by way of the first step of it.
        (3, 4, &[Wr]),
        (4, 5, &[Rw]),
        (5, 2, &[Wr]),
    ];
    assert_eq!(names(&map(&[0, 1, 2, 3, 4, 5], edges)), ["G1c", "G-nonadjacent-item"]);
    assert_eq!(names(&map(&[4, 5, 0, 1, 2, 3], edges)), ["G1c", "G-single-item"]);
}

#[test]
fn a_cycle_with_a_tail_is_looked_for_where_it_goes_around() {
    use Relation::{ReadWrite as Rw, WriteWrite as Ww};
    let edges: &[(u32, u32, &[Relation])] =
        &[(0, 1, &[Rw]), (1, 2, &[Ww]), (2, 1, &[Ww]), (2, 3, &[Rw]), (3, 1, &[Rw])];
    // From 0, the walk comes by an rw and then goes around 1 and 2, where there is none.
    assert_eq!(names(&map(&[0, 1, 2, 3], edges)), ["G0", "G2-item"]);
}

#[test]
fn a_walk_that_takes_too_long_ends_with_what_it_has() {
    // Each of forty transactions precedes all the others, most of them by rw: there are more
    // ways around than could ever be tried, and none of them is of the last kinds.
    let all: Vec<(u32, u32, &[Relation])> = (0..40)
        .flat_map(|from| (0..40).map(move |to| (from, to)))
        .filter(|(from, to)| from < to)
        .map(|(from, to)| (from, to, &[Relation::ReadWrite, Relation::WriteWrite][..]))
        .chain([(39, 0, &[Relation::WriteWrite][..])])
        .collect();
    let hashes: Vec<u32> = (0..40).collect();
    assert_eq!(names(&map(&hashes, &all)), ["G0"]);
}

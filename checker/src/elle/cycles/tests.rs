//! The search against one that lists all cycles.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::elle::graph::Edges;

const SEEDS: u64 = 10_000;

fn all_cycles(graph: &Graph, timing: Timing) -> Vec<Cycle> {
    let mut places = vec![NONE; graph.len()];
    let mut all = Vec::new();
    for vertices in components(graph).of_several() {
        let found = cycles(&graph.restricted_to(&vertices, &mut places), timing);
        all.extend(found.into_iter().map(|cycle| cycle.among(&vertices)));
    }
    all
}

/// A small graph of transactions, and for each pair of them its relations.
struct Sample {
    transactions: u32,
    relations: BTreeMap<(u32, u32), BTreeSet<Relation>>,
    graph: Graph,
}

const RELATIONS: [Relation; 4] =
    [Relation::WriteWrite, Relation::WriteRead, Relation::ReadWrite, Relation::PredicateReadWrite];

fn sample(rng: &mut ChaCha8Rng, timing: Timing) -> Sample {
    let transactions = rng.random_range(2..7u32);
    // Most histories have no predicates.
    let kinds = &RELATIONS[..rng.random_range(3..=4)];
    let mut relations: BTreeMap<(u32, u32), BTreeSet<Relation>> = BTreeMap::new();
    let mut edges = Edges::new(transactions as usize);
    let mut add = |edges: &mut Edges, from, to, relation| {
        edges.add(from, to, relation);
        if from != to {
            relations.entry((from, to)).or_default().insert(relation);
        }
    };
    for _ in 0..rng.random_range(0..3 * transactions) {
        let (from, to) = (rng.random_range(0..transactions), rng.random_range(0..transactions));
        add(&mut edges, from, to, kinds[rng.random_range(0..kinds.len())]);
    }
    // Time leads from smaller numbers to larger ones; with processes, to some of them.
    match timing {
        Timing::Ignored => {}
        Timing::Process => {
            let mut last: BTreeMap<u32, u32> = BTreeMap::new();
            for txn in 0..transactions {
                let process = rng.random_range(0..3);
                if let Some(before) = last.insert(process, txn) {
                    add(&mut edges, before, txn, Relation::Process);
                }
            }
        }
        Timing::Realtime => {
            // Half of the transactions end at a moment at which others begin.
            let ended = rng.random_range(0..transactions);
            let moment = edges.add_helper();
            let later = edges.add_helper();
            edges.add(moment, later, Relation::Onward);
            for before in 0..ended {
                edges.add(before, moment, Relation::Realtime);
                for after in ended..transactions {
                    add(&mut Edges::new(0), before, after, Relation::Realtime);
                }
            }
            for after in ended..transactions {
                edges.add(if rng.random() { moment } else { later }, after, Relation::Onward);
            }
        }
    }
    for kinds in relations.values_mut() {
        if kinds.contains(&Relation::WriteWrite) || kinds.contains(&Relation::WriteRead) {
            kinds.remove(&Relation::ReadWrite);
            kinds.remove(&Relation::PredicateReadWrite);
        }
        if kinds.contains(&Relation::ReadWrite) {
            kinds.remove(&Relation::PredicateReadWrite);
        }
    }
    Sample { transactions, relations, graph: edges.into_graph() }
}

impl Sample {
    /// All cycles that come by no transaction twice, each from its smallest transaction.
    fn all(&self) -> Vec<Vec<Step>> {
        let mut all = Vec::new();
        for start in 0..self.transactions {
            self.extend(start, &mut Vec::new(), &mut all);
        }
        all
    }

    fn extend(&self, start: u32, path: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
        let at = path.last().map_or(start, |step| step.to);
        for (&(from, to), relations) in &self.relations {
            let is_new = to > start && path.iter().all(|step| step.to != to);
            if from != at || !(is_new || to == start) {
                continue;
            }
            for &relation in relations {
                path.push(Step { from, to, relation });
                if to == start {
                    all.push(path.clone());
                } else {
                    self.extend(start, path, all);
                }
                path.pop();
            }
        }
    }

    /// The component of each transaction.
    fn components(&self) -> Vec<u32> {
        let everything = FLOW.and(Relation::Process.only());
        let everything = everything.and(Relation::Realtime.only()).and(PREDICATE);
        components(&Only(&self.graph, everything)).of
    }
}

#[test]
fn in_each_component_the_shortest_of_each_kind_that_no_worse_one_implies_is_found() {
    for seed in 0..SEEDS {
        for timing in [Timing::Ignored, Timing::Process, Timing::Realtime] {
            let sample = sample(&mut ChaCha8Rng::seed_from_u64(seed), timing);
            check(&sample, timing, seed);
        }
    }
}

fn check(sample: &Sample, timing: Timing, seed: u64) {
    let component = sample.components();
    let mut shortest: BTreeMap<u32, BTreeMap<Name, usize>> = BTreeMap::new();
    for cycle in sample.all() {
        // A cycle of nothing but time would be a circle in time.
        assert!(cycle.iter().any(|step| step.relation < Relation::Process), "seed {seed}");
        let kinds = shortest.entry(component[cycle[0].from as usize]).or_default();
        let length = kinds.entry(name_of(&cycle)).or_insert(cycle.len());
        *length = cycle.len().min(*length);
    }
    let mut found: BTreeMap<u32, Vec<Cycle>> = BTreeMap::new();
    for cycle in all_cycles(&sample.graph, timing) {
        for (step, next) in cycle.steps.iter().zip(cycle.steps.iter().cycle().skip(1)) {
            assert_eq!(step.to, next.from, "seed {seed}: {cycle:?}");
            let holds =
                |step: &Step| sample.relations[&(step.from, step.to)].contains(&step.relation);
            // Two steps of a process in a row are told as one.
            assert!(step.relation == Relation::Process || holds(step), "seed {seed}: {cycle:?}");
        }
        found.entry(component[cycle.steps[0].from as usize]).or_default().push(cycle);
    }
    for (component, shortest) in &shortest {
        let found = found.remove(component).unwrap_or_default();
        let mut implied = BTreeSet::new();
        let mut expected = Vec::new();
        for (name, ..) in kinds(timing) {
            if shortest.contains_key(name) && !implied.contains(name) {
                implied.extend(model::implied_by(name));
                expected.push(name);
            }
        }
        let names: Vec<Name> = found.iter().map(|cycle| cycle.kind).collect();
        assert_eq!(names, expected, "seed {seed}: {timing:?} {:?}", sample.relations);
        for cycle in &found {
            // Of process steps, several may have been told as one.
            if !cycle.steps.iter().any(|step| step.relation == Relation::Process) {
                assert_eq!(
                    cycle.steps.len(),
                    shortest[cycle.kind],
                    "seed {seed}: {cycle:?} {:?}",
                    sample.relations
                );
            }
        }
    }
    assert!(found.is_empty(), "seed {seed}");
}

/// A component that is large enough to be searched for several kinds at once.
#[test]
fn what_is_found_is_the_same_with_any_number_of_threads() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for kinds in [
        &[Relation::WriteWrite, Relation::WriteRead, Relation::ReadWrite][..],
        &[Relation::WriteRead, Relation::ReadWrite],
        &[Relation::ReadWrite],
    ] {
        let vertices = LARGE as u32 + 100;
        let mut edges = Edges::new(vertices as usize);
        for from in 0..vertices {
            let to = rng.random_range(0..vertices);
            edges.add(from, to, kinds[rng.random_range(0..kinds.len())]);
            edges.add(from, (from + 1) % vertices, Relation::ReadWrite);
            if from + 1 < vertices {
                edges.add(from, from + 1, Relation::Process);
            }
        }
        let graph = edges.into_graph();
        let with_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all_cycles(&graph, Timing::Process))
        };
        let found = with_threads(1);
        assert!(!found.is_empty());
        for threads in [2, 3, 8] {
            assert_eq!(with_threads(threads), found, "{threads} threads");
        }
    }
}

/// Everyone who saw a key empty precedes everyone who wrote it, by way of a helper.
#[test]
fn a_helper_stands_for_all_its_pairs_but_not_for_loops() {
    let (readers, writers): (Vec<u32>, Vec<u32>) = ((0..10).collect(), (9..20).collect());
    let mut edges = Edges::new(20);
    edges.add_all(&readers, &writers, Relation::ReadWrite);
    assert_eq!(all_cycles(&edges.into_graph(), Timing::Ignored), []);

    let mut edges = Edges::new(20);
    edges.add_all(&readers, &writers, Relation::ReadWrite);
    edges.add(15, 3, Relation::WriteRead);
    let graph = edges.into_graph();
    assert_eq!(graph.len(), 21, "there is a helper");
    let found = all_cycles(&graph, Timing::Ignored);
    let step = |from, to, relation| Step { from, to, relation };
    let steps = vec![step(3, 15, Relation::ReadWrite), step(15, 3, Relation::WriteRead)];
    assert_eq!(found, [Cycle { kind: "G-single-item", steps }]);

    // Two transactions that each saw the key empty and wrote it.
    let mut edges = Edges::new(20);
    edges.add_all(&(0..11).collect::<Vec<u32>>(), &writers, Relation::ReadWrite);
    let found = all_cycles(&edges.into_graph(), Timing::Ignored);
    let steps = vec![step(9, 10, Relation::ReadWrite), step(10, 9, Relation::ReadWrite)];
    assert_eq!(found, [Cycle { kind: "G2-item", steps }]);
}

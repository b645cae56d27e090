//! A cluster of replicas in a hostile world: messages are lost, doubled, delayed and
//! reordered, links are cut one way or both, nodes crash, lose what was not synced, pause and
//! run on clocks of different speed. After every event the invariants of Raft must hold; what
//! clients are told must be true; and when the world calms down, the cluster must serve.

mod bounds;
mod cluster;
mod world;

use std::time::Duration;

use crate::protocols::raft::{Changes, HardState, Rules};
use crate::types::Time;
use cluster::Cluster;
use world::{Setting, World};

/// A run of `seed`: what went wrong, if anything did.
fn simulate(seed: u64, setting: Setting) -> Result<Cluster, String> {
    let mut cluster = Cluster::new(seed, setting);
    cluster.run(Time::from_millis(6_000))?;
    cluster.calm_down();
    if cluster.changes() {
        cluster.gather()?;
    }
    cluster.check_calm()?;
    Ok(cluster)
}

#[test]
fn the_invariants_hold_and_clients_are_told_the_truth() {
    let (mut acknowledged, mut snapshots) = (0, 0);
    for world in [World::any, World::elections] {
        for seed in 0..1_000 {
            match simulate(seed, Setting { world, ..Setting::RAFT }) {
                Ok(cluster) => {
                    acknowledged += cluster.acknowledged.len();
                    snapshots += cluster.snapshots();
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
    println!("{acknowledged} commands acknowledged, {snapshots} snapshots sent and stored");
    assert!(acknowledged > 2_000 * 20, "clients must be served for this to mean anything");
    assert!(snapshots > 200, "and some nodes must need a snapshot");
}

/// Voters come and go all the time, with every fault. In the end every node becomes one.
#[test]
fn voters_change_and_nothing_is_lost() {
    for changes in [Changes::OneAtATime, Changes::Joint] {
        let setting = Setting { world: World::changing, changes, ..Setting::RAFT };
        let (mut acknowledged, mut changed) = (0, 0);
        for seed in 0..200 {
            match simulate(seed, setting) {
                Ok(cluster) => {
                    acknowledged += cluster.acknowledged.len();
                    changed += cluster.changed;
                }
                Err(error) => panic!("{changes:?}, seed {seed}: {error}"),
            }
        }
        println!("{changes:?}: {acknowledged} commands acknowledged, {changed} changes made");
        assert!(acknowledged > 200 * 10, "clients must be served for this to mean anything");
        assert!(changed > 200 * 4, "and the voters must change");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let cluster = simulate(seed, Setting::RAFT).unwrap();
        (cluster.sent(), cluster.acknowledged)
    };
    for seed in 0..20 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

/// Nearly always, for chance may still split the votes, and then it takes another timeout.
#[test]
fn a_majority_serves_again_within_two_election_timeouts() {
    let setting = Setting { world: World::friendly, ..Setting::RAFT };
    for crashes in [true, false] {
        let outage = |seed| match Cluster::new(seed, setting).outage(crashes) {
            Ok(outage) => outage,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        let mut outages: Vec<Duration> = (0..1_000).map(outage).collect();
        outages.sort();
        let (median, most) = (outages[500], outages[990]);
        println!("the leader crashes: {crashes}; median {median:?}, 99% within {most:?}");
        assert!(most < 2 * Duration::from_millis(400), "99% within {most:?}");
    }
}

/// A leader that is told to stop hands over: nobody waits for an election timeout.
#[test]
fn a_leader_that_stops_hands_over() {
    let setting = Setting { world: World::friendly, ..Setting::RAFT };
    let outage = |seed| Cluster::new(seed, setting).planned_outage().expect("it hands over");
    let mut outages: Vec<Duration> = (0..200).map(outage).collect();
    outages.sort();
    println!("the leader stops: median {:?}, most {:?}", outages[100], outages[199]);
    assert!(outages[199] < Duration::from_millis(200), "the longest took {:?}", outages[199]);
}

#[test]
fn no_rule_can_be_broken_unnoticed() {
    let raft = Setting::RAFT;
    let forgotten = |state: &HardState| HardState { term: state.term, vote: None };
    let ruled_by = |rules| Setting { rules, ..raft };
    let elections = |rules| Setting { world: World::elections, ..ruled_by(rules) };
    // A leader that misses its majority soon steps down, which hides most stale reads; in the
    // Raft of the paper it does not.
    let reads_at_once = Rules { may_read: |_| true, ..Rules::RAFT };
    let changing = |rules| Setting { world: World::changing, rules, ..raft };
    // What a leader has committed wrongly shows under the next one, and there they follow sooner.
    let everybody_counts = Rules { counts: |_| true, ..Rules::RAFT };
    // Few seeds show some of them, so the search begins with one that does.
    let broken = [
        ("remembered", 260, elections(Rules { remembered: forgotten, ..Rules::RAFT })),
        ("may_commit", 678, elections(Rules { may_commit: |_, _| true, ..Rules::RAFT })),
        ("conflicts", 2, ruled_by(Rules { conflicts: |_, _| false, ..Rules::RAFT })),
        ("replaces", 6, ruled_by(Rules { replaces: |_, _, _| true, ..Rules::RAFT })),
        ("may_read", 32, Setting { rules: reads_at_once, stable_leadership: false, ..raft }),
        ("ignores", 2, Setting { ignores: |_| false, ..raft }),
        (
            "configured_up_to",
            2,
            changing(Rules { configured_up_to: |_, commit| commit, ..Rules::RAFT }),
        ),
        ("may_reconfigure", 4, changing(Rules { may_reconfigure: |_, _| true, ..Rules::RAFT })),
        ("counts", 111, Setting { stable_leadership: false, ..changing(everybody_counts) }),
        ("carried", 34, changing(Rules { carried: |_| None, ..Rules::RAFT })),
    ];
    for (rule, first, setting) in broken {
        // The core panics where it can see for itself that something cannot be.
        let fails = |&seed: &u64| {
            let run = std::panic::catch_unwind(|| simulate(seed, setting).map(|_| ()));
            run.map_or(true, |result| result.is_err())
        };
        let seed = (first..1_000).chain(0..first).find(fails);
        assert!(seed.is_some(), "nothing goes wrong without the rule `{rule}`");
        println!("without the rule `{rule}`, seed {seed:?} fails");
    }
}

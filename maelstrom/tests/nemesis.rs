//! When faults strike, seen from a run's history, and what a node that loses messages makes of
//! them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::checker::Validity;
use maelstrom::engine::Outcome;
use maelstrom::history::Op;
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// The algorithm of Maelstrom's Rust demo: who hears a message for the first time tells it to
/// everybody else, once, and does not ask whether it arrived.
#[derive(Default)]
struct TellOnce {
    messages: RefCell<BTreeSet<i64>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
}

#[async_trait(?Send)]
impl Node for TellOnce {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                if self.messages.borrow_mut().insert(message) {
                    for peer in ctx.peers() {
                        ctx.send(peer, &Request::Broadcast { message })?;
                    }
                }
                Response::BroadcastOk {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// `maelstrom test -w broadcast --time-limit 10 --nemesis partition`, all else as it is by
/// default.
fn tell_once() -> Check {
    maelstrom::check("broadcast", |_| TellOnce::default()).fixed_latency().options(|options| {
        let faults = BTreeSet::from([Fault::Partition]);
        let nodes = numbered_nodes(5);
        *options = TestOptions { nodes, time_limit_secs: 10.0, faults, ..TestOptions::default() };
    })
}

/// Under the original, two of three runs of the demo fail. A partition that leaves everybody a
/// majority in common with everybody else loses nothing, because messages are passed on: that
/// is every fourth.
#[test]
fn who_tells_once_fails_under_partitions_as_often_as_there() {
    let seeds = 40;
    let failed = (0..seeds).filter(|&seed| {
        let (outcome, results) = tell_once().run(seed);
        assert!(times(&outcome, "start-partition").next().is_some(), "seed {seed}: no partition");
        results.verdict == Validity::False
    });
    let failed = failed.count();
    assert!((26..=34).contains(&failed), "{failed} of {seeds} runs failed");
}

/// The times of the nemesis' entries of this name, in nanoseconds.
fn times(outcome: &Outcome, f: &str) -> impl Iterator<Item = i64> {
    let ops = outcome.history.ops.iter().filter(move |op| !op.is_client() && &*op.f == f);
    ops.map(|op| op.time)
}

#[test]
fn every_fault_strikes_at_once_and_is_stopped_before_the_final_operations() {
    for seed in 0..5 {
        let check = tell_once().options(|options| options.faults = Fault::COMMON.into());
        let (outcome, _) = check.run(seed);
        let is_final = |op: &&Op| op.extra("final?").is_some();
        let final_start = outcome.history.ops.iter().find(is_final).expect("final reads").time;
        for fault in Fault::COMMON {
            let (start, stop) = fault.operations();
            let (first, last) = (times(&outcome, start).next(), times(&outcome, stop).last());
            assert_eq!(first, Some(0), "seed {seed}: {start}");
            let quiet = final_start - last.expect("every fault is stopped");
            assert_eq!(quiet, 10_000_000_000, "seed {seed}: {stop}");
        }
    }
}

/// Between two moves of a fault there is its interval on average, and never twice as much.
#[test]
fn moves_are_an_interval_apart_on_average() {
    let check = tell_once().options(|options| {
        options.time_limit_secs = 2000.0;
        options.rate = 0.1;
    });
    let (outcome, _) = check.run(1);
    let mut moves: Vec<i64> = times(&outcome, "start-partition").collect();
    moves.extend(times(&outcome, "stop-partition"));
    moves.sort_unstable();
    moves.dedup();
    // The last one is not of the schedule.
    moves.pop();
    let secs: Vec<f64> = moves.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
    let mean = secs.iter().sum::<f64>() / secs.len() as f64;
    assert!((9.0..11.0).contains(&mean), "{mean}");
    assert!(secs.iter().all(|interval| *interval < 20.0));
    assert!(secs.iter().any(|interval| *interval > 18.0));
}

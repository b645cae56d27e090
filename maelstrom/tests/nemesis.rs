//! When faults strike, seen from a run's history, and what a node that loses messages makes of
//! them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::checker::Validity;
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
fn tell_once() -> Check<TellOnce> {
    maelstrom::check("broadcast", |_| TellOnce::default()).fixed_latency().options(|options| {
        let faults = BTreeSet::from([Fault::Partition]);
        let nodes = numbered_nodes(5);
        *options = TestOptions { nodes, time_limit_secs: 10.0, faults, ..TestOptions::default() };
    })
}

#[test]
fn figures() {
    let (mut failed, mut spared) = (0, 0);
    for seed in 0..400 {
        let (outcome, results) = tell_once().run(seed);
        let strikes = outcome.history.ops.iter().any(|op| &*op.f == "start-partition");
        spared += u32::from(!strikes);
        failed += u32::from(results.verdict == Validity::False);
    }
    println!("{failed} of 400 failed, {spared} had no partition");
}

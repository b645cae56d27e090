//! Exercise 3-batch: fewer messages, a little later.
//!
//! This node tells each message to each other node by itself, and has each confirmed: that is
//! `2 (n - 1)` messages between servers for every message that is broadcast. Let messages wait for
//! others, and send what came by then together. Nothing may be lost as before, and a message may
//! take up to a second.
//!
//! `async fn background(&self, ctx: &Ctx)` of a node runs beside its handlers, for as long as the
//! node does; `ctx.sleep` waits there.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::checker::Judgement;
use maelstrom::edn::Edn;
use maelstrom::engine::Outcome;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::stubs::ch03_retry;
use crate::{Task, node_within};

/// The node.
pub struct Broadcast {
    messages: RefCell<BTreeSet<i64>>,
}

/// What clients and other nodes ask.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Topology {},
    Broadcast {
        message: i64,
    },
    Read {},
    /// From another node: a message that it was told.
    Tell {
        message: i64,
    },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
    TellOk {},
}

impl Broadcast {
    /// A node that knows no message.
    pub fn new(_: &Ctx) -> Broadcast {
        Broadcast { messages: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.messages.borrow_mut().insert(message);
                // To do: let messages wait for others, and tell each peer several at once.
                for peer in ctx.peers().to_vec() {
                    let own_ctx = ctx.clone();
                    ctx.spawn(async move {
                        let policy = RetryPolicy::within(Duration::from_secs(3600));
                        let tell = Request::Tell { message };
                        // It ends with an error only after an hour: then nobody waits for it.
                        let _ = own_ctx.rpc_retry(&peer, &tell, policy).await;
                    });
                }
                Response::BroadcastOk {}
            }
            Request::Tell { message } => {
                self.messages.borrow_mut().insert(message);
                Response::TellOk {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// What such a node is measured by: five nodes, a hundred operations a second, 10 ms from any node
/// to any other, no faults.
pub fn measured<N: Node>(make: fn(&Ctx) -> N) -> Check {
    let check = maelstrom::check("broadcast", make).rate(100.0).time_limit_secs(5.0);
    check.options(|options| options.latency_ms = 10).fixed_latency()
}

/// How many messages servers may send each other for each message that is broadcast.
const MESSAGES_MAX: f64 = 3.0;

/// How long a read may miss a message that was acknowledged.
const LATENCY_MAX_MS: i64 = 1_000;

/// The limits of a run.
pub fn limits(outcome: &Outcome, judgement: &Judgement) -> Result<(), String> {
    let pairs = outcome.history.pairs().map_err(|error| error.to_string())?;
    let broadcasts = pairs.iter().filter(|pair| &*pair.invoke.f == "broadcast").count();
    let messages = outcome.journal.stats().servers.send_count as f64 / broadcasts as f64;
    if messages > MESSAGES_MAX {
        return Err(format!(
            "servers send each other {messages:.1} messages for each broadcast, and at most \
             {MESSAGES_MAX} are allowed"
        ));
    }
    let results = judgement.to_edn();
    let latencies = results.get("workload").and_then(|part| part.get("stable-latencies"));
    // The last quantile is the greatest.
    let Some(Edn::Map(latencies)) = latencies else {
        return Err("no message was seen by all nodes".into());
    };
    let worst_ms = latencies.last().and_then(|(_, latency)| latency.as_i64()).unwrap_or(i64::MAX);
    if worst_ms > LATENCY_MAX_MS {
        return Err(format!(
            "a read misses a message {worst_ms} ms after it was acknowledged, and at most \
             {LATENCY_MAX_MS} ms are allowed"
        ));
    }
    Ok(())
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    let (check, measured) = (ch03_retry::check(Broadcast::new), measured(Broadcast::new));
    node_within(check, Broadcast::new, measured, limits)
}

//! Exercise 3-retry: a message that is lost is sent again.
//!
//! This node tells every other node each message once. The bench loses some of what nodes send to
//! each other, and cuts the network in two for a while, so some nodes never hear of some messages.
//! Let every message reach every node, however often that takes. A client must not wait for it:
//! `broadcast_ok` is sent at once, also while other nodes cannot be reached.
//!
//! `ctx.spawn` runs something beside the handlers, and `ctx.rpc_retry` asks until it is answered, with
//! `gyre::RetryPolicy::within(…)` for how long. What is spawned outlives the call: give it clones of
//! `ctx` and of the name of the peer.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

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
                for peer in ctx.peers() {
                    // To do: this message may be lost.
                    ctx.send(peer, &Request::Tell { message })?;
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

/// What judges such a node: three nodes, ten seconds, messages are lost, links are cut.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    let check = maelstrom::check("broadcast", make).nodes(3).time_limit_secs(10.0);
    // Faults end two seconds before the run does.
    check.options(|options| options.calm_secs = 2.0).faults([Fault::Loss, Fault::Partition])
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Broadcast::new), Broadcast::new)
}

//! Exercise 3-retry, solved: each message is sent to each node until that node has confirmed it.
//!
//! The task that sends it runs beside the handlers, so no client waits for it. Its requests are
//! answered with `tell_ok`, which says that the message has arrived; to be told a message twice
//! changes nothing, since messages are a set.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch03_retry::check;
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
            // ANCHOR: retry
            Request::Broadcast { message } => {
                self.messages.borrow_mut().insert(message);
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
            // ANCHOR_END: retry
            Request::Tell { message } => {
                self.messages.borrow_mut().insert(message);
                Response::TellOk {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Broadcast::new), Broadcast::new)
}

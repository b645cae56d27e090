//! A broadcast with a bug after a restart: a node numbers its messages, so that others know a
//! repeated one, and a restarted node begins at the first number again. Its new messages are
//! taken for old ones, and dropped.
//!
//! - **Found in**: Riak: basho/riak_kv issue 679 (2013): a replica that reuses its name and its
//!   numbers after it has forgotten them loses data.
//! - **Review**: “Who remembers these numbers longer than the one who gives them?” Everybody
//!   else.
//! - **Fails by**: lost

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// As long as any run.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

struct Broadcast {
    /// By their origin and its number for them.
    messages: RefCell<BTreeMap<(NodeId, u64), i64>>,
    /// The number of this node's next message.
    next: Cell<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
    Tell { number: u64, message: i64 },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: Vec<i64> },
    Told {},
}

impl Broadcast {
    fn new(ctx: &Ctx) -> Broadcast {
        let mut messages = BTreeMap::new();
        for record in &ctx.storage().load().expect("the disk can be read").records {
            let (origin, number, message): (NodeId, u64, i64) =
                serde_json::from_slice(record).expect("the record is one of ours");
            if origin == *ctx.id() {
                // The others may not have heard of it yet.
                tell_all(ctx, number, message);
            }
            messages.insert((origin, number), message);
        }
        let own = messages.keys().filter(|(origin, _)| origin == ctx.id());
        let next = own.map(|(_, number)| number + 1).max().unwrap_or(0);
        let next = if bugs::planted() { 0 } else { next };
        Broadcast { messages: RefCell::new(messages), next: Cell::new(next) }
    }

    fn keep(&self, ctx: &Ctx, origin: NodeId, number: u64, message: i64) -> Result<(), Error> {
        let record = serde_json::to_vec(&(&origin, number, message)).expect("it is JSON");
        ctx.storage().append(&record)?;
        ctx.storage().sync()?;
        self.messages.borrow_mut().entry((origin, number)).or_insert(message);
        Ok(())
    }
}

fn tell_all(ctx: &Ctx, number: u64, message: i64) {
    for peer in ctx.peers().to_vec() {
        let own_ctx = ctx.clone();
        ctx.spawn(async move {
            let tell = Request::Tell { number, message };
            let _ = own_ctx.rpc_retry(&peer, &tell, RetryPolicy::within(A_LONG_TIME)).await;
        });
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                let number = self.next.replace(self.next.get() + 1);
                self.keep(ctx, ctx.id().clone(), number, message)?;
                tell_all(ctx, number, message);
                Response::BroadcastOk {}
            }
            Request::Tell { number, message } => {
                self.keep(ctx, from, number, message)?;
                Response::Told {}
            }
            Request::Read {} => {
                Response::ReadOk { messages: self.messages.borrow().values().copied().collect() }
            }
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("broadcast", Broadcast::new).nodes(3).faults([Fault::Kill])
}

bugs::exhibit!("broadcast-numbers-from-the-start", check, Broadcast::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}

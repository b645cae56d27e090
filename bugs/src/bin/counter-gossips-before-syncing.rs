//! A counter with a bug that tells others what is not durable yet: a client waits for the disk,
//! but the gossip does not.
//!
//! A node that crashes between the two has forgotten what others have heard. What it adds from
//! then on disappears behind that.
//!
//! - **From**: Almeida, Shoker and Baquero, *Delta State Replicated Data Types* (2018): a node’s
//!   state and the number of its latest delta are durable before others may depend on them. Riak
//!   had the like: basho/riak_kv issue 679 (2013).
//! - **Review**: “What may others know of this node that it does not know itself after a crash?”
//!   All since its last sync.
//! - **Fails by**: wrong-sum

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// Between two syncs.
const SYNC_EVERY: Duration = Duration::from_millis(150);

struct Counter {
    /// What each node has added.
    added: RefCell<BTreeMap<NodeId, u64>>,
    /// What of this node's own is on disk.
    durable: Cell<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read {},
    Merge { added: BTreeMap<NodeId, u64> },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: u64 },
    Merged {},
}

impl Counter {
    fn new(ctx: &Ctx) -> Counter {
        let recovered = ctx.storage().load().expect("the disk can be read");
        let own = recovered.records.last().and_then(|record| serde_json::from_slice(record).ok());
        let own: u64 = own.unwrap_or(0);
        let added = RefCell::new([(ctx.id().clone(), own)].into());
        Counter { added, durable: Cell::new(own) }
    }

    fn own(&self, ctx: &Ctx) -> u64 {
        self.added.borrow()[ctx.id()]
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Add { delta } => {
                *self.added.borrow_mut().entry(ctx.id().clone()).or_default() += delta;
                let own = self.own(ctx);
                while self.durable.get() < own {
                    ctx.sleep(SYNC_EVERY / 4).await;
                }
                Response::AddOk {}
            }
            Request::Merge { added: others } => {
                for (node, amount) in others.into_iter().filter(|(node, _)| node != ctx.id()) {
                    let mut added = self.added.borrow_mut();
                    let known = added.entry(node).or_default();
                    *known = amount.max(*known);
                }
                Response::Merged {}
            }
            Request::Read {} => Response::ReadOk { value: self.added.borrow().values().sum() },
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(SYNC_EVERY).await;
            let own = self.own(ctx);
            let mut added = self.added.borrow().clone();
            if !bugs::planted() {
                added.insert(ctx.id().clone(), self.durable.get());
            }
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &Request::Merge { added: added.clone() });
            }
            ctx.sleep(SYNC_EVERY).await;
            let synced = ctx.storage().append(own.to_string().as_bytes());
            if synced.and_then(|()| ctx.storage().sync()).is_ok() {
                self.durable.set(own);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-counter", Counter::new).nodes(3).faults([Fault::Kill]).options(|options| {
        options.nemesis_interval_secs = 1.0;
    })
}

bugs::exhibit!("counter-gossips-before-syncing", check, Counter::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "wrong-sum");
    }
}

//! Exercise 11-append: two nodes, one log, on shared storage.
//!
//! Each log is a list in the `lin-kv` service of the bench. A node reads the list, appends a message
//! to it, and writes it back, even if another node has done the same in the meantime. Let every
//! message that is acknowledged have an offset of its own.
//!
//! `Kv` has `cas_or_create`: it writes only if the value is still the one that is named.

use std::collections::BTreeMap;

use gyre::kafka_log::{Batch, Offset, Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

use crate::{Task, node};

/// The node.
pub struct Kafka;

/// The list in the store, if there is one.
async fn log(ctx: &Ctx, key: &str) -> Result<Option<Vec<Json>>, Error> {
    ctx.lin_kv().read_if_exists(&key).await
}

impl Kafka {
    /// A node, which keeps nothing.
    pub fn new(_: &Ctx) -> Kafka {
        Kafka
    }

    // ANCHOR: naive
    async fn send(&self, ctx: &Ctx, key: &str, msg: Json) -> Result<Offset, Error> {
        let mut messages = log(ctx, key).await?.unwrap_or_default();
        messages.push(msg);
        // To do: is the log still what was read?
        ctx.lin_kv().write(&key, &messages).await?;
        Ok(messages.len() as Offset - 1)
    }
    // ANCHOR_END: naive
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                Response::SendOk { offset: self.send(ctx, &key, msg).await? }
            }
            Request::Poll { offsets } => {
                let mut msgs = Batch::new();
                for (key, from) in offsets {
                    let messages = log(ctx, &key).await?.unwrap_or_default();
                    let messages = (0..).zip(messages).skip(from.max(0) as usize).collect();
                    msgs.insert(key, messages);
                }
                Response::PollOk { msgs }
            }
            // Every consumer starts at the beginning.
            Request::CommitOffsets { .. } => Response::CommitOffsetsOk {},
            Request::ListCommittedOffsets { .. } => {
                Response::ListCommittedOffsetsOk { offsets: BTreeMap::new() }
            }
        })
    }
}

/// What judges such a node: two nodes, four clients, no faults.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("kafka", make)
        .nodes(2)
        .options(|options| options.concurrency = 4)
        .time_limit_secs(5.0)
        .rate(50.0)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Kafka::new), Kafka::new)
}

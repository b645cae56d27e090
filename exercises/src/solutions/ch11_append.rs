//! Exercise 11-append, solved: compare-and-set, and once more when somebody was faster.
//!
//! The whole log travels for every message. `src/bin/kafka-kv.rs` gives each message a cell of its
//! own instead.

use std::collections::BTreeMap;

use gyre::kafka_log::{Batch, Offset, Request, Response};
use gyre::{Ctx, Error, ErrorCode, Json, Node, NodeId, async_trait};

use crate::stubs::ch11_append::check;
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

    async fn send(&self, ctx: &Ctx, key: &str, msg: Json) -> Result<Offset, Error> {
        loop {
            let former = log(ctx, key).await?;
            let mut messages = former.clone().unwrap_or_default();
            messages.push(msg.clone());
            let offset = messages.len() as Offset - 1;
            match ctx.lin_kv().cas_or_create(&key, &former, &Some(messages)).await {
                Ok(()) => return Ok(offset),
                // Somebody was faster: once more, behind what they appended.
                Err(error) if error.code == ErrorCode::PreconditionFailed => {}
                // Nobody knows whether it took effect. To try again might append it twice.
                Err(error) => return Err(error),
            }
        }
    }
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

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Kafka::new), Kafka::new)
}

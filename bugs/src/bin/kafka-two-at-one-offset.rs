//! A log with a bug that puts two messages at one offset: each log is a list in the `lin-kv`
//! service, and a node reads it, appends to it, and writes it back, not minding whether
//! somebody else has done the same in the meantime.
//!
//! - **From**: Berenson et al., *A Critique of ANSI SQL Isolation Levels* (SIGMOD 1995), P4,
//!   the lost update.
//! - **Found in**: Redpanda 21.10.1: Kingsbury, *Jepsen: Redpanda 21.10.1* (2022), inconsistent
//!   offsets, from another cause.
//! - **Review**: “What if somebody writes between this read and this write?” Then that is
//!   overwritten.
//! - **Fails by**: inconsistent-offsets

use std::collections::BTreeMap;

use gyre::kafka_log::{Batch, Offset, Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct Kafka;

async fn log(ctx: &Ctx, key: &str) -> Result<Vec<Json>, Error> {
    Ok(ctx.lin_kv().read_if_exists(&key).await?.unwrap_or_default())
}

impl Kafka {
    fn new(_: &Ctx) -> Kafka {
        Kafka
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let before = log(ctx, &key).await?;
                let mut messages = before.clone();
                messages.push(msg);
                if bugs::planted() {
                    ctx.lin_kv().write(&key, &messages).await?;
                } else {
                    ctx.lin_kv().cas_or_create(&key, &before, &messages).await?;
                }
                Response::SendOk { offset: messages.len() as Offset - 1 }
            }
            Request::Poll { offsets } => {
                let mut msgs = Batch::new();
                for (key, from) in offsets {
                    let messages = log(ctx, &key).await?;
                    let messages = (0..).zip(messages).skip(from as usize).collect();
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

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new)
        .nodes(2)
        .options(|options| options.concurrency = 4)
        .rate(100.0)
}

bugs::exhibit!("kafka-two-at-one-offset", check, Kafka::new);

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new)
            .nodes(2)
            .options(|options| options.concurrency = 4)
            .rate(100.0);
        bugs::kafka_is_caught(check, "inconsistent-offsets");
    }
}

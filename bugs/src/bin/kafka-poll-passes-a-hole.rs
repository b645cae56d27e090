//! A log with a bug that lets a poll pass a hole: a message gets its offset first and is written
//! after that, so a later message may be there before an earlier one. The poll gives what is
//! there.
//!
//! The consumer goes on behind the later one, and never sees the earlier one.
//!
//! - **From**: Balakrishnan et al., *CORFU: A Shared Log Design for Flash Clusters* (NSDI 2012):
//!   a client that takes a position and does not write it leaves a hole, and readers may not pass
//!   it before it is filled.
//! - **Review**: “What if the one before this is not there yet?” It is passed by.
//! - **Fails by**: poll-skip

use std::collections::BTreeMap;

use gyre::kafka_log::{Batch, Offset, Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// The most messages of a key in one answer.
const BATCH_MAX: Offset = 8;

struct Kafka;

impl Kafka {
    fn new(_: &Ctx) -> Kafka {
        Kafka
    }

    /// Takes the next offset of a key.
    async fn take_offset(ctx: &Ctx, key: &str) -> Result<Offset, Error> {
        let end = format!("end of {key}");
        let offset: Option<Offset> = ctx.lin_kv().read_if_exists(&end).await?;
        let offset = offset.unwrap_or(0);
        ctx.lin_kv().cas_or_create(&end, &offset, &(offset + 1)).await?;
        Ok(offset)
    }

    /// The messages of a key from an offset on.
    async fn messages(ctx: &Ctx, key: &str, from: Offset) -> Result<Vec<(Offset, Json)>, Error> {
        let end: Option<Offset> = ctx.lin_kv().read_if_exists(&format!("end of {key}")).await?;
        let mut messages = Vec::new();
        for offset in from..end.unwrap_or(0).min(from + BATCH_MAX) {
            let message = ctx.lin_kv().read_if_exists(&format!("{key} at {offset}")).await?;
            let Some(message) = message else {
                if bugs::planted() {
                    continue;
                } else {
                    break;
                }
            };
            messages.push((offset, message));
        }
        Ok(messages)
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let offset = Kafka::take_offset(ctx, &key).await?;
                ctx.lin_kv().write(&format!("{key} at {offset}"), &msg).await?;
                Response::SendOk { offset }
            }
            Request::Poll { offsets } => {
                let mut msgs = Batch::new();
                for (key, from) in offsets {
                    let messages = Kafka::messages(ctx, &key, from).await?;
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
fn check() -> Check<Kafka> {
    maelstrom::check("kafka", Kafka::new).nodes(2).rate(50.0).options(|options| {
        options.concurrency = 6;
    })
}

bugs::exhibit!("kafka-poll-passes-a-hole", check, Kafka::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "poll-skip");
    }
}

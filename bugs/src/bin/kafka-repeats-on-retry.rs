//! A log with a bug that repeats messages: a node that has no answer from the owner of a key asks
//! again, and the owner cannot tell the second request from a second message.
//!
//! - **From**: KIP-98, *Exactly Once Delivery and Transactional Messaging* (2017): a producer
//!   numbers its messages, so that a retry is known.
//! - **Found in**: Kafka before 0.11, as KIP-98 says; and Redpanda 21.10.1: Kingsbury, *Jepsen:
//!   Redpanda 21.10.1* (2022), duplicate writes.
//! - **Review**: “Is this request idempotent?” It is retried as if it were.
//! - **Fails by**: duplicate

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::kafka_log::{Batch, Change, Logs, Offset, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::de::DeserializeOwned;

struct Kafka {
    logs: RefCell<Logs>,
}

/// The owner of a key, by rendezvous hashing: the node whose name, together with the key, has the
/// highest hash. All nodes agree on it without a word.
fn owner<'a>(ctx: &'a Ctx, key: &str) -> &'a NodeId {
    let hash = |node: &NodeId| {
        let bytes = node.as_str().bytes().chain(*b"/").chain(key.bytes());
        // FNV-1a.
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    ctx.nodes().iter().max_by_key(|node| hash(node)).expect("a cluster has nodes")
}

/// The parts of `all` that each node owns.
fn by_owner<T>(
    ctx: &Ctx,
    all: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &str,
) -> BTreeMap<NodeId, Vec<T>> {
    let mut parts = BTreeMap::<NodeId, Vec<T>>::new();
    for item in all {
        parts.entry(owner(ctx, key(&item)).clone()).or_default().push(item);
    }
    parts
}

async fn ask<T: DeserializeOwned>(ctx: &Ctx, node: &NodeId, request: &Request) -> Result<T, Error> {
    let patience = Duration::from_secs(3);
    let reply = if bugs::planted() {
        ctx.rpc_retry(node, request, RetryPolicy::within(patience)).await?
    } else {
        ctx.rpc(node, request, patience).await?
    };
    reply.to().map_err(|error| Error::crash(error.to_string()))
}

impl Kafka {
    fn make(&self, ctx: &Ctx, change: &Change) -> Result<Option<Offset>, Error> {
        let record = serde_json::to_vec(change).expect("a change is made of JSON");
        ctx.storage().append(&record)?;
        ctx.storage().sync()?;
        Ok(self.logs.borrow_mut().make(change))
    }

    /// What only concerns this node's own keys.
    fn serve(&self, ctx: &Ctx, request: Request) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let offset = self.make(ctx, &Change::Send { key, msg })?;
                Response::SendOk { offset: offset.expect("a message gets an offset") }
            }
            Request::Poll { offsets } => {
                Response::PollOk { msgs: self.logs.borrow().poll(&offsets) }
            }
            Request::CommitOffsets { offsets } => {
                self.make(ctx, &Change::Commit { offsets })?;
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let offsets = self.logs.borrow().committed(&keys);
                Response::ListCommittedOffsetsOk { offsets }
            }
        })
    }

    /// A client's request, each part of it by the owner of its keys.
    async fn route(&self, ctx: &Ctx, request: Request) -> Result<Response, Error> {
        match request {
            Request::Send { ref key, .. } => ask(ctx, owner(ctx, key), &request).await,
            Request::Poll { offsets } => {
                let mut all = Batch::new();
                for (node, part) in by_owner(ctx, offsets, |(key, _)| key) {
                    let request = Request::Poll { offsets: part.into_iter().collect() };
                    if let Response::PollOk { msgs } = ask(ctx, &node, &request).await? {
                        all.extend(msgs);
                    }
                }
                Ok(Response::PollOk { msgs: all })
            }
            Request::CommitOffsets { offsets } => {
                for (node, part) in by_owner(ctx, offsets, |(key, _)| key) {
                    let offsets = part.into_iter().collect();
                    ask::<Response>(ctx, &node, &Request::CommitOffsets { offsets }).await?;
                }
                Ok(Response::CommitOffsetsOk {})
            }
            Request::ListCommittedOffsets { keys } => {
                let mut all = BTreeMap::new();
                for (node, keys) in by_owner(ctx, keys, |key| key) {
                    let request = Request::ListCommittedOffsets { keys };
                    let reply = ask(ctx, &node, &request).await?;
                    if let Response::ListCommittedOffsetsOk { offsets } = reply {
                        all.extend(offsets);
                    }
                }
                Ok(Response::ListCommittedOffsetsOk { offsets: all })
            }
        }
    }
}

impl Kafka {
    fn new(ctx: &Ctx) -> Kafka {
        let mut logs = Logs::default();
        for record in &ctx.storage().load().expect("the disk can be read").records {
            logs.make(&serde_json::from_slice(record).expect("the record is one of ours"));
        }
        Kafka { logs: RefCell::new(logs) }
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        if from.is_client() { self.route(ctx, request).await } else { self.serve(ctx, request) }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new).faults([Fault::Loss])
}

bugs::exhibit!("kafka-repeats-on-retry", check, Kafka::new);

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new).faults([maelstrom::Fault::Loss]);
        bugs::kafka_is_caught(check, "duplicate");
    }
}

//! A log with a bug in committed offsets: the commit that comes last counts, and not the highest
//! one. A consumer that is behind, or a commit that was under way for long, takes back what
//! another has said. Whoever takes the key over processes again what was done.
//!
//! Kafka itself keeps whatever comes last, so the checker reports a committed offset that goes back
//! and does not call it wrong. A log that promises more, as the node `kafka` does, asks for
//! `--monotonic-commits true`, and so does this one.
//!
//! - **From**: Narkhede, Shapira and Palino, *Kafka: The Definitive Guide* (2017), chapter 4: an
//!   asynchronous commit is not tried again, for a later one may have succeeded meanwhile, and
//!   after a rebalance messages would be processed twice.
//! - **Review**: “What if the commits of two consumers arrive the other way round?” The lower one
//!   stays.
//! - **Fails by**: nonmonotonic-commit

use std::cell::RefCell;
use std::collections::BTreeMap;

use gyre::kafka_log::{Logs, Offset, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// The most messages of a key in one answer.
const BATCH_MAX: usize = 1;

#[derive(Default)]
struct Kafka {
    logs: RefCell<Logs>,
    committed: RefCell<BTreeMap<String, Offset>>,
}

impl Kafka {
    fn new(_: &Ctx) -> Kafka {
        Kafka::default()
    }

    fn commit(&self, offsets: BTreeMap<String, Offset>) {
        let mut committed = self.committed.borrow_mut();
        for (key, offset) in offsets {
            let before = committed.get(&key).copied().unwrap_or(offset);
            committed.insert(key, if bugs::planted() { offset } else { before.max(offset) });
        }
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let mut logs = self.logs.borrow_mut();
        Ok(match request {
            Request::Send { key, msg } => Response::SendOk { offset: logs.append(&key, msg) },
            Request::Poll { offsets } => {
                let mut msgs = logs.poll(&offsets);
                msgs.values_mut().for_each(|messages| messages.truncate(BATCH_MAX));
                Response::PollOk { msgs }
            }
            Request::CommitOffsets { offsets } => {
                self.commit(offsets);
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let committed = self.committed.borrow();
                let known = |key: String| Some((committed.get(&key).copied()?, key));
                let offsets = keys.into_iter().filter_map(known).map(|(at, key)| (key, at));
                Response::ListCommittedOffsetsOk { offsets: offsets.collect() }
            }
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new).nodes(1).options(|options| {
        options.concurrency = 4;
        options.monotonic_commits = true;
    })
}

bugs::exhibit!("kafka-commits-go-back", check, Kafka::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::kafka_is_caught(super::check(), "nonmonotonic-commit");
    }
}

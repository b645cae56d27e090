//! A log with a bug that lets a poll skip: when there is more than fits into an answer, it gives
//! the newest messages instead of those that come next.
//!
//! - **From**: Jepsen’s kafka workload calls it `poll-skip`: a consumer that polls again misses
//!   messages that are there.
//! - **Review**: “Which end is cut when not all of it fits?” The one that the reader needs first.
//! - **Fails by**: poll-skip

use std::cell::RefCell;

use gyre::kafka_log::{Logs, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// The most messages of a key in one answer.
const BATCH_MAX: usize = 2;

struct Kafka {
    logs: RefCell<Logs>,
}

impl Kafka {
    fn new(_: &Ctx) -> Kafka {
        Kafka { logs: RefCell::default() }
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
                for messages in msgs.values_mut() {
                    if bugs::planted() {
                        messages.drain(..messages.len().saturating_sub(BATCH_MAX));
                    } else {
                        messages.truncate(BATCH_MAX);
                    }
                }
                Response::PollOk { msgs }
            }
            Request::CommitOffsets { offsets } => {
                logs.commit(&offsets);
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                Response::ListCommittedOffsetsOk { offsets: logs.committed(&keys) }
            }
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new).nodes(1).options(|options| options.concurrency = 4)
}

bugs::exhibit!("kafka-poll-skips", check, Kafka::new);

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new)
            .nodes(1)
            .options(|options| options.concurrency = 4);
        bugs::kafka_is_caught(check, "poll-skip");
    }
}

//! A log with a bug that commits too much: whatever offset a client has processed, the node takes
//! it that everything in the log was. What did not fit into the last poll is then never processed.
//!
//! - **From**: Apache Kafka’s documentation, *Design*, on message delivery semantics: a position
//!   that is saved before the messages are processed makes it at most once.
//! - **Review**: “Who has processed what this offset covers?” Nobody, above the one that the
//!   client names.
//! - **Fails by**: unprocessed-commit

use std::cell::RefCell;

use gyre::kafka_log::{Logs, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// The most messages of a key in one answer.
const BATCH_MAX: usize = 1;

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
                msgs.values_mut().for_each(|messages| messages.truncate(BATCH_MAX));
                Response::PollOk { msgs }
            }
            Request::CommitOffsets { offsets } => {
                let end = |key: String| (logs.end(&key) - 1, key);
                let ends = offsets.keys().cloned().map(end).map(|(end, key)| (key, end)).collect();
                logs.commit(if bugs::planted() { &ends } else { &offsets });
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

bugs::exhibit!("kafka-commits-ahead", check, Kafka::new);

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new)
            .nodes(1)
            .options(|options| options.concurrency = 4);
        bugs::kafka_is_caught(check, "unprocessed-commit");
    }
}

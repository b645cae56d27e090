//! A log with a bug that lets a poll skip: when there is more than fits into an answer, it gives
//! the newest messages instead of those that come next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;

use gyre::kafka_log::{Batch, Logs, Offset};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most messages of a key in one answer.
const BATCH_MAX: usize = 2;

struct Kafka {
    logs: RefCell<Logs>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Send { key: String, msg: Value },
    Poll { offsets: BTreeMap<String, Offset> },
    CommitOffsets { offsets: BTreeMap<String, Offset> },
    ListCommittedOffsets { keys: Vec<String> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    SendOk { offset: Offset },
    PollOk { msgs: Batch },
    CommitOffsetsOk {},
    ListCommittedOffsetsOk { offsets: BTreeMap<String, Offset> },
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
                    messages.drain(..messages.len().saturating_sub(BATCH_MAX));
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

fn main() -> ExitCode {
    gyre::run(Kafka::new)
}

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new)
            .nodes(1)
            .options(|options| options.concurrency = 4);
        let names_it = |failure: maelstrom::check::Failure| {
            let workload = failure.results.to_edn().get("workload").cloned();
            let types = workload.and_then(|results| results.get("bad-error-types").cloned());
            types.is_some_and(|types| types.to_string().contains(":poll-skip"))
        };
        let is_caught = (0..500).filter_map(|seed| check.fails(seed)).any(names_it);
        assert!(is_caught, "the checker must catch a poll that skips");
    }
}

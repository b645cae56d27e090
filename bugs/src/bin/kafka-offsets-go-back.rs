//! A log with a bug that hands out offsets backwards: it reserves a block of them at a time, and
//! takes the next one from the wrong end.
//!
//! - **From**: Jepsen’s kafka workload calls it `nonmonotonic-send`: a producer’s later message
//!   has a lower offset than its earlier one.
//! - **Review**: “Which end does `pop` take from?” The wrong one.
//! - **Fails by**: nonmonotonic-send

use std::cell::RefCell;
use std::collections::BTreeMap;

use gyre::kafka_log::{Offset, Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

const BLOCK: Offset = 4;

struct Kafka {
    logs: RefCell<BTreeMap<String, Log>>,
}

#[derive(Default)]
struct Log {
    messages: BTreeMap<Offset, Json>,
    reserved: Vec<Offset>,
    next_block: Offset,
    committed: Option<Offset>,
}

impl Log {
    fn append(&mut self, message: Json) -> Offset {
        if self.reserved.is_empty() {
            self.reserved = (self.next_block..self.next_block + BLOCK).collect();
            self.next_block += BLOCK;
        }
        let last = self.reserved.len() - 1;
        let offset = self.reserved.remove(if bugs::planted() { last } else { 0 });
        self.messages.insert(offset, message);
        offset
    }
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
            Request::Send { key, msg } => {
                Response::SendOk { offset: logs.entry(key).or_default().append(msg) }
            }
            Request::Poll { offsets } => {
                let from = |(key, from): (String, Offset)| {
                    let messages = &logs.get(&key)?.messages;
                    let messages = messages.range(from..).map(|(at, msg)| (*at, msg.clone()));
                    Some((key, messages.collect()))
                };
                Response::PollOk { msgs: offsets.into_iter().filter_map(from).collect() }
            }
            Request::CommitOffsets { offsets } => {
                for (key, offset) in offsets {
                    let log = logs.entry(key).or_default();
                    log.committed = log.committed.max(Some(offset));
                }
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let committed = |key: String| Some((logs.get(&key)?.committed?, key));
                let offsets = keys.into_iter().filter_map(committed);
                let offsets = offsets.map(|(offset, key)| (key, offset)).collect();
                Response::ListCommittedOffsetsOk { offsets }
            }
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new).nodes(1).options(|options| options.concurrency = 4)
}

bugs::exhibit!("kafka-offsets-go-back", check, Kafka::new);

#[cfg(test)]
mod tests {
    use super::Kafka;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("kafka", Kafka::new)
            .nodes(1)
            .options(|options| options.concurrency = 4);
        bugs::kafka_is_caught(check, "nonmonotonic-send");
    }
}

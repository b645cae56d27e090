//! A log with a bug that lets a poll pass a hole: a message gets its offset first and is written
//! after that, on one of two disks, so a later message may be there before an earlier one. The
//! poll gives what is there.
//!
//! The consumer goes on behind the later one, and never sees the earlier one.
//!
//! - **From**: Balakrishnan et al., *CORFU: A Shared Log Design for Flash Clusters* (NSDI 2012):
//!   a client that takes a position and does not write it leaves a hole, and readers may not pass
//!   it before it is filled.
//! - **Review**: “What if the one before this is not there yet?” It is passed by.
//! - **Fails by**: poll-skip

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::kafka_log::{Offset, Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// A key's messages. One that has its offset and is not written yet is a hole.
type Log = Vec<Option<Json>>;

#[derive(Default)]
struct Kafka {
    logs: RefCell<BTreeMap<String, Log>>,
    committed: RefCell<BTreeMap<String, Offset>>,
}

impl Kafka {
    fn new(_: &Ctx) -> Kafka {
        Kafka::default()
    }

    async fn send(&self, ctx: &Ctx, key: String, message: Json) -> usize {
        let place = {
            let mut logs = self.logs.borrow_mut();
            let log = logs.entry(key.clone()).or_default();
            log.push(None);
            log.len() - 1
        };
        // It is being written. Offsets go to two disks in turn, and the first one is slow.
        let takes_ms = if place.is_multiple_of(2) { 20 } else { 0 };
        ctx.sleep(Duration::from_millis(takes_ms)).await;
        self.logs.borrow_mut().get_mut(&key).expect("it was just made")[place] = Some(message);
        place
    }

    /// The messages of a key from an offset on.
    fn messages(&self, key: &str, from: Offset) -> Vec<(Offset, Json)> {
        let logs = self.logs.borrow();
        let log = logs.get(key).map_or(&[][..], Vec::as_slice);
        let places = (0..).zip(log).filter(|(offset, _)| *offset >= from);
        let written = |(offset, message): (Offset, &Option<Json>)| Some((offset, message.clone()?));
        if bugs::planted() {
            places.filter_map(written).collect()
        } else {
            places.map_while(written).collect()
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
                let place = self.send(ctx, key, msg).await;
                Response::SendOk { offset: place as Offset }
            }
            Request::Poll { offsets } => {
                let messages = |(key, from): (String, Offset)| {
                    let messages = self.messages(&key, from);
                    (key, messages)
                };
                Response::PollOk { msgs: offsets.into_iter().map(messages).collect() }
            }
            Request::CommitOffsets { offsets } => {
                self.committed.borrow_mut().extend(offsets);
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
    maelstrom::check("kafka", Kafka::new).nodes(1).rate(50.0).options(|options| {
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

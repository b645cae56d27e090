//! Kafka on one node: logs to which clients send, and from which they poll.
//!
//! The logs are in memory. So that a kill takes nothing away that was acknowledged, every
//! change is first written to a log on disk, and synced, before it is made and answered; a
//! node that starts makes the same changes again. When that log is long, a snapshot takes its
//! place. What the logs are is in `src/log.rs`.
//!
//! Deliberately absent: other nodes. With more than one, each would have logs of its own.

use std::cell::RefCell;
use std::process::ExitCode;

use gyre::kafka_log::{Change, Logs, Offset, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait, json};

struct KafkaSingle {
    logs: RefCell<Logs>,
}

impl KafkaSingle {
    /// Makes a change that will survive a kill, and gives the offset of a message that was sent.
    fn make_durable(&self, ctx: &Ctx, change: &Change) -> Result<Option<Offset>, Error> {
        let record = serde_json::to_vec(change).expect("a change is made of JSON");
        let storage = ctx.storage();
        storage.append(&record)?;
        storage.sync()?;
        let offset = self.logs.borrow_mut().make(change);
        if storage.is_log_long() {
            let snapshot = serde_json::to_vec(&*self.logs.borrow()).expect("logs are JSON");
            storage.save_snapshot(&snapshot)?;
        }
        Ok(offset)
    }
}

impl KafkaSingle {
    fn new(ctx: &Ctx) -> KafkaSingle {
        let recovered = ctx.storage().load().expect("the disk can be read");
        let snapshot = recovered.snapshot.first().map(|snapshot| json::read_own(snapshot));
        let mut logs: Logs =
            snapshot.transpose().expect("the snapshot is one of ours").unwrap_or_default();
        for record in &recovered.records {
            logs.make(&json::read_own(record).expect("the record is one of ours"));
        }
        KafkaSingle { logs: RefCell::new(logs) }
    }
}

#[async_trait(?Send)]
impl Node for KafkaSingle {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let offset = self.make_durable(ctx, &Change::Send { key, msg })?;
                Response::SendOk { offset: offset.expect("a message gets an offset") }
            }
            Request::Poll { offsets } => {
                Response::PollOk { msgs: self.logs.borrow().poll(&offsets) }
            }
            Request::CommitOffsets { offsets } => {
                self.make_durable(ctx, &Change::Commit { offsets })?;
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let offsets = self.logs.borrow().committed(&keys);
                Response::ListCommittedOffsetsOk { offsets }
            }
        })
    }
}

fn main() -> ExitCode {
    gyre::run(KafkaSingle::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::KafkaSingle;

    #[test]
    fn sim() {
        maelstrom::check("kafka", KafkaSingle::new)
            .nodes(1)
            .options(|options| options.concurrency = 4)
            .faults(Fault::ALL)
            .named("kafka-single")
            .seeds(0..50);
    }
}

//! A log with a bug that gives an offset twice: a message is written, and the write is not synced
//! before it is acknowledged. A crash takes the end of the log, and the next messages get the
//! offsets of those that are lost.
//!
//! - **Found in**: NATS: Kingsbury, *Jepsen: NATS 2.12.1* (2025), and nats-io/nats-server issue
//!   7564: the default was to sync every two minutes, and to acknowledge at once.
//! - **Review**: “Which sync stands between this write and this reply?” None.
//! - **Fails by**: inconsistent-offsets

use std::cell::RefCell;

use gyre::kafka_log::{Change, Logs, Offset, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;

struct Kafka {
    logs: RefCell<Logs>,
}

impl Kafka {
    fn new(ctx: &Ctx) -> Kafka {
        let mut logs = Logs::default();
        for record in &ctx.storage().load().expect("the disk can be read").records {
            logs.make(&serde_json::from_slice(record).expect("the record is one of ours"));
        }
        Kafka { logs: RefCell::new(logs) }
    }

    fn make(&self, ctx: &Ctx, change: &Change) -> Result<Option<Offset>, Error> {
        let record = serde_json::to_vec(change).expect("a change is made of JSON");
        ctx.storage().append(&record)?;
        if !bugs::planted() {
            ctx.storage().sync()?;
        }
        Ok(self.logs.borrow_mut().make(change))
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
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
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("kafka", Kafka::new).nodes(1).faults([Fault::Kill]).options(|options| {
        options.concurrency = 4;
        options.rate = 50.0;
    })
}

bugs::exhibit!("kafka-reuses-offsets", check, Kafka::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "inconsistent-offsets");
    }
}

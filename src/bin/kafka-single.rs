//! Kafka on one node: logs to which clients send, and from which they poll.
//!
//! The logs are in memory. So that a kill takes nothing away that was acknowledged, every
//! change is on disk before it is answered; a node that starts makes the same changes again.
//! What the logs are is in `src/state_machines/kafka_log.rs`.
//!
//! Deliberately absent: other nodes. With more than one, each would have logs of its own.
//!
//! Chapter 11 of the book, `book/11-kafka.md`, reads this.

use std::process::ExitCode;

use gyre::driver::Driver;
use gyre::kafka_log::{Change, Logs, Offset, Request, Response};
use gyre::single::Single;
use gyre::{Ctx, Error, Node, NodeId, async_trait};

struct KafkaSingle {
    logs: Driver<Single<Logs>>,
}

impl KafkaSingle {
    fn new(ctx: &Ctx) -> KafkaSingle {
        KafkaSingle { logs: Driver::start(ctx, |records, _, _| Single::new(records)) }
    }

    /// Makes a change, and gives the offset of a message that was sent.
    async fn change(&self, change: Change) -> Option<Offset> {
        let offsets = self.logs.request(vec![change]).await;
        offsets.into_iter().next().expect("every change has its outcome")
    }
}

#[async_trait(?Send)]
impl Node for KafkaSingle {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let offset = self.change(Change::Send { key, msg }).await;
                Response::SendOk { offset: offset.expect("a message gets an offset") }
            }
            Request::Poll { offsets } => Response::PollOk {
                msgs: self.logs.read(|single| single.state().poll(&offsets)).await,
            },
            Request::CommitOffsets { offsets } => {
                self.change(Change::Commit { offsets }).await;
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => Response::ListCommittedOffsetsOk {
                offsets: self.logs.read(|single| single.state().committed(&keys)).await,
            },
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
            .faults(Fault::COMMON)
            .named("kafka-single")
            .seeds(0..50);
    }
}

//! A counter on `seq-kv` with a bug: it adds with care, by compare-and-set, but takes what it
//! reads for the present. A sequentially consistent store may answer from the past, and goes
//! on doing so to a node that only reads.
//!
//! - **From**: Lamport, *How to Make a Multiprocessor Computer That Correctly Executes
//!   Multiprocess Programs* (1979): sequential consistency says nothing of when; and Maelstrom’s
//!   `doc/services.md`, on `seq-kv`.
//! - **Review**: “How old may what this read returns be?” As old as the store likes.
//! - **Fails by**: wrong-sum

use std::time::Duration;

use gyre::{Ctx, Error, ErrorCode, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Counter;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: u64 },
}

impl Counter {
    fn new(_: &Ctx) -> Counter {
        Counter
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        // ANCHOR: handle
        let kv = ctx.seq_kv();
        match request {
            Request::Add { delta } => loop {
                let value: u64 = kv.read_if_exists(&"counter").await?.unwrap_or(0);
                match kv.cas_or_create(&"counter", &value, &(value + delta)).await {
                    Ok(()) => return Ok(Response::AddOk {}),
                    Err(error) if error.code == ErrorCode::PreconditionFailed => {
                        ctx.sleep(Duration::from_millis(10)).await;
                    }
                    Err(error) => return Err(error),
                }
            },
            Request::Read {} => {
                if !bugs::planted() {
                    // A write happens at the newest point, and what follows it not before.
                    kv.write(&format!("seen by {}", ctx.id()), &ctx.now().as_nanos()).await?;
                }
                Ok(Response::ReadOk { value: kv.read_if_exists(&"counter").await?.unwrap_or(0) })
            }
        }
        // ANCHOR_END: handle
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-counter", Counter::new)
}

bugs::exhibit!("counter-trusts-stale-reads", check, Counter::new);

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("g-counter", Counter::new).first_anomaly(0..200);
        let failure = failure.expect("the checker must catch a read from the past");
        assert!(failure.sentence.contains("wrong-sum: "), "{}", failure.sentence);
    }
}

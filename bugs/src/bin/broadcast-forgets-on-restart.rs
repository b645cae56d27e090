//! A broadcast with a bug: every message is brought to every other node, however often it
//! takes, but a node that is killed comes back with nothing, and nobody tells it again.
//!
//! - **From**: Cachin, Guerraoui and Rodrigues, *Introduction to Reliable and Secure Distributed
//!   Programming* (2011), chapter 3: in the crash-recovery model a broadcast logs what it
//!   delivers.
//! - **Review**: “What is on disk when `broadcast_ok` is sent?” Nothing is.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

// ANCHOR: state
struct Broadcast {
    /// The bug.
    messages: RefCell<BTreeSet<i64>>,
}
// ANCHOR_END: state

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
    Tell { message: i64 },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
    Told {},
}

impl Broadcast {
    fn new(ctx: &Ctx) -> Broadcast {
        let recovered = ctx.storage().load().expect("the disk can be read");
        let texts = recovered.records.iter().map(|record| String::from_utf8_lossy(record));
        let messages: BTreeSet<i64> = texts.filter_map(|text| text.parse().ok()).collect();
        // The others may not have heard of them yet.
        messages.iter().for_each(|message| tell_all(ctx, *message));
        Broadcast { messages: RefCell::new(messages) }
    }

    fn keep(&self, ctx: &Ctx, message: i64) -> Result<(), Error> {
        self.messages.borrow_mut().insert(message);
        if !bugs::planted() {
            ctx.storage().append(message.to_string().as_bytes())?;
            ctx.storage().sync()?;
        }
        Ok(())
    }
}

/// Brings a message to every other node, however often it takes.
fn tell_all(ctx: &Ctx, message: i64) {
    for peer in ctx.peers().to_vec() {
        let own_ctx = ctx.clone();
        ctx.spawn(async move {
            let policy = RetryPolicy::within(Duration::from_secs(3600));
            let _ = own_ctx.rpc_retry(&peer, &Request::Tell { message }, policy).await;
        });
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.keep(ctx, message)?;
                tell_all(ctx, message);
                Response::BroadcastOk {}
            }
            Request::Tell { message } => {
                self.keep(ctx, message)?;
                Response::Told {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("broadcast", Broadcast::new).faults([Fault::Kill])
}

bugs::exhibit!("broadcast-forgets-on-restart", check, Broadcast::new);

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Broadcast;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("broadcast", Broadcast::new);
        let failure = check.faults([Fault::Kill]).first_anomaly(0..200);
        let failure = failure.expect("the checker must catch a message that was forgotten");
        assert!(failure.sentence.contains("lost: "), "{}", failure.sentence);
    }

    #[test]
    fn is_nothing_else() {
        let faults = [Fault::Partition, Fault::OneWay, Fault::Loss, Fault::Duplicate];
        maelstrom::check("broadcast", Broadcast::new).faults(faults).seeds(0..20);
    }
}

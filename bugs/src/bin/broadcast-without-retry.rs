//! A broadcast with a bug: each message is sent to every node once, and nobody asks whether it
//! arrived.
//!
//! - **From**: Demers et al., *Epidemic Algorithms for Replicated Database Maintenance* (PODC
//!   1987), section 1.2: direct mail may be lost, so it is not enough.
//! - **Review**: “Which reply would have to be missing for this to be sent again?” There is no
//!   reply.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// As long as any run.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

struct Broadcast {
    messages: RefCell<BTreeSet<i64>>,
}

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
    fn new(_: &Ctx) -> Broadcast {
        Broadcast { messages: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            // ANCHOR: handle
            Request::Broadcast { message } => {
                self.messages.borrow_mut().insert(message);
                for peer in ctx.peers().to_vec() {
                    let tell = Request::Tell { message };
                    if bugs::planted() {
                        ctx.send(&peer, &tell)?;
                    } else {
                        let (ctx, policy) = (ctx.clone(), RetryPolicy::within(A_LONG_TIME));
                        ctx.clone().spawn(async move {
                            let _ = ctx.rpc_retry(&peer, &tell, policy).await;
                        });
                    }
                }
                Response::BroadcastOk {}
            }
            // ANCHOR_END: handle
            Request::Tell { message } => {
                self.messages.borrow_mut().insert(message);
                Response::Told {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("broadcast", Broadcast::new).faults([Fault::Loss])
}

bugs::exhibit!("broadcast-without-retry", check, Broadcast::new);

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Broadcast;

    #[test]
    fn is_caught() {
        for fault in [Fault::Loss, Fault::Partition, Fault::OneWay] {
            let check = maelstrom::check("broadcast", Broadcast::new).faults([fault]);
            let failure = check.first_anomaly(0..200);
            let failure = failure.expect("the checker must catch a message that never arrived");
            assert!(failure.sentence.contains("lost: "), "{}", failure.sentence);
        }
    }
}

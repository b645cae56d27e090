//! A counter with a bug: nodes tell each other amounts, so an amount that arrives twice counts
//! twice.
//!
//! - **From**: Shapiro, Preguiça, Baquero and Zawirski, *A comprehensive study of Convergent and
//!   Commutative Replicated Data Types* (2011): an operation-based counter needs delivery exactly
//!   once.
//! - **Review**: “What happens when this message is handled twice?” It must be nothing.
//! - **Fails by**: wrong-sum

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Counter {
    value: Cell<i64>,
    /// How many amounts this node has told of.
    told: Cell<u64>,
    /// What it has been told: by whom, and under which number.
    heard: RefCell<BTreeSet<(NodeId, u64)>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add {
        delta: i64,
    },
    Read {},
    Tell {
        delta: i64,
        /// How many amounts the node had told of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: i64 },
    Told {},
}

impl Counter {
    fn new(_: &Ctx) -> Counter {
        Counter { value: Cell::new(0), told: Cell::new(0), heard: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Ok(match request {
            // ANCHOR: handle
            Request::Add { delta } => {
                self.value.set(self.value.get() + delta);
                let told = self.told.replace(self.told.get() + 1);
                let number = if bugs::planted() { None } else { Some(told) };
                for peer in ctx.peers().to_vec() {
                    let own_ctx = ctx.clone();
                    ctx.spawn(async move {
                        let policy = RetryPolicy::within(Duration::from_secs(3600));
                        let tell = Request::Tell { delta, number };
                        let _ = own_ctx.rpc_retry(&peer, &tell, policy).await;
                    });
                }
                Response::AddOk {}
            }
            // ANCHOR_END: handle
            // ANCHOR: tell
            Request::Tell { delta, number } => {
                let mut heard = self.heard.borrow_mut();
                if number.is_none_or(|number| heard.insert((from, number))) {
                    self.value.set(self.value.get() + delta);
                }
                Response::Told {}
            }
            // ANCHOR_END: tell
            Request::Read {} => Response::ReadOk { value: self.value.get() },
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("pn-counter", Counter::new).faults([Fault::Duplicate])
}

bugs::exhibit!("counter-counts-duplicates", check, Counter::new);

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Counter;

    #[test]
    fn is_caught() {
        // A lost answer makes a duplicate too: what it answered is sent again.
        for fault in [Fault::Duplicate, Fault::Loss] {
            let check = maelstrom::check("pn-counter", Counter::new).faults([fault]);
            let failure = check.first_anomaly(0..200);
            let failure = failure.expect("the checker must catch an amount that counts twice");
            assert!(failure.sentence.contains("wrong-sum: "), "{}", failure.sentence);
        }
    }
}

//! A counter with a bug in its merge: of two vectors, the one with the greater sum is kept as a
//! whole. What only the other one knew is gone.
//!
//! - **From**: Mattern, *Virtual Time and Global States of Distributed Systems* (1989): two
//!   vectors are merged component by component; and section 3.1.1 of Shapiro et al., *A
//!   comprehensive study of Convergent and Commutative Replicated Data Types* (2011).
//! - **Review**: A property test: a merge is at least as great as each of the two in every
//!   component.
//! - **Fails by**: wrong-sum

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Counter {
    /// What each node has added.
    added: RefCell<BTreeMap<NodeId, u64>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read {},
    Merge { added: BTreeMap<NodeId, u64> },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: u64 },
    Merged {},
}

impl Counter {
    fn new(_: &Ctx) -> Counter {
        Counter { added: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let mut added = self.added.borrow_mut();
        Ok(match request {
            Request::Add { delta } => {
                *added.entry(ctx.id().clone()).or_default() += delta;
                Response::AddOk {}
            }
            Request::Merge { added: others } => {
                if bugs::planted() {
                    if others.values().sum::<u64>() > added.values().sum() {
                        *added = others;
                    }
                } else {
                    for (node, amount) in others {
                        let known = added.entry(node).or_default();
                        *known = amount.max(*known);
                    }
                }
                Response::Merged {}
            }
            Request::Read {} => Response::ReadOk { value: added.values().sum() },
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(100)).await;
            let merge = Request::Merge { added: self.added.borrow().clone() };
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &merge);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-counter", Counter::new).nodes(3).time_limit_secs(5.0)
}

bugs::exhibit!("counter-keeps-the-greater-vector", check, Counter::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "wrong-sum");
    }
}

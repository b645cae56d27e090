//! A counter that can also count down, with a bug in its merge: of what two nodes know of a
//! third, the greater value counts. So what was taken away comes back.
//!
//! - **From**: Shapiro et al., *A comprehensive study of Convergent and Commutative Replicated
//!   Data Types* (2011), section 3.1.3: the maximum undoes decrements, so additions and
//!   subtractions are counted apart.
//! - **Review**: A property test: a state that has seen more operations is never below one that
//!   has seen fewer.
//! - **Fails by**: wrong-sum

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// What a node has added, and what it has taken away.
type UpAndDown = (i64, i64);

struct Counter {
    known: RefCell<BTreeMap<NodeId, UpAndDown>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: i64 },
    Read {},
    Merge { known: BTreeMap<NodeId, UpAndDown> },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: i64 },
    Merged {},
}

/// Of two things that are known of one node, what holds.
fn merged(a: UpAndDown, b: UpAndDown) -> UpAndDown {
    if bugs::planted() {
        if a.0 - a.1 > b.0 - b.1 { a } else { b }
    } else {
        (a.0.max(b.0), a.1.max(b.1))
    }
}

impl Counter {
    fn new(_: &Ctx) -> Counter {
        Counter { known: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let mut known = self.known.borrow_mut();
        Ok(match request {
            Request::Add { delta } => {
                let (up, down) = known.entry(ctx.id().clone()).or_default();
                *up += delta.max(0);
                *down += (-delta).max(0);
                Response::AddOk {}
            }
            Request::Merge { known: others } => {
                for (node, theirs) in others {
                    let mine = known.entry(node).or_default();
                    *mine = merged(*mine, theirs);
                }
                Response::Merged {}
            }
            Request::Read {} => {
                Response::ReadOk { value: known.values().map(|(up, down)| up - down).sum() }
            }
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(100)).await;
            let merge = Request::Merge { known: self.known.borrow().clone() };
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &merge);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("pn-counter", Counter::new).nodes(3).time_limit_secs(5.0)
}

bugs::exhibit!("pn-counter-merges-by-maximum", check, Counter::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "wrong-sum");
    }
}

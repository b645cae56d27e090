//! A g-set with a bug: of two sets that meet, the greater one is kept, and not their union.
//! That merge is idempotent and associative, and still what it gives is no upper bound.
//!
//! - **From**: Shapiro, Preguiça, Baquero and Zawirski, *Conflict-free Replicated Data Types*
//!   (2011), section 2.2: a merge gives the least upper bound of both.
//! - **Review**: A property test: each of two states is contained in their merge.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct GSet {
    elements: RefCell<BTreeSet<i64>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read {},
    Merge { elements: BTreeSet<i64> },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: BTreeSet<i64> },
    Merged {},
}

impl GSet {
    fn new(_: &Ctx) -> GSet {
        GSet { elements: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for GSet {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let mut own = self.elements.borrow_mut();
        Ok(match request {
            Request::Add { element } => {
                own.insert(element);
                Response::AddOk {}
            }
            // ANCHOR: merge
            Request::Merge { elements } => {
                if bugs::planted() {
                    if elements.len() > own.len() {
                        *own = elements;
                    }
                } else {
                    own.extend(elements);
                }
                Response::Merged {}
            }
            // ANCHOR_END: merge
            Request::Read {} => Response::ReadOk { value: own.clone() },
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(500)).await;
            let merge = Request::Merge { elements: self.elements.borrow().clone() };
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &merge);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-set", GSet::new)
}

bugs::exhibit!("g-set-drops-on-merge", check, GSet::new);

#[cfg(test)]
mod tests {
    use super::GSet;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("g-set", GSet::new).first_anomaly(0..200);
        let failure = failure.expect("the checker must catch an element that a merge drops");
        assert!(failure.sentence.contains("lost: "), "{}", failure.sentence);
    }
}

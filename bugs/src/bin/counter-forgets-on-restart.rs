//! A counter with a bug: a proper CRDT that a node keeps in memory only. After a restart the
//! node's own number starts again at zero, and disappears behind the old one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Counter {
    /// What each node has added. The bug: not a word of it is stored.
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
                for (node, amount) in others {
                    let known = added.entry(node).or_default();
                    *known = amount.max(*known);
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
fn check() -> Check<Counter> {
    maelstrom::check("g-counter", Counter::new).faults([Fault::Kill])
}

fn main() -> ExitCode {
    bugs::run("wrong-sum", check, Counter::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Counter;

    #[test]
    fn is_caught() {
        let check = maelstrom::check("g-counter", Counter::new);
        let failure = check.faults([Fault::Kill]).first_anomaly(0..200);
        let failure = failure.expect("the checker must catch an addition that was forgotten");
        assert!(failure.sentence.contains("wrong-sum: "), "{}", failure.sentence);
    }

    #[test]
    fn is_nothing_else() {
        let faults = [Fault::Partition, Fault::OneWay, Fault::Loss, Fault::Duplicate];
        maelstrom::check("g-counter", Counter::new).faults(faults).seeds(0..20);
    }
}

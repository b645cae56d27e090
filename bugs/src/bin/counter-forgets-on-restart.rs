//! A counter with a bug: a proper CRDT that a node keeps in memory only. After a restart the
//! node's own number starts again at zero, and disappears behind the old one.
//!
//! - **Found in**: Riak: basho/riak_kv issue 679 (2013): a replica that has lost its data and
//!   goes on under its old name counts from the start, and what it counts is subsumed by what
//!   others remember of it.
//! - **Review**: “What may a node that finds its storage empty not know?” How far it has counted
//!   under this name.
//! - **Fails by**: wrong-sum

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
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
    fn new(ctx: &Ctx) -> Counter {
        let recovered = ctx.storage().load().expect("the disk can be read");
        let own = recovered.records.last().and_then(|record| serde_json::from_slice(record).ok());
        let added = own.map(|own: u64| (ctx.id().clone(), own));
        Counter { added: RefCell::new(added.into_iter().collect()) }
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
                let own = added.entry(ctx.id().clone()).or_default();
                *own += delta;
                if !bugs::planted() {
                    ctx.storage().append(own.to_string().as_bytes())?;
                    ctx.storage().sync()?;
                }
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
fn check() -> Check {
    maelstrom::check("g-counter", Counter::new).faults([Fault::Kill])
}

bugs::exhibit!("counter-forgets-on-restart", check, Counter::new);

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

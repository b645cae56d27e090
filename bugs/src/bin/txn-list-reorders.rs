//! Lists with a bug that reorders them: each node appends at once to its own copy, and tells the
//! others, who append when they hear of it.
//!
//! So two nodes may append the same elements in different orders, and never agree again.
//!
//! - **From**: Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System*
//!   (1978), on state machines: replicas carry out all commands in one order. Elle (Kingsbury and
//!   Alvaro, VLDB 2020) calls it an incompatible order.
//! - **Review**: “Who decides which of two appends at two nodes comes first?” Nobody.
//! - **Fails by**: incompatible-order

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Store, Txn};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// How long a node waits for another.
const PATIENCE: Duration = Duration::from_secs(4);

struct Reorders {
    store: RefCell<Store<Lists>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Txn { txn: Txn<Lists> },
    Replicate { txn: Txn<Lists> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TxnOk { txn: Txn<Lists> },
}

impl Reorders {
    fn new(_: &Ctx) -> Reorders {
        Reorders { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Reorders {
    type Request = Request;
    type Response = Option<Response>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request,
        _: NodeId,
    ) -> Result<Option<Response>, Error> {
        match request {
            Request::Txn { txn } => {
                if !bugs::planted() {
                    // One node has the only list, and so the only order.
                    let first = &ctx.nodes()[0];
                    if ctx.id() != first {
                        let reply = ctx.rpc(first, &Request::Txn { txn }, PATIENCE).await?;
                        return reply
                            .to()
                            .map(Some)
                            .map_err(|error| Error::crash(error.to_string()));
                    }
                }
                let done = self.store.borrow_mut().execute(&txn);
                for peer in ctx.peers() {
                    ctx.send(peer, &Request::Replicate { txn: txn.clone() })?;
                }
                Ok(Some(Response::TxnOk { txn: done }))
            }
            Request::Replicate { txn } => {
                self.store.borrow_mut().execute(&txn);
                Ok(None)
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("txn-list-append", Reorders::new)
        .nodes(3)
        .options(|options| options.consistency_models = vec!["read-committed".into()])
}

bugs::exhibit!("txn-list-reorders", check, Reorders::new);

#[cfg(test)]
mod tests {
    use super::Reorders;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("txn-list-append", Reorders::new)
            .nodes(3)
            .options(|options| options.consistency_models = vec!["read-committed".into()])
            .first_anomaly(0..500);
        let failure = failure.expect("the checker must catch a list with two orders");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"incompatible-order"), "{anomalies:?}");
    }
}

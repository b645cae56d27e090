//! Lists with a bug that repeats elements: the first node does all transactions, the others send
//! them on to it, and send them again when they get no answer.
//!
//! But it may be the answer that was lost. Then the transaction is done twice.
//!
//! - **From**: Birrell and Nelson, *Implementing Remote Procedure Calls* (1984): a call that is
//!   repeated is to be carried out once. Elle (Kingsbury and Alvaro, VLDB 2020) sees the
//!   duplicate elements.
//! - **Review**: “Is this request idempotent?” It is retried as if it were.
//! - **Fails by**: duplicate-elements

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Store, Txn};
use gyre::{Ctx, Error, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Repeats {
    store: RefCell<Store<Lists>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Txn { txn: Txn<Lists> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TxnOk { txn: Txn<Lists> },
}

impl Repeats {
    fn new(_: &Ctx) -> Repeats {
        Repeats { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Repeats {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let first = &ctx.nodes()[0];
        if ctx.id() != first {
            let patience = Duration::from_secs(4);
            let reply = if bugs::planted() {
                ctx.rpc_retry(first, &request, RetryPolicy::within(patience)).await?
            } else {
                ctx.rpc(first, &request, patience).await?
            };
            return reply.to().map_err(|error| Error::crash(error.to_string()));
        }
        let Request::Txn { txn } = request;
        Ok(Response::TxnOk { txn: self.store.borrow_mut().execute(&txn) })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("txn-list-append", Repeats::new)
        .nodes(3)
        .faults([Fault::Loss])
        .options(|options| options.consistency_models = vec!["read-uncommitted".into()])
}

bugs::exhibit!("txn-list-repeats", check, Repeats::new);

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Repeats;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("txn-list-append", Repeats::new)
            .nodes(3)
            .faults([Fault::Loss])
            .options(|options| options.consistency_models = vec!["read-uncommitted".into()])
            .first_anomaly(0..500);
        let failure = failure.expect("the checker must catch an element that is there twice");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"duplicate-elements"), "{anomalies:?}");
    }
}

//! Lists with a bug that shows what never happened: a transaction that is aborted is not undone.
//!
//! Whoever reads such a list reads the write of an aborted transaction: Adya's G1a.
//!
//! - **From**: Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for
//!   Distributed Transactions* (1999), G1a.
//! - **Found in**: Redpanda 21.10.1: Kingsbury, *Jepsen: Redpanda 21.10.1* (2022), aborted
//!   reads.
//! - **Review**: “What undoes this when the next line returns an error?” Nothing.
//! - **Fails by**: G1a

use std::cell::RefCell;

use gyre::transactions::{Lists, Request, Response, Store};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use rand::RngExt;

struct DirtyRead {
    store: RefCell<Store<Lists>>,
}

impl DirtyRead {
    fn new(_: &Ctx) -> DirtyRead {
        DirtyRead { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for DirtyRead {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        let before = self.store.borrow().clone();
        let done = self.store.borrow_mut().execute(&txn);
        if ctx.rng().random_range(0..20) == 0 {
            if !bugs::planted() {
                self.store.replace(before);
            }
            return Err(Error::abort("a constraint was violated"));
        }
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", DirtyRead::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("read-committed")
}

bugs::exhibit!("txn-dirty-read", check, DirtyRead::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure = failure.expect("the checker must catch the write of an aborted transaction");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G1a"), "{anomalies:?}");
    }
}

//! Lists with a bug that lets information flow in a circle: a transaction's writes are there for
//! all to see at once, and its reads are done a little later, when it has not ended yet.
//!
//! Two transactions can so each read what the other has written: Adya's G1c.
//!
//! - **From**: Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for
//!   Distributed Transactions* (1999), G1c.
//! - **Found in**: Redpanda 21.10.1: Kingsbury, *Jepsen: Redpanda 21.10.1* (2022), circular
//!   information flow.
//! - **Review**: “As of when does each read of a transaction see the others?” Each as of another
//!   moment.
//! - **Fails by**: G1c

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Request, Response, Store};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct CircularFlow {
    store: RefCell<Store<Lists>>,
}

impl CircularFlow {
    fn new(_: &Ctx) -> CircularFlow {
        CircularFlow { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for CircularFlow {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        let mut done = self.store.borrow_mut().execute(&txn);
        ctx.sleep(Duration::from_millis(10)).await;
        let written: Vec<_> =
            txn.iter().filter(|op| op.0 == Lists::Append).map(|op| &op.1).collect();
        for read in done.iter_mut().filter(|op| op.0 == Lists::Read) {
            // A transaction still sees its own writes as it should.
            let is_own = written.contains(&&read.1);
            let is_late = if bugs::planted() { !is_own } else { false };
            if is_late {
                read.2 = self.store.borrow().read(&read.1);
            }
        }
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", CircularFlow::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("read-committed")
}

bugs::exhibit!("txn-circular-information-flow", check, CircularFlow::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure =
            failure.expect("the checker must catch two transactions that read from each other");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G1c"), "{anomalies:?}");
    }
}

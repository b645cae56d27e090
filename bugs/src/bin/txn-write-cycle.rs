//! Lists with a bug that mixes writes: there are no locks at all, and each micro-operation is
//! done for itself.
//!
//! One transaction can so come first in one list and second in another: Adya's G0.
//!
//! - **From**: Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for
//!   Distributed Transactions* (1999), G0; P0, the dirty write, in Berenson et al. (1995).
//! - **Review**: “What keeps two transactions that write the same keys apart?” Nothing.
//! - **Fails by**: G0

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Request, Response, Store};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct WriteCycle {
    store: RefCell<Store<Lists>>,
}

impl WriteCycle {
    fn new(_: &Ctx) -> WriteCycle {
        WriteCycle { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for WriteCycle {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        // ANCHOR: handle
        let mut done = Vec::new();
        if bugs::planted() {
            for micro_op in txn {
                done.extend(self.store.borrow_mut().execute(&vec![micro_op]));
                ctx.sleep(Duration::from_millis(5)).await;
            }
        } else {
            done.extend(self.store.borrow_mut().execute(&txn));
        }
        Ok(Response::TxnOk { txn: done })
        // ANCHOR_END: handle
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", WriteCycle::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("read-uncommitted")
}

bugs::exhibit!("txn-write-cycle", check, WriteCycle::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure = failure.expect("the checker must catch writes in different orders");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G0"), "{anomalies:?}");
    }
}

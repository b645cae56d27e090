//! Lists with a bug that shows transactions half done: one that writes holds a lock, so that no
//! other writes meanwhile, but one that only reads does not ask for it.
//!
//! When a transaction appends twice to a list, others may read it in between: Adya's G1b.
//!
//! - **From**: Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for
//!   Distributed Transactions* (1999), G1b.
//! - **Review**: “Which lock does a reader take?” None, so the writers’ is of no use to it.
//! - **Fails by**: G1b

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Request, Response, Store, is_read_only};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use tokio::sync::Mutex;

struct IntermediateRead {
    store: RefCell<Store<Lists>>,
    lock: Mutex<()>,
}

impl IntermediateRead {
    fn new(_: &Ctx) -> IntermediateRead {
        IntermediateRead { store: RefCell::default(), lock: Mutex::default() }
    }
}

#[async_trait(?Send)]
impl Node for IntermediateRead {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        let takes_no_lock = if bugs::planted() { is_read_only(&txn) } else { false };
        if takes_no_lock {
            return Ok(Response::TxnOk { txn: self.store.borrow().look(&txn) });
        }
        let _lock = self.lock.lock().await;
        let mut done = Vec::new();
        for micro_op in txn {
            done.extend(self.store.borrow_mut().execute(&vec![micro_op]));
            ctx.sleep(Duration::from_millis(2)).await;
        }
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", IntermediateRead::new).nodes(1).rate(100.0).options(
        |options| {
            options.concurrency = 5;
            options.consistency_models = vec![model.into()];
        },
    )
}

/// How the bench catches it.
fn check() -> Check {
    at("read-committed")
}

bugs::exhibit!("txn-intermediate-read", check, IntermediateRead::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure =
            failure.expect("the checker must catch a read of what a transaction overwrites itself");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G1b"), "{anomalies:?}");
    }
}

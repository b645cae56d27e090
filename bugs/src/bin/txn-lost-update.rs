//! Registers with a bug that loses updates: every transaction works on a copy of the state as it
//! was when it began, and nobody checks whether the state has changed since.
//!
//! Two transactions that read the same value, and both write what follows from it, both
//! succeed, and one of them might as well not have been. Snapshot isolation forbids it: the
//! first committer wins.
//!
//! - **From**: Berenson et al., *A Critique of ANSI SQL Isolation Levels* (SIGMOD 1995), P4.
//! - **Found in**: MariaDB Galera Cluster: Kingsbury, *Jepsen: MariaDB Galera Cluster 12.1.2*
//!   (2026), P4 in a cluster without any fault.
//! - **Review**: “What if somebody commits between this read and this write?” Then that is
//!   overwritten.
//! - **Fails by**: lost-update

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{MicroOp, Registers, Request, Response, Store, Txn};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct LostUpdate {
    store: RefCell<Store<Registers>>,
}

impl LostUpdate {
    fn new(_: &Ctx) -> LostUpdate {
        LostUpdate { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for LostUpdate {
    type Request = Request<Registers>;
    type Response = Response<Registers>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Registers>,
        _: NodeId,
    ) -> Result<Response<Registers>, Error> {
        let Request::Txn { txn } = request;
        let before = self.store.borrow().clone();
        let done = before.clone().execute(&txn);
        // Another transaction begins and ends meanwhile.
        ctx.sleep(Duration::from_millis(10)).await;
        let writes = |micro_op: &&MicroOp<Registers>| micro_op.0 == Registers::Write;
        let writes: Txn<Registers> = txn.iter().filter(writes).cloned().collect();
        if !bugs::planted() {
            let store = self.store.borrow();
            if txn.iter().any(|MicroOp(_, key, _)| store.read(key) != before.read(key)) {
                return Err(Error::txn_conflict("another transaction has committed meanwhile"));
            }
        }
        self.store.borrow_mut().execute(&writes);
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-rw-register", LostUpdate::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("snapshot-isolation")
}

bugs::exhibit!("txn-lost-update", check, LostUpdate::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure = failure.expect("the checker must catch updates that are lost");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"lost-update"), "{anomalies:?}");
    }
}

//! Lists that promise to be serializable and are only snapshot-isolated. A transaction works on a
//! snapshot and fails if somebody else has since written what it writes; but nobody checks what
//! it has read.
//!
//! Two transactions can so each miss what the other writes: write skew, G2-item (Berenson et
//! al., "A Critique of ANSI SQL Isolation Levels", 1995, A5B).
//!
//! - **From**: Berenson et al., *A Critique of ANSI SQL Isolation Levels* (SIGMOD 1995), A5B.
//! - **Found in**: PostgreSQL, at its level serializable: Kingsbury, *Jepsen: PostgreSQL 12.3*
//!   (2020), G2-item.
//! - **Review**: “Does the result still follow from what was read?” Only what was written is
//!   checked.
//! - **Fails by**: G2-item

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, MicroOp, Request, Response, Store, Txn};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct WriteSkew {
    store: RefCell<Store<Lists>>,
}

impl WriteSkew {
    fn new(_: &Ctx) -> WriteSkew {
        WriteSkew { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for WriteSkew {
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
        let snapshot = self.store.borrow().clone();
        let done = snapshot.clone().execute(&txn);
        ctx.sleep(Duration::from_millis(10)).await;
        let mut store = self.store.borrow_mut();
        let appends: Txn<Lists> =
            txn.iter().filter(|MicroOp(kind, ..)| *kind == Lists::Append).cloned().collect();
        let checked = if bugs::planted() { &appends } else { &txn };
        // A list that was appended to is never the same again.
        if checked.iter().any(|MicroOp(_, key, _)| store.read(key) != snapshot.read(key)) {
            return Err(Error::txn_conflict("another transaction has written the same key"));
        }
        store.execute(&appends);
        // ANCHOR_END: handle
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", WriteSkew::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("serializable")
}

bugs::exhibit!("txn-write-skew", check, WriteSkew::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught_at_serializable_only() {
        let failure = super::check().first_anomaly(0..500);
        let failure = failure.expect("the checker must catch transactions that miss each other");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G2-item"), "{anomalies:?}");
        for seed in failure.seed..failure.seed + 10 {
            let failure =
                super::at("snapshot-isolation").fails(seed).map(|failure| failure.sentence);
            assert_eq!(failure, None, "seed {seed}");
        }
    }
}

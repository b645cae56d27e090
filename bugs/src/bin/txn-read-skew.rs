//! Lists with a bug that reads from two states: a transaction that writes is done at once, as a
//! whole, but one that only reads does one read after another, each from the present state.
//!
//! It can so miss a transaction in one list and see it in the next: read skew, G-single.
//!
//! - **From**: Berenson et al., *A Critique of ANSI SQL Isolation Levels* (SIGMOD 1995), A5A;
//!   G-single in Adya’s thesis (1999).
//! - **Review**: “Which state does a transaction that only reads see?” Several.
//! - **Fails by**: G-single-item

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Request, Response, Store, is_read_only};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct ReadSkew {
    store: RefCell<Store<Lists>>,
}

impl ReadSkew {
    fn new(_: &Ctx) -> ReadSkew {
        ReadSkew { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for ReadSkew {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        if !is_read_only(&txn) {
            return Ok(Response::TxnOk { txn: self.store.borrow_mut().execute(&txn) });
        }
        let mut done = Vec::new();
        if bugs::planted() {
            for read in txn {
                done.extend(self.store.borrow().look(&vec![read]));
                ctx.sleep(Duration::from_millis(10)).await;
            }
        } else {
            done.extend(self.store.borrow().look(&txn));
        }
        Ok(Response::TxnOk { txn: done })
    }
}

/// One node, so that nothing but the bug is to blame, and five clients at once.
fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", ReadSkew::new).nodes(1).rate(100.0).options(|options| {
        options.concurrency = 5;
        options.consistency_models = vec![model.into()];
    })
}

/// How the bench catches it.
fn check() -> Check {
    at("snapshot-isolation")
}

bugs::exhibit!("txn-read-skew", check, ReadSkew::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught() {
        let failure = super::check().first_anomaly(0..500);
        let failure =
            failure.expect("the checker must catch a transaction that reads from two states");
        let anomalies = failure.anomaly_types();
        assert!(anomalies.contains(&"G-single-item"), "{anomalies:?}");
    }
}

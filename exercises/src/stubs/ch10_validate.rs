//! Exercise 10-validate: from snapshot isolation to serializability.
//!
//! A transaction of this store works on a snapshot, and ends a little later. If by then another one
//! has appended to a list to which it appends, it fails. That is snapshot isolation: the first
//! committer wins. Two transactions that each read what the other one writes may both succeed, and
//! the bench finds write skew.
//!
//! Let a transaction fail whenever its result could have been another one at its end than in its
//! snapshot. One that only reads may always succeed: it takes place where its snapshot was taken.

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, MicroOp, Request, Response, Store, Txn, is_read_only};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

use crate::{Task, node};

/// The node.
pub struct Validating {
    store: RefCell<Store<Lists>>,
}

impl Validating {
    /// A node that has no lists yet.
    pub fn new(_: &Ctx) -> Validating {
        Validating { store: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Validating {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        Request::Txn { txn }: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let snapshot = self.store.borrow().clone();
        let done = snapshot.clone().execute(&txn);
        ctx.sleep(Duration::from_millis(10)).await;
        if is_read_only(&txn) {
            return Ok(Response::TxnOk { txn: done });
        }
        let mut store = self.store.borrow_mut();
        let appends: Txn<Lists> =
            txn.iter().filter(|MicroOp(kind, ..)| *kind == Lists::Append).cloned().collect();
        // To do: what it has only read may have changed, too.
        if appends.iter().any(|MicroOp(_, key, _)| store.read(key) != snapshot.read(key)) {
            return Err(Error::txn_conflict("another transaction came first"));
        }
        store.execute(&appends);
        Ok(Response::TxnOk { txn: done })
    }
}

/// What judges such a node: it is alone, has five clients, and must be serializable.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("txn-list-append", make).nodes(1).rate(100.0).time_limit_secs(5.0).options(
        |options| {
            options.concurrency = 5;
            options.consistency_models = vec!["serializable".into()];
        },
    )
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Validating::new), Validating::new)
}

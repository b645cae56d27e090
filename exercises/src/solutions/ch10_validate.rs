//! Exercise 10-validate, solved: a transaction that writes also checks what it has read.
//!
//! If every list that it names is still what it was in the snapshot, the transaction would give the
//! same result if it ran now, so it may as well take place now, all at one moment (Kung and
//! Robinson, "On optimistic methods for concurrency control", 1981). The transactions that write
//! take place in the order of their ends; one that only reads takes place where its snapshot was.

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, MicroOp, Request, Response, Store, is_read_only};
use gyre::{Ctx, Error, Node, NodeId, async_trait};

use crate::stubs::ch10_validate::check;
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
        if txn.iter().any(|MicroOp(_, key, _)| store.read(key) != snapshot.read(key)) {
            return Err(Error::txn_conflict("another transaction came first"));
        }
        Ok(Response::TxnOk { txn: store.execute(&txn) })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Validating::new), Validating::new)
}

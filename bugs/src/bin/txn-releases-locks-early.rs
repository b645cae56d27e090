//! Lists with a bug that shows what is undone later: a transaction gives its lock away when it
//! has done its work, and not when it is known whether it commits.
//!
//! Others read in between, and answer their clients. Then it aborts: Adya’s G1a.
//!
//! - **From**: Graefe et al., *Controlled Lock Violation* (SIGMOD 2013), on early lock release:
//!   whoever reads behind a lock that was released early must wait for that commit, also if it
//!   only reads.
//! - **Review**: “Can this transaction still abort here?” It can, and its lock is free.
//! - **Fails by**: G1a

use std::cell::RefCell;
use std::time::Duration;

use gyre::transactions::{Lists, Request, Response, Store};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use rand::RngExt;
use tokio::sync::Mutex;

struct EarlyRelease {
    store: RefCell<Store<Lists>>,
    lock: Mutex<()>,
}

impl EarlyRelease {
    fn new(_: &Ctx) -> EarlyRelease {
        EarlyRelease { store: RefCell::default(), lock: Mutex::default() }
    }
}

#[async_trait(?Send)]
impl Node for EarlyRelease {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        let lock = self.lock.lock().await;
        let before = self.store.borrow().clone();
        let done = self.store.borrow_mut().execute(&txn);
        if bugs::planted() {
            drop(lock);
        }
        // The commit record is on its way to the disk.
        ctx.sleep(Duration::from_millis(5)).await;
        if ctx.rng().random_range(0..10) == 0 {
            self.store.replace(before);
            return Err(Error::abort("the log could not be written"));
        }
        Ok(Response::TxnOk { txn: done })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("txn-list-append", EarlyRelease::new)
        .nodes(1)
        .rate(100.0)
        .time_limit_secs(5.0)
        .options(|options| {
            options.concurrency = 5;
            options.consistency_models = vec!["read-committed".into()];
        })
}

bugs::exhibit!("txn-releases-locks-early", check, EarlyRelease::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "G1a");
    }
}

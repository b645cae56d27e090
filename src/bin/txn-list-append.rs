//! Transactions over lists, strict-serializable as long as a majority of the nodes can be
//! reached: a store on Raft. What a transaction does is in `src/state_machines/transactions`.
//!
//! One command of the state machine is one transaction, so the order of Raft's log is the
//! serial order, and it agrees with real time: a transaction that has been answered is in the
//! log before any that begins later (Herlihy and Wing, "Linearizability", 1990; a strict
//! serializable store is a linearizable object whose operations are transactions). One that
//! only reads needs no place in the log: it looks at the state at its read index.
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::process::ExitCode;

use gyre::replicated::Options;
use gyre::transactions::{Lists, Request, Response, Store, is_read_only};
use gyre::{Ctx, Error, MemberChange, Node, NodeId, Replicated, async_trait};

struct TxnListAppend {
    store: Replicated<Store<Lists>>,
}

impl TxnListAppend {
    fn new(ctx: &Ctx) -> TxnListAppend {
        TxnListAppend { store: Replicated::new(ctx, Options::default()) }
    }
}

#[async_trait(?Send)]
impl Node for TxnListAppend {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    async fn handle(
        &self,
        _: &Ctx,
        Request::Txn { txn }: Self::Request,
        _: NodeId,
    ) -> Result<Self::Response, Error> {
        // ANCHOR: handle
        let txn = if is_read_only(&txn) {
            self.store.read(|store| store.look(&txn)).await?
        } else {
            self.store.execute(txn).await?
        };
        // ANCHOR_END: handle
        Ok(Response::TxnOk { txn })
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.store.reconfigure(ctx, change).await
    }
}

fn main() -> ExitCode {
    gyre::run(TxnListAppend::new)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use gyre::replicated::counts_installed;
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("txn-list-append", TxnListAppend::new)
            .named("txn-list-append")
            .faults(Fault::COMMON)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }

    /// Members come and go, with every other fault.
    #[test]
    fn sim_membership() {
        maelstrom::check("txn-list-append", TxnListAppend::new)
            .named("txn-list-append")
            .faults(Fault::ALL)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }

    /// Disks that are full, slow or rotten, and power that fails: alone, and with other faults.
    #[test]
    fn sim_disk() {
        for faults in [&[Fault::Disk][..], &[Fault::Disk, Fault::Kill, Fault::Partition]] {
            maelstrom::check("txn-list-append", TxnListAppend::new)
                .options(|options| options.concurrency = 10)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..25);
        }
    }

    #[test]
    fn sim_with_snapshots() {
        static INSTALLED: AtomicU64 = AtomicU64::new(0);
        let make = |ctx: &Ctx| {
            let options = Options::with_short_log();
            TxnListAppend { store: Replicated::watched(ctx, options, counts_installed(&INSTALLED)) }
        };
        maelstrom::check("txn-list-append", make).faults(Fault::COMMON).seeds(0..50);
        assert!(INSTALLED.load(Ordering::Relaxed) > 0, "no snapshot was installed");
    }
}

//! Transactions over registers, strict-serializable as long as a majority of the nodes can be
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
use gyre::transactions::{Registers, Request, Response, Store, is_read_only};
use gyre::{Ctx, Error, MemberChange, Node, NodeId, Replicated, async_trait};

struct TxnRwRegister {
    store: Replicated<Store<Registers>>,
}

impl TxnRwRegister {
    fn new(ctx: &Ctx) -> TxnRwRegister {
        TxnRwRegister { store: Replicated::new(ctx, Options::default()) }
    }
}

#[async_trait(?Send)]
impl Node for TxnRwRegister {
    type Request = Request<Registers>;
    type Response = Response<Registers>;

    async fn handle(
        &self,
        _: &Ctx,
        Request::Txn { txn }: Self::Request,
        _: NodeId,
    ) -> Result<Self::Response, Error> {
        let txn = if is_read_only(&txn) {
            self.store.read(|store| store.look(&txn)).await?
        } else {
            self.store.execute(txn).await?
        };
        Ok(Response::TxnOk { txn })
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.store.reconfigure(ctx, change).await
    }
}

fn main() -> ExitCode {
    gyre::run(TxnRwRegister::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("txn-rw-register", TxnRwRegister::new)
            .named("txn-rw-register-raft")
            .faults(Fault::COMMON)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }

    /// Members come and go, with every other fault.
    #[test]
    fn sim_membership() {
        maelstrom::check("txn-rw-register", TxnRwRegister::new)
            .named("txn-rw-register-raft")
            .faults(Fault::ALL)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }
}

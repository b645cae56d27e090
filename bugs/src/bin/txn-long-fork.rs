//! Lists with a bug that shows commits in several orders: the first node does all transactions
//! that write, and sends them to the others. These do each of them as soon as the lists that it
//! appends to are as they were before it, and not in the order in which they were committed.
//!
//! Two transactions on different lists may so come to one node in one order, and to another node
//! in the other. Whoever reads there sees two states that cannot both have been: a long fork.
//!
//! - **From**: Sovran et al., *Transactional Storage for Geo-Replicated Systems* (SOSP 2011):
//!   parallel snapshot isolation allows a long fork, and snapshot isolation does not.
//! - **Found in**: Amazon RDS for PostgreSQL: Kingsbury, *Jepsen: Amazon RDS for PostgreSQL 17.4*
//!   (2025): the replicas show commits in another order than the primary.
//! - **Review**: “In which order do two replicas show two commits that have no key in common?” In
//!   any.
//! - **Fails by**: G-nonadjacent-item

use std::cell::{Cell, RefCell};
use std::time::Duration;

use gyre::transactions::{Lists, MicroOp, Store, Txn, is_read_only};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct LongFork {
    store: RefCell<Store<Lists>>,
    /// How many transactions that write are in the store.
    done: Cell<u64>,
    /// Those that have come too early.
    waiting: RefCell<Vec<Commit>>,
}

/// A transaction that writes, from the node that has done it.
#[derive(Clone, Serialize, Deserialize)]
struct Commit {
    /// How many were committed before it.
    number: u64,
    /// The lists that it appends to, as they were before it: reads that are filled in.
    before: Txn<Lists>,
    txn: Txn<Lists>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Txn { txn: Txn<Lists> },
    TxnOk { txn: Txn<Lists> },
    Commit { commit: Commit },
}

impl LongFork {
    fn new(_: &Ctx) -> LongFork {
        LongFork::default()
    }

    /// Does a transaction that writes, and tells the others.
    fn commit(&self, ctx: &Ctx, txn: Txn<Lists>) -> Result<Txn<Lists>, Error> {
        let writes = txn.iter().filter(|MicroOp(kind, ..)| *kind == Lists::Append);
        let reads =
            writes.map(|MicroOp(_, key, _)| MicroOp(Lists::Read, key.clone(), Json::null()));
        let before = self.store.borrow().look(&reads.collect());
        let done = self.store.borrow_mut().execute(&txn);
        let commit = Commit { number: self.done.replace(self.done.get() + 1), before, txn };
        for peer in ctx.peers() {
            ctx.send(peer, &Message::Commit { commit: commit.clone() })?;
        }
        Ok(done)
    }

    fn is_due(&self, commit: &Commit) -> bool {
        if bugs::planted() {
            self.store.borrow().look(&commit.before) == commit.before
        } else {
            commit.number == self.done.get()
        }
    }

    /// Does those that another node has done, as far as they are due.
    fn follow(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(place) = waiting.iter().position(|commit| self.is_due(commit)) {
            self.store.borrow_mut().execute(&waiting.remove(place).txn);
            self.done.update(|done| done + 1);
        }
    }
}

#[async_trait(?Send)]
impl Node for LongFork {
    type Request = Message;
    type Response = Option<Message>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Message,
        _: NodeId,
    ) -> Result<Option<Message>, Error> {
        let first = &ctx.nodes()[0];
        let txn = match request {
            Message::Txn { txn } => txn,
            Message::Commit { commit } => {
                self.waiting.borrow_mut().push(commit);
                self.follow();
                return Ok(None);
            }
            Message::TxnOk { .. } => return Err(Error::not_supported("this is no request")),
        };
        if is_read_only(&txn) {
            return Ok(Some(Message::TxnOk { txn: self.store.borrow().look(&txn) }));
        }
        if ctx.id() != first {
            let reply = ctx.rpc(first, &Message::Txn { txn }, Duration::from_secs(4)).await?;
            return reply.to().map(Some).map_err(|error| Error::crash(error.to_string()));
        }
        Ok(Some(Message::TxnOk { txn: self.commit(ctx, txn)? }))
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("txn-list-append", LongFork::new).nodes(3).rate(100.0).options(|options| {
        options.concurrency = 6;
        options.consistency_models = vec!["snapshot-isolation".into()];
    })
}

bugs::exhibit!("txn-long-fork", check, LongFork::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "G-nonadjacent-item");
    }
}

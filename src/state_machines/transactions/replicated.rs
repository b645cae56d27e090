//! A transactional store on Raft: strict-serializable, as long as a majority can be reached.
//!
//! One command of the state machine is one transaction, so the order of Raft's log is the
//! serial order, and it agrees with real time: a transaction that has been answered is in the
//! log before any that begins later (Herlihy and Wing, "Linearizability", 1990; a strict
//! serializable store is a linearizable object whose operations are transactions). One that
//! only reads needs no place in the log: it looks at the state at its read index.

use async_trait::async_trait;

use super::{Kind, Request, Response, Store, Txn, is_read_only};
use crate::protocols::replicated::{Incoming, Options, Replicated};
use crate::runtime::{Ctx, Node};
use crate::state_machines::StateMachine;
use crate::types::{Error, NodeId};

impl<K: Kind> StateMachine for Store<K> {
    type Command = Txn<K>;
    type Reply = Txn<K>;

    fn apply(&mut self, txn: &Txn<K>) -> Txn<K> {
        self.execute(txn)
    }
}

/// A node with a replica of the store.
pub struct ReplicatedStore<K: Kind>(Replicated<Store<K>>);

impl<K: Kind> ReplicatedStore<K> {
    /// The node that `ctx` is for.
    pub fn new(ctx: &Ctx) -> ReplicatedStore<K> {
        ReplicatedStore(Replicated::new(ctx, Options::default()))
    }
}

#[async_trait(?Send)]
impl<K: Kind> Node for ReplicatedStore<K> {
    type Request = Incoming<Request<K>, Store<K>>;
    type Response = Option<Response<K>>;

    async fn handle(
        &self,
        _: &Ctx,
        request: Self::Request,
        from: NodeId,
    ) -> Result<Option<Response<K>>, Error> {
        let txn = match request {
            Incoming::Raft(message) => {
                self.0.receive(from, message)?;
                return Ok(None);
            }
            Incoming::Client(Request::Txn { txn }) if is_read_only(&txn) => {
                self.0.read(|store| store.look(&txn)).await?
            }
            Incoming::Client(Request::Txn { txn }) => self.0.execute(txn).await?,
        };
        Ok(Some(Response::TxnOk { txn }))
    }
}

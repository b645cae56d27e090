//! Lists that promise to be strict-serializable, with a bug that reads the past: the first node
//! does all transactions that write, and sends the others its state; and each node does those
//! that only read by itself, on the newest state that it has got.
//!
//! Every such state is the state after some transaction, so this is serializable. But a
//! transaction that was over may not be there yet: only the order of real time tells.
//!
//! - **From**: Herlihy and Wing, *Linearizability: A Correctness Condition for Concurrent
//!   Objects* (1990): what has ended comes before what begins.
//! - **Found in**: etcd and Consul: Kingsbury, *Jepsen: etcd and Consul* (2014): leaders read
//!   from their own state.
//! - **Review**: “How does this node know that its copy is the newest?” It does not.
//! - **Fails by**: G-single-item-realtime

use std::cell::{Cell, RefCell};
use std::time::Duration;

use gyre::transactions::{Lists, Store, Txn, is_read_only};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct StaleRead {
    store: RefCell<Store<Lists>>,
    version: Cell<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Txn { txn: Txn<Lists> },
    TxnOk { txn: Txn<Lists> },
    State { version: u64, store: Store<Lists> },
}

impl StaleRead {
    fn new(_: &Ctx) -> StaleRead {
        StaleRead::default()
    }
}

#[async_trait(?Send)]
impl Node for StaleRead {
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
            Message::State { version, store } => {
                if version > self.version.get() {
                    self.version.set(version);
                    self.store.replace(store);
                }
                return Ok(None);
            }
            Message::TxnOk { .. } => return Err(Error::not_supported("this is no request")),
        };
        let is_local = if bugs::planted() { is_read_only(&txn) } else { false };
        if is_local {
            return Ok(Some(Message::TxnOk { txn: self.store.borrow().look(&txn) }));
        }
        if ctx.id() != first {
            let reply = ctx.rpc(first, &Message::Txn { txn }, Duration::from_secs(4)).await?;
            return reply.to().map(Some).map_err(|error| Error::crash(error.to_string()));
        }
        let txn = self.store.borrow_mut().execute(&txn);
        self.version.update(|version| version + 1);
        let state =
            Message::State { version: self.version.get(), store: self.store.borrow().clone() };
        for peer in ctx.peers() {
            ctx.send(peer, &state)?;
        }
        Ok(Some(Message::TxnOk { txn }))
    }
}

fn at(model: &str) -> Check {
    maelstrom::check("txn-list-append", StaleRead::new)
        .nodes(3)
        .options(|options| options.consistency_models = vec![model.into()])
}

/// How the bench catches it.
fn check() -> Check {
    at("strict-serializable")
}

bugs::exhibit!("txn-stale-read", check, StaleRead::new);

#[cfg(test)]
mod tests {

    #[test]
    fn is_caught_by_real_time_only() {
        let failure = super::check().first_anomaly(0..500);
        let failure = failure.expect("the checker must catch a read of the past");
        let anomalies = failure.anomaly_types();
        let in_time = |name: &&str| name.ends_with("-realtime") || name.ends_with("-process");
        assert!(!anomalies.is_empty() && anomalies.iter().all(in_time), "{anomalies:?}");
        assert!(anomalies.iter().any(|name| name.ends_with("-realtime")), "{anomalies:?}");
        for seed in failure.seed..failure.seed + 10 {
            let failure = super::at("serializable").fails(seed).map(|failure| failure.sentence);
            assert_eq!(failure, None, "seed {seed}");
        }
    }
}

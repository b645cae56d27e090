//! Transactions over registers, totally available: every node does every transaction at once,
//! on its own replica, whatever becomes of the network. Read-atomic and causal, and no more:
//! see `src/txn/registers.rs` for what that means and why it holds.
//!
//! This shell does two things. It makes each change durable before anybody is told of it. And
//! it sends the others what they lack: a node's own transactions at once, but one message at a
//! time to each peer, so that under load a message carries many; and what it has learnt from
//! others, who mostly have sent it to everybody themselves, only to those who still seem to
//! lack it at the next look, once a second. When all is known to be everywhere, nothing is
//! sent.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use gyre::VersionVector;
use gyre::causal::{Change, Delta, Replica};
use gyre::transactions::{Registers, Txn};
use gyre::{Ctx, Error, ErrorCode, Incarnation, Node, NodeId, Storage, async_trait, json};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// How often a node looks whether somebody lacks something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a peer has to answer.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Txn { txn: Txn<Registers> },
    Replicate { delta: Delta },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TxnOk { txn: Txn<Registers> },
    ReplicateOk { have: VersionVector },
}

/// What one node asks another.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PeerRequest {
    Replicate { delta: Delta },
}

/// What it is answered.
#[derive(Deserialize)]
struct PeerResponse {
    have: VersionVector,
}

/// What a replica's snapshot holds. The records after it are changes.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    name: Incarnation,
    state: Change,
}

struct TxnRwRegister(Rc<Shared>);

/// What handlers and senders share.
struct Shared {
    ctx: Ctx,
    replica: RefCell<Replica>,
    durable: Durable,
    /// What each peer has, as far as is known.
    known: RefCell<BTreeMap<NodeId, VersionVector>>,
    /// The peers that have a message to answer.
    busy: RefCell<BTreeSet<NodeId>>,
}

impl TxnRwRegister {
    fn new(ctx: &Ctx) -> TxnRwRegister {
        let (replica, durable) =
            Durable::open(ctx).unwrap_or_else(|error| panic!("this node cannot start: {error}"));
        TxnRwRegister(Rc::new(Shared {
            ctx: ctx.clone(),
            replica: RefCell::new(replica),
            durable,
            known: RefCell::default(),
            busy: RefCell::default(),
        }))
    }
}

#[async_trait(?Send)]
impl Node for TxnRwRegister {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        match request {
            Request::Txn { txn } => {
                let (txn, change) = self.0.replica.borrow_mut().execute(&txn)?;
                self.0.keep(change);
                ctx.peers().iter().for_each(|peer| self.0.send_own_news(peer));
                Ok(Response::TxnOk { txn })
            }
            Request::Replicate { delta } => {
                if !ctx.peers().contains(&from) {
                    return Err(Error::not_supported("this type of message is for nodes only"));
                }
                let their_news = delta.change.have.clone();
                let change = self.0.replica.borrow_mut().merge(delta)?;
                self.0.keep(change);
                self.0.known.borrow_mut().entry(from).or_default().join(&their_news);
                Ok(Response::ReplicateOk { have: self.0.replica.borrow().have().clone() })
            }
        }
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(LOOK_EVERY).await;
            for peer in ctx.peers() {
                if !self.0.known(peer).covers(self.0.replica.borrow().have()) {
                    self.0.send(peer);
                }
            }
        }
    }
}

impl Shared {
    /// Makes a change durable.
    fn keep(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        // The replica shows the change already. If it may be lost, nothing more may be said.
        self.durable
            .keep(&change, &self.replica.borrow())
            .unwrap_or_else(|error| panic!("{error}"));
    }

    fn known(&self, peer: &NodeId) -> VersionVector {
        self.known.borrow().get(peer).cloned().unwrap_or_default()
    }

    fn send_own_news(self: &Rc<Self>, peer: &NodeId) {
        if self.replica.borrow().has_own_news_for(&self.known(peer)) {
            self.send(peer);
        }
    }

    /// Sends a peer all that it lacks, unless a message to it is on its way already.
    fn send(self: &Rc<Self>, peer: &NodeId) {
        if !self.busy.borrow_mut().insert(peer.clone()) {
            return;
        }
        let (shared, peer) = (Rc::clone(self), peer.clone());
        self.ctx.spawn(async move {
            let answer = shared.exchange(&peer).await;
            shared.busy.borrow_mut().remove(&peer);
            let have = match answer {
                Ok(PeerResponse { have }) => have,
                // A peer that does not answer is tried again at the next look.
                Err(error) if error.code == ErrorCode::Timeout => return,
                Err(error) => return shared.ctx.log(format_args!("from {peer}: {error}")),
            };
            // Also when it is less than before: it may have started again with empty storage.
            shared.known.borrow_mut().insert(peer.clone(), have);
            shared.send_own_news(&peer);
        });
    }

    async fn exchange(&self, peer: &NodeId) -> Result<PeerResponse, Error> {
        let delta = self.replica.borrow().delta(&self.known(peer));
        let reply = self.ctx.rpc(peer, &PeerRequest::Replicate { delta }, PEER_TIMEOUT).await?;
        reply.to().map_err(|error| Error::malformed_request(error.to_string()))
    }
}

/// A replica's storage.
struct Durable {
    storage: Storage,
    name: Incarnation,
}

impl Durable {
    /// The replica that the storage holds, or an empty one.
    fn open(ctx: &Ctx) -> anyhow::Result<(Replica, Durable)> {
        let storage = ctx.storage();
        let recovered = storage.load()?;
        let Snapshot { name, state } = match recovered.snapshot.first() {
            Some(snapshot) => json::read_own(snapshot)?,
            None => Snapshot {
                name: Incarnation::new(ctx.id(), ctx.rng().random()),
                state: Change::default(),
            },
        };
        let mut replica = Replica::new(name.clone());
        replica.apply(state);
        for record in &recovered.records {
            replica.apply(json::read_own(record)?);
        }
        let durable = Durable { storage, name };
        durable.save_snapshot(&replica)?;
        Ok((replica, durable))
    }

    fn keep(&self, change: &Change, replica: &Replica) -> anyhow::Result<()> {
        self.storage.append(&serde_json::to_vec(change)?)?;
        self.storage.sync()?;
        if self.storage.is_log_long() {
            self.save_snapshot(replica)?;
        }
        Ok(())
    }

    fn save_snapshot(&self, replica: &Replica) -> anyhow::Result<()> {
        let snapshot = Snapshot { name: self.name.clone(), state: replica.snapshot() };
        Ok(self.storage.save_snapshot(&serde_json::to_vec(&snapshot)?)?)
    }
}

fn main() -> ExitCode {
    gyre::run(TxnRwRegister::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;
    use maelstrom::simulation::Check;

    use super::TxnRwRegister;

    fn at(model: &str) -> Check<TxnRwRegister> {
        maelstrom::check("txn-rw-register", TxnRwRegister::new)
            .options(|options| options.consistency_models = vec![model.into()])
    }

    #[test]
    fn sim() {
        at("read-atomic").faults(Fault::ALL).seeds(0..60);
    }

    /// Everybody is answered, whatever the network does.
    #[test]
    fn sim_total_availability() {
        let faults = [Fault::Partition, Fault::OneWay, Fault::Loss, Fault::Duplicate, Fault::Skew];
        at("read-atomic")
            .faults(faults)
            .options(|options| {
                options.availability = Some(maelstrom::checker::availability::Availability::Total)
            })
            .seeds(0..40);
    }

    /// It is as strong as it claims to be, and no stronger.
    #[test]
    fn is_not_serializable() {
        let failure = at("serializable").faults([Fault::Partition]).first_failure(0..50);
        let failure = failure.expect("two sides of a partition cannot be serializable");
        assert!(failure.sentence.contains("lost-update"), "{}", failure.sentence);
        assert!(at("read-atomic").faults([Fault::Partition]).fails(failure.seed).is_none());
    }
}

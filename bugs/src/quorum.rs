//! Registers that a majority of the nodes keeps, without a leader: the algorithm of Attiya, Bar-Noy
//! and Dolev, "Sharing Memory Robustly in Message-Passing Systems" (1995), for several writers as in
//! Lynch and Shvartsman, "Robust emulation of shared memory using dynamic quorum-acknowledged
//! broadcasts" (1997). What can be broken of it, its [`Policy`] says.
//!
//! A write asks a majority for their stamps, and has a majority keep the value under a higher one. A
//! read asks a majority, takes the value with the highest stamp, and has a majority keep that before
//! it answers. Any two majorities have a node in common.
//!
//! Absent: compare-and-set, which needs consensus (Herlihy, "Wait-Free Synchronization", 1991).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// How long a node waits for a majority.
const PATIENCE: Duration = Duration::from_millis(800);

/// What a bug may change.
#[derive(Clone, Copy)]
pub struct Policy {
    /// How many of so many nodes must answer.
    pub quorum: fn(usize) -> usize,
    /// Whether a read has a majority keep what it has read.
    pub writes_back: bool,
    /// Whether a write asks a majority for their stamps first.
    pub asks_before_writing: bool,
    /// Whether a node remembers after a crash what it has kept.
    pub stores: bool,
    /// Whether the first stamp is above the second.
    pub is_newer: fn(&Stamp, &Stamp) -> bool,
}

impl Policy {
    /// The algorithm of the papers.
    pub const RIGHT: Policy = Policy {
        quorum: |nodes| nodes / 2 + 1,
        writes_back: true,
        asks_before_writing: true,
        stores: true,
        is_newer: |a, b| a > b,
    };
}

/// When a value was written: no two writes have the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// Above all that the writer knew.
    pub counter: u64,
    /// The writer, and a number that is another in each of its lives.
    pub writer: String,
}

/// What clients ask a node, and nodes each other.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A client reads.
    Read {
        /// The key.
        key: Json,
    },
    /// A client writes.
    Write {
        /// The key.
        key: Json,
        /// Its new value.
        value: Json,
    },
    /// A client compares and sets.
    Cas {},
    /// A node asks another for what it keeps.
    Get {
        /// The key.
        key: String,
    },
    /// A node has another keep a value, unless that has a newer one.
    Put {
        /// The key.
        key: String,
        /// When it was written.
        stamp: Stamp,
        /// The value.
        value: Json,
    },
}

/// What they are answered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The value that was read.
    ReadOk {
        /// It.
        value: Json,
    },
    /// It is written.
    WriteOk {},
    /// What is kept.
    GetOk {
        /// The value and its stamp, if there is one.
        kept: Option<(Stamp, Json)>,
    },
    /// It is kept.
    PutOk {},
}

/// The node.
pub struct Quorum {
    policy: Policy,
    kept: RefCell<BTreeMap<String, (Stamp, Json)>>,
    writer: String,
    /// The highest counter that this node has given out.
    last: Cell<u64>,
}

impl Quorum {
    /// The node that `ctx` is for.
    pub fn new(ctx: &Ctx, policy: Policy) -> Quorum {
        let kept = RefCell::default();
        let writer = format!("{}/{:08x}", ctx.id(), ctx.rng().random_range(0..u32::MAX));
        let node = Quorum { policy, kept, writer, last: Cell::new(0) };
        for record in &ctx.storage().load().expect("the disk can be read").records {
            let (key, stamp, value) = serde_json::from_slice(record).expect("the record is ours");
            node.take(key, stamp, value);
        }
        node
    }

    fn take(&self, key: String, stamp: Stamp, value: Json) {
        let mut kept = self.kept.borrow_mut();
        if kept.get(&key).is_none_or(|(known, _)| (self.policy.is_newer)(&stamp, known)) {
            kept.insert(key, (stamp, value));
        }
    }

    /// What another node asks, or this one itself.
    fn serve(&self, ctx: &Ctx, request: Request) -> Result<Response, Error> {
        match request {
            Request::Get { key } => {
                Ok(Response::GetOk { kept: self.kept.borrow().get(&key).cloned() })
            }
            Request::Put { key, stamp, value } => {
                if self.policy.stores {
                    let record = serde_json::to_vec(&(&key, &stamp, &value)).expect("it is JSON");
                    ctx.storage().append(&record)?;
                    ctx.storage().sync()?;
                }
                self.take(key, stamp, value);
                Ok(Response::PutOk {})
            }
            _ => Err(Error::not_supported("this is no request of a node")),
        }
    }

    /// Asks all nodes, and gives the answers of the first that are a majority.
    async fn ask(&self, ctx: &Ctx, request: Request) -> Result<Vec<Response>, Error> {
        let (sender, mut answers) = mpsc::unbounded_channel();
        for peer in ctx.peers().to_vec() {
            let (own_ctx, request, sender) = (ctx.clone(), request.clone(), sender.clone());
            ctx.spawn(async move {
                let Ok(reply) = own_ctx.rpc(&peer, &request, PATIENCE).await else { return };
                let _ = reply.to::<Response>().map(|answer| sender.send(answer));
            });
        }
        let mut all = vec![self.serve(ctx, request)?];
        drop(sender);
        while all.len() < (self.policy.quorum)(ctx.nodes().len()) {
            let answer = answers.recv().await;
            all.push(answer.ok_or_else(|| Error::timeout("no majority has answered"))?);
        }
        Ok(all)
    }

    /// The newest of what a majority keeps.
    async fn newest(&self, ctx: &Ctx, key: &str) -> Result<Option<(Stamp, Json)>, Error> {
        let answers = self.ask(ctx, Request::Get { key: key.into() }).await?;
        let kept = answers.into_iter().filter_map(|answer| match answer {
            Response::GetOk { kept } => kept,
            _ => None,
        });
        Ok(kept.reduce(|a, b| if (self.policy.is_newer)(&b.0, &a.0) { b } else { a }))
    }

    async fn read(&self, ctx: &Ctx, key: String) -> Result<Response, Error> {
        let Some((stamp, value)) = self.newest(ctx, &key).await? else {
            return Err(Error::key_does_not_exist("nobody has written this key"));
        };
        if self.policy.writes_back {
            self.ask(ctx, Request::Put { key, stamp, value: value.clone() }).await?;
        }
        Ok(Response::ReadOk { value })
    }

    async fn write(&self, ctx: &Ctx, key: String, value: Json) -> Result<Response, Error> {
        let known = match self.policy.asks_before_writing {
            true => self.newest(ctx, &key).await?,
            false => self.kept.borrow().get(&key).cloned(),
        };
        let above = known.map_or(0, |(stamp, _)| stamp.counter).max(self.last.get());
        self.last.set(above + 1);
        let stamp = Stamp { counter: above + 1, writer: self.writer.clone() };
        self.ask(ctx, Request::Put { key, stamp, value }).await?;
        Ok(Response::WriteOk {})
    }
}

#[async_trait(?Send)]
impl Node for Quorum {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Read { key } => self.read(ctx, key.as_str().into()).await,
            Request::Write { key, value } => self.write(ctx, key.as_str().into(), value).await,
            Request::Cas {} => Err(Error::not_supported("these registers only read and write")),
            request => self.serve(ctx, request),
        }
    }
}

/// How the bench catches a bug of it: by what clients see.
pub fn check(policy: fn() -> Policy, nodes: usize, faults: &[Fault]) -> Check {
    maelstrom::check("lin-kv", move |ctx| Quorum::new(ctx, policy()))
        .nodes(nodes)
        .options(|options| {
            options.concurrency = 2 * nodes;
            options.rate = 100.0;
            options.nemesis_interval_secs = 0.5;
            options.calm_secs = 1.0;
        })
        .time_limit_secs(6.0)
        .faults(faults.iter().copied())
}

//! Exercise 9-retry: once, however often it is asked for.
//!
//! A key-value store without Raft: n0 has the registers, and every other node passes on to n0 what
//! its clients ask. The network loses some messages and delivers others twice, so a node that has no
//! answer asks again. Was it the request that was lost, or the answer? n0 cannot tell, and does a
//! change twice. Let each change be done once. A node that asks again gets the answer that was lost.

use std::cell::RefCell;
use std::time::Duration;

use gyre::key_value::{Change, Registers};
use gyre::replicated::StateMachine;
use gyre::{Ctx, Error, Json, Node, NodeId, RetryPolicy, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

/// The node.
pub struct Store {
    /// Of these only n0's are in use.
    registers: RefCell<Registers>,
}

/// What clients and other nodes ask.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Read {
        key: Json,
    },
    Write {
        key: Json,
        value: Json,
    },
    Cas {
        key: Json,
        from: Json,
        to: Json,
    },
    /// From another node, to n0: its client reads.
    Look {
        key: Json,
    },
    /// From another node, to n0: its client changes something.
    Pass {
        change: Change,
    },
}

/// What they are answered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    ReadOk { value: Json },
    WriteOk {},
    CasOk {},
    LookOk { value: Json },
    PassOk {},
}

impl Store {
    /// An empty store.
    pub fn new(_: &Ctx) -> Store {
        Store { registers: RefCell::default() }
    }

    /// Has n0 answer, however often it must be asked.
    async fn ask(&self, ctx: &Ctx, request: &Request) -> Result<Response, Error> {
        let policy = RetryPolicy::within(Duration::from_secs(4));
        let reply = ctx.rpc_retry(&NodeId::from("n0"), request, policy).await?;
        reply.to().map_err(|error| Error::crash(error.to_string()))
    }

    async fn pass(&self, ctx: &Ctx, change: Change) -> Result<(), Error> {
        self.ask(ctx, &Request::Pass { change }).await.map(|_| ())
    }
}

#[async_trait(?Send)]
impl Node for Store {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Read { key } => match self.ask(ctx, &Request::Look { key }).await? {
                Response::LookOk { value } => Response::ReadOk { value },
                _ => return Err(Error::crash("n0 answered something else")),
            },
            Request::Write { key, value } => {
                self.pass(ctx, Change::Write(key, value)).await?;
                Response::WriteOk {}
            }
            Request::Cas { key, from, to } => {
                self.pass(ctx, Change::Cas(key, from, to)).await?;
                Response::CasOk {}
            }
            Request::Look { key } => {
                Response::LookOk { value: self.registers.borrow().read(&key)? }
            }
            Request::Pass { change } => {
                // To do: this may be the second time that n0 is asked.
                self.registers.borrow_mut().apply(&change)?;
                Response::PassOk {}
            }
        })
    }
}

/// What judges such a node: three nodes, twelve clients, messages are lost or come twice.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("lin-kv", make)
        .nodes(3)
        .options(|options| options.concurrency = 12)
        .rate(50.0)
        .time_limit_secs(10.0)
        .faults([Fault::Loss, Fault::Duplicate])
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Store::new), Store::new)
}

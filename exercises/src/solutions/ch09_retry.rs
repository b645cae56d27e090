//! Exercise 9-retry, solved: each change has an id, and n0 keeps what came of it.
//!
//! What it keeps grows for ever. A session keeps less: see `src/protocols/replicated/sessions.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::key_value::{Change, Registers};
use gyre::replicated::StateMachine;
use gyre::{Ctx, Error, Json, Node, NodeId, RetryPolicy, async_trait};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::stubs::ch09_retry::check;
use crate::{Task, node};

/// The node.
pub struct Store {
    /// Of these only n0's are in use.
    registers: RefCell<Registers>,
    /// What came of each change, by its id.
    done: RefCell<BTreeMap<u64, Result<(), Error>>>,
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
        id: u64,
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
        Store { registers: RefCell::default(), done: RefCell::default() }
    }

    /// Has n0 answer, however often it must be asked.
    async fn ask(&self, ctx: &Ctx, request: &Request) -> Result<Response, Error> {
        let policy = RetryPolicy::within(Duration::from_secs(4));
        let reply = ctx.rpc_retry(&NodeId::from("n0"), request, policy).await?;
        reply.to().map_err(|error| Error::crash(error.to_string()))
    }

    async fn pass(&self, ctx: &Ctx, change: Change) -> Result<(), Error> {
        // One id for all attempts.
        let id = ctx.rng().random();
        self.ask(ctx, &Request::Pass { id, change }).await.map(|_| ())
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
            Request::Pass { id, change } => {
                let mut done = self.done.borrow_mut();
                let apply = || self.registers.borrow_mut().apply(&change);
                done.entry(id).or_insert_with(apply).clone()?;
                Response::PassOk {}
            }
        })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Store::new), Store::new)
}

//! Exercise 12-timeout: an answer that does not come says nothing.
//!
//! The first node keeps a key-value store, and the others pass on to it what their clients ask. The
//! bench loses some of what nodes send to each other, so sometimes no answer comes. What is a
//! client told then? A definite error promises that the operation has not happened and never will.
//! Tell clients no more than this node knows.
//!
//! `gyre::ErrorCode` lists all errors, and which of them are definite.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, ErrorCode, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

/// How long a node waits for the first one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The node.
pub struct Store {
    values: RefCell<BTreeMap<i64, i64>>,
}

/// What clients ask, and what nodes pass on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Read { key: i64 },
    Write { key: i64, value: i64 },
    Cas { key: i64, from: i64, to: i64 },
}

/// What they are answered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    ReadOk { value: i64 },
    WriteOk {},
    CasOk {},
}

impl Store {
    /// A node whose store is empty.
    pub fn new(_: &Ctx) -> Store {
        Store { values: RefCell::default() }
    }

    /// Does what is asked, on the first node.
    fn apply(&self, request: &Request) -> Result<Response, Error> {
        let mut values = self.values.borrow_mut();
        let missing = || Error::key_does_not_exist("there is no such key");
        match *request {
            Request::Read { key } => {
                let value = *values.get(&key).ok_or_else(missing)?;
                Ok(Response::ReadOk { value })
            }
            Request::Write { key, value } => {
                values.insert(key, value);
                Ok(Response::WriteOk {})
            }
            Request::Cas { key, from, to } => {
                let value = values.get_mut(&key).ok_or_else(missing)?;
                if *value != from {
                    return Err(Error::precondition_failed(format!("it is {value}, not {from}")));
                }
                *value = to;
                Ok(Response::CasOk {})
            }
        }
    }

    // ANCHOR: ask
    /// Passes a request on to the first node.
    async fn ask(&self, ctx: &Ctx, first: &NodeId, request: &Request) -> Result<Response, Error> {
        match ctx.rpc(first, request, PATIENCE).await {
            Ok(reply) => Ok(reply.to().map_err(|error| Error::crash(error.to_string()))?),
            // To do: is that known?
            Err(error) if error.code == ErrorCode::Timeout => {
                Err(Error::temporarily_unavailable(format!("{first} does not answer")))
            }
            Err(error) => Err(error),
        }
    }
    // ANCHOR_END: ask
}

#[async_trait(?Send)]
impl Node for Store {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let first = &ctx.nodes()[0];
        if ctx.id() == first { self.apply(&request) } else { self.ask(ctx, first, &request).await }
    }
}

/// What judges such a node: messages are lost, and what clients see must be linearizable.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    let check = maelstrom::check("lin-kv", make).nodes(3).rate(20.0).time_limit_secs(10.0);
    check.faults([Fault::Loss]).options(|options| options.concurrency = 6)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Store::new), Store::new)
}

//! Exercise 12-timeout, solved: after a timeout nobody knows, and the client is told so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch12_timeout::check;
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

    /// Passes a request on to the first node. When no answer comes, the error is `timeout`: it is
    /// indefinite, for the request may have arrived.
    async fn ask(&self, ctx: &Ctx, first: &NodeId, request: &Request) -> Result<Response, Error> {
        let reply = ctx.rpc(first, request, PATIENCE).await?;
        reply.to().map_err(|error| Error::crash(error.to_string()))
    }
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

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Store::new), Store::new)
}

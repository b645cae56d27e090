//! Exercise 2-durable, solved: the record is synced before the id is given.
//!
//! So each id costs a write to the disk. Two ways make that cheaper: one sync for all requests that
//! have arrived (`ctx.idle`), or one record that reserves the next thousand ids. Of these a restart
//! leaves some unused, and none is given twice.

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch02_durable::check;
use crate::{Task, node};

/// The node.
pub struct Ids {
    given: Cell<usize>,
}

/// What clients ask.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Generate {},
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    GenerateOk { id: String },
}

impl Ids {
    /// A node that has given as many ids as its storage says.
    pub fn new(ctx: &Ctx) -> Ids {
        let recovered = ctx.storage().load().expect("the disk can be read");
        Ids { given: Cell::new(recovered.records.len()) }
    }
}

#[async_trait(?Send)]
impl Node for Ids {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let count = self.given.replace(self.given.get() + 1);
        ctx.storage().append(b"given")?;
        ctx.storage().sync()?;
        Ok(Response::GenerateOk { id: format!("{}-{count}", ctx.id()) })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Ids::new), Ids::new)
}

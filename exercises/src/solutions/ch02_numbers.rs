//! Exercise 2-numbers, solved: of `n` nodes, the one with rank `r` gives `r`, `r + n`, `r + 2n`, …
//!
//! Two nodes never give the same number, since their remainders by `n` differ. All nodes must agree
//! on who has which rank, and on `n`: here `init` says both to everybody. A cluster that changes
//! would need more: blocks of numbers that somebody hands out, each once.

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch02_numbers::check;
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
    GenerateOk { id: usize },
}

impl Ids {
    /// A node that has given no id.
    pub fn new(_: &Ctx) -> Ids {
        Ids { given: Cell::new(0) }
    }
}

#[async_trait(?Send)]
impl Node for Ids {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let count = self.given.replace(self.given.get() + 1);
        let rank = ctx.nodes().iter().position(|node| node == ctx.id());
        let rank = rank.expect("a node of the cluster");
        Ok(Response::GenerateOk { id: rank + count * ctx.nodes().len() })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Ids::new), Ids::new)
}

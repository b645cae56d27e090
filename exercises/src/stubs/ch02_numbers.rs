//! Exercise 2-numbers: ids that are whole numbers, and small.
//!
//! There is no room for a name in an id of this node: ids are whole numbers, and after `k` requests
//! in the whole cluster none should be much greater than `k`, if all nodes have about as much to do.
//! So 64 random bits are not allowed. Nodes do not talk to each other, and none is killed.

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

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
        // To do: all nodes give the same numbers.
        let _ = ctx;
        Ok(Response::GenerateOk { id: count })
    }
}

/// What judges such a node: three nodes, five seconds.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("unique-ids", make).nodes(3).time_limit_secs(5.0)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Ids::new), Ids::new)
}

//! Exercise 1-echo: a node that listens.
//!
//! This node keeps what was said to it in a buffer, and never empties the buffer. So it answers every
//! request with what the first one said. Answer each request with what it said itself, and take the
//! buffer out if nothing needs it then.

use std::cell::RefCell;

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

/// The node.
pub struct Echo {
    buffer: RefCell<Option<Json>>,
}

/// What clients ask.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Echo { echo: Json },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    EchoOk { echo: Json },
}

impl Echo {
    /// A node that was told nothing yet.
    pub fn new(_: &Ctx) -> Echo {
        Echo { buffer: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        // To do: this is filled by the first request, and then it stays as it is.
        let said = self.buffer.borrow_mut().get_or_insert(echo).clone();
        Ok(Response::EchoOk { echo: said })
    }
}

/// What judges such a node: one node, ten seconds.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("echo", make).nodes(1).rate(5.0).time_limit_secs(10.0)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Echo::new), Echo::new)
}

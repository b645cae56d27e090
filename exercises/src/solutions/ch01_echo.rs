//! Exercise 1-echo, solved: nothing is kept from one request to the next.

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch01_echo::check;
use crate::{Task, node};

/// The node.
pub struct Echo;

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

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        Ok(Response::EchoOk { echo })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(|_| Echo), |_| Echo)
}

//! Exercise 14-rare-bug, solved: one answer of 1,500 is wrong, and a run has about 600.

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::stubs::ch14_rare_bug::judge;
use crate::{Task, answer};

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

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        let is_wrong = ctx.rng().random_range(0..1_500) == 0;
        Ok(Response::EchoOk { echo: if is_wrong { Json::null() } else { echo } })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(|_| Echo))
}

//! An id generator with a bug that repeats when it is busy: an id is the node’s name and the time
//! in milliseconds, and two requests may come in the same one.
//!
//! - **From**: RFC 9562, *Universally Unique IDentifiers* (2024), on monotonicity and counters: a
//!   timestamp needs a counter for what happens within one tick.
//! - **Review**: “How many requests come in one tick of this clock?” More than one.
//! - **Fails by**: duplicated

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Ids {
    given: Cell<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Generate {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    GenerateOk { id: String },
}

impl Ids {
    fn new(_: &Ctx) -> Ids {
        Ids { given: Cell::new(0) }
    }
}

#[async_trait(?Send)]
impl Node for Ids {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let (node, now_ms) = (ctx.id(), (ctx.now().as_secs_f64() * 1000.0) as u64);
        let count = self.given.replace(self.given.get() + 1);
        let count = if bugs::planted() { 0 } else { count };
        Ok(Response::GenerateOk { id: format!("{node}-{now_ms}-{count}") })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("unique-ids", Ids::new)
        .nodes(1)
        .rate(500.0)
        .time_limit_secs(3.0)
        .options(|options| options.concurrency = 10)
}

bugs::exhibit!("ids-repeat-within-a-millisecond", check, Ids::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "duplicated");
    }
}

//! An id generator with a bug that repeats between nodes: each counts for itself, and
//! nothing in the id says who counted.
//!
//! - **From**: RFC 9562, *Universally Unique IDentifiers* (2024): what distinguishes generators,
//!   a node’s name or enough random bits, is a part of every id.
//! - **Review**: “What in this id differs when another node makes it?” Nothing.
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

    // ANCHOR: handle
    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let id = self.given.replace(self.given.get() + 1);
        let id = if bugs::planted() { id.to_string() } else { format!("{}-{id}", ctx.id()) };
        Ok(Response::GenerateOk { id })
    }
    // ANCHOR_END: handle
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("unique-ids", Ids::new)
}

bugs::exhibit!("ids-repeat-between-nodes", check, Ids::new);

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("unique-ids", Ids::new).first_anomaly(0..100);
        let failure = failure.expect("the checker must catch an id that two nodes gave");
        assert!(failure.sentence.contains("duplicated"), "{}", failure.sentence);
    }
}

//! An id generator with a bug that repeats between nodes: each counts for itself, and
//! nothing in the id says who counted.

use std::cell::Cell;
use std::process::ExitCode;

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
    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        Ok(Response::GenerateOk { id: self.given.replace(self.given.get() + 1).to_string() })
    }
    // ANCHOR_END: handle
}

/// How the bench catches it.
fn check() -> Check<Ids> {
    maelstrom::check("unique-ids", Ids::new)
}

fn main() -> ExitCode {
    bugs::run("duplicated", check, Ids::new)
}

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

//! An id generator with a bug that repeats after a restart: it counts, and a killed node
//! has forgotten how far.
//!
//! - **From**: RFC 9562, *Universally Unique IDentifiers* (2024), on the state of generators:
//!   without stable storage, a generator must draw at random what it would have to remember.
//! - **Review**: “What does the second life of this node know of the first?” Nothing, and it has
//!   the same name.
//! - **Fails by**: duplicated

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use rand::RngExt;
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
    fn new(ctx: &Ctx) -> Ids {
        let first = if bugs::planted() { 0 } else { ctx.rng().random_range(0..u64::MAX / 2) };
        Ids { given: Cell::new(first) }
    }
}

#[async_trait(?Send)]
impl Node for Ids {
    type Request = Request;
    type Response = Response;

    // ANCHOR: handle
    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        Ok(Response::GenerateOk {
            id: format!("{}-{}", ctx.id(), self.given.replace(self.given.get() + 1)),
        })
    }
    // ANCHOR_END: handle
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("unique-ids", Ids::new).faults([Fault::Kill])
}

bugs::exhibit!("ids-repeat-after-restart", check, Ids::new);

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn is_caught() {
        let failure = maelstrom::check("unique-ids", Ids::new)
            .faults([maelstrom::Fault::Kill])
            .first_anomaly(0..100);
        let failure = failure.expect("the checker must catch an id that repeats after a restart");
        assert!(failure.sentence.contains("duplicated"), "{}", failure.sentence);
    }
}

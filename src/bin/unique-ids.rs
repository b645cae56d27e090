//! Unique ids: every request gets an id that no other request, on any node, ever gets.
//!
//! Without coordination, so that every node answers at once, also when it is cut off from all
//! others. An id has three parts, `n1-9f86d081884c7d65-42`:
//!
//! 1. The node's name. No two nodes have the same, so two nodes never give the same id,
//!    whatever the network does.
//! 2. The node's *incarnation*, 64 random bits drawn when it starts. After a crash the node
//!    has forgotten how far it had counted, so the rest of the id must not depend on that. A
//!    clock would do in place of chance if it never went back, and storage if there always
//!    were some; under Maelstrom neither is certain. If one node restarts a million times,
//!    the chance that two of its incarnations are equal is below one in 30 million (birthday
//!    bound: 10¹² / 2 pairs in 2⁶⁴).
//! 3. How many ids this incarnation has given before.
//!
//! Deliberately absent: any order between ids. Two nodes that do not talk cannot have one.
//!
//! Chapter 2 of the book, `book/02-unique-ids.md`, reads this.

use std::cell::Cell;
use std::process::ExitCode;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

// ANCHOR: node
struct UniqueIds {
    incarnation: u64,
    given: Cell<u64>,
}
// ANCHOR_END: node

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

impl UniqueIds {
    // ANCHOR: new
    fn new(ctx: &Ctx) -> UniqueIds {
        UniqueIds { incarnation: ctx.rng().random(), given: Cell::new(0) }
    }
    // ANCHOR_END: new
}

#[async_trait(?Send)]
impl Node for UniqueIds {
    type Request = Request;
    type Response = Response;

    fn inspect(&self) -> Option<Value> {
        let incarnation = format!("{:016x}", self.incarnation);
        Some(json!({ "given": self.given.get(), "incarnation": incarnation }))
    }

    // ANCHOR: handle
    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let count = self.given.get();
        self.given.set(count + 1);
        Ok(Response::GenerateOk { id: format!("{}-{:016x}-{count}", ctx.id(), self.incarnation) })
    }
    // ANCHOR_END: handle
}

fn main() -> ExitCode {
    gyre::run(UniqueIds::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::UniqueIds;

    #[test]
    fn sim() {
        maelstrom::check("unique-ids", UniqueIds::new).faults(Fault::COMMON).seeds(0..100);
    }
}

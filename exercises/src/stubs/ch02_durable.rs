//! Exercise 2-durable: a count that survives.
//!
//! This node gives ids such as `n1-0`, `n1-1`, `n1-2`, and writes a record for each. After a restart
//! it counts its records, so it should go on where it was. Yet some ids are given twice. Find out
//! why, and mend it without chance and without a clock: the ids stay as short as they are.
//!
//! What a disk has taken in is safe only once it was told to sync: see `Storage` in
//! `src/storage/mod.rs`.

use std::cell::Cell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
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
    GenerateOk { id: String },
}

impl Ids {
    /// A node that has given as many ids as its storage says.
    pub fn new(ctx: &Ctx) -> Ids {
        let recovered = ctx.storage().load().expect("the disk can be read");
        Ids { given: Cell::new(recovered.records.len()) }
    }
}

#[async_trait(?Send)]
impl Node for Ids {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Generate {} = request;
        let count = self.given.replace(self.given.get() + 1);
        // To do: a crash can undo this.
        ctx.storage().append(b"given")?;
        Ok(Response::GenerateOk { id: format!("{}-{count}", ctx.id()) })
    }
}

/// What judges such a node: three nodes, ten seconds, some are killed and started again.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("unique-ids", make).nodes(3).time_limit_secs(10.0).faults([Fault::Kill])
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Ids::new), Ids::new)
}

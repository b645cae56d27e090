//! Exercise 9-read: reads that cost too little.
//!
//! This is a key-value store on Raft, as `src/bin/lin-kv.rs` is. It answers reads from the copy that
//! the node has, at no cost. Its copy may lag behind. Make the reads linearizable.

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::replicated::Options;
use gyre::{Ctx, Error, Node, NodeId, Replicated, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;

use crate::{Task, node};

/// The node.
pub struct LinKv {
    registers: Replicated<Registers>,
}

impl LinKv {
    /// The node that `ctx` is for.
    pub fn new(ctx: &Ctx) -> LinKv {
        LinKv { registers: Replicated::new(ctx, Options::default()) }
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let (change, response) = match request {
            Request::Read { key } => {
                // To do: what this node's copy says may be long past.
                let value = self.registers.peek(|registers| registers.read(&key))?;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, .. } => (Change::Cas(key, from, to), Response::CasOk {}),
        };
        self.registers.execute(change).await??;
        Ok(response)
    }
}

/// What judges such a node: three nodes, six clients, links are cut.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("lin-kv", make)
        .nodes(3)
        .options(|options| options.concurrency = 6)
        .time_limit_secs(5.0)
        .faults([Fault::Partition])
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(LinKv::new), LinKv::new)
}

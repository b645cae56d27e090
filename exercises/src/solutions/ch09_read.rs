//! Exercise 9-read, solved: `read` waits until this node's copy holds all that was done before the
//! read began. The leader says how far that is, and has a majority confirm that it leads.

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::replicated::Options;
use gyre::{Ctx, Error, Node, NodeId, Replicated, async_trait};

use crate::stubs::ch09_read::check;
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
                let value = self.registers.read(|registers| registers.read(&key)).await??;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, .. } => (Change::Cas(key, from, to), Response::CasOk {}),
        };
        self.registers.execute(change).await??;
        Ok(response)
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(LinKv::new), LinKv::new)
}

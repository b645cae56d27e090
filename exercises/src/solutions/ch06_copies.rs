//! Exercise 6-copies, solved: the first node decides, and the others ask it.
//!
//! The first node does one request after another, each at one moment between its arrival and its
//! reply: that is linearizable. A node that passes a request on adds nothing to it. The error of
//! `ctx.rpc` goes to the client as it is: when no reply comes, nobody knows whether the request was
//! carried out, and that error says so.

use std::cell::RefCell;

use gyre::{Ctx, Error, Node, NodeId, async_trait};

use crate::stubs::ch06_copies::{PATIENCE, Registers, Request, Response, check};
use crate::{Task, node};

/// The node.
pub struct Copies {
    /// The keys, at the first node; at the others nothing.
    registers: RefCell<Registers>,
}

impl Copies {
    /// A node that has no keys yet.
    pub fn new(_: &Ctx) -> Copies {
        Copies { registers: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Copies {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let first = &ctx.nodes()[0];
        if ctx.id() == first {
            return self.registers.borrow_mut().execute(request);
        }
        let reply = ctx.rpc(first, &request, PATIENCE).await?;
        reply.to().map_err(|error| Error::crash(error.to_string()))
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Copies::new), Copies::new)
}

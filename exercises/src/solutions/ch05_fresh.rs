//! Exercise 5-fresh, solved: before each request the node writes something that was never there.
//!
//! That write takes place in the newest state, at some moment after the client's request began.
//! What the node asks next is tried on a state that is no older, and it is answered before the
//! client is. So whatever state answers was the newest one at some moment between the client's
//! request and its reply: that is where the operation takes place.
//!
//! The write must change something, or it would be answered from the past itself. So its value is
//! one that was never there: a number that only this node counts up, under a key of its own, from
//! a start that no earlier life of the node has used.

use std::cell::Cell;

use gyre::key_value::{Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use rand::RngExt;

use crate::stubs::ch05_fresh::check;
use crate::{Task, node};

/// The node: it keeps nothing but the last mark that it wrote.
pub struct Proxy {
    mark: Cell<u64>,
}

impl Proxy {
    /// A node.
    pub fn new(ctx: &Ctx) -> Proxy {
        Proxy { mark: Cell::new(ctx.rng().random_range(0..1 << 52)) }
    }

    /// Brings this node's view of the store up to date.
    async fn catch_up(&self, ctx: &Ctx) -> Result<(), Error> {
        self.mark.set(self.mark.get() + 1);
        let key = format!("mark of {}", ctx.id());
        let written = ctx.seq_kv().write(&key, &self.mark.get()).await;
        // Whatever became of the mark, the client's operation has not begun.
        written.map_err(|error| Error::temporarily_unavailable(error.to_string()))
    }
}

#[async_trait(?Send)]
impl Node for Proxy {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        self.catch_up(ctx).await?;
        let store = ctx.seq_kv();
        Ok(match request {
            Request::Read { key } => Response::ReadOk { value: store.read(&key).await? },
            Request::Write { key, value } => {
                store.write(&key, &value).await?;
                Response::WriteOk {}
            }
            Request::Cas { key, from, to, .. } => {
                store.cas(&key, &from, &to).await?;
                Response::CasOk {}
            }
        })
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Proxy::new), Proxy::new)
}

//! Exercise 5-fresh: a linearizable store on one that is not.
//!
//! This node passes every request on to the bench's service `seq-kv`. That service is sequentially
//! consistent: it may answer from the past, as long as no node sees time go back. Clients ask
//! different nodes, and so see it go back nevertheless.
//!
//! Make the store linearizable, and keep to `seq-kv`. Two rules of the service help:
//!
//! - A request that changes something takes place in the newest state.
//! - After that, its node never again sees an older state.
//!
//! Beware of a third: a request that changes nothing, such as a write of the value that is there
//! already, is answered from any state that is not too old, and then nothing takes place.

use gyre::key_value::{Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

use crate::{Task, node};

/// The node: it keeps nothing.
pub struct Proxy;

impl Proxy {
    /// A node.
    pub fn new(_: &Ctx) -> Proxy {
        Proxy
    }
}

#[async_trait(?Send)]
impl Node for Proxy {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let store = ctx.seq_kv();
        // To do: the store may be behind.
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

/// What judges such a node: two nodes, and two clients of each.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("lin-kv", make).nodes(2).options(|options| options.concurrency = 4)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Proxy::new), Proxy::new)
}

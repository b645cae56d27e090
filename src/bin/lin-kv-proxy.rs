//! A key-value store that keeps nothing: it passes every request on to the bench's service
//! `lin-kv`, and so is as linearizable as that. A way to see the workload and its messages
//! before there is a store of one's own.
//!
//! Chapter 6 of the book, `book/06-one-leader.md`, reads this.

use std::cell::Cell;
use std::process::ExitCode;

use gyre::key_value::{Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde_json::{Value, json};

struct LinKvProxy {
    /// How often it has asked the service: all that it knows itself.
    asked: Cell<u64>,
}

impl LinKvProxy {
    fn new(_: &Ctx) -> LinKvProxy {
        LinKvProxy { asked: Cell::new(0) }
    }
}

#[async_trait(?Send)]
impl Node for LinKvProxy {
    type Request = Request;
    type Response = Response;

    fn inspect(&self) -> Option<Value> {
        Some(json!({ "role": "proxy", "asked": self.asked.get() }))
    }

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        self.asked.set(self.asked.get() + 1);
        // ANCHOR: handle
        let store = ctx.lin_kv();
        Ok(match request {
            Request::Read { key } => Response::ReadOk { value: store.read(&key).await? },
            Request::Write { key, value } => {
                store.write(&key, &value).await?;
                Response::WriteOk {}
            }
            Request::Cas { key, from, to, create_if_not_exists: false } => {
                store.cas(&key, &from, &to).await?;
                Response::CasOk {}
            }
            Request::Cas { key, from, to, create_if_not_exists: true } => {
                store.cas_or_create(&key, &from, &to).await?;
                Response::CasOk {}
            }
        })
        // ANCHOR_END: handle
    }
}

fn main() -> ExitCode {
    gyre::run(LinKvProxy::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::LinKvProxy;

    #[test]
    fn sim() {
        maelstrom::check("lin-kv", LinKvProxy::new)
            .options(|options| options.concurrency = 10)
            .faults(Fault::COMMON)
            .named("lin-kv-proxy")
            .seeds(0..100);
    }
}

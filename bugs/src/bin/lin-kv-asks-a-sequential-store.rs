//! A key-value store that passes every request on, with a bug: it asks a store that is
//! sequentially consistent and not linearizable. That one may answer from the past.
//!
//! - **From**: Herlihy and Wing, *Linearizability: A Correctness Condition for Concurrent
//!   Objects* (1990), on the difference to Lamport’s sequential consistency (1979).
//! - **Review**: “What does this store promise about time?” Nothing.
//! - **Fails by**: not-linearizable

use gyre::key_value::{Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct LinKv;

impl LinKv {
    fn new(_: &Ctx) -> LinKv {
        LinKv
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let store = if bugs::planted() { ctx.seq_kv() } else { ctx.lin_kv() };
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

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("lin-kv", LinKv::new)
        .nodes(3)
        .rate(50.0)
        .time_limit_secs(6.0)
        .options(|options| options.concurrency = 6)
}

bugs::exhibit!("lin-kv-asks-a-sequential-store", check, LinKv::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

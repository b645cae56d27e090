//! Registers with a bug that loses updates: the state is one value in the `lin-kv` service, and a
//! transaction replaces it by compare-and-set. When somebody was faster, the node fetches the new
//! state and tries again, with the result that it had computed from the old one.
//!
//! - **From**: Berenson et al., *A Critique of ANSI SQL Isolation Levels* (SIGMOD 1995), P4; Kung
//!   and Robinson, *On Optimistic Methods for Concurrency Control* (1981): a transaction that
//!   fails validation is run anew, reads included.
//! - **Review**: “What of this loop’s body depends on what is read in it?” Not the result.
//! - **Fails by**: lost-update

use gyre::transactions::{Registers, Request, Response, Store};
use gyre::{Ctx, Error, ErrorCode, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

/// How often a transaction is tried.
const TRIES: usize = 10;

struct Retries;

impl Retries {
    fn new(_: &Ctx) -> Retries {
        Retries
    }
}

async fn state(ctx: &Ctx) -> Result<Store<Registers>, Error> {
    Ok(ctx.lin_kv().read_if_exists(&"state").await?.unwrap_or_default())
}

#[async_trait(?Send)]
impl Node for Retries {
    type Request = Request<Registers>;
    type Response = Response<Registers>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Registers>,
        _: NodeId,
    ) -> Result<Response<Registers>, Error> {
        let Request::Txn { txn } = request;
        let mut before = state(ctx).await?;
        let mut after = before.clone();
        let mut done = after.execute(&txn);
        for _ in 0..TRIES {
            match ctx.lin_kv().cas_or_create(&"state", &before, &after).await {
                Ok(()) => return Ok(Response::TxnOk { txn: done }),
                Err(error) if error.code == ErrorCode::PreconditionFailed => {}
                Err(error) => return Err(error),
            }
            before = state(ctx).await?;
            if !bugs::planted() {
                after = before.clone();
                done = after.execute(&txn);
            }
        }
        Err(Error::txn_conflict("others were always faster"))
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("txn-rw-register", Retries::new)
        .nodes(3)
        .rate(50.0)
        .time_limit_secs(5.0)
        .options(|options| {
            options.concurrency = 6;
            options.consistency_models = vec!["snapshot-isolation".into()];
        })
}

bugs::exhibit!("txn-retries-without-reading-again", check, Retries::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost-update");
    }
}

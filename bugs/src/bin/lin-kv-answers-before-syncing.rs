//! A key-value store on one node with a bug that forgets what it has acknowledged: a change is
//! written and answered, and synced a little later. After a crash, clients read the past.
//!
//! - **From**: Zheng et al., *Torturing Databases for Fun and Profit* (OSDI 2014): all eight
//!   databases that they cut the power of misbehaved.
//! - **Found in**: MariaDB Galera Cluster: Kingsbury, *Jepsen: MariaDB Galera Cluster 12.1.2*
//!   (2026): with the settings that are recommended, a transaction is acknowledged before it is
//!   on disk.
//! - **Review**: “Which sync stands between this write and this reply?” None.
//! - **Fails by**: not-linearizable

use std::cell::RefCell;
use std::time::Duration;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::replicated::StateMachine;
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;

/// Between two syncs.
const SYNC_EVERY: Duration = Duration::from_millis(100);

struct LinKv {
    registers: RefCell<Registers>,
}

impl LinKv {
    fn new(ctx: &Ctx) -> LinKv {
        let mut registers = Registers::default();
        for record in &ctx.storage().load().expect("the disk can be read").records {
            let change = serde_json::from_slice(record).expect("the record is one of ours");
            let _ = registers.apply(&change);
        }
        LinKv { registers: RefCell::new(registers) }
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let (change, response) = match request {
            Request::Read { key } => {
                let value = self.registers.borrow().read(&key)?;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, .. } => (Change::Cas(key, from, to), Response::CasOk {}),
        };
        // What does not succeed changes nothing.
        self.registers.borrow_mut().apply(&change)?;
        ctx.storage().append(&serde_json::to_vec(&change).expect("a change is JSON"))?;
        if !bugs::planted() {
            ctx.storage().sync()?;
        }
        Ok(response)
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(SYNC_EVERY).await;
            let _ = ctx.storage().sync();
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("lin-kv", LinKv::new).nodes(1).rate(50.0).faults([Fault::Kill]).options(
        |options| {
            options.concurrency = 4;
            options.nemesis_interval_secs = 1.0;
        },
    )
}

bugs::exhibit!("lin-kv-answers-before-syncing", check, LinKv::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

//! Pn-counter: a counter that goes up and down, the same on every node sooner or later.
//!
//! The counter is a CRDT ([`gyre::crdt::PnCounter`]): for each node, how much that node has
//! added and how much it has taken away. A node alone raises its own two numbers, and stores
//! them before its client hears `add_ok`; so a restart neither forgets an addition nor counts
//! one twice. What nodes tell each other are these numbers and never amounts, so a message
//! that comes twice does no harm.

use std::process::ExitCode;

use gyre::crdt::{AntiEntropy, PnCounter};
use gyre::driver::Driver;
use gyre::{Ctx, Error, MemberChange, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

struct CounterNode {
    replica: Driver<AntiEntropy<PnCounter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: i64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: i128 },
}

impl CounterNode {
    fn new(ctx: &Ctx) -> CounterNode {
        let replica = Driver::start(ctx, |records, now, rng| {
            let (nodes, members) = (ctx.nodes(), ctx.initial_members());
            AntiEntropy::with_members(ctx.id(), nodes, members, records, now, rng)
        });
        CounterNode { replica }
    }
}

#[async_trait(?Send)]
impl Node for CounterNode {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        self.replica.check_membership()?;
        Ok(match request {
            Request::Add { delta } => {
                self.add(delta).await?;
                Response::AddOk {}
            }
            Request::Read {} => Response::ReadOk {
                value: self.replica.read(|replica| replica.state().value()).await,
            },
        })
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.replica.change_members(ctx, change).await
    }
}

impl CounterNode {
    async fn add(&self, amount: i64) -> Result<(), Error> {
        let delta = {
            let replica = self.replica.core();
            replica.state().add(replica.incarnation(), amount)
        };
        let delta = delta.ok_or_else(|| {
            Error::precondition_failed("this node has counted as far as 64 bits go")
        })?;
        self.replica.request(delta.into()).await;
        Ok(())
    }
}

fn main() -> ExitCode {
    gyre::run(CounterNode::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::CounterNode;

    #[test]
    fn sim() {
        maelstrom::check("pn-counter", CounterNode::new).faults(Fault::COMMON).seeds(0..100);
    }

    /// Nodes join and leave: alone, and with all other faults.
    #[test]
    fn sim_membership() {
        for faults in [&[Fault::Membership][..], &Fault::ALL] {
            maelstrom::check("pn-counter", CounterNode::new)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..50);
        }
    }

    #[test]
    fn sim_of_25_nodes() {
        maelstrom::check("pn-counter", CounterNode::new)
            .faults(Fault::COMMON)
            .nodes(25)
            .seeds(0..5);
    }
}

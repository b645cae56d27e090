//! G-counter: a counter that only grows, the same on every node sooner or later.
//!
//! The counter is a CRDT ([`gyre::crdt::GCounter`]): for each node, how much that node has
//! added. A node alone raises its own number, and stores it before its client hears `add_ok`;
//! so a restart neither forgets an addition nor counts one twice. What nodes tell each other
//! are these numbers and never amounts, so a message that comes twice does no harm.

use std::process::ExitCode;

use gyre::crdt::{GCounter, Message, Replica};
use gyre::driver::Driver;
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

struct CounterNode {
    replica: Driver<Replica<GCounter>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read {},
    Gossip(Message<GCounter>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk {
        value: u128,
    },
    /// Never sent: nobody waits for an answer to gossip.
    Heard {},
}

#[async_trait(?Send)]
impl Node for CounterNode {
    type Request = Request;
    type Response = Response;

    fn new(ctx: &Ctx) -> CounterNode {
        let replica = Driver::start(ctx, |records, rng| {
            Replica::new(ctx.id(), ctx.nodes(), records, ctx.now(), rng)
        });
        CounterNode { replica }
    }

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Add { delta } => {
                self.add(ctx, delta)?;
                Response::AddOk {}
            }
            Request::Read {} => Response::ReadOk { value: self.replica.core().state().value() },
            Request::Gossip(message) => {
                self.replica.hear(ctx, from, message)?;
                Response::Heard {}
            }
        })
    }
}

impl CounterNode {
    fn add(&self, ctx: &Ctx, amount: u64) -> Result<(), Error> {
        let replica = self.replica.core();
        let delta = replica.state().add(replica.incarnation(), amount);
        drop(replica);
        let delta = delta.ok_or_else(|| {
            Error::precondition_failed("this node has counted as far as 64 bits go")
        })?;
        self.replica.act(ctx, delta);
        Ok(())
    }
}

fn main() -> ExitCode {
    gyre::run::<CounterNode>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::CounterNode;

    #[test]
    fn sim() {
        maelstrom::check::<CounterNode>("g-counter").faults(Fault::ALL).seeds(0..100);
    }

    #[test]
    fn sim_of_25_nodes() {
        maelstrom::check::<CounterNode>("g-counter").faults(Fault::ALL).nodes(25).seeds(0..5);
    }
}

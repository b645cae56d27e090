//! G-set: a set that only grows, the same on every node sooner or later.
//!
//! The set is a CRDT ([`gyre::crdt::GSet`]): its join is the union, so nodes may exchange what
//! they have in any order and as often as they like. An addition is stored before its client
//! hears `add_ok`; [`gyre::crdt::Replica`] brings it to everybody.

use std::process::ExitCode;

use gyre::crdt::{Element, GSet, Message, Replica};
use gyre::driver::Driver;
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::Value;

struct SetNode {
    replica: Driver<Replica<GSet<Element>>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Add { element: Value },
    Read {},
    Gossip(Message<GSet<Element>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk {
        value: GSet<Element>,
    },
    /// Never sent: nobody waits for an answer to gossip.
    Heard {},
}

#[async_trait(?Send)]
impl Node for SetNode {
    type Request = Request;
    type Response = Response;

    fn new(ctx: &Ctx) -> SetNode {
        let replica = Driver::start(ctx, |records, rng| {
            Replica::new(ctx.id(), ctx.nodes(), records, ctx.now(), rng)
        });
        SetNode { replica }
    }

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Add { element } => {
                self.replica.act(ctx, GSet::add(Element::from(&element)));
                Response::AddOk {}
            }
            Request::Read {} => Response::ReadOk { value: self.replica.core().state().clone() },
            Request::Gossip(message) => {
                self.replica.hear(ctx, from, message)?;
                Response::Heard {}
            }
        })
    }
}

fn main() -> ExitCode {
    gyre::run::<SetNode>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::SetNode;

    #[test]
    fn sim() {
        maelstrom::check::<SetNode>("g-set").faults(Fault::ALL).seeds(0..100);
    }

    #[test]
    fn sim_of_25_nodes() {
        maelstrom::check::<SetNode>("g-set").faults(Fault::ALL).nodes(25).seeds(0..5);
    }
}

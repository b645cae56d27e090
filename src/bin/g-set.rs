//! G-set: a set that only grows, the same on every node sooner or later.
//!
//! The set is a CRDT ([`gyre::crdt::GSet`]): its join is the union, so nodes may exchange what
//! they have in any order and as often as they like. An addition is stored before its client
//! hears `add_ok`; [`gyre::crdt::AntiEntropy`] brings it to everybody.

use std::process::ExitCode;

use gyre::crdt::{AntiEntropy, GSet};
use gyre::driver::Driver;
use gyre::{Ctx, Error, Json, MemberChange, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

struct SetNode {
    replica: Driver<AntiEntropy<GSet<Json>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: Json },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: GSet<Json> },
}

impl SetNode {
    fn new(ctx: &Ctx) -> SetNode {
        let replica = Driver::start(ctx, |records, now, rng| {
            let (nodes, members) = (ctx.nodes(), ctx.initial_members());
            AntiEntropy::with_members(ctx.id(), nodes, members, records, now, rng)
        });
        SetNode { replica }
    }
}

#[async_trait(?Send)]
impl Node for SetNode {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        self.replica.check_membership()?;
        Ok(match request {
            Request::Add { element } => {
                self.replica.request(GSet::add(element).into()).await;
                Response::AddOk {}
            }
            Request::Read {} => Response::ReadOk {
                value: self.replica.read(|replica| replica.state().clone()).await,
            },
        })
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.replica.change_members(ctx, change).await
    }
}

fn main() -> ExitCode {
    gyre::run(SetNode::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::SetNode;

    #[test]
    fn sim() {
        maelstrom::check("g-set", SetNode::new).faults(Fault::COMMON).seeds(0..100);
    }

    /// Disks that are full, slow or rotten, and power that fails: alone, and with other faults.
    #[test]
    fn sim_disk() {
        for faults in [&[Fault::Disk][..], &[Fault::Disk, Fault::Kill, Fault::Partition]] {
            maelstrom::check("g-set", SetNode::new).faults(faults.iter().copied()).seeds(0..50);
        }
    }

    /// Nodes join and leave: alone, and with all other faults.
    #[test]
    fn sim_membership() {
        for faults in [&[Fault::Membership][..], &Fault::ALL] {
            maelstrom::check("g-set", SetNode::new)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..50);
        }
    }

    #[test]
    fn sim_of_25_nodes() {
        maelstrom::check("g-set", SetNode::new).faults(Fault::COMMON).nodes(25).seeds(0..5);
    }
}

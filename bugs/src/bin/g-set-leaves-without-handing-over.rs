//! `g-set` whose members leave too early: a removal is said to be done as soon as the node that
//! leaves has said that it is no member any more. Nobody asks whether a member has the elements
//! that it alone had, and then it is switched off.
//!
//! - **From**: DeCandia et al., *Dynamo: Amazon's Highly Available Key-value Store* (SOSP 2007),
//!   section 4.9: a node that leaves hands over its keys, and the receiver confirms that.
//! - **Review**: “Who has this element when the node that acknowledged it is gone?” Somebody has,
//!   if it was sent in time and arrived.
//! - **Fails by**: lost

use std::time::Duration;

use gyre::crdt::{AntiEntropy, GSet};
use gyre::driver::Driver;
use gyre::members::HasMembers;
use gyre::{Ctx, Error, Json, MemberChange, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// How often a node looks whether another one has left.
const LOOK: Duration = Duration::from_millis(10);

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

    /// Asks for the change, and returns when whoever is to leave has left, as far as this node has
    /// heard, handed over or not.
    async fn let_go(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        if change.remove.is_empty() {
            return self.replica.change_members(ctx, change).await;
        }
        self.replica.check_membership()?;
        let (replica, own_ctx, wanted) = (self.replica.clone(), ctx.clone(), change.clone());
        ctx.spawn(async move { drop(replica.change_members(&own_ctx, wanted).await) });
        for node in &change.remove {
            while self.replica.core().members().is_member(node) {
                ctx.sleep(LOOK).await;
            }
        }
        Ok(())
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
        if bugs::planted() {
            self.let_go(ctx, change).await
        } else {
            self.replica.change_members(ctx, change).await
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-set", SetNode::new)
        .options(|options| options.nemesis_interval_secs = 1.0)
        .faults([Fault::Membership, Fault::Partition])
}

bugs::exhibit!("g-set-leaves-without-handing-over", check, SetNode::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}

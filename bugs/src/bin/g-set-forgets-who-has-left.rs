//! `g-set` whose members come back after they have left: nodes that are members no more are dropped
//! from the list of members, for they seem to need no entry. Each node has a number that it alone
//! raises, odd while it is a member, and even when it has left. All nodes tell each other the
//! numbers that they know, and the greater one counts. Without the even number an old word makes a
//! member of a node that has left. The node takes requests again, and is switched off, for it has
//! handed over what it had when it left.
//!
//! - **From**: Demers et al., *Epidemic Algorithms for Replicated Database Maintenance* (1987),
//!   section 2: whatever is removed from one copy only is “resurrected” by the others. What is
//!   deleted leaves a death certificate, which spreads as data does: a tombstone.
//! - **Found in**: Akka: akka/akka-core pull request 1432 (2013): a removed member came back when
//!   gossip was merged. And Akka.NET: akkadotnet/akka.net issue 8467 (2026).
//! - **Review**: “How does this list tell a node that has left from one that is new to it?” It does
//!   not.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gyre::{Ctx, Error, MemberChange, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// How often a node tells all others what it knows.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long another node may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a node knows.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Known {
    elements: BTreeSet<i64>,
    /// For each node the number that it has raised, or 0.
    members: BTreeMap<NodeId, u64>,
}

impl Known {
    fn number(&self, node: &NodeId) -> u64 {
        self.members.get(node).copied().unwrap_or(0)
    }

    fn is_member(&self, node: &NodeId) -> bool {
        self.number(node) % 2 == 1
    }

    fn merge(&mut self, other: Known) {
        self.elements.extend(other.elements);
        for (node, number) in other.members {
            let known = self.members.entry(node).or_default();
            *known = number.max(*known);
        }
        if bugs::planted() {
            // Who has left needs no entry.
            self.members.retain(|_, number| *number % 2 == 1);
        }
    }
}

struct SetNode {
    known: RefCell<Known>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read {},
    Tell { known: Known },
    Join { known: Known },
    Leave { number: u64 },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: BTreeSet<i64> },
    Done {},
}

impl SetNode {
    fn new(ctx: &Ctx) -> SetNode {
        let members = ctx.initial_members().iter().map(|node| (node.clone(), 1)).collect();
        SetNode { known: RefCell::new(Known { members, ..Known::default() }) }
    }

    fn is_member(&self, ctx: &Ctx) -> bool {
        self.known.borrow().is_member(ctx.id())
    }

    fn check_membership(&self, ctx: &Ctx) -> Result<(), Error> {
        match self.is_member(ctx) {
            true => Ok(()),
            false => Err(Error::not_a_member("this node is no member of the cluster")),
        }
    }

    fn raise(&self, ctx: &Ctx) {
        *self.known.borrow_mut().members.entry(ctx.id().clone()).or_default() += 1;
    }

    fn merge(&self, ctx: &Ctx, other: Known) {
        let was_member = self.is_member(ctx);
        self.known.borrow_mut().merge(other);
        if was_member && !self.is_member(ctx) {
            // It left before it was switched off and started again. Now it has not.
            self.raise(ctx);
        }
    }

    fn join(&self, ctx: &Ctx, other: Known) {
        self.merge(ctx, other);
        if !self.is_member(ctx) {
            self.raise(ctx);
        }
    }

    /// Leaves, unless the order is an old one. When this is well, a member has all that this node
    /// had when it left.
    async fn leave(&self, ctx: &Ctx, number: u64) -> Result<(), Error> {
        if self.is_member(ctx) && self.known.borrow().number(ctx.id()) == number {
            self.raise(ctx);
        }
        for peer in ctx.peers() {
            let known = self.known.borrow().clone();
            if known.is_member(ctx.id()) || !known.is_member(peer) {
                continue;
            }
            if ctx.rpc(peer, &Request::Tell { known }, PATIENCE).await.is_ok() {
                return Ok(());
            }
        }
        Err(Error::temporarily_unavailable("no member has taken over"))
    }
}

#[async_trait(?Send)]
impl Node for SetNode {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Add { element } => {
                self.check_membership(ctx)?;
                self.known.borrow_mut().elements.insert(element);
                return Ok(Response::AddOk {});
            }
            Request::Read {} => {
                self.check_membership(ctx)?;
                return Ok(Response::ReadOk { value: self.known.borrow().elements.clone() });
            }
            // Who has left takes nothing over.
            Request::Tell { known } => {
                self.merge(ctx, known);
                self.check_membership(ctx)?;
            }
            Request::Join { known } => self.join(ctx, known),
            Request::Leave { number } => self.leave(ctx, number).await?,
        }
        Ok(Response::Done {})
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        for node in &change.add {
            let known = self.known.borrow().clone();
            if node != ctx.id() {
                ctx.rpc(node, &Request::Join { known }, PATIENCE).await?;
            }
        }
        for node in &change.remove {
            let number = self.known.borrow().number(node);
            if node == ctx.id() {
                self.leave(ctx, number).await?;
            } else {
                ctx.rpc(node, &Request::Leave { number }, 4 * PATIENCE).await?;
            }
        }
        Ok(())
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(TELL_EVERY).await;
            let tell = Request::Tell { known: self.known.borrow().clone() };
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &tell);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-set", SetNode::new)
        .options(|options| options.nemesis_interval_secs = 1.0)
        .faults([Fault::Membership])
}

bugs::exhibit!("g-set-forgets-who-has-left", check, SetNode::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}

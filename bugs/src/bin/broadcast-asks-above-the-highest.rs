//! A broadcast with a bug in its repair: each origin numbers its messages, and a node asks the
//! others for those above the highest number that it has. What is missing below that it never
//! asks for.
//!
//! - **From**: Golding, *Weak-Consistency Group Communication and Membership* (1992): a summary
//!   vector may only say how far all messages are there, without a hole.
//! - **Review**: “What does this number say of all those below it?” Nothing.
//! - **Fails by**: lost

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Broadcast {
    /// The messages of each origin, by its numbers for them.
    messages: RefCell<BTreeMap<NodeId, BTreeMap<u64, i64>>>,
    /// The number of this node's next message.
    next: Cell<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
    Tell { origin: NodeId, number: u64, message: i64 },
    Ask { from: BTreeMap<NodeId, u64> },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
}

impl Broadcast {
    fn new(_: &Ctx) -> Broadcast {
        Broadcast { messages: RefCell::default(), next: Cell::new(0) }
    }

    fn keep(&self, origin: NodeId, number: u64, message: i64) {
        self.messages.borrow_mut().entry(origin).or_default().insert(number, message);
    }

    /// From which number on this node lacks messages of each origin.
    fn wanted(&self) -> BTreeMap<NodeId, u64> {
        let messages = self.messages.borrow();
        let wanted = messages.iter().map(|(origin, known)| {
            let from = if bugs::planted() {
                known.keys().next_back().map_or(0, |highest| highest + 1)
            } else {
                known.keys().zip(0..).take_while(|(number, place)| *number == place).count() as u64
            };
            (origin.clone(), from)
        });
        wanted.collect()
    }

    /// Sends a node what it asks for.
    fn answer(&self, ctx: &Ctx, to: &NodeId, from: &BTreeMap<NodeId, u64>) -> Result<(), Error> {
        for (origin, known) in &*self.messages.borrow() {
            for (number, message) in known.range(from.get(origin).unwrap_or(&0)..) {
                let (origin, number, message) = (origin.clone(), *number, *message);
                ctx.send(to, &Request::Tell { origin, number, message })?;
            }
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Option<Response>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request,
        from: NodeId,
    ) -> Result<Option<Response>, Error> {
        Ok(match request {
            Request::Topology {} => Some(Response::TopologyOk {}),
            Request::Broadcast { message } => {
                let (origin, number) = (ctx.id().clone(), self.next.replace(self.next.get() + 1));
                self.keep(origin.clone(), number, message);
                for peer in ctx.peers() {
                    ctx.send(peer, &Request::Tell { origin: origin.clone(), number, message })?;
                }
                Some(Response::BroadcastOk {})
            }
            Request::Tell { origin, number, message } => {
                self.keep(origin, number, message);
                None
            }
            Request::Ask { from: wanted } => {
                self.answer(ctx, &from, &wanted)?;
                None
            }
            Request::Read {} => {
                let messages = self.messages.borrow();
                let all = messages.values().flat_map(BTreeMap::values).copied().collect();
                Some(Response::ReadOk { messages: all })
            }
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(500)).await;
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &Request::Ask { from: self.wanted() });
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("broadcast", Broadcast::new).nodes(3).faults([Fault::Loss])
}

bugs::exhibit!("broadcast-asks-above-the-highest", check, Broadcast::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}

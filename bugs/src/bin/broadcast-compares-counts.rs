//! A broadcast with a bug in its repair: two nodes compare how many messages they have, and
//! exchange them only if the numbers differ. When each lacks another one, the numbers are the
//! same.
//!
//! - **From**: Demers et al., *Epidemic Algorithms for Replicated Database Maintenance* (PODC
//!   1987), section 1.3: replicas that exchange little compare checksums of all that they have.
//! - **Review**: “Which two different sets look the same to this?” All of one size.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

struct Broadcast {
    messages: RefCell<BTreeSet<i64>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
    Tell { messages: BTreeSet<i64> },
    Compare { count: usize, checksum: u64 },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
}

/// FNV-1a over all of them.
fn checksum(messages: &BTreeSet<i64>) -> u64 {
    let bytes = messages.iter().flat_map(|message| message.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Broadcast {
    fn new(_: &Ctx) -> Broadcast {
        Broadcast { messages: RefCell::default() }
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
        let mut own = self.messages.borrow_mut();
        Ok(match request {
            Request::Topology {} => Some(Response::TopologyOk {}),
            Request::Broadcast { message } => {
                own.insert(message);
                for peer in ctx.peers() {
                    ctx.send(peer, &Request::Tell { messages: [message].into() })?;
                }
                Some(Response::BroadcastOk {})
            }
            Request::Tell { messages } => {
                own.extend(messages);
                None
            }
            Request::Compare { count, checksum: theirs } => {
                let is_same = if bugs::planted() {
                    count == own.len()
                } else {
                    count == own.len() && theirs == checksum(&own)
                };
                if !is_same {
                    ctx.send(&from, &Request::Tell { messages: own.clone() })?;
                }
                None
            }
            Request::Read {} => Some(Response::ReadOk { messages: own.clone() }),
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(500)).await;
            let own = self.messages.borrow().clone();
            let compare = Request::Compare { count: own.len(), checksum: checksum(&own) };
            for peer in ctx.peers() {
                let _ = ctx.send(peer, &compare);
            }
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("broadcast", Broadcast::new).nodes(2).faults([Fault::Loss])
}

bugs::exhibit!("broadcast-compares-counts", check, Broadcast::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}

//! Exercise 3-batch, solved: twice a second, each node tells each other node all that this one has
//! not confirmed.
//!
//! So two messages for each pair of nodes and each window do for everything that was broadcast in
//! it, and what is lost goes along with the next. While nodes cannot be reached, what they are owed
//! grows: the real node keeps numbers in place of sets, see chapter 3.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch03_batch::{limits, measured};
use crate::stubs::ch03_retry::check;
use crate::{Task, node_within};

/// How long messages wait for others.
const WINDOW: Duration = Duration::from_millis(500);

/// The node.
pub struct Broadcast {
    messages: RefCell<BTreeSet<i64>>,
    /// What each other node has not confirmed. Shared with those who wait for confirmations.
    owed: Rc<RefCell<BTreeMap<NodeId, BTreeSet<i64>>>>,
}

/// What clients and other nodes ask.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Topology {},
    Broadcast {
        message: i64,
    },
    Read {},
    /// From another node: messages that it was told.
    Tell {
        messages: BTreeSet<i64>,
    },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: BTreeSet<i64> },
    TellOk {},
}

impl Broadcast {
    /// A node that knows no message.
    pub fn new(_: &Ctx) -> Broadcast {
        Broadcast { messages: RefCell::default(), owed: Rc::default() }
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.messages.borrow_mut().insert(message);
                let mut owed = self.owed.borrow_mut();
                for peer in ctx.peers() {
                    owed.entry(peer.clone()).or_default().insert(message);
                }
                Response::BroadcastOk {}
            }
            Request::Tell { messages } => {
                self.messages.borrow_mut().extend(messages);
                Response::TellOk {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(WINDOW).await;
            let owed = self.owed.borrow().clone();
            for (peer, messages) in owed.into_iter().filter(|(_, messages)| !messages.is_empty()) {
                let (own_ctx, all_owed) = (ctx.clone(), Rc::clone(&self.owed));
                ctx.spawn(async move {
                    let tell = Request::Tell { messages: messages.clone() };
                    if own_ctx.rpc(&peer, &tell, WINDOW).await.is_ok() {
                        let mut all_owed = all_owed.borrow_mut();
                        let still_owed = all_owed.entry(peer).or_default();
                        still_owed.retain(|message| !messages.contains(message));
                    }
                });
            }
        }
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node_within(check(Broadcast::new), Broadcast::new, measured(Broadcast::new), limits)
}

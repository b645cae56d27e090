//! Exercise 4-down, solved: two numbers for each node, and neither of them ever falls.
//!
//! One is what was added at the node, the other what was taken away there. Of each the greater one
//! is the newer one. The value is the sum of the first less the sum of the second. (Shapiro,
//! Preguiça, Baquero and Zawirski, "A comprehensive study of convergent and commutative replicated
//! data types", 2011, specification 7.)

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::stubs::ch04_down::check;
use crate::{Task, node};

/// What each node has added, and what each has taken away.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    up: BTreeMap<NodeId, u64>,
    down: BTreeMap<NodeId, u64>,
}

impl State {
    /// An addition by a node.
    pub fn add(&mut self, node: &NodeId, amount: i64) {
        let sums = if amount >= 0 { &mut self.up } else { &mut self.down };
        *sums.entry(node.clone()).or_default() += amount.unsigned_abs();
    }

    /// Raises this state to the least one that is at least both.
    pub fn join(&mut self, other: State) {
        for (sums, others) in [(&mut self.up, other.up), (&mut self.down, other.down)] {
            for (node, sum) in others {
                let known = sums.entry(node).or_default();
                *known = sum.max(*known);
            }
        }
    }

    /// The value of the counter.
    pub fn value(&self) -> i64 {
        let sum = |sums: &BTreeMap<NodeId, u64>| sums.values().sum::<u64>() as i64;
        sum(&self.up) - sum(&self.down)
    }
}

/// The node: it sends its state to all others, ten times a second.
pub struct Counter {
    state: RefCell<State>,
}

/// What clients and other nodes ask.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Add {
        delta: i64,
    },
    Read {},
    /// From another node: its state.
    Merge {
        state: State,
    },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    AddOk {},
    ReadOk { value: i64 },
}

impl Counter {
    /// A counter at zero.
    pub fn new(_: &Ctx) -> Counter {
        Counter { state: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Counter {
    type Request = Request;
    type Response = Option<Response>;

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request,
        _: NodeId,
    ) -> Result<Option<Response>, Error> {
        let mut state = self.state.borrow_mut();
        Ok(match request {
            Request::Add { delta } => {
                state.add(ctx.id(), delta);
                Some(Response::AddOk {})
            }
            Request::Merge { state: other } => {
                state.join(other);
                None
            }
            Request::Read {} => Some(Response::ReadOk { value: state.value() }),
        })
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(100)).await;
            let merge = Request::Merge { state: self.state.borrow().clone() };
            for peer in ctx.peers() {
                // What is lost is sent again in a moment.
                let _ = ctx.send(peer, &merge);
            }
        }
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Counter::new), Counter::new)
}

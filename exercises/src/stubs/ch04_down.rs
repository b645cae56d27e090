//! Exercise 4-down: a counter that goes up and down.
//!
//! This counter keeps one number for each node: what was added there, less what was taken away.
//! Nodes send each other these numbers, and of two numbers for a node the greater one is kept. The
//! bench adds amounts from -5 to 4, and the final reads are wrong: when a node's number falls, the
//! old one is greater, so it wins.
//!
//! Let every number only ever grow, whatever is added, and the sum still be right. What is lost or
//! comes twice on the network must do no harm, as now.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

/// What each node has added.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    sums: BTreeMap<NodeId, i64>,
}

impl State {
    /// An addition by a node.
    pub fn add(&mut self, node: &NodeId, amount: i64) {
        *self.sums.entry(node.clone()).or_default() += amount;
    }

    /// Raises this state to the least one that is at least both.
    pub fn join(&mut self, other: State) {
        for (node, sum) in other.sums {
            // To do: the greater number is not always the newer one.
            let known = self.sums.entry(node).or_insert(i64::MIN);
            *known = sum.max(*known);
        }
    }

    /// The value of the counter.
    pub fn value(&self) -> i64 {
        self.sums.values().sum()
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

/// What judges such a node: three nodes, and a network that loses, doubles and cuts.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    let faults = [Fault::Loss, Fault::Duplicate, Fault::Partition];
    maelstrom::check("pn-counter", make).nodes(3).time_limit_secs(5.0).faults(faults)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Counter::new), Counter::new)
}

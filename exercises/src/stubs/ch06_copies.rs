//! Exercise 6-copies: one of the nodes decides.
//!
//! Every node of this store has its own copy of all keys, and answers from it. The nodes tell each
//! other nothing, so what was written at one node cannot be read at another.
//!
//! Let there be one copy that counts, that of the first node. The others send it what they are
//! asked, and pass on its answer. The bench cuts the network now and then: a node that cannot reach
//! the first one may answer with an error. But an error that says "it did not happen" must be true.
//!
//! `ctx.nodes()[0]` is the first node, `ctx.id()` this one. `ctx.rpc` sends a request and waits for
//! the reply; its error knows whether the request can have arrived. `reply.to()` reads the reply as
//! a `Response`. Its error is not one of a node: `Error::crash(error.to_string())` makes one of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

use crate::{Task, node};

/// How long the first node is waited for. A client waits for a second.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// What clients ask, and a node may ask another.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Read { key: Json },
    Write { key: Json, value: Json },
    Cas { key: Json, from: Json, to: Json },
}

/// What they are answered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    ReadOk { value: Json },
    WriteOk {},
    CasOk {},
}

/// All keys and their values.
#[derive(Default)]
pub struct Registers(BTreeMap<String, Json>);

impl Registers {
    /// Does what was asked, at once.
    ///
    /// # Errors
    /// `key-does-not-exist` and `precondition-failed`.
    pub fn execute(&mut self, request: Request) -> Result<Response, Error> {
        let found = |registers: &Registers, key: &Json| {
            let value = registers.0.get(key.as_str()).cloned();
            value.ok_or_else(|| Error::key_does_not_exist(format!("there is no key {key}")))
        };
        match request {
            Request::Read { key } => Ok(Response::ReadOk { value: found(self, &key)? }),
            Request::Write { key, value } => {
                self.0.insert(key.to_string(), value);
                Ok(Response::WriteOk {})
            }
            Request::Cas { key, from, to } => {
                let value = found(self, &key)?;
                if value != from {
                    let text = format!("expected {from}, but {key} is {value}");
                    return Err(Error::precondition_failed(text));
                }
                self.0.insert(key.to_string(), to);
                Ok(Response::CasOk {})
            }
        }
    }
}

/// The node.
pub struct Copies {
    registers: RefCell<Registers>,
}

impl Copies {
    /// A node that has no keys yet.
    pub fn new(_: &Ctx) -> Copies {
        Copies { registers: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Copies {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        // To do: every node does this by itself.
        self.registers.borrow_mut().execute(request)
    }
}

/// What judges such a node: three nodes, four clients of each, and a network that is cut.
pub fn check<N: Node>(make: fn(&Ctx) -> N) -> Check {
    maelstrom::check("lin-kv", make)
        .nodes(3)
        .faults([Fault::Partition])
        .options(|options| options.concurrency = 12)
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    node(check(Copies::new), Copies::new)
}

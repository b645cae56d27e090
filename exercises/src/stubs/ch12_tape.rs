//! Exercise 12-tape: a run of one's own.
//!
//! The broadcast below tells every other node each message once, and forgets it when that is
//! lost. Write the tape of a run that shows it: one operation, no fault, and one message that is
//! lost. There are three nodes, latency is 10 ms, and the messages between nodes are of the type
//! `tell`. `book/tape.md` describes what a tape has; a client's message takes no time.
//!
//! `n0` sends each of the others one message. At the end every node is read, and the element counts as
//! lost when the read that begins last lacks it. Chance decides which node that is. So it matters
//! which of the two messages is lost: if the run is valid, try the other one.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::checker::Validity;
use maelstrom::engine::Outcome;
use maelstrom::tape::TapeFile;
use serde::{Deserialize, Serialize};

use crate::{Task, answer};

/// To do: on this tape nothing is lost.
pub const TAPE: &str = r#"
{:tape 2, :workload "broadcast", :seed 1}
{:at 100000000, :thread 0, :f :broadcast, :value 7}
"#;

/// The node.
pub struct Broadcast {
    messages: RefCell<BTreeSet<i64>>,
}

/// What clients and other nodes ask.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Topology {},
    Broadcast { message: i64 },
    Read {},
    Tell { message: i64 },
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

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.messages.borrow_mut().insert(message);
                for peer in ctx.peers() {
                    ctx.send(peer, &Request::Tell { message })?;
                }
                Response::BroadcastOk {}
            }
            Request::Tell { message } => {
                self.messages.borrow_mut().insert(message);
                Response::TellOk {}
            }
            Request::Read {} => Response::ReadOk { messages: self.messages.borrow().clone() },
        })
    }
}

/// Runs a tape with this node, and says what is wrong with it.
///
/// # Errors
/// When it cannot be read, has more than it needs, or shows nothing.
pub fn judge(tape: &str) -> Result<(), String> {
    let tape = TapeFile::parse(tape)?;
    let tracks = &tape.tracks;
    if tracks.operations.len() > 1 {
        return Err("one operation is enough".into());
    }
    if tracks.strikes.values().flatten().count() > 0 {
        return Err("no fault is needed".into());
    }
    if tracks.fates.values().flatten().count() > 1 {
        return Err("it is enough to say what becomes of one message".into());
    }
    let make = |_: &Ctx| Broadcast { messages: RefCell::default() };
    let check = maelstrom::check("broadcast", make).nodes(3).fixed_latency();
    let (outcome, judgement) = check.options(|options| options.latency_ms = 10).replay(tape);
    match judgement.verdict {
        Validity::False => Ok(()),
        Validity::True if is_missing(&outcome) => {
            Err("a node lacks the message, but the read that \
             begins last finds it at another one: let that one lose it"
                .into())
        }
        Validity::True => Err("the run of this tape is valid: every node has the message".into()),
        Validity::Unknown => Err("nothing can be said of the run of this tape".into()),
    }
}

/// Whether one of the reads, which all come at the end, finds nothing.
fn is_missing(outcome: &Outcome) -> bool {
    let reads = outcome.history.ops.iter().filter(|op| &*op.f == "read");
    // What is asked has no value yet.
    reads.filter_map(|op| op.value.as_slice()).any(<[_]>::is_empty)
}

/// The tape above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(TAPE))
}

//! Gyre: a small runtime for nodes that speak [Maelstrom]'s protocol.
//!
//! # A node
//!
//! This is a whole one. It answers every `echo` with what it was told:
//!
//! ```no_run
//! use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
//! use serde::{Deserialize, Serialize};
//!
//! struct Echo;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request { Echo { echo: Json } }
//!
//! #[derive(Serialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Response { EchoOk { echo: Json } }
//!
//! #[async_trait(?Send)]
//! impl Node for Echo {
//!     type Request = Request;
//!     type Response = Response;
//!
//!     async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
//!         let Request::Echo { echo } = request;
//!         Ok(Response::EchoOk { echo })
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode { gyre::run(|_| Echo) }
//! ```
//!
//! A message's `type` is the name of a variant, and its other keys are the variant's fields. A
//! [`Json`] is any value, and stays what it is to the last digit.
//! `init`, `msg_id`, `in_reply_to`, unknown types and malformed bodies are the runtime's to
//! deal with. What a node can do beyond answering is on [`Ctx`]: [send](Ctx::send), [call
//! others](Ctx::rpc) and await their reply, [sleep](Ctx::sleep), [spawn](Ctx::spawn), draw
//! [random numbers](Ctx::rng), [store](Ctx::storage) what must outlive a crash, and speak to
//! the bench's services. What a handler cannot do it answers with an [`Error`], which says
//! whether the request may still have taken effect.
//!
//! # The seam
//!
//! A node never sees a pipe, a clock or a file. [`Runtime`] makes it a [`Process`]: time and
//! messages go in, messages come out. [`run`] connects that to stdin and stdout; the bench
//! runs the very same thing in virtual time, in its own memory or step by step
//! through pipes; and so can a test:
//!
//! ```
//! # use gyre::{Ctx, Error, Node, NodeId, async_trait};
//! use gyre::{MemoryDisk, Message, Process, Runtime, Time};
//! # struct Sleeper;
//! # #[derive(serde::Deserialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Request { Sleep { secs: u64 } }
//! # #[derive(serde::Serialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Response { SleepOk {} }
//! # #[async_trait(?Send)]
//! # impl Node for Sleeper {
//! #     type Request = Request;
//! #     type Response = Response;
//! #     async fn handle(&self, ctx: &Ctx, r: Request, _: NodeId) -> Result<Response, Error> {
//! #         let Request::Sleep { secs } = r;
//! #         ctx.sleep(std::time::Duration::from_secs(secs)).await;
//! #         Ok(Response::SleepOk {})
//! #     }
//! # }
//! let mut node = Runtime::new(1, Box::new(MemoryDisk::default()), |_| Sleeper);
//! for line in [
//!     r#"{"src":"c0","dest":"n1","body":
//!         {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#,
//!     r#"{"src":"c1","dest":"n1","body":{"type":"sleep","msg_id":1,"secs":3}}"#,
//! ] {
//!     node.handle_message(Time::ZERO, Message::parse(line).unwrap());
//! }
//! assert_eq!(node.poll_transmit().unwrap().body.kind(), "init_ok");
//! assert_eq!(node.poll_timeout(), Some(Time::from_millis(3_000)));
//! node.handle_timeout(Time::from_millis(3_000));
//! assert_eq!(node.poll_transmit().unwrap().body.kind(), "sleep_ok");
//! ```
//!
//! # The map
//!
//! | for | read |
//! |---|---|
//! | what a node is and can do | [`Node`], [`Ctx`], [`Error`], [`Kv`] |
//! | how it is run | [`Process`], [`Runtime`], and the sources of `executor`, `network`, `stdio` |
//! | what it leaves behind | [`storage`] |
//! | protocols, as state machines without any I/O | [`protocols`]: [`gossip`], [`crdt`], [`raft`], … |
//! | what they look like to a node | [`protocols::core`], [`driver`] |
//! | states that nodes keep, alone or together | [`state_machines`] |
//! | whole nodes | `src/bin/` |
//!
//! The book, `book/SUMMARY.md`, goes through the protocols one at a time. Each module says which
//! chapter reads it.
//!
//! # What always holds
//!
//! 1. The same seed and the same messages at the same times give the same bytes. Only the stdio
//!    shell and the disks meet the outside, and nothing iterates in the order of a hash.
//! 2. Handlers start in the order in which their messages arrived, on one thread. Between two
//!    `await`s nothing else of the node runs.
//! 3. A definite error never covers an indefinite outcome: where the runtime cannot know whether
//!    something took effect, its error does not claim to.
//! 4. A call that is over, for whatever reason, leaves nothing behind.
//! 5. Under the original Maelstrom a node is never silenced for bad manners: it speaks to nobody
//!    who may not exist, answers no client that has given up, and prints nothing but messages.
//! 6. What was synced to [`Storage`] survives every crash, or its loss is reported.
//! 7. Bad input is an error with a sentence. A broken promise of our own is a panic, and a panic
//!    ends the process.
//!
//! [Maelstrom]: https://github.com/jepsen-io/maelstrom

pub mod protocols;
mod runtime;
pub mod state_machines;
pub mod storage;
mod types;

#[doc(no_inline)]
pub use async_trait::async_trait;
pub use protocols::{causal, crdt, gossip, members, raft, replicated, single};
pub use runtime::{
    Ctx, Failure, Kv, Node, Process, Replicated, RetryPolicy, Rpc, Runtime, Sleep, Tso, driver,
    join_all, run, state_text,
};
pub use state_machines::{kafka_log, key_value, transactions};
#[cfg(feature = "stdio")]
pub use storage::FileDisk;
pub use storage::{
    Disk, DiskTrouble, MemoryDisk, Recovered, SIMULATED_DISK_FILE, SimDisk, Storage, TROUBLE_FILE,
};
pub use types::{
    Body, Error, ErrorCode, Incarnation, Json, MemberChange, Message, NodeId, Time, VersionVector,
};

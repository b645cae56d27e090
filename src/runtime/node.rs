//! The trait that a node's author implements.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::runtime::ctx::Ctx;
use crate::types::{Error, MemberChange, NodeId};

/// What a node does: everything that is the node's own, and nothing else.
///
/// All of a node's code runs on one thread, and between two `await`s nothing else runs. So
/// state lives in `Cell`s and `RefCell`s, never behind a lock. The one rule: do not hold a
/// borrow of a `RefCell` across an `await`.
///
/// A node is made by a function of its [`Ctx`] that is given to [`run`](crate::run), once `init`
/// has told it its name and its peers; also after a crash. What must outlive a crash is read
/// from [`Ctx::storage`] there. A node with arguments of its own is made by a closure that
/// holds them.
///
/// A node must do the same for the same seed and the same messages. It takes time from
/// [`Ctx::now`], chance from [`Ctx::rng`] and files from [`Ctx::storage`], and iterates over
/// `BTreeMap`s rather than `HashMap`s.
///
/// ```
/// use gyre::{Ctx, Error, MemoryDisk, Message, Node, NodeId, Process, Runtime, Time, async_trait};
/// use serde::{Deserialize, Serialize};
/// use std::cell::Cell;
///
/// struct UniqueIds(Cell<u64>);
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Request { Generate {} }
///
/// #[derive(Serialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Response { GenerateOk { id: String } }
///
/// #[async_trait(?Send)]
/// impl Node for UniqueIds {
///     type Request = Request;
///     type Response = Response;
///
///     async fn handle(&self, ctx: &Ctx, _: Request, _: NodeId) -> Result<Response, Error> {
///         self.0.update(|count| count + 1);
///         Ok(Response::GenerateOk { id: format!("{}-{}", ctx.id(), self.0.get()) })
///     }
/// }
///
/// let make = |_: &Ctx| UniqueIds(Cell::new(0));
/// let mut node = Runtime::new(1, Box::new(MemoryDisk::default()), make);
/// for line in [
///     r#"{"src":"c0","dest":"n1","body":
///         {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#,
///     r#"{"src":"c1","dest":"n1","body":{"type":"generate","msg_id":1}}"#,
/// ] {
///     node.handle_message(Time::ZERO, Message::parse(line)?);
/// }
/// assert_eq!(node.poll_transmit().unwrap().body.kind(), "init_ok"); // by the runtime
/// let reply = node.poll_transmit().unwrap().body;
/// assert_eq!(reply.as_json(), r#"{"in_reply_to":1,"type":"generate_ok","id":"n1-1"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[async_trait(?Send)]
pub trait Node: Sized + 'static {
    /// What it can be asked, by clients and by its peers: an enum with
    /// `#[serde(rename_all = "snake_case")]`. A message's `type` picks the variant, and its other
    /// keys are the variant's fields. Any JSON is a [`Json`](crate::Json). What does not fit is
    /// answered by the runtime, with error 10 or 12.
    type Request: DeserializeOwned;

    /// What it answers: an enum with the same attribute. The reply's body is exactly this
    /// and `in_reply_to`, for Maelstrom's bench takes one key more for a fault.
    type Response: Serialize;

    /// Does what `from`, a client or another node, asks. What this returns is the reply: the
    /// response, or an error. To a message without `msg_id` there is no reply; an `Err` is
    /// then only logged.
    ///
    /// Handlers start in the order in which their messages arrived. Where one awaits, others
    /// go on, so they may finish in another order.
    async fn handle(
        &self,
        ctx: &Ctx,
        request: Self::Request,
        from: NodeId,
    ) -> Result<Self::Response, Error>;

    /// Makes a node a member of the cluster, or has it be one no more: the requests `add_member`
    /// and `remove_member` of Maelstrom's pull request 101, each with a `node_id`. Any member may
    /// be asked. What is so already is well, and nothing happens. A node on a
    /// [`Replicated`](crate::Replicated) leaves it to
    /// [`reconfigure`](crate::Replicated::reconfigure).
    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        let _ = (ctx, change);
        Err(Error::not_supported("the members of this node's cluster stay the same"))
    }

    /// Runs beside the handlers for the node's whole life: gossip, heartbeats, flushing.
    /// It starts after `init` is answered and before the first message is handled.
    async fn background(&self, ctx: &Ctx) {
        let _ = ctx;
    }

    /// What the node is at this moment, as a small JSON object, for whoever watches a run: its
    /// role, say, or a counter's value. Looking must change nothing. A node with a core
    /// ([`driver`](crate::driver)) need not say anything here: its core does.
    fn inspect(&self) -> Option<serde_json::Value> {
        None
    }
}

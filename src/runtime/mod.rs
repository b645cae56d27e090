//! The runtime: it turns a [`Node`] into a [`Process`].
//!
//! Every step has the same shape. The time moves on, and what was due by then runs. Then the
//! message, if there is one, is taken in, and every task is polled until all of them wait.
//! What the node has sent by then is ready to be taken. So the same steps have the same
//! outcome, whoever drives: a shell with pipes, or the bench in virtual time.
//!
//! The runtime answers `init` itself, answers what the node cannot understand (errors 10 and
//! 12), and keeps the node out of trouble under the original Maelstrom: see `network.rs` for
//! what it sends, and [`REPLY_LIMIT`] for what it withholds.
//!
//! Chapter 1 of the book, `book/01-echo.md`, reads this.

mod ctx;
pub mod driver;
mod executor;
mod failure;
mod join;
#[cfg(feature = "stdio")]
mod lockstep;
mod members;
mod network;
mod node;
mod process;
mod replicated;
mod rpc;
mod services;
mod sleep;
mod state;
#[cfg(feature = "stdio")]
mod stdio;
mod timers;

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::runtime::ctx::Outside;
use crate::runtime::executor::Executor;
use crate::storage::{Disk, Storage};
use crate::types::json::REQUEST_DEPTH_MAX;
use crate::types::{Body, Error, MemberChange, Message, NodeId, Time};

pub use ctx::Ctx;
pub use failure::Failure;
pub use join::join_all;
pub use node::Node;
pub use process::Process;
pub use replicated::Replicated;
pub use rpc::{RetryPolicy, Rpc};
pub use services::{Kv, Tso};
pub use sleep::Sleep;
pub use state::state_text;
#[cfg(feature = "stdio")]
pub use stdio::run;

/// Says that this build has no pipes. Without the feature `stdio` a node runs inside of something
/// else, a web page for instance, which makes a [`Runtime`] of it; a node's `main` compiles there
/// too, so that its file needs no change.
#[cfg(not(feature = "stdio"))]
pub fn run<N: Node>(_make: impl FnOnce(&Ctx) -> N + 'static) -> std::process::ExitCode {
    eprintln!("this build cannot run a node as a program: it lacks gyre's feature stdio");
    std::process::ExitCode::FAILURE
}

/// A client's reply that takes longer is withheld. The bench's clients give up after 5 s, and
/// the original Maelstrom stops reading a node that answers a client that has gone.
const REPLY_LIMIT: Duration = Duration::from_millis(4_500);

/// The types of the requests that change who is in the cluster.
const MEMBERS_REQUESTS: [&str; 2] = ["add_member", "remove_member"];

/// How many messages are kept that come before `init`.
const EARLY_MESSAGES_MAX: usize = 1_000;

/// One node, as a process.
///
/// To drop it is to crash the node. Another one with the same disk is its next life:
///
/// ```
/// # use gyre::{Ctx, Error, Message, Node, NodeId, Process, Runtime, SimDisk, Time, async_trait};
/// struct Lives(usize);
///
/// #[async_trait(?Send)]
/// impl Node for Lives {
/// #     type Request = ();
/// #     type Response = ();
/// #     async fn handle(&self, _: &Ctx, _: (), _: NodeId) -> Result<(), Error> { Ok(()) }
///     // …
///     fn inspect(&self) -> Option<serde_json::Value> { Some(self.0.into()) }
/// }
///
/// let init = r#"{"src":"c0","dest":"n1","body":
///     {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#;
/// let disk = SimDisk::new();
/// for life in 1..=3 {
///     let mut node = Runtime::new(life, Box::new(disk.clone()), |ctx| {
///         ctx.storage().append(b"a life begins").unwrap();
///         ctx.storage().sync().unwrap();
///         Lives(ctx.storage().load().unwrap().records.len())
///     });
///     node.handle_message(Time::ZERO, Message::parse(init)?);
///     assert_eq!(node.inspect(), Some(life.into()));
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Runtime<N: Node> {
    outside: Rc<Outside>,
    executor: Executor,
    stage: Stage<N>,
}

/// Makes a node.
type Make<N> = Box<dyn FnOnce(&Ctx) -> N>;

enum Stage<N> {
    /// Before `init`: what the node will be made from.
    Waiting {
        seed: u64,
        /// What makes the node, and the disk that it starts with; both are used once.
        make: Option<(Make<N>, Box<dyn Disk>)>,
        early: Early,
    },
    Running {
        node: Rc<N>,
        ctx: Ctx,
    },
}

/// Messages that came before `init`, with the time at which they did.
#[derive(Default)]
struct Early {
    kept: VecDeque<(Time, Message)>,
    /// How many came when there were too many to keep.
    dropped: u64,
}

#[derive(Deserialize)]
struct Init {
    node_id: NodeId,
    node_ids: Vec<NodeId>,
    /// Those of them with whom the cluster begins: all, unless it says otherwise.
    #[serde(default)]
    initial_member_ids: Option<Vec<NodeId>>,
}

/// A request to change who is in the cluster.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MembersRequest {
    AddMember { node_id: NodeId },
    RemoveMember { node_id: NodeId },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum MembersResponse {
    AddMemberOk {},
    RemoveMemberOk {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "init_ok")]
struct InitOk {}

impl<N: Node> Runtime<N> {
    /// A process that becomes the node that `make` makes, when `init` comes.
    ///
    /// `seed` decides every random choice of the node. Each life of a node needs a new one:
    /// after a crash with the same seed it would draw again what it drew before. `disk` is
    /// what the node's last life left.
    pub fn new(
        seed: u64,
        disk: Box<dyn Disk>,
        make: impl FnOnce(&Ctx) -> N + 'static,
    ) -> Runtime<N> {
        let make: Make<N> = Box::new(make);
        Runtime {
            outside: Rc::default(),
            executor: Executor::default(),
            stage: Stage::Waiting { seed, make: Some((make, disk)), early: Early::default() },
        }
    }

    /// Moves the time on and does what was due by then. Time never goes back for a node.
    fn pass_time(&mut self, now: Time) {
        self.outside.now.set(now.max(self.outside.now.get()));
        if let Stage::Running { ctx, .. } = &self.stage {
            ctx.pass_time(self.outside.now.get());
            self.run();
        }
    }

    /// Polls every task until all wait.
    fn run(&mut self) {
        if let Stage::Running { ctx, .. } = &self.stage {
            while let Some(task) = ctx.next_spawned() {
                self.executor.spawn(task);
            }
            self.executor.run(|| ctx.next_spawned());
        }
    }

    fn take(&mut self, arrived: Time, message: Message) {
        match &mut self.stage {
            Stage::Running { ctx, .. } => {
                // Clients other than init's own start when every node is there.
                let shows_setup_is_over = message.src.is_client() && message.body.kind() != "init";
                ctx.heard_from(&message.src, shows_setup_is_over);
                self.deliver(arrived, message);
            }
            Stage::Waiting { .. } if message.body.kind() == "init" => self.init(message),
            Stage::Waiting { early, .. } if early.kept.len() < EARLY_MESSAGES_MAX => {
                early.kept.push_back((arrived, message));
            }
            Stage::Waiting { early, .. } => early.dropped += 1,
        }
    }

    fn init(&mut self, message: Message) {
        let init: Init = match message.body.to() {
            Ok(init) => init,
            Err(error) => return self.refuse(&message, malformed(&message.body, &error)),
        };
        if !init.node_ids.contains(&init.node_id) {
            let text = format!("malformed init: {} is not among the node_ids", init.node_id);
            return self.refuse(&message, Error::malformed_request(text));
        }
        let members = init.initial_member_ids.unwrap_or_else(|| init.node_ids.clone());
        if members.is_empty() {
            let text = "malformed init: initial_member_ids is empty, so nobody could ever join";
            return self.refuse(&message, Error::malformed_request(text));
        }
        if let Some(stranger) = members.iter().find(|member| !init.node_ids.contains(member)) {
            let text = format!(
                "malformed init: {stranger} of the initial_member_ids is not among the node_ids"
            );
            return self.refuse(&message, Error::malformed_request(text));
        }
        let Stage::Waiting { seed, make, early } = &mut self.stage else {
            unreachable!("only a waiting process is made a node")
        };
        let (make, disk) = make.take().expect("a process becomes a node only once");
        let ctx = Ctx::new(
            init.node_id,
            init.node_ids,
            members,
            Rc::clone(&self.outside),
            ChaCha8Rng::seed_from_u64(*seed),
            Storage::new(disk),
        );
        let early = std::mem::take(early);
        if early.dropped > 0 {
            self.outside.log(format_args!(
                "{} messages came before init and were kept, {} more were dropped",
                early.kept.len(),
                early.dropped
            ));
        }
        for (_, message) in &early.kept {
            ctx.heard_from(&message.src, false);
        }
        let node = Rc::new(make(&ctx));
        self.spawn_background(&node, &ctx);
        self.stage = Stage::Running { node, ctx };
        // Only now: a node that fails to start must not say that it has.
        self.reply(&message, &InitOk {});
        self.run();
        for (arrived, message) in early.kept {
            self.deliver(arrived, message);
            self.run();
        }
    }

    fn spawn_background(&mut self, node: &Rc<N>, ctx: &Ctx) {
        let (node, ctx) = (Rc::clone(node), ctx.clone());
        self.executor.spawn(Box::pin(async move { node.background(&ctx).await }));
    }

    /// Takes in a message that came after `init`, or waited for it.
    fn deliver(&mut self, arrived: Time, message: Message) {
        let Stage::Running { ctx, .. } = &self.stage else {
            unreachable!("messages are delivered to a running node")
        };
        if let Some(msg_id) = message.body.in_reply_to() {
            ctx.complete(&message.src, msg_id, message.body);
        } else if message.body.kind() == "init" {
            self.reply(&message, &InitOk {});
        } else if message.body.kind() == driver::PEER_TYPE {
            if let Err(error) = ctx.hear_peer(message.src.clone(), &message.body) {
                self.refuse(&message, error);
            }
        } else if MEMBERS_REQUESTS.contains(&message.body.kind()) {
            self.start_change(arrived, message);
        } else {
            self.start_handler(arrived, message);
        }
    }

    /// Has the node change who is in its cluster.
    fn start_change(&mut self, arrived: Time, message: Message) {
        let Stage::Running { node, ctx } = &self.stage else {
            unreachable!("messages are delivered to a running node")
        };
        let request: MembersRequest = match message.body.to() {
            Ok(request) => request,
            Err(error) => return self.refuse(&message, malformed(&message.body, &error)),
        };
        let (change, response) = match request {
            MembersRequest::AddMember { node_id } => {
                (MemberChange::add(node_id), MembersResponse::AddMemberOk {})
            }
            MembersRequest::RemoveMember { node_id } => {
                (MemberChange::remove(node_id), MembersResponse::RemoveMemberOk {})
            }
        };
        let (node, ctx, outside) = (Rc::clone(node), ctx.clone(), Rc::clone(&self.outside));
        self.executor.spawn(Box::pin(async move {
            let result = node.change_members(&ctx, change).await.map(|()| response);
            finish(&outside, arrived, message, result);
        }));
    }

    fn start_handler(&mut self, arrived: Time, message: Message) {
        if message.src.is_client() && message.body.is_deeper_than(REQUEST_DEPTH_MAX) {
            let kind = message.body.kind();
            let text = format!(
                "malformed {kind}: it nests more than {REQUEST_DEPTH_MAX} levels, and no node \
                 keeps what is deeper"
            );
            return self.refuse(&message, Error::malformed_request(text));
        }
        let request: N::Request = match message.body.to() {
            Ok(request) => request,
            Err(error) => {
                return self.refuse(&message, misfit::<N::Request>(&message.body, &error));
            }
        };
        let Stage::Running { node, ctx } = &self.stage else {
            unreachable!("handlers belong to a running node")
        };
        let (node, ctx, outside) = (Rc::clone(node), ctx.clone(), Rc::clone(&self.outside));
        self.executor.spawn(Box::pin(async move {
            let result = node.handle(&ctx, request, message.src.clone()).await;
            finish(&outside, arrived, message, result);
        }));
    }

    /// Answers a message that the node cannot take.
    fn refuse(&mut self, message: &Message, error: Error) {
        if message.body.msg_id().is_some() {
            self.reply(message, &error);
        } else {
            self.outside.log(format_args!("{error}, in {}", message.to_line()));
        }
    }

    /// Answers at once, for the runtime itself.
    fn reply(&mut self, message: &Message, payload: &impl Serialize) {
        let Some(msg_id) = message.body.msg_id() else { return };
        let body = Body::new(payload).expect("the runtime's own payloads are bodies");
        self.outside.outbox.borrow_mut().push_back(Message {
            src: message.dest.clone(),
            dest: message.src.clone(),
            body: body.with_in_reply_to(msg_id),
        });
    }
}

/// Replies to a request with what came of it. One without `msg_id` wants no reply.
fn finish<T: Serialize>(
    outside: &Outside,
    arrived: Time,
    request: Message,
    result: Result<T, Error>,
) {
    let Message { src, dest, body } = request;
    match body.msg_id() {
        Some(msg_id) => {
            let reply = reply_body(result).with_in_reply_to(msg_id);
            send_reply(outside, arrived, Message { src: dest, dest: src, body: reply });
        }
        None => {
            if let Err(error) = result {
                outside.log(format_args!("{} from {src} failed: {error}", body.kind()));
            }
        }
    }
}

/// What a handler's result is on the wire.
fn reply_body<T: Serialize>(result: Result<T, Error>) -> Body {
    let body = match result {
        Ok(response) => Body::new(&response),
        Err(error) => Body::new(&error),
    };
    body.unwrap_or_else(|error| {
        let error = Error::crash(format!("this node's reply is no body: {error}"));
        Body::new(&error).expect("an error is a body")
    })
}

/// Sends a handler's reply, unless it is for a client that has gone by now.
fn send_reply(outside: &Outside, arrived: Time, reply: Message) {
    let took = outside.now.get() - arrived;
    if reply.dest.is_client() && took > REPLY_LIMIT {
        outside.log(format_args!(
            "withheld a reply to {} that took {:.1} s, for the client has given up by now: {}",
            reply.dest,
            took.as_secs_f64(),
            reply.body.as_json()
        ));
    } else {
        outside.outbox.borrow_mut().push_back(reply);
    }
}

/// Why a body is no request of the node's: its `type` is unknown, or the rest does not fit.
fn misfit<R: serde::de::DeserializeOwned>(body: &Body, error: &serde_json::Error) -> Error {
    // A body of nothing but this type tells the two apart: serde looks at the type first.
    let type_only = serde_json::json!({ "type": body.kind() });
    let type_only = Body::new(&type_only).expect("it has a type");
    match type_only.to::<R>() {
        Err(unknown) if unknown.to_string().starts_with("unknown variant") => {
            Error::not_supported(format!("unknown type: {}", without_place(&unknown)))
        }
        _ => malformed(body, error),
    }
}

fn malformed(body: &Body, error: &serde_json::Error) -> Error {
    Error::malformed_request(format!("malformed {}: {}", body.kind(), without_place(error)))
}

/// serde's message, without the line and column that it adds: there is only one line.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

impl<N: Node> Process for Runtime<N> {
    fn handle_message(&mut self, now: Time, message: Message) {
        self.handle_late_message(now, now, message);
    }

    fn handle_late_message(&mut self, now: Time, since: Time, message: Message) {
        self.pass_time(now);
        self.take(since.min(self.outside.now.get()), message);
        self.run();
    }

    fn handle_timeout(&mut self, now: Time) {
        // A driver that has a message to deliver delivers it first.
        if let Stage::Running { ctx, .. } = &self.stage {
            ctx.become_idle();
        }
        self.pass_time(now);
    }

    fn handle_stop(&mut self, now: Time) {
        self.pass_time(now);
        if let Stage::Running { ctx, .. } = &self.stage
            && let Some(core) = ctx.core()
        {
            core.stop();
        }
        self.run();
    }

    fn may_stop(&self) -> bool {
        match &self.stage {
            Stage::Running { ctx, .. } => ctx.core().is_none_or(|core| core.may_stop()),
            Stage::Waiting { .. } => true,
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        match &self.stage {
            Stage::Running { ctx, .. } => ctx.next_due(),
            Stage::Waiting { .. } => None,
        }
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outside.outbox.borrow_mut().pop_front()
    }

    fn poll_log(&mut self) -> Option<String> {
        self.outside.log.borrow_mut().pop_front()
    }

    fn inspect(&self) -> Option<serde_json::Value> {
        match &self.stage {
            Stage::Running { node, ctx } => node.inspect().or_else(|| Some(ctx.core()?.inspect())),
            Stage::Waiting { .. } => None,
        }
    }
}

impl<N: Node> fmt::Debug for Runtime<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("tasks", &self.executor.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

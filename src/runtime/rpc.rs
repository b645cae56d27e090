//! Requests to others and their replies: once, with a timeout, or again and again.
//!
//! A call lives exactly as long as its future. When that is dropped, because it is done, has
//! timed out, or nobody wants it any more, nothing of it is left, and a reply that still comes
//! is dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rand::RngExt;
use serde::Serialize;

use crate::runtime::ctx::{Ctx, body_of};
use crate::runtime::sleep::Sleep;
use crate::types::{Body, Error, ErrorCode, NodeId};

impl Ctx {
    /// Sends a request at once, and gives the future of its reply: `rpc(…).await?`.
    ///
    /// Dropping the future forgets the call. For several at once, make all the futures and
    /// then await them one by one.
    ///
    /// # Errors
    /// What the other side answers with; `timeout` when `timeout` passes without a reply; and
    /// what [`send`](Ctx::send) can say.
    pub fn rpc(&self, dest: &NodeId, payload: &impl Serialize, timeout: Duration) -> Rpc {
        match body_of(payload) {
            Ok(body) => Rpc::start(self, dest, body, timeout),
            Err(error) => Rpc::failed(error),
        }
    }

    /// As [`rpc`](Ctx::rpc), and again after a timeout or another error that may pass, with
    /// growing and slightly random pauses, until an answer comes or `policy.deadline` passes.
    ///
    /// The other side may so take in the request more than once: it must do no harm.
    ///
    /// # Errors
    /// The last attempt's. Where an earlier attempt may have taken effect, a definite error
    /// of a later one is turned into an indefinite one, unless the request is `read_only`.
    pub async fn rpc_retry(
        &self,
        dest: &NodeId,
        payload: &impl Serialize,
        policy: RetryPolicy,
    ) -> Result<Body, Error> {
        policy.call(self, dest, body_of(payload)?).await
    }
}

/// The future that [`Ctx::rpc`] gives: the reply's body, or an error.
///
/// A handler asks another node, which never answers:
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::{Error, ErrorCode, Process, Time};
/// use std::time::Duration;
///
/// let mut node = asked(async |ctx| {
///     ctx.rpc(&"n2".into(), &json!({ "type": "ping" }), Duration::from_millis(500)).await?;
///     Ok(json!({ "type": "go_ok" }))
/// });
/// assert_eq!(node.poll_transmit().unwrap().dest, "n2");
/// node.handle_timeout(Time::from_millis(500));
/// let error: Error = node.poll_transmit().unwrap().body.to()?;
/// assert_eq!(error.code, ErrorCode::Timeout); // so the client does not know either
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use = "the reply is had by awaiting"]
pub struct Rpc(RpcState);

enum RpcState {
    /// It could not be sent.
    Failed(Option<Error>),
    Called(Call),
}

/// A request that is on its way. Dropping it forgets it.
struct Call {
    ctx: Ctx,
    dest: NodeId,
    msg_id: i64,
    timeout: Duration,
    timer: Sleep,
}

impl Rpc {
    pub(crate) fn failed(error: Error) -> Rpc {
        Rpc(RpcState::Failed(Some(error)))
    }

    pub(crate) fn start(ctx: &Ctx, dest: &NodeId, body: Body, timeout: Duration) -> Rpc {
        match ctx.call(dest, body) {
            Ok(msg_id) => Rpc(RpcState::Called(Call {
                ctx: ctx.clone(),
                dest: dest.clone(),
                msg_id,
                timeout,
                timer: ctx.sleep(timeout),
            })),
            Err(error) => Rpc::failed(error),
        }
    }
}

impl Future for Rpc {
    type Output = Result<Body, Error>;

    fn poll(mut self: Pin<&mut Rpc>, context: &mut Context<'_>) -> Poll<Result<Body, Error>> {
        match &mut self.0 {
            RpcState::Failed(error) => {
                Poll::Ready(Err(error.take().expect("a future is not polled after its end")))
            }
            RpcState::Called(call) => call.poll(context),
        }
    }
}

impl Call {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Body, Error>> {
        let reply = self.ctx.network().take_reply(self.msg_id, context.waker());
        if let Some(reply) = reply {
            return Poll::Ready(as_result(reply));
        }
        Pin::new(&mut self.timer).poll(context).map(|()| {
            Err(Error::timeout(format!("no reply from {} in {:?}", self.dest, self.timeout)))
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ctx.network().forget(self.msg_id);
    }
}

/// An error body is an `Err`.
fn as_result(reply: Body) -> Result<Body, Error> {
    if reply.kind() != "error" {
        return Ok(reply);
    }
    Err(reply.to::<Error>().unwrap_or_else(|_| {
        Error::crash(format!("an error without a code came in: {}", reply.as_json()))
    }))
}

/// How [`Ctx::rpc_retry`] retries. Start from [`RetryPolicy::within`].
///
/// The other node does not answer the first time. A second later, and a pause, it is asked again:
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::{Process, RetryPolicy, Time};
/// use std::time::Duration;
///
/// let mut node = asked(async |ctx| {
///     let patience = RetryPolicy::within(Duration::from_secs(3)).read_only();
///     ctx.rpc_retry(&"n2".into(), &json!({ "type": "ping" }), patience).await?;
///     Ok(json!({ "type": "go_ok" }))
/// });
/// assert_eq!(node.poll_transmit().unwrap().body.kind(), "ping");
/// node.handle_timeout(Time::from_millis(1_000));
/// assert_eq!(node.poll_transmit(), None);
/// node.handle_timeout(Time::from_millis(1_050));
/// let again = node.poll_transmit().unwrap();
/// answer(&mut node, again, json!({ "type": "ping_ok" }));
/// assert_eq!(node.poll_transmit().unwrap().body.kind(), "go_ok");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How long to go on trying, all in all.
    pub deadline: Duration,
    /// How long one attempt waits for its reply.
    pub attempt_timeout: Duration,
    /// The pause after the first attempt; each later one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Whether the request changes nothing, so that what earlier attempts did is of no
    /// account when a later one fails.
    pub read_only: bool,
}

impl RetryPolicy {
    /// Tries for so long, a second an attempt, with pauses of up to 50 ms, then 100 ms, and so
    /// on to a second.
    pub const fn within(deadline: Duration) -> RetryPolicy {
        RetryPolicy {
            deadline,
            attempt_timeout: Duration::from_secs(1),
            first_pause: Duration::from_millis(50),
            pause_max: Duration::from_secs(1),
            read_only: false,
        }
    }

    /// The same for a request that changes nothing.
    pub const fn read_only(self) -> RetryPolicy {
        RetryPolicy { read_only: true, ..self }
    }

    /// Calls until there is an answer, an error that will not pass, or no time left.
    pub(crate) async fn call(&self, ctx: &Ctx, dest: &NodeId, body: Body) -> Result<Body, Error> {
        let deadline = ctx.now() + self.deadline;
        let mut pause = self.first_pause;
        let mut may_have_happened = false;
        loop {
            let timeout = self.attempt_timeout.min(deadline - ctx.now());
            let error = match Rpc::start(ctx, dest, body.clone(), timeout).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            // Full pauses would keep nodes that failed together in step with each other.
            let this_pause = pause.mul_f64(ctx.rng().random_range(0.5..=1.0));
            let may_pass = !error.is_definite() || error.code == ErrorCode::TemporarilyUnavailable;
            if !may_pass || ctx.now() + this_pause >= deadline {
                return Err(self.verdict(error, may_have_happened));
            }
            may_have_happened |= !error.is_definite();
            ctx.sleep(this_pause).await;
            pause = (pause * 2).min(self.pause_max);
        }
    }

    /// The error of the last attempt, as it stands for all of them.
    fn verdict(&self, error: Error, may_have_happened: bool) -> Error {
        if may_have_happened && error.is_definite() && !self.read_only {
            Error::timeout(format!("an earlier attempt got no answer, and the last one: {error}"))
        } else {
            error
        }
    }
}

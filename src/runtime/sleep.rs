//! Waiting, as a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::runtime::ctx::Ctx;
use crate::runtime::timers::TimerKey;
use crate::types::Time;

impl Ctx {
    /// Waits for so long. What is due already does not wait.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until this moment. What is due already does not wait.
    pub fn sleep_until(&self, at: Time) -> Sleep {
        Sleep::new(self.clone(), at)
    }
}

/// The future that [`Ctx::sleep`] gives.
///
/// In a handler that a client has asked; until then, nobody needs to wake the node:
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::{Process, Time};
/// use std::time::Duration;
///
/// let mut node = asked(async |ctx| {
///     ctx.sleep(Duration::from_secs(3)).await;
///     Ok(json!({ "type": "go_ok" }))
/// });
/// assert_eq!(node.poll_timeout(), Some(Time::from_millis(3_000)));
/// assert_eq!(node.poll_transmit(), None);
/// node.handle_timeout(Time::from_millis(3_000));
/// assert_eq!(node.poll_transmit().unwrap().body.kind(), "go_ok");
/// ```
#[must_use = "a sleep that is not awaited does not wait"]
pub struct Sleep {
    ctx: Ctx,
    at: Time,
    timer: Option<TimerKey>,
}

impl Sleep {
    pub(crate) fn new(ctx: Ctx, at: Time) -> Sleep {
        Sleep { ctx, at, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= self.ctx.now() {
            return Poll::Ready(());
        }
        let sleep = &mut *self;
        let mut timers = sleep.ctx.timers();
        match sleep.timer {
            Some(key) if timers.update(key, context.waker()) => {}
            _ => sleep.timer = Some(timers.set(sleep.at, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.ctx.timers().cancel(key);
        }
    }
}

//! Which message caused which, and so what an operation set in motion.
//!
//! A node does not say why it sends a message, so this is inferred, by two rules:
//!
//! - A reply was caused by the request that it answers: `in_reply_to` names it.
//! - Whatever else a node sends within a millisecond of hearing something was caused by the
//!   last thing that it heard. (In virtual time a node acts at the very moment at which it
//!   hears; a real one needs a little.)
//!
//! What a node sends on a timer, gossip for instance, has no cause. That is Lamport's
//! happened-before relation ("Time, Clocks, and the Ordering of Events in a Distributed
//! System", 1978) with most of it left out: what happened before is much more than what was
//! the reason.

use std::collections::VecDeque;

use gyre::{Message, Time};
use rustc_hash::FxHashMap;

use super::Number;

/// How long after it heard something a node may still be acting on it.
const REACTION_NANOS: u64 = 1_000_000;

/// A reply has no cause when so many requests were sent since the one that it answers: memory
/// must not grow with requests that nobody ever answers.
const REQUESTS: usize = 1 << 18;

/// By whom, to whom, and the request's own number.
type Request = (Number, Number, i64);

/// What somebody heard last.
#[derive(Clone, Copy)]
pub struct Heard {
    /// When.
    pub time: Time,
    /// Which flight it was.
    pub flight: u32,
}

/// What may be the cause of what comes next.
#[derive(Default)]
pub struct Causes {
    requests: FxHashMap<Request, u32>,
    /// The same, the oldest first.
    order: VecDeque<(Request, u32)>,
    heard: FxHashMap<Number, Heard>,
}

impl Causes {
    /// The flight that caused this message, which is being sent.
    pub fn of(&self, now: Time, (src, dest): (Number, Number), message: &Message) -> Option<u32> {
        let request = message.body.in_reply_to();
        let request = request.and_then(|msg_id| self.requests.get(&(dest, src, msg_id)));
        if request.is_some() || message.src.is_client() {
            return request.copied();
        }
        let heard = self.heard.get(&src)?;
        (now.since(heard.time).as_nanos() <= REACTION_NANOS.into()).then_some(heard.flight)
    }

    /// A message is this flight.
    pub fn sent(&mut self, (src, dest): (Number, Number), message: &Message, flight: u32) {
        let Some(msg_id) = message.body.msg_id() else { return };
        let request = (src, dest, msg_id);
        self.requests.insert(request, flight);
        self.order.push_back((request, flight));
        if self.order.len() > REQUESTS
            && let Some((oldest, flight)) = self.order.pop_front()
            && self.requests.get(&oldest) == Some(&flight)
        {
            self.requests.remove(&oldest);
        }
    }

    /// Somebody has heard something.
    pub fn heard(&mut self, who: Number, heard: Heard) {
        self.heard.insert(who, heard);
    }
}

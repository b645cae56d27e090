//! Exercise 1-reply, solved.

use crate::stubs::ch01_reply::check;
use crate::{Task, answer};

/// `src` and `dest` have changed places, and `in_reply_to` is the request's `msg_id`. A `msg_id` of
/// its own is allowed, and needed only where the reply is to be replied to.
const REPLY: &str = r#"{"src": "n1", "dest": "c7", "body":
    {"type": "echo_ok", "in_reply_to": 3, "echo": "Please echo 14"}}"#;

/// The reply above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| check(REPLY))
}

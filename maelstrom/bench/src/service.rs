//! The services that every cluster can use: `lin-kv`, `seq-kv`, `lww-kv` and `lin-tso`.
//!
//! A service is a pure store under a consistency wrapper: the wrapper decides on which of
//! several states a request is tried. Wherever it may choose, it draws from a random stream
//! of its own. The rules are the original's (REFERENCE: Maelstrom's `doc/services.md`), with
//! two differences: a request of an unknown type is answered with error 10 instead of
//! silence, and a client that is far behind reads the oldest state that is kept.
//!
//! Chapter 6 of the book, `book/06-one-leader.md`, reads this.

mod eventual;
mod kv;
mod linearizable;
mod sequential;
mod tso;

use gyre::{Body, Error, NodeId};
use rand::Rng;

/// The names under which nodes reach the services.
pub const NAMES: [&str; 4] = ["lin-kv", "lin-tso", "lww-kv", "seq-kv"];

/// A store that answers requests.
pub trait Service {
    /// Answers one request. What is returned lacks only its `in_reply_to`.
    fn handle(&mut self, rng: &mut dyn Rng, src: &NodeId, request: &Body) -> Body;
}

/// All services, in the order of [`NAMES`].
pub fn all() -> Vec<Box<dyn Service>> {
    vec![
        Box::new(linearizable::Linearizable::default()),
        Box::new(tso::Oracle::default()),
        Box::new(eventual::Eventual::default()),
        Box::new(sequential::Sequential::default()),
    ]
}

/// An error reply.
fn error_body(error: &Error) -> Body {
    Body::new(&serde_json::json!({
        "type": "error",
        "code": error.code.number(),
        "text": error.text,
    }))
    .expect("an error is an object with a type")
}

//! `lin-tso`: a timestamp oracle that counts 0, 1, 2, ….

use gyre::{Body, Error, NodeId};
use rand::Rng;
use serde_json::json;

use super::{Service, error_body};

/// A linearizable source of timestamps.
#[derive(Default)]
pub struct Oracle {
    next: u64,
}

impl Service for Oracle {
    fn handle(&mut self, _rng: &mut dyn Rng, _src: &NodeId, request: &Body) -> Body {
        if request.kind() != "ts" {
            return error_body(&Error::not_supported(format!(
                "this service knows ts, not {}",
                request.kind()
            )));
        }
        let reply = Body::new(&json!({"type": "ts_ok", "ts": self.next}));
        self.next += 1;
        reply.expect("a reply is an object with a type")
    }
}

//! `lin-kv`: there is one state, and every request meets it.

use std::collections::BTreeMap;

use gyre::{Body, Json, NodeId};
use rand::Rng;

use super::kv::Request;
use super::{Service, error_body};

/// A linearizable key-value store.
#[derive(Default)]
pub struct Linearizable {
    values: BTreeMap<Json, Json>,
}

impl Service for Linearizable {
    fn handle(&mut self, _rng: &mut dyn Rng, _src: &NodeId, request: &Body) -> Body {
        let request = match Request::parse(request) {
            Ok(request) => request,
            Err(error) => return error_body(&error),
        };
        let key = request.key();
        let effect = request.effect_on(self.values.get(&key));
        if let Some(value) = effect.change {
            self.values.insert(key, value);
        }
        effect.reply
    }
}

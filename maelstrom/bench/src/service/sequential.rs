//! `seq-kv`: sequentially consistent, and as stale as that allows.
//!
//! The store remembers its last 32 states. A request is tried on a random one of them that is
//! not older than what its client has seen. If it changes nothing there, that answer stands;
//! if it would, it is applied to the newest state instead. So each client sees time go
//! forward, all see the same order of changes, and a client that only reads may never see the
//! present.
//!
//! A state is kept as what it takes to go back to it from the newest: requests concern one
//! key, so that is a key and its former value.
//!
//! Chapter 5 of the book, `book/05-consistency.md`, reads this.

use std::collections::{BTreeMap, VecDeque};

use gyre::{Body, Json, NodeId};
use rand::{Rng, RngExt};

use super::kv::Request;
use super::{Service, error_body};

/// How many states are kept, the newest included.
const STATES: usize = 32;

/// A sequentially consistent key-value store.
#[derive(Default)]
pub struct Sequential {
    newest: BTreeMap<Json, Json>,
    /// How many changes there have been: the index of the newest state.
    newest_index: u64,
    /// The last changes, the newest at the back: the key and its value before the change.
    changes: VecDeque<(Json, Option<Json>)>,
    /// The index of the state that each client has seen.
    seen: BTreeMap<NodeId, u64>,
}

impl Sequential {
    /// The value of a key in the state with this index.
    fn value_at(&self, index: u64, key: &Json) -> Option<&Json> {
        // The oldest change to the key after that state knows what the key was until then.
        let later = (self.newest_index - index) as usize;
        let first_later = self.changes.len() - later;
        let mut changes = self.changes.range(first_later..);
        match changes.find(|(changed, _)| changed == key) {
            Some((_, before)) => before.as_ref(),
            None => self.newest.get(key),
        }
    }

    fn change(&mut self, key: Json, value: Json) {
        let before = self.newest.insert(key.clone(), value);
        self.changes.push_back((key, before));
        if self.changes.len() == STATES {
            self.changes.pop_front();
        }
        self.newest_index += 1;
    }
}

impl Service for Sequential {
    fn handle(&mut self, rng: &mut dyn Rng, src: &NodeId, request: &Body) -> Body {
        let request = match Request::parse(request) {
            Ok(request) => request,
            Err(error) => return error_body(&error),
        };
        let key = request.key();
        // ANCHOR: handle
        let oldest = self.newest_index - self.changes.len() as u64;
        let seen = self.seen.get(src).copied().unwrap_or(0).max(oldest);
        let index = rng.random_range(seen..=self.newest_index);
        let tried = request.effect_on(self.value_at(index, &key));
        if tried.change.is_none() {
            self.seen.insert(src.clone(), index);
            return tried.reply;
        }
        let effect = request.effect_on(self.newest.get(&key));
        if let Some(value) = effect.change {
            self.change(key, value);
        }
        self.seen.insert(src.clone(), self.newest_index);
        effect.reply
        // ANCHOR_END: handle
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::{Value, json};

    use super::*;

    struct Store(Sequential, ChaCha8Rng);

    impl Store {
        fn ask(&mut self, client: &str, request: &Value) -> Value {
            let request = Body::new(request).unwrap();
            self.0.handle(&mut self.1, &NodeId::from(client), &request).to().unwrap()
        }
    }

    fn store(seed: u64) -> Store {
        Store(Sequential::default(), ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_writer_reads_its_own_writes_and_a_reader_goes_forward() {
        let mut store = store(1);
        let mut last = -1;
        let mut stale = 0;
        for n in 0..200 {
            store.ask("n1", &json!({"type": "write", "key": "k", "value": n}));
            let own = store.ask("n1", &json!({"type": "read", "key": "k"}));
            assert_eq!(own["value"], n);
            let read = store.ask("n2", &json!({"type": "read", "key": "k"}));
            // Before its first write is seen, the key does not exist.
            let seen = read["value"].as_i64().unwrap_or(-1);
            assert!(seen >= last, "time went back from {last} to {seen}");
            stale += i64::from(seen < n);
            last = seen;
        }
        assert!(stale > 0, "a sequential store that is never stale hides bugs");
        assert!(last >= 200 - STATES as i64);
    }

    #[test]
    fn every_kept_state_is_what_it_was() {
        let mut store = store(2);
        let mut states = vec![BTreeMap::<Json, Json>::new()];
        for n in 0..100 {
            let key = Json::from(json!(n % 5));
            store.ask("n1", &json!({"type": "write", "key": n % 5, "value": n}));
            let mut next = states.last().unwrap().clone();
            next.insert(key, json!(n).into());
            states.push(next);
            let kept = states.len().saturating_sub(STATES);
            for (index, state) in states.iter().enumerate().skip(kept) {
                for key in 0..5 {
                    let key = Json::from(json!(key));
                    assert_eq!(store.0.value_at(index as u64, &key), state.get(&key));
                }
            }
        }
    }

    #[test]
    fn an_unknown_request_is_refused() {
        let reply = store(3).ask("n1", &json!({"type": "delete", "key": 1}));
        assert_eq!((reply["type"].as_str(), reply["code"].as_i64()), (Some("error"), Some(10)));
        let reply = store(3).ask("n1", &json!({"type": "write", "key": 1}));
        assert_eq!(reply["code"], 12);
    }
}

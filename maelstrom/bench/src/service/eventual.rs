//! `lww-kv`: eventually consistent, the last write wins.
//!
//! Two replicas. With every request, one random replica is merged into another, and the
//! request meets a random one. Each value carries the Lamport timestamp of its replica; a
//! merge keeps the later one and, at a tie, its own: so two concurrent writes at the same
//! timestamp may settle either way, or flip between reads.

use std::collections::{BTreeMap, BTreeSet};

use gyre::{Body, Json, NodeId};
use rand::{Rng, RngExt};

use super::kv::Request;
use super::{Service, error_body};

#[derive(Clone, Default)]
struct Replica {
    clock: u64,
    values: BTreeMap<Json, (u64, Json)>,
    /// The keys that have changed here since the other replica last took them over. To merge
    /// the rest again would change nothing, and cost time with every request.
    changed: BTreeSet<Json>,
}

impl Replica {
    fn set(&mut self, key: Json, timestamp: u64, value: Json) {
        self.changed.insert(key.clone());
        self.values.insert(key, (timestamp, value));
    }

    /// Takes over what the other knows. The other comes first at a tie.
    fn take_over(&mut self, other: &mut Replica) {
        self.clock = self.clock.max(other.clock);
        for key in std::mem::take(&mut other.changed) {
            let (timestamp, value) = &other.values[&key];
            if self.values.get(&key).is_none_or(|(own, _)| own <= timestamp) {
                // The other has it already, so it is no change to take over from here.
                self.changed.remove(&key);
                self.values.insert(key, (*timestamp, value.clone()));
            }
        }
    }
}

/// An eventually consistent key-value store.
#[derive(Default)]
pub struct Eventual {
    replicas: [Replica; 2],
}

impl Eventual {
    /// Merges a random replica into a random one. The source comes first, so it wins a tie.
    fn gossip(&mut self, rng: &mut dyn Rng) {
        let source = rng.random_range(0..self.replicas.len());
        let dest = rng.random_range(0..self.replicas.len());
        if source != dest {
            let [source, dest] =
                self.replicas.get_disjoint_mut([source, dest]).expect("two of two replicas");
            dest.take_over(source);
        }
    }
}

impl Service for Eventual {
    fn handle(&mut self, rng: &mut dyn Rng, _src: &NodeId, request: &Body) -> Body {
        let mut request = match Request::parse(request) {
            Ok(request) => request,
            Err(error) => return error_body(&error),
        };
        self.gossip(rng);
        let chosen = rng.random_range(0..self.replicas.len());
        let replica = &mut self.replicas[chosen];
        // This store does not know the option, as in the original.
        if let Request::Cas(cas) = &mut request {
            cas.create_if_not_exists = false;
        }
        let key = request.key();
        let effect = request.effect_on(replica.values.get(&key).map(|(_, value)| value));
        // Unlike elsewhere, writing the same value again is a change: it has a new timestamp.
        let written = match request {
            Request::Write(write) => Some(write.value),
            Request::Cas(cas) if effect.reply.kind() == "cas_ok" => Some(cas.to),
            _ => None,
        };
        if let Some(value) = written {
            replica.set(key, replica.clock, value);
            replica.clock += 1;
        }
        effect.reply
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::{Value, json};

    use super::*;

    fn ask(store: &mut Eventual, rng: &mut ChaCha8Rng, request: &Value) -> Value {
        let request = Body::new(request).unwrap();
        store.handle(rng, &NodeId::from("n1"), &request).to().unwrap()
    }

    #[test]
    fn a_value_is_missed_at_first_and_found_in_the_end() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut missed = 0;
        for _ in 0..50 {
            let mut store = Eventual::default();
            ask(&mut store, &mut rng, &json!({"type": "write", "key": 1, "value": 7}));
            let reads: Vec<Value> = (0..40)
                .map(|_| ask(&mut store, &mut rng, &json!({"type": "read", "key": 1})))
                .collect();
            missed += reads.iter().filter(|read| read["code"] == 20).count();
            assert_eq!(reads.last().unwrap()["value"], 7);
        }
        assert!(missed > 0, "an eventual store that is never stale hides bugs");
    }

    #[test]
    fn the_later_timestamp_wins_and_a_tie_keeps_the_first() {
        let replica = |clock, value: i64| {
            let mut replica = Replica::default();
            replica.set("k".into(), clock, json!(value).into());
            replica
        };
        let mut newer = replica(2, 20);
        newer.take_over(&mut replica(1, 10));
        assert_eq!(newer.values[&Json::from("k")].1, json!(20).into());
        let mut tie = replica(2, 21);
        tie.take_over(&mut replica(2, 20));
        assert_eq!(tie.values[&Json::from("k")].1, json!(20).into());
    }

    /// A clock and values, as in a replica.
    type Slow = (u64, BTreeMap<Json, (u64, Json)>);

    /// Against replicas that merge all they have, every time.
    #[test]
    fn merging_the_changes_is_merging_everything() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut replicas = [Replica::default(), Replica::default()];
        let mut slow: [Slow; 2] = Default::default();
        for step in 0..5000 {
            let (one, other) = if rng.random() { (0, 1) } else { (1, 0) };
            if rng.random() {
                let key = Json::from(json!(rng.random_range(0..5)));
                let clock = replicas[one].clock;
                replicas[one].set(key.clone(), clock, json!(step).into());
                replicas[one].clock += 1;
                slow[one].1.insert(key, (slow[one].0, json!(step).into()));
                slow[one].0 += 1;
            } else {
                let [source, dest] = replicas.get_disjoint_mut([one, other]).unwrap();
                dest.take_over(source);
                let (clock, source) = slow[one].clone();
                slow[other].0 = slow[other].0.max(clock);
                for (key, (timestamp, value)) in source {
                    if slow[other].1.get(&key).is_none_or(|(own, _)| *own <= timestamp) {
                        slow[other].1.insert(key, (timestamp, value));
                    }
                }
            }
            for (replica, (clock, values)) in replicas.iter().zip(&slow) {
                assert_eq!((replica.clock, &replica.values), (*clock, values), "step {step}");
            }
        }
    }

    #[test]
    fn creation_by_compare_and_set_is_not_offered() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let request = json!({
            "type": "cas", "key": 1, "from": 0, "to": 1, "create_if_not_exists": true
        });
        assert_eq!(ask(&mut Eventual::default(), &mut rng, &request)["code"], 20);
    }
}

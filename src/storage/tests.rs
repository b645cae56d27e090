//! Storage against crashes: whatever happens, what was synced is there, and what is there is
//! a prefix of what was appended.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// What a history of appends and snapshots must leave.
#[derive(Clone, Debug, Default)]
struct Model {
    snapshot: Option<Vec<u8>>,
    records: Vec<Vec<u8>>,
    /// How many of the records were synced.
    synced: usize,
}

impl Model {
    /// Whether this is what may be found after a crash; then it is also what is durable.
    fn accept(&mut self, found: &Recovered) -> bool {
        let count = found.records.len();
        let accepted = found.snapshot == self.snapshot
            && (self.synced..=self.records.len()).contains(&count)
            && found.records == self.records[..count];
        if accepted {
            self.records.truncate(count);
            self.synced = count;
        }
        accepted
    }
}

/// A record of its own number, so that no two are equal, and of any length.
fn record(number: u64, rng: &mut impl rand::Rng) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    let length = if rng.random_bool(0.1) { 5_000 } else { 40 };
    bytes.extend((0..rng.random_range(0..length)).map(|_| rng.random::<u8>() & 1));
    bytes
}

/// One life after another on the same disk, each ended by a crash.
fn live_and_crash(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let disk = SimDisk::new();
    let mut model = Model::default();
    let mut number = 0;
    for life in 0..8 {
        let storage = Storage::new(Box::new(disk.clone()));
        let found = storage.load().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(model.accept(&found), "seed {seed} life {life}:\n{model:?}\n{found:?}");
        for _ in 0..rng.random_range(0..30) {
            match rng.random_range(0..10) {
                0..=6 => {
                    number += 1;
                    let record = record(number, &mut rng);
                    storage.append(&record).unwrap();
                    model.records.push(record);
                }
                7 | 8 => {
                    storage.sync().unwrap();
                    model.synced = model.records.len();
                }
                _ => {
                    number += 1;
                    let snapshot = record(number, &mut rng);
                    storage.save_snapshot(&snapshot).unwrap();
                    model = Model { snapshot: Some(snapshot), records: Vec::new(), synced: 0 };
                }
            }
        }
        disk.crash(&mut rng);
    }
}

#[test]
fn after_any_crash_the_records_are_a_prefix_with_all_that_was_synced() {
    for seed in 0..3_000 {
        live_and_crash(seed);
    }
}

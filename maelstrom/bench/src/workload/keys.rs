//! Which keys transactions and logs work on: a pool of some ten keys that wear out.
//!
//! A micro-operation reads or writes, with equal chance. Half of them go to the newest key of the
//! pool, a quarter to the next, and so on: so there is contention, and there are keys that are
//! rarely touched. Every write to a key is of another value, 1, 2, 3, …, so that a value that is
//! read says who wrote it. A key that has been written `--max-writes-per-key` times gives its
//! place to a new one when it is to be written again.
//!
//! Source: `wr-txns` of Elle 0.2.2, which Maelstrom uses, with its exponential choice of keys.
//! Newer versions of Elle let keys wear out at different numbers of writes.

use rand::{Rng, RngExt};

use crate::options::TestOptions;

/// How many keys are in use at once, unless told otherwise.
const KEY_COUNT: usize = 10;

/// What is to be done next, and to which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The key is read.
    Read(i64),
    /// The key is written, with this value.
    Write(i64, i64),
}

impl Access {
    /// The key.
    pub(super) fn key(self) -> i64 {
        match self {
            Access::Read(key) | Access::Write(key, _) => key,
        }
    }
}

/// The keys in use.
pub(super) struct KeyPool {
    keys: Vec<Key>,
    next_key: i64,
    writes_per_key_max: i64,
}

struct Key {
    name: i64,
    next_value: i64,
}

impl Key {
    fn new(name: i64) -> Key {
        Key { name, next_value: 1 }
    }
}

impl KeyPool {
    /// A fresh pool: as many keys as the options say, from 0.
    pub(super) fn new(options: &TestOptions) -> KeyPool {
        let next_key = options.key_count.unwrap_or(KEY_COUNT).max(1) as i64;
        KeyPool {
            keys: (0..next_key).map(Key::new).collect(),
            next_key,
            writes_per_key_max: options.max_writes_per_key.max(1) as i64,
        }
    }

    /// The next micro-operation.
    pub(super) fn next(&mut self, rng: &mut impl Rng) -> Access {
        loop {
            let writes = rng.random_bool(0.5);
            let place = self.place(rng);
            let key = &mut self.keys[place];
            if !writes {
                return Access::Read(key.name);
            }
            if key.next_value <= self.writes_per_key_max {
                key.next_value += 1;
                return Access::Write(key.name, key.next_value - 1);
            }
            // The key is worn out, and the choice is made anew.
            *key = Key::new(self.next_key);
            self.next_key += 1;
        }
    }

    /// The last place with a chance of 1/2, the one before with 1/4, and so on. What falls off
    /// the other end is drawn again.
    fn place(&self, rng: &mut impl Rng) -> usize {
        loop {
            let heads_in_a_row = rng.next_u64().trailing_zeros() as usize;
            if let Some(place) = (self.keys.len() - 1).checked_sub(heads_in_a_row) {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_key_is_written_with_1_2_3_and_then_left() {
        let options = TestOptions { max_writes_per_key: 5, ..TestOptions::default() };
        let mut pool = KeyPool::new(&options);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut last = BTreeMap::<i64, i64>::new();
        let mut writes = 0;
        for _ in 0..7500 {
            if let Access::Write(key, value) = pool.next(&mut rng) {
                assert_eq!(value, last.insert(key, value).unwrap_or(0) + 1);
                writes += 1;
            }
        }
        // Five writes to a key, a sixth that is drawn and not done, and six reads.
        assert!((3300..3500).contains(&writes), "{writes}");
        // All but those still in use have had their share, and no key has had more.
        let full = last.values().filter(|writes| **writes == 5).count();
        assert!(last.len() - full <= KEY_COUNT && last.values().all(|writes| *writes <= 5));
        assert!((660..700).contains(&last.len()), "{}", last.len());
    }

    #[test]
    fn each_place_is_twice_as_likely_as_the_one_before() {
        let options = TestOptions { key_count: Some(4), ..TestOptions::default() };
        let pool = KeyPool::new(&options);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut counts = [0.0; 4];
        (0..15_000).for_each(|_| counts[pool.place(&mut rng)] += 1.0);
        for (place, expected) in [1000.0, 2000.0, 4000.0, 8000.0].into_iter().enumerate() {
            let off: f64 = counts[place] / expected;
            assert!((0.9..1.1).contains(&off), "{counts:?}");
        }
    }

    #[test]
    fn a_single_key_or_very_many_will_do() {
        for key_count in [1, 200] {
            let options = TestOptions { key_count: Some(key_count), ..TestOptions::default() };
            let mut pool = KeyPool::new(&options);
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let keys = (0..100).map(|_| pool.next(&mut rng).key());
            assert!(keys.into_iter().all(|key| key < key_count as i64 + 4));
        }
    }
}

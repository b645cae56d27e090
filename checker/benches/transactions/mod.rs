//! A strict-serializable database of lists or registers: what clients ask of it, and what it says.

use checker::edn::Edn;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// As the workload's generator has them by default.
const KEYS_AT_ONCE: usize = 10;
const MAX_WRITES_PER_KEY: i64 = 16;
const MAX_TXN_LENGTH: usize = 4;
/// One read in so many is wrong, in a history with anomalies.
const READS_PER_ANOMALY: u32 = 10_000;

/// A micro-operation: a key, and the value to write, if it is a write.
pub type Request = (i64, Option<i64>);

/// What the keys hold, all that ever were: transactions under way may still use old ones.
pub struct Database {
    is_lists: bool,
    anomalies: bool,
    first_key: i64,
    lists: Vec<Vec<i64>>,
    next_writes: Vec<i64>,
}

impl Database {
    /// A database of lists or of registers, some of whose reads may be wrong.
    pub fn new(is_lists: bool, anomalies: bool) -> Database {
        Database {
            is_lists,
            anomalies,
            first_key: 0,
            lists: vec![Vec::new(); KEYS_AT_ONCE],
            next_writes: vec![1; KEYS_AT_ONCE],
        }
    }

    /// A transaction to ask for.
    pub fn requests(&mut self, rng: &mut ChaCha8Rng) -> Vec<Request> {
        let length = rng.random_range(1..=MAX_TXN_LENGTH);
        (0..length)
            .map(|_| {
                let place = rng.random_range(0..KEYS_AT_ONCE);
                let key = self.first_key + place as i64;
                if rng.random() {
                    return (key, None);
                }
                let value = self.next_writes[key as usize];
                self.next_writes[key as usize] += 1;
                if value == MAX_WRITES_PER_KEY {
                    self.retire();
                }
                (key, Some(value))
            })
            .collect()
    }

    /// A new key comes into use instead of the oldest.
    fn retire(&mut self) {
        self.first_key += 1;
        self.lists.push(Vec::new());
        self.next_writes.push(1);
    }

    /// Does what was asked for, and says what came of it.
    pub fn execute(&mut self, rng: &mut ChaCha8Rng, requests: &[Request]) -> Edn {
        let micro_ops = requests.iter().map(|&(key, write)| {
            if let Some(value) = write {
                self.lists[key as usize].push(value);
                return self.micro_op(key, write);
            }
            let is_stale = self.anomalies && rng.random_ratio(1, READS_PER_ANOMALY);
            let list = &self.lists[key as usize];
            let seen = &list[..list.len() - usize::from(is_stale && !list.is_empty())];
            let value = match self.is_lists {
                _ if seen.is_empty() => Edn::Nil,
                true => Edn::from(seen.to_vec()),
                false => Edn::from(seen.last().copied()),
            };
            Edn::Vector(vec![Edn::keyword("r"), Edn::Int(key), value])
        });
        Edn::Vector(micro_ops.collect())
    }

    /// The transaction as it is asked for.
    pub fn show(&self, requests: &[Request]) -> Edn {
        Edn::Vector(requests.iter().map(|&(key, write)| self.micro_op(key, write)).collect())
    }

    fn micro_op(&self, key: i64, write: Option<i64>) -> Edn {
        let f = match (write, self.is_lists) {
            (None, _) => "r",
            (Some(_), true) => "append",
            (Some(_), false) => "w",
        };
        Edn::Vector(vec![Edn::keyword(f), Edn::Int(key), Edn::from(write)])
    }
}

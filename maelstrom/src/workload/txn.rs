//! What the two transactional workloads share: transactions, their generator and their client.
//!
//! A transaction is a list of micro-operations `[f key value]`, done in order: `[:r 3 nil]`
//! reads key 3, and what stands in the place of the nil in the reply is what was read. The
//! other micro-operation writes; how is the workload's own.
//!
//! Every write to a key is of another value, 1, 2, 3, …, so that a value that is read says who
//! wrote it. Some ten keys are in use at a time. Half of all micro-operations go to the newest
//! of them, a quarter to the next, and so on: so there is contention, and there are keys that
//! are rarely touched. A key that has been written often enough gives its place to a new one.
//!
//! Source: the generators of `elle.list-append` and `elle.rw-register`, with their exponential
//! choice of keys, and Maelstrom's `workload/txn_list_append.clj` and `txn_rw_register.clj`.

use gyre::Body;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::client::{Client, Exact, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Anyone, Generator};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;
use crate::report::count;

/// How many keys are in use at once, unless told otherwise.
const KEY_COUNT: usize = 10;

/// Transactions of reads and of writes by the name `write`, on any free thread.
pub(super) fn generator(options: &TestOptions, write: &'static str) -> Box<dyn Generator> {
    let mut transactions = Transactions::new(options, write);
    Box::new(Anyone(move |rng: &mut ChaCha8Rng| Operation::new("txn", transactions.next(rng))))
}

/// A transaction of reads and of writes by the name `write`.
pub(super) fn operation(f: &str, value: &Edn, write: &str) -> Option<Operation> {
    let is_known = |micro_operation: &Edn| match micro_operation.as_slice() {
        Some([f, _, _]) => f.as_keyword().is_some_and(|f| f == "r" || f == write),
        _ => false,
    };
    let is_txn = f == "txn" && value.as_slice()?.iter().all(is_known);
    is_txn.then(|| Operation::new("txn", value.clone()))
}

/// Makes transactions.
struct Transactions {
    write: &'static str,
    length_max: usize,
    writes_per_key_max: i64,
    /// The keys in use.
    pool: Vec<Key>,
    next_key: i64,
}

#[derive(Clone, Copy)]
struct Key {
    name: i64,
    next_value: i64,
}

impl Key {
    fn new(name: i64) -> Key {
        Key { name, next_value: 1 }
    }
}

impl Transactions {
    fn new(options: &TestOptions, write: &'static str) -> Transactions {
        let next_key = options.key_count.unwrap_or(KEY_COUNT).max(1) as i64;
        Transactions {
            write,
            length_max: options.max_txn_length.max(1),
            writes_per_key_max: options.max_writes_per_key.max(1) as i64,
            pool: (0..next_key).map(Key::new).collect(),
            next_key,
        }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> Edn {
        let length = rng.random_range(1..=self.length_max);
        Edn::Vector((0..length).map(|_| self.micro_operation(rng)).collect())
    }

    fn micro_operation(&mut self, rng: &mut ChaCha8Rng) -> Edn {
        let reads = rng.random_bool(0.5);
        let place = self.place(rng);
        if reads {
            let key = Edn::Int(self.pool[place].name);
            return Edn::Vector(vec![Edn::keyword("r"), key, Edn::Nil]);
        }
        if self.pool[place].next_value > self.writes_per_key_max {
            self.pool[place] = Key::new(self.next_key);
            self.next_key += 1;
        }
        let key = &mut self.pool[place];
        let value = key.next_value;
        key.next_value += 1;
        Edn::Vector(vec![Edn::keyword(self.write), Edn::Int(key.name), Edn::Int(value)])
    }

    /// The last place with a chance of 1/2, the one before with 1/4, and so on. What falls off
    /// the other end is drawn again.
    fn place(&self, rng: &mut ChaCha8Rng) -> usize {
        loop {
            let heads_in_a_row = rng.next_u64().trailing_zeros() as usize;
            if let Some(place) = (self.pool.len() - 1).checked_sub(heads_in_a_row) {
                return place;
            }
        }
    }
}

/// A client of either workload.
pub(super) struct TxnClient {
    /// Whether what a read may have found is well-formed.
    pub(super) is_readable: fn(&Edn) -> bool,
}

reply! {
    /// The transaction with its reads filled in.
    TxnOk = "txn_ok" { txn: Vec<(String, Exact, Exact)> }
}

/// What a workload of transactions asks of a node, whose writes have the name `write`.
pub(super) fn rpcs(write: &'static str) -> Vec<Rpc> {
    let micro = |f, key: i64, value| Edn::Vector(vec![Edn::keyword(f), Edn::Int(key), value]);
    let txn = vec![micro("r", 3, Edn::Nil), micro(write, 6, Edn::Int(2))];
    let about = "Does a list of operations `[function, key, value]` as one transaction. A read's \
                 value is null in the request, and in the reply what was read: null for a key \
                 that does not exist.";
    let client = &mut TxnClient { is_readable: |_| true };
    vec![Rpc::of::<TxnOk>(about, client, &Operation::new("txn", Edn::Vector(txn)))]
}

impl TxnClient {
    /// A micro-operation as it was done, if that is what was asked for: the same function and
    /// key, and the same value unless it was read.
    fn answer(&self, asked: &Edn, (f, key, value): (String, Exact, Exact)) -> Option<Edn> {
        let [Edn::Keyword(asked_f), asked_key, written] = asked.as_slice()? else { return None };
        let (Exact(key), Exact(value)) = (key, value);
        let is_answer = if f == "r" { (self.is_readable)(&value) } else { value == *written };
        let is_same = **asked_f == *f && *asked_key == key;
        (is_same && is_answer).then(|| Edn::Vector(vec![Edn::Keyword(asked_f.clone()), key, value]))
    }
}

impl Client for TxnClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        // Keywords become the strings that the protocol wants.
        Step::ask("txn", [("txn", &operation.value)])
    }

    /// Source: jepsen-io/maelstrom issue 57, a store that answered with fewer operations.
    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        let TxnOk { txn, .. } = read_reply(reply)?;
        let asked = operation.value.as_slice().unwrap_or_default();
        if txn.len() != asked.len() {
            return Err(ReplyFault::WrongReply(format!(
                "the transaction has {}, and the reply has {}",
                count(asked.len(), "operation"),
                txn.len()
            )));
        }
        let mut micro_operations = Vec::with_capacity(txn.len());
        for (asked, done) in asked.iter().zip(txn) {
            let Some(answer) = self.answer(asked, done) else {
                let reply = reply.as_json();
                return Err(ReplyFault::WrongReply(format!("{reply} does not answer {asked}")));
            };
            micro_operations.push(answer);
        }
        Ok(Step::ok(Edn::Vector(micro_operations)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;

    use super::*;

    /// Every micro-operation of so many transactions, as (f, key, value).
    fn micro_operations(options: &TestOptions, count: usize) -> Vec<(bool, i64, Option<i64>)> {
        let mut transactions = Transactions::new(options, "w");
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut all = Vec::new();
        for _ in 0..count {
            let txn = transactions.next(&mut rng);
            let txn = txn.as_slice().unwrap();
            assert!((1..=options.max_txn_length).contains(&txn.len()));
            for micro_operation in txn {
                let [f, key, value] = micro_operation.as_slice().unwrap() else { panic!() };
                all.push((f.as_keyword() == Some("w"), key.as_i64().unwrap(), value.as_i64()));
            }
        }
        all
    }

    #[test]
    fn a_key_is_written_with_1_2_3_and_then_left() {
        let options = TestOptions { max_writes_per_key: 5, ..TestOptions::default() };
        let mut last = BTreeMap::<i64, i64>::new();
        for (writes, key, value) in micro_operations(&options, 3000) {
            assert_eq!(writes, value.is_some());
            if let Some(value) = value {
                let last = last.entry(key).or_default();
                assert_eq!(value, *last + 1);
                assert!(value <= 5);
                *last = value;
            }
        }
        // About half of 7,500 micro-operations write, five to a key.
        assert!((600..900).contains(&last.len()), "{}", last.len());
    }

    #[test]
    fn each_place_is_twice_as_likely_as_the_one_before() {
        let options = TestOptions { key_count: Some(4), ..TestOptions::default() };
        let transactions = Transactions::new(&options, "w");
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut counts = [0.0; 4];
        (0..15_000).for_each(|_| counts[transactions.place(&mut rng)] += 1.0);
        for (place, expected) in [1000.0, 2000.0, 4000.0, 8000.0].into_iter().enumerate() {
            let off: f64 = counts[place] / expected;
            assert!((0.9..1.1).contains(&off), "{counts:?}");
        }
    }

    #[test]
    fn a_single_key_or_very_many_will_do() {
        for key_count in [1, 200] {
            let options = TestOptions { key_count: Some(key_count), ..TestOptions::default() };
            assert!(!micro_operations(&options, 100).is_empty());
        }
    }

    /// One transaction and many replies: which of them answer it.
    fn answers(is_readable: fn(&Edn) -> bool, asked: &str, replies: &[(&str, bool)]) {
        let mut client = TxnClient { is_readable };
        let operation = Operation::new("txn", crate::edn::read_one(asked).unwrap());
        for (txn, is_fine) in replies {
            let text = format!(r#"{{"type":"txn_ok","in_reply_to":1,"txn":{txn}}}"#);
            let result = client.on_reply(&operation, &Body::parse(&text).unwrap());
            assert_eq!(result.is_ok(), *is_fine, "{txn}: {result:?}");
        }
    }

    #[test]
    fn a_reply_says_of_every_append_that_it_was_done_and_of_every_read_a_list() {
        let replies = [
            (r#"[["r",1,[2]],["append",1,3]]"#, true),
            (r#"[["r",1,null],["append",1,3]]"#, true),
            (r#"[["r",1,[]],["append",1,3]]"#, true),
            (r#"[]"#, false),
            (r#"[["append",1,3]]"#, false),
            (r#"[["append",1,3],["r",1,[2]]]"#, false),
            (r#"[["r",1,[2]],["append",1,3],["r",1,[2,3]]]"#, false),
            (r#"[["r",2,[2]],["append",1,3]]"#, false),
            (r#"[["r","1",[2]],["append",1,3]]"#, false),
            (r#"[["r",1,2],["append",1,3]]"#, false),
            (r#"[["r",1,["2"]],["append",1,3]]"#, false),
            (r#"[["r",1,[2]],["append",1,4]]"#, false),
            (r#"[["r",1,[2]],["append",1,null]]"#, false),
            (r#"[["r",1,[2]],["append",1,[2,3]]]"#, false),
            (r#"[["r",1,[2]],["w",1,3]]"#, false),
            (r#"[["r",1],["append",1,3]]"#, false),
            (r#"[["r",1,[2],0],["append",1,3]]"#, false),
            (r#"{"r":1}"#, false),
        ];
        answers(super::super::txn_list_append::is_list, "[[:r 1 nil] [:append 1 3]]", &replies);
    }

    #[test]
    fn a_register_is_a_number_or_nothing() {
        let replies = [
            (r#"[["w",1,3],["r",1,3]]"#, true),
            (r#"[["w",1,3],["r",1,null]]"#, true),
            (r#"[["w",1,3],["r",1,"3"]]"#, false),
            (r#"[["w",1,3],["r",1,[3]]]"#, false),
            (r#"[["w",1,"3"],["r",1,3]]"#, false),
        ];
        answers(super::super::txn_rw_register::is_number, "[[:w 1 3] [:r 1 nil]]", &replies);
    }
}

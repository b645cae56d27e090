//! What the two transactional workloads share: transactions, their generator and their client.
//!
//! A transaction is a list of micro-operations `[f key value]`, done in order: `[:r 3 nil]`
//! reads key 3, and what stands in the place of the nil in the reply is what was read. The
//! other micro-operation writes; how is the workload's own.
//!
//! The keys and values are those of a [pool](super::keys) that wears out.
//!
//! Source: the generators of `elle.list-append` and `elle.rw-register`, and Maelstrom's
//! `workload/txn_list_append.clj` and `txn_rw_register.clj`.

use gyre::Body;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::keys::{Access, KeyPool};
use crate::client::{Client, Exact, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Generator, InTurn};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;
use crate::report::count;

/// Transactions of reads and of writes by the name `write`, on any free thread.
pub(super) fn generator(options: &TestOptions, write: &'static str) -> Box<dyn Generator> {
    let mut transactions = Transactions::new(options, write);
    Box::new(InTurn(move |rng: &mut ChaCha8Rng| Operation::new("txn", transactions.next(rng))))
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
    pool: KeyPool,
}

impl Transactions {
    fn new(options: &TestOptions, write: &'static str) -> Transactions {
        let length_max = options.max_txn_length.max(1);
        Transactions { write, length_max, pool: KeyPool::new(options) }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> Edn {
        let length = rng.random_range(1..=self.length_max);
        Edn::Vector((0..length).map(|_| self.micro_operation(rng)).collect())
    }

    fn micro_operation(&mut self, rng: &mut ChaCha8Rng) -> Edn {
        let (f, key, value) = match self.pool.next(rng) {
            Access::Read(key) => ("r", key, Edn::Nil),
            Access::Write(key, value) => (self.write, key, Edn::Int(value)),
        };
        Edn::Vector(vec![Edn::keyword(f), Edn::Int(key), value])
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
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn transactions_are_of_every_length_and_only_writes_have_a_value() {
        let mut transactions = Transactions::new(&TestOptions::default(), "w");
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut lengths = [0; 5];
        for _ in 0..4000 {
            let txn = transactions.next(&mut rng);
            let txn = txn.as_slice().unwrap();
            lengths[txn.len()] += 1;
            for micro_operation in txn {
                let [f, _, value] = micro_operation.as_slice().unwrap() else { panic!() };
                assert_eq!(f.as_keyword() == Some("w"), value.as_i64().is_some());
            }
        }
        assert!(lengths[1..].iter().all(|count| (900..1100).contains(count)), "{lengths:?}");
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

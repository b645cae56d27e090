//! Transactions: what clients send, and a store that carries it out.
//!
//! A transaction is a list of micro-operations, done in order: reads, and writes of one kind.
//! The kind is a type, [`Kind`]: a node for lists and one for registers differ in nothing else.
//!
//! | part | what it is |
//! |---|---|
//! | this file | the protocol, and [`Store`]: transactions one after another, on one machine |
//! | [`tree`], [`optimistic`] | the store as pages that never change, and one pointer that moves |
//!
//! Keys and values may be any JSON. Two keys are the same when they are equal as [`Json`].
//!
//! Deliberately absent: transactions that wait for their client between two micro-operations.
//! One request is a whole transaction, so a store never has to hold locks for anybody.
//!
//! ```
//! use gyre::Body;
//! use gyre::transactions::{Lists, Request, Response, Store};
//!
//! let mut store = Store::<Lists>::default();
//! let body = Body::parse(r#"{"type":"txn","txn":[["append","x",1],["r","x",null]]}"#)?;
//! let Request::Txn { txn } = body.to()?;
//! let reply = Body::new(&Response::TxnOk { txn: store.execute(&txn) })?;
//! assert_eq!(reply.as_json(), r#"{"type":"txn_ok","txn":[["append","x",1],["r","x",[1]]]}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

pub mod optimistic;
pub mod tree;

use std::fmt::Debug;

use imbl::{OrdMap, Vector};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state_machines::StateMachine;
use crate::types::Json;

/// A micro-operation, on the wire `[f, key, value]`. A read comes with the value null, and goes
/// back with what was read.
///
/// ```
/// use gyre::transactions::{Lists, MicroOp};
///
/// let append = MicroOp(Lists::Append, "x".into(), 7.into());
/// assert_eq!(serde_json::to_string(&append)?, r#"["append","x",7]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicroOp<K>(pub K, pub Json, pub Json);

/// A transaction: micro-operations in their order.
///
/// ```
/// use gyre::transactions::{Registers, Txn};
///
/// let txn: Txn<Registers> = serde_json::from_str(r#"[["r", "x", null], ["w", "y", 7]]"#)?;
/// assert_eq!(txn.iter().filter(|op| op.0 == Registers::Write).count(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Txn<K> = Vec<MicroOp<K>>;

/// The kinds of micro-operations that a store has: reads, and one way to write.
///
/// Sums: a write adds a number to what a key holds.
///
/// ```
/// use gyre::Json;
/// use gyre::transactions::{Kind, Store, Txn};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Sums { Add, Get }
///
/// impl Kind for Sums {
///     type Held = i64;
///
///     fn writes(self) -> bool { self == Sums::Add }
///     fn write(sum: &mut i64, argument: &Json) { *sum += argument.to::<i64>().unwrap_or(0); }
///     fn read(sum: &i64) -> Json { (*sum).into() }
/// }
///
/// let txn = |text| serde_json::from_str::<Txn<Sums>>(text).unwrap();
/// let done = Store::default().execute(&txn(
///     r#"[["add", "x", 3], ["add", "x", 4], ["get", "x", null]]"#,
/// ));
/// assert_eq!(done[2].2, 7.into());
/// ```
pub trait Kind: Copy + Debug + PartialEq + Serialize + DeserializeOwned + 'static {
    /// What a key holds. The default is what one holds that does not exist.
    type Held: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + 'static;

    /// Whether this is the kind that writes.
    fn writes(self) -> bool;

    /// Writes `argument` to a key.
    fn write(held: &mut Self::Held, argument: &Json);

    /// What a read of the key gives: null when it does not exist.
    fn read(held: &Self::Held) -> Json;
}

/// Lists: a write appends an element.
///
/// ```
/// use gyre::transactions::{Lists, MicroOp, Store};
///
/// let mut store = Store::default();
/// for element in [1, 2] {
///     store.execute(&vec![MicroOp(Lists::Append, "x".into(), element.into())]);
/// }
/// assert_eq!(store.read(&"x".into()).as_str(), "[1,2]");
/// assert!(store.read(&"y".into()).is_null());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lists {
    /// Gives the list, from its first element to its last.
    #[serde(rename = "r")]
    Read,
    /// Adds an element at the end.
    #[serde(rename = "append")]
    Append,
}

impl Kind for Lists {
    type Held = Vector<Json>;

    fn writes(self) -> bool {
        self == Lists::Append
    }

    fn write(list: &mut Vector<Json>, argument: &Json) {
        list.push_back(argument.clone());
    }

    fn read(list: &Vector<Json>) -> Json {
        // Nothing takes elements away, so what is empty does not exist.
        if list.is_empty() { Json::null() } else { Json::array(list) }
    }
}

/// Registers: a write replaces the value.
///
/// ```
/// use gyre::transactions::{MicroOp, Registers, Store};
///
/// let mut store = Store::default();
/// for value in [1, 2] {
///     store.execute(&vec![MicroOp(Registers::Write, "x".into(), value.into())]);
/// }
/// assert_eq!(store.read(&"x".into()), 2.into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Registers {
    /// Gives the value.
    #[serde(rename = "r")]
    Read,
    /// Sets the value.
    #[serde(rename = "w")]
    Write,
}

impl Kind for Registers {
    type Held = Json;

    fn writes(self) -> bool {
        self == Registers::Write
    }

    fn write(held: &mut Json, argument: &Json) {
        *held = argument.clone();
    }

    fn read(held: &Json) -> Json {
        held.clone()
    }
}

/// What clients ask of a transactional store.
///
/// ```
/// use gyre::Body;
/// use gyre::transactions::{Lists, Registers, Request};
///
/// let body = Body::parse(r#"{"type": "txn", "msg_id": 1, "txn": [["append", "x", 7]]}"#)?;
/// let Request::Txn { txn } = body.to::<Request<Lists>>()?;
/// assert_eq!(txn[0].0, Lists::Append);
/// assert!(body.to::<Request<Registers>>().is_err()); // nothing is appended to a register
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "K: Kind"))]
pub enum Request<K> {
    /// Do this transaction.
    Txn {
        /// The transaction.
        txn: Txn<K>,
    },
}

/// What they are answered.
///
/// ```
/// use gyre::Body;
/// use gyre::transactions::{MicroOp, Registers, Response};
///
/// let txn = vec![MicroOp(Registers::Read, "x".into(), 7.into())];
/// let body = Body::new(&Response::TxnOk { txn })?;
/// assert_eq!(body.as_json(), r#"{"type":"txn_ok","txn":[["r","x",7]]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response<K> {
    /// It is done.
    TxnOk {
        /// The transaction, with its reads filled in.
        txn: Txn<K>,
    },
}

/// Whether a transaction changes nothing.
///
/// ```
/// use gyre::Json;
/// use gyre::transactions::{MicroOp, Registers, is_read_only};
///
/// let mut txn = vec![MicroOp(Registers::Read, "x".into(), Json::null())];
/// assert!(is_read_only(&txn));
/// txn.push(MicroOp(Registers::Write, "x".into(), 7.into()));
/// assert!(!is_read_only(&txn));
/// ```
pub fn is_read_only<K: Kind>(txn: &Txn<K>) -> bool {
    txn.iter().all(|MicroOp(kind, ..)| !kind.writes())
}

/// The place of a key in a store.
fn place(key: &Json) -> String {
    key.to_string()
}

/// All keys and what they hold. Transactions are done one after another, each as a whole.
///
/// ```
/// use gyre::Json;
/// use gyre::transactions::{Lists, Store, Txn};
///
/// let txn = |text| Json::parse(text).unwrap().to::<Txn<Lists>>().unwrap();
/// let mut store = Store::default();
/// let done = store.execute(&txn(r#"[["append", "x", 1], ["r", "x", null]]"#));
/// assert_eq!(done, txn(r#"[["append", "x", 1], ["r", "x", [1]]]"#));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "K: Kind")]
pub struct Store<K: Kind> {
    held: OrdMap<String, K::Held>,
}

impl<K: Kind> Default for Store<K> {
    fn default() -> Store<K> {
        Store { held: OrdMap::new() }
    }
}

impl<K: Kind> Store<K> {
    /// Does a transaction, and gives it with its reads filled in. A read sees what the
    /// micro-operations before it have written.
    // ANCHOR: execute
    pub fn execute(&mut self, txn: &Txn<K>) -> Txn<K> {
        let micro_op = |MicroOp(kind, key, argument): &MicroOp<K>| {
            if kind.writes() {
                K::write(self.held.entry(place(key)).or_default(), argument);
                return MicroOp(*kind, key.clone(), argument.clone());
            }
            MicroOp(*kind, key.clone(), self.read(key))
        };
        txn.iter().map(micro_op).collect()
    }
    // ANCHOR_END: execute

    /// Does a transaction that only reads.
    ///
    /// # Panics
    /// When it writes.
    pub fn look(&self, txn: &Txn<K>) -> Txn<K> {
        let micro_op = |MicroOp(kind, key, _): &MicroOp<K>| {
            assert!(!kind.writes(), "only a transaction that does not write may look");
            MicroOp(*kind, key.clone(), self.read(key))
        };
        txn.iter().map(micro_op).collect()
    }

    /// What a key holds: null when it does not exist.
    pub fn read(&self, key: &Json) -> Json {
        self.held.get(key.as_str()).map_or_else(Json::null, K::read)
    }
}

impl<K: Kind> StateMachine for Store<K> {
    type Command = Txn<K>;
    type Reply = Txn<K>;
    /// A key and what it holds.
    type Part = (String, K::Held);

    fn apply(&mut self, txn: &Txn<K>) -> Txn<K> {
        self.execute(txn)
    }

    fn into_parts(self) -> Box<dyn Iterator<Item = (String, K::Held)>> {
        Box::new(self.held.into_iter())
    }

    fn add(&mut self, (key, held): (String, K::Held)) {
        self.held.insert(key, held);
    }

    /// How many keys there are.
    fn inspect(&self) -> Value {
        json!({ "keys": self.held.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Body;

    fn execute<K: Kind>(store: &mut Store<K>, txn: &str) -> String {
        let txn: Txn<K> = serde_json::from_str(txn).unwrap();
        serde_json::to_string(&store.execute(&txn)).unwrap()
    }

    #[test]
    fn a_list_grows_and_a_transaction_sees_its_own_appends() {
        let mut store = Store::<Lists>::default();
        for (txn, result) in [
            (
                r#"[["r",1,null],["append",1,5],["r",1,null]]"#,
                r#"[["r",1,null],["append",1,5],["r",1,[5]]]"#,
            ),
            (r#"[["append",1,6],["append","1",7]]"#, r#"[["append",1,6],["append","1",7]]"#),
            (r#"[["r",1,null],["r","1",null]]"#, r#"[["r",1,[5,6]],["r","1",[7]]]"#),
            (r#"[]"#, r#"[]"#),
        ] {
            assert_eq!(execute(&mut store, txn), result);
        }
    }

    #[test]
    fn a_register_holds_the_last_write() {
        let mut store = Store::<Registers>::default();
        for (txn, result) in [
            (r#"[["r",1,null],["w",1,5],["w",1,6]]"#, r#"[["r",1,null],["w",1,5],["w",1,6]]"#),
            (r#"[["r",1,null],["r",2,null]]"#, r#"[["r",1,6],["r",2,null]]"#),
        ] {
            assert_eq!(execute(&mut store, txn), result);
        }
    }

    #[test]
    fn a_store_is_made_of_its_parts() {
        let mut store = Store::<Lists>::default();
        execute(&mut store, r#"[["append",1,5],["append",{"b":1,"a":2},6]]"#);
        let mut copy = Store::<Lists>::default();
        store.clone().into_parts().for_each(|part| copy.add(part));
        assert_eq!(copy, store);
        let json = |text| Json::parse(text).unwrap();
        assert_eq!(copy.read(&json(r#"{"a":2,"b":1}"#)), json("[6]"));
    }

    #[test]
    fn a_request_of_the_wrong_kind_or_shape_is_refused() {
        for txn in [r#"[["w",1,2]]"#, r#"[["r",1]]"#, r#"[["r",1,null,2]]"#, r#"7"#, r#"[7]"#] {
            let body = format!(r#"{{"type":"txn","txn":{txn}}}"#);
            let body = Body::parse(&body).unwrap();
            assert!(body.to::<Request<Lists>>().is_err(), "{txn}");
        }
    }
}

//! A map of registers, and the requests of the `lin-kv` workload, which are about one.
//!
//! Keys and values are any JSON. There are three nodes that serve it: `lin-kv-single`, which
//! is the whole of it on one node; `lin-kv-proxy`, which leaves the work to a service of the
//! bench; and `lin-kv`, on which every node has a copy.
//!
//! ```
//! use gyre::ErrorCode;
//! use gyre::key_value::{Change, Registers};
//! use gyre::state_machines::StateMachine;
//!
//! let mut registers = Registers::default();
//! let cas = Change::Cas("x".into(), 7.into(), 8.into());
//! assert_eq!(registers.apply(&cas).unwrap_err().code, ErrorCode::KeyDoesNotExist);
//! registers.apply(&Change::Write("x".into(), 7.into()))?;
//! registers.apply(&cas)?;
//! assert_eq!(registers.apply(&cas).unwrap_err().code, ErrorCode::PreconditionFailed);
//! # Ok::<(), gyre::Error>(())
//! ```
//!
//! Chapter 6 of the book, `book/06-one-leader.md`, reads this.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state_machines::StateMachine;
use crate::types::{Error, Json};

/// What clients ask.
///
/// ```
/// use gyre::Body;
/// use gyre::key_value::Request;
///
/// let body = Body::parse(r#"{"type": "cas", "msg_id": 1, "key": "x", "from": 7, "to": 8}"#)?;
/// let (key, from, to) = ("x".into(), 7.into(), 8.into());
/// assert_eq!(body.to::<Request>()?, Request::Cas { key, from, to, create_if_not_exists: false });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The value of a key?
    Read {
        /// The key.
        key: Json,
    },
    /// Set a key, new or not.
    Write {
        /// The key.
        key: Json,
        /// Its new value.
        value: Json,
    },
    /// Set a key if it has a certain value: compare and set.
    Cas {
        /// The key.
        key: Json,
        /// The value that it must have.
        from: Json,
        /// Its new value.
        to: Json,
        /// Whether a key that does not exist is to be created.
        #[serde(default)]
        create_if_not_exists: bool,
    },
}

/// What they are answered.
///
/// ```
/// use gyre::{Body, key_value::Response};
///
/// let body = Body::new(&Response::ReadOk { value: 7.into() })?;
/// assert_eq!(body.as_json(), r#"{"type":"read_ok","value":7}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The key has this value.
    ReadOk {
        /// The value.
        value: Json,
    },
    /// The key was set.
    WriteOk {},
    /// The key had the value, and was set.
    CasOk {},
}

/// A change of one register.
///
/// As an entry of a log or a record on a disk has it:
///
/// ```
/// use gyre::key_value::Change;
///
/// let change = Change::Cas("x".into(), 7.into(), 8.into());
/// assert_eq!(serde_json::to_string(&change)?, r#"{"cas":["x",7,8]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Key, new value.
    Write(Json, Json),
    /// Key, the value it must have, new value.
    Cas(Json, Json, Json),
    /// The same, and a key that does not exist may be created.
    CasOrCreate(Json, Json, Json),
}

/// Registers by their keys, which are written as JSON text, for in JSON a key is a string.
///
/// ```
/// use gyre::Json;
/// use gyre::key_value::{Change, Registers};
/// use gyre::state_machines::StateMachine;
///
/// let [key, one, two] = ["7", "1", "2"].map(|text| Json::parse(text).unwrap());
/// let mut registers = Registers::default();
/// registers.apply(&Change::Write(key.clone(), one.clone()))?;
/// registers.apply(&Change::Cas(key.clone(), one.clone(), two.clone()))?;
/// assert_eq!(registers.read(&key)?, two);
/// // It is not 1 any more.
/// assert!(registers.apply(&Change::Cas(key, one, two)).is_err());
/// # Ok::<(), gyre::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers(OrdMap<String, Json>);

impl Registers {
    /// The value of a key.
    ///
    /// # Errors
    /// `key-does-not-exist`.
    pub fn read(&self, key: &Json) -> Result<Json, Error> {
        self.0.get(key.as_str()).cloned().ok_or_else(|| missing(key))
    }
}

impl StateMachine for Registers {
    type Command = Change;
    type Reply = Result<(), Error>;
    /// A key and its value.
    type Part = (String, Json);

    /// Sets a register. Errors are `key-does-not-exist` and `precondition-failed`.
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        let (Change::Write(key, _) | Change::Cas(key, ..) | Change::CasOrCreate(key, ..)) = change;
        let to = match (change, self.0.get(key.as_str())) {
            (Change::Write(_, value), _) | (Change::CasOrCreate(_, _, value), None) => value,
            (Change::Cas(..), None) => return Err(missing(key)),
            (Change::Cas(_, from, to) | Change::CasOrCreate(_, from, to), Some(value)) => {
                if value != from {
                    let text = format!("expected {from}, but {key} is {value}");
                    return Err(Error::precondition_failed(text));
                }
                to
            }
        };
        self.0.insert(key.to_string(), to.clone());
        Ok(())
    }

    fn into_parts(self) -> Box<dyn Iterator<Item = (String, Json)>> {
        Box::new(self.0.into_iter())
    }

    fn add(&mut self, (key, value): (String, Json)) {
        self.0.insert(key, value);
    }

    /// How many keys there are.
    fn inspect(&self) -> Value {
        json!({ "keys": self.0.len() })
    }
}

fn missing(key: &Json) -> Error {
    Error::key_does_not_exist(format!("there is no key {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ErrorCode;

    #[test]
    fn each_change_does_what_it_says() {
        let mut registers = Registers::default();
        let json = |text| Json::parse(text).unwrap();
        let mut apply = |change| registers.apply(&change).map_err(|error| error.code);
        let missing = Err(ErrorCode::KeyDoesNotExist);
        let failed = Err(ErrorCode::PreconditionFailed);
        assert_eq!(apply(Change::Cas(json("1"), json("0"), json("5"))), missing);
        assert_eq!(apply(Change::CasOrCreate(json("1"), json("0"), json("5"))), Ok(()));
        assert_eq!(apply(Change::CasOrCreate(json("1"), json("0"), json("6"))), failed);
        assert_eq!(apply(Change::Cas(json("1"), json("0"), json("6"))), failed);
        assert_eq!(apply(Change::Cas(json("1"), json("5"), json("null"))), Ok(()));
        assert_eq!(apply(Change::Write(json(r#""1""#), json("[2]"))), Ok(()));
        assert_eq!(registers.read(&json("1")), Ok(json("null")));
        assert_eq!(registers.read(&json(r#""1""#)), Ok(json("[2]")), "1 and \"1\" are two keys");
        assert_eq!(
            registers.read(&json("2")).map_err(|error| error.code),
            Err(ErrorCode::KeyDoesNotExist)
        );
    }
    /// Each of these keys is a register of its own, and each of these values another.
    #[test]
    fn numbers_are_told_apart_by_their_digits() {
        let mut registers = Registers::default();
        let numbers =
            ["1208925819614629174706177", "1208925819614629174706178", "1", "1.0", "1.00"];
        let numbers = numbers.map(|text| Json::parse(text).unwrap());
        for number in &numbers {
            registers.apply(&Change::Write(number.clone(), number.clone())).unwrap();
        }
        for number in &numbers {
            assert_eq!(registers.read(number).as_ref(), Ok(number));
            let other = numbers.iter().find(|other| *other != number).unwrap();
            let cas = Change::Cas(number.clone(), other.clone(), Json::null());
            assert_eq!(
                registers.apply(&cas).map_err(|error| error.code),
                Err(ErrorCode::PreconditionFailed)
            );
        }
    }
}

//! A map of registers, and the requests of the `lin-kv` workload, which are about one.
//!
//! Keys and values are any JSON. There are three nodes that serve it: `lin-kv-single`, which
//! is the whole of it on one node; `lin-kv-proxy`, which leaves the work to a service of the
//! bench; and `lin-kv`, on which every node has a copy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state_machines::StateMachine;
use crate::types::Error;

/// What clients ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The value of a key?
    Read {
        /// The key.
        key: Value,
    },
    /// Set a key, new or not.
    Write {
        /// The key.
        key: Value,
        /// Its new value.
        value: Value,
    },
    /// Set a key if it has a certain value: compare and set.
    Cas {
        /// The key.
        key: Value,
        /// The value that it must have.
        from: Value,
        /// Its new value.
        to: Value,
        /// Whether a key that does not exist is to be created.
        #[serde(default)]
        create_if_not_exists: bool,
    },
}

/// What they are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Response {
    /// The key has this value.
    ReadOk {
        /// The value.
        value: Value,
    },
    /// The key was set.
    WriteOk {},
    /// The key had the value, and was set.
    CasOk {},
}

/// A change of one register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Key, new value.
    Write(Value, Value),
    /// Key, the value it must have, new value.
    Cas(Value, Value, Value),
    /// The same, and a key that does not exist may be created.
    CasOrCreate(Value, Value, Value),
}

/// Registers by their keys, as JSON text: one order, whatever the types.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers(BTreeMap<String, Value>);

impl Registers {
    /// The value of a key.
    ///
    /// # Errors
    /// `key-does-not-exist`.
    pub fn read(&self, key: &Value) -> Result<Value, Error> {
        self.0.get(&key.to_string()).cloned().ok_or_else(|| missing(key))
    }
}

impl StateMachine for Registers {
    type Command = Change;
    type Reply = Result<(), Error>;

    /// Sets a register. Errors are `key-does-not-exist` and `precondition-failed`.
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        let (Change::Write(key, _) | Change::Cas(key, ..) | Change::CasOrCreate(key, ..)) = change;
        let text = key.to_string();
        let to = match (change, self.0.get(&text)) {
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
        self.0.insert(text, to.clone());
        Ok(())
    }
}

fn missing(key: &Value) -> Error {
    Error::key_does_not_exist(format!("there is no key {key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::ErrorCode;

    #[test]
    fn each_change_does_what_it_says() {
        let mut registers = Registers::default();
        let mut apply = |change| registers.apply(&change).map_err(|error| error.code);
        let missing = Err(ErrorCode::KeyDoesNotExist);
        let failed = Err(ErrorCode::PreconditionFailed);
        assert_eq!(apply(Change::Cas(json!(1), json!(0), json!(5))), missing);
        assert_eq!(apply(Change::CasOrCreate(json!(1), json!(0), json!(5))), Ok(()));
        assert_eq!(apply(Change::CasOrCreate(json!(1), json!(0), json!(6))), failed);
        assert_eq!(apply(Change::Cas(json!(1), json!(0), json!(6))), failed);
        assert_eq!(apply(Change::Cas(json!(1), json!(5), json!(null))), Ok(()));
        assert_eq!(apply(Change::Write(json!("1"), json!([2]))), Ok(()));
        assert_eq!(registers.read(&json!(1)), Ok(json!(null)));
        assert_eq!(registers.read(&json!("1")), Ok(json!([2])), "1 and \"1\" are two keys");
        assert_eq!(
            registers.read(&json!(2)).map_err(|error| error.code),
            Err(ErrorCode::KeyDoesNotExist)
        );
    }
}

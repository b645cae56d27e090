//! What a key-value request does to one key: a pure function, shared by all wrappers.

use gyre::{Body, Error};
use serde::Deserialize;
use serde_json::{Value, json};

/// A request to a key-value store. Keys and values may be any JSON.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Asks for the value of a key.
    Read {
        /// The key.
        key: Value,
    },
    /// Sets a key, whether or not it exists.
    Write {
        /// The key.
        key: Value,
        /// Its new value.
        value: Value,
    },
    /// Sets a key if it has a certain value.
    Cas {
        /// The key.
        key: Value,
        /// The value that it must have.
        from: Value,
        /// Its new value.
        to: Value,
        /// Whether a key that does not exist is created rather than refused. As in Clojure,
        /// whatever is there and neither `false` nor `null` means yes.
        #[serde(default, deserialize_with = "truth")]
        create_if_not_exists: bool,
    },
}

fn truth<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(value)?;
    Ok(!matches!(value, Value::Null | Value::Bool(false)))
}

/// What a request does: the key's new value, if it changes, and the answer.
pub struct Effect {
    /// The key's new value; `None` when the request changes nothing.
    pub change: Option<Value>,
    /// The reply, without `in_reply_to`.
    pub reply: Body,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Error 10 for an unknown type and error 12 for a malformed body.
    pub fn parse(body: &Body) -> Result<Request, Error> {
        if !["read", "write", "cas"].contains(&body.kind()) {
            return Err(Error::not_supported(format!(
                "this service knows read, write and cas, not {}",
                body.kind()
            )));
        }
        body.to().map_err(|error| Error::malformed_request(error.to_string()))
    }

    /// The key's place in a store: its JSON text, in which objects have their keys sorted.
    pub fn key(&self) -> String {
        let (Request::Read { key } | Request::Write { key, .. } | Request::Cas { key, .. }) = self;
        key.to_string()
    }

    /// What the request does to a key that has this value, or does not exist.
    pub fn effect_on(&self, current: Option<&Value>) -> Effect {
        match (self, current) {
            (Request::Read { .. }, Some(value)) => {
                unchanged(json!({"type": "read_ok", "value": value}))
            }
            (Request::Write { value, .. }, _) => Effect {
                // Writing what is there already is no change: it may be answered by any state.
                change: (current != Some(value)).then(|| value.clone()),
                reply: body(&json!({"type": "write_ok"})),
            },
            (Request::Cas { from, to, .. }, Some(value)) if from == value => Effect {
                change: (to != value).then(|| to.clone()),
                reply: body(&json!({"type": "cas_ok"})),
            },
            (Request::Cas { from, .. }, Some(value)) => {
                refused(&Error::precondition_failed(format!("current value {value} is not {from}")))
            }
            (Request::Cas { to, create_if_not_exists: true, .. }, None) => {
                Effect { change: Some(to.clone()), reply: body(&json!({"type": "cas_ok"})) }
            }
            (Request::Read { .. } | Request::Cas { .. }, None) => {
                refused(&Error::key_does_not_exist("key does not exist"))
            }
        }
    }
}

fn body(payload: &Value) -> Body {
    Body::new(payload).expect("a reply is an object with a type")
}

fn unchanged(payload: Value) -> Effect {
    Effect { change: None, reply: body(&payload) }
}

fn refused(error: &Error) -> Effect {
    Effect { change: None, reply: super::error_body(error) }
}

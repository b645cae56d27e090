//! What a key-value request does to one key: a pure function, shared by all wrappers.

use gyre::{Body, Error, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A request to a key-value store. Keys and values may be any JSON, and are kept as they were
/// written: of two large integers no digit is lost.
#[derive(Debug)]
pub enum Request {
    /// Asks for the value of a key.
    Read(Read),
    /// Sets a key, whether or not it exists.
    Write(Write),
    /// Sets a key if it has a certain value.
    Cas(Cas),
}

/// See [`Request::Read`].
#[derive(Debug, Deserialize)]
pub struct Read {
    /// The key.
    pub key: Json,
}

/// See [`Request::Write`].
#[derive(Debug, Deserialize)]
pub struct Write {
    /// The key.
    pub key: Json,
    /// Its new value.
    pub value: Json,
}

/// See [`Request::Cas`].
#[derive(Debug, Deserialize)]
pub struct Cas {
    /// The key.
    pub key: Json,
    /// The value that it must have.
    pub from: Json,
    /// Its new value.
    pub to: Json,
    /// Whether a key that does not exist is created rather than refused. As in Clojure,
    /// whatever is there and neither `false` nor `null` means yes.
    #[serde(default, deserialize_with = "truth")]
    pub create_if_not_exists: bool,
}

fn truth<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    let value = Json::deserialize(value)?;
    Ok(!["null", "false"].contains(&value.as_str()))
}

/// What a request does: the key's new value, if it changes, and the answer.
pub struct Effect {
    /// The key's new value; `None` when the request changes nothing.
    pub change: Option<Json>,
    /// The reply, without `in_reply_to`.
    pub reply: Body,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Error 10 for an unknown type and error 12 for a malformed body.
    pub fn parse(body: &Body) -> Result<Request, Error> {
        fn read<T: DeserializeOwned>(body: &Body) -> Result<T, Error> {
            body.to().map_err(|error| Error::malformed_request(error.to_string()))
        }
        match body.kind() {
            "read" => read(body).map(Request::Read),
            "write" => read(body).map(Request::Write),
            "cas" => read(body).map(Request::Cas),
            other => Err(Error::not_supported(format!(
                "this service knows read, write and cas, not {other}"
            ))),
        }
    }

    /// The key's place in a store.
    pub fn key(&self) -> Json {
        match self {
            Request::Read(Read { key })
            | Request::Write(Write { key, .. })
            | Request::Cas(Cas { key, .. }) => key.clone(),
        }
    }

    /// What the request does to a key that has this value, or does not exist.
    pub fn effect_on(&self, current: Option<&Json>) -> Effect {
        match (self, current) {
            (Request::Read(_), Some(value)) => {
                Effect { change: None, reply: reply("read_ok", Some(value)) }
            }
            (Request::Write(Write { value, .. }), _) => Effect {
                // Writing what is there already is no change: it may be answered by any state.
                change: (current != Some(value)).then(|| value.clone()),
                reply: reply("write_ok", None),
            },
            (Request::Cas(Cas { from, to, .. }), Some(value)) if from == value => {
                let change = (to != value).then(|| to.clone());
                Effect { change, reply: reply("cas_ok", None) }
            }
            (Request::Cas(Cas { from, .. }), Some(value)) => {
                refused(&Error::precondition_failed(format!("current value {value} is not {from}")))
            }
            (Request::Cas(Cas { to, create_if_not_exists: true, .. }), None) => {
                Effect { change: Some(to.clone()), reply: reply("cas_ok", None) }
            }
            (Request::Read(_) | Request::Cas(_), None) => {
                refused(&Error::key_does_not_exist("key does not exist"))
            }
        }
    }
}

/// A success, with the value of a key if there is one to tell.
fn reply(kind: &str, value: Option<&Json>) -> Body {
    #[derive(Serialize)]
    struct Reply<'a> {
        r#type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a Json>,
    }
    Body::new(&Reply { r#type: kind, value }).expect("a reply is an object with a type")
}

fn refused(error: &Error) -> Effect {
    Effect { change: None, reply: super::error_body(error) }
}

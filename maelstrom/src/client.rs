//! Clients: how an operation becomes requests, and how replies and errors become history.
//!
//! A client does one operation at a time and has one request outstanding. It is a state
//! machine without I/O: the engine sends what it asks for, and brings it the reply.

use gyre::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::edn::Edn;
use crate::history::OpType;

/// An operation before it has an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is done: `read`, `txn`.
    pub f: &'static str,
    /// The argument.
    pub value: Edn,
    /// Whether this is one of the reads at the end by which eventual outcomes are judged.
    pub is_final: bool,
}

impl Operation {
    /// An operation of the main phase.
    pub fn new(f: &'static str, value: Edn) -> Operation {
        Operation { f, value, is_final: false }
    }
}

/// What a client wants next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this to my node, and bring me the reply.
    Request(Body),
    /// The operation is over.
    Done(Completion),
}

impl Step {
    /// The request with this payload, which must serialize to an object with a `type`.
    pub fn request(payload: &impl Serialize) -> Step {
        Step::Request(Body::new(payload).expect("a request is an object with a type"))
    }

    /// The operation happened, with this result.
    pub fn ok(value: Edn) -> Step {
        Step::Done(Completion { kind: OpType::Ok, value: Some(value), extra: Vec::new() })
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// `Ok`, `Fail` or `Info`.
    pub kind: OpType,
    /// The result; the argument of the invocation when there is none.
    pub value: Option<Edn>,
    /// Further keys: `error`, `exception`.
    pub extra: Vec<(&'static str, Edn)>,
}

/// Why a request brought no success.
#[derive(Clone, Debug)]
pub enum RequestError {
    /// No reply came in time.
    Timeout,
    /// The node answered with an error.
    Node(gyre::Error),
    /// The node's reply is not what the workload's protocol says: a sentence.
    Malformed(String),
}

/// The client of a workload.
pub trait Client {
    /// Begins an operation.
    fn invoke(&mut self, operation: &Operation) -> Step;

    /// Goes on after a success reply.
    ///
    /// # Errors
    /// A sentence, when the reply is not what the protocol says.
    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, String>;

    /// Ends the operation after a request without success.
    fn on_error(&mut self, operation: &Operation, error: RequestError) -> Completion {
        classify(error, self.is_idempotent(operation.f))
    }

    /// Whether doing this twice is the same as doing it once, so that it may count as failed
    /// when nobody knows whether it happened.
    fn is_idempotent(&self, _f: &str) -> bool {
        false
    }
}

/// The usual outcome of a request without success: a definite error, or any error of an
/// idempotent operation, is a failure; everything else is indeterminate.
pub fn classify(error: RequestError, idempotent: bool) -> Completion {
    let (definite, error) = match error {
        RequestError::Malformed(sentence) => return exception(MALFORMED, &sentence),
        RequestError::Timeout => (false, Edn::keyword("net-timeout")),
        RequestError::Node(error) => {
            let name = Edn::keyword(error.code.name());
            (error.is_definite(), Edn::Vector(vec![name, Edn::from(error.text.as_str())]))
        }
    };
    let kind = if definite || idempotent { OpType::Fail } else { OpType::Info };
    Completion { kind, value: None, extra: vec![("error", error)] }
}

/// The outcome of a request without success in a workload whose client does not look at
/// errors (g-set and the counters): it crashes, and the operation is indeterminate.
pub fn crash(error: RequestError) -> Completion {
    match error {
        RequestError::Malformed(sentence) => exception(MALFORMED, &sentence),
        RequestError::Timeout => exception("timeout", "Client read timeout"),
        RequestError::Node(error) => {
            let name = error.code.name();
            exception("rpc-error", &format!("{name}: {}", error.text))
        }
    }
}

const MALFORMED: &str = "malformed-rpc-response";

/// An indeterminate outcome with an exception, shaped as Jepsen records one: `:via` names its
/// class and message.
fn exception(class: &str, message: &str) -> Completion {
    let cause = Edn::map([("type", Edn::keyword(class)), ("message", Edn::from(message))]);
    let exception = Edn::map([("via", Edn::Vector(vec![cause])), ("cause", Edn::from(message))]);
    let error = Edn::from(format!("indeterminate: {message}"));
    Completion {
        kind: OpType::Info,
        value: None,
        extra: vec![("exception", exception), ("error", error)],
    }
}

/// The error in an error reply. Nothing about its form is checked, as in the original: what is
/// missing or odd makes it an unknown error, which is indeterminate.
pub fn error_of(reply: &Body) -> gyre::Error {
    let body: serde_json::Value = reply.to().unwrap_or_default();
    let code = body["code"].as_i64().map_or(UNKNOWN, gyre::ErrorCode::from_number);
    gyre::Error::new(code, body["text"].as_str().unwrap_or_default())
}

const UNKNOWN: gyre::ErrorCode = gyre::ErrorCode::Other(-1);

/// Reads a reply into the type that the workload's protocol gives it.
///
/// The type should be a struct with `#[serde(deny_unknown_fields)]` and the fields of every
/// reply beside its own, as [`reply!`](crate::reply) declares it: a body with one key more than
/// the protocol names is malformed, as it is for the original.
///
/// # Errors
/// A sentence with the request, what was expected and what came.
pub fn read_reply<T: DeserializeOwned + Reply>(reply: &Body) -> Result<T, String> {
    if reply.kind() != T::KIND {
        return Err(format!(
            "expected a reply of type {} but received {}",
            T::KIND,
            reply.as_json()
        ));
    }
    reply
        .to()
        .map_err(|error| format!("the {} reply {} is malformed: {error}", T::KIND, reply.as_json()))
}

/// A reply of a workload's protocol.
pub trait Reply {
    /// Its `type`.
    const KIND: &'static str;
}

/// Declares the closed type of a reply: its `type`, and its fields beside those that every
/// reply may have.
#[macro_export]
macro_rules! reply {
    ($(#[$docs:meta])* $name:ident = $kind:literal { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$docs])*
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "these fields are only there to be allowed")]
        struct $name {
            $(
                // A field of an optional type would otherwise be allowed to be missing.
                #[serde(deserialize_with = "serde::Deserialize::deserialize")]
                $field: $type,
            )*
            r#type: String,
            #[serde(default, deserialize_with = "crate::client::if_present")]
            msg_id: Option<i64>,
            in_reply_to: i64,
        }

        impl $crate::client::Reply for $name {
            const KIND: &'static str = $kind;
        }
    };
}

/// An integer of a field that may be missing, but that is not `null`.
pub fn if_present<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<i64>, D::Error> {
    serde::Deserialize::deserialize(field).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    reply! {
        /// A reply for these tests.
        ReadOk = "read_ok" { value: serde_json::Value }
    }

    fn read(text: &str) -> Result<ReadOk, String> {
        read_reply(&Body::parse(text).unwrap())
    }

    #[test]
    fn replies_are_closed() {
        assert!(read(r#"{"type":"read_ok","in_reply_to":1,"value":null}"#).is_ok());
        assert!(read(r#"{"type":"read_ok","in_reply_to":1,"msg_id":4,"value":7}"#).is_ok());
        for malformed in [
            r#"{"type":"read_ok","in_reply_to":1}"#,
            r#"{"type":"read_ok","in_reply_to":1,"value":7,"extra":1}"#,
            r#"{"type":"reed_ok","in_reply_to":1,"value":7}"#,
            r#"{"type":"read_ok","in_reply_to":1,"msg_id":null,"value":7}"#,
        ] {
            assert!(read(malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_definite_error_is_a_failure_and_any_other_is_not() {
        let definite = RequestError::Node(gyre::Error::key_does_not_exist("no 7"));
        assert_eq!(classify(definite, false).kind, OpType::Fail);
        assert_eq!(classify(RequestError::Timeout, false).kind, OpType::Info);
        assert_eq!(classify(RequestError::Timeout, true).kind, OpType::Fail);
        assert_eq!(crash(RequestError::Timeout).kind, OpType::Info);
    }
}

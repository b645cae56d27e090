//! Clients: how an operation becomes requests, and how replies and errors become history.
//!
//! A client does one operation at a time and has one request outstanding. It is a state
//! machine without I/O: the engine sends what it asks for, and brings it the reply.

use std::collections::BTreeMap;

use gyre::{Body, Json};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::checker::exceptions::WRONG_REPLY;
use crate::edn::{Edn, Notation, Reader};
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
    /// Further keys of both of its entries in the history.
    pub extra: Vec<(&'static str, Edn)>,
}

impl Operation {
    /// An operation of the main phase.
    pub fn new(f: &'static str, value: Edn) -> Operation {
        Operation { f, value, is_final: false, extra: Vec::new() }
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

    /// The request of this type with these fields.
    pub fn ask<const N: usize>(kind: &str, fields: [(&'static str, &Edn); N]) -> Step {
        let fields = fields.into_iter().map(|(name, value)| (name, to_json(value)));
        let kind = std::iter::once(("type", Json::from(kind)));
        Step::request(&kind.chain(fields).collect::<BTreeMap<_, _>>())
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
    /// The node's reply has a key that the workload's protocol does not name: a sentence.
    ExtraKey(String),
    /// The node's reply does not answer the request: a sentence.
    WrongReply(String),
}

/// Why a client does not take a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyFault {
    /// It has a key that the workload's protocol does not name, and is well-formed otherwise.
    /// As in the original, nobody then knows what became of the operation, and no more.
    ExtraKey(String),
    /// It does not answer the request: it is of another type or shape, or about something
    /// else. The run is invalid, because no checker can judge what was not answered.
    WrongReply(String),
}

/// The client of a workload.
pub trait Client {
    /// Begins an operation.
    fn invoke(&mut self, operation: &Operation) -> Step;

    /// Goes on after a success reply, when it answers what was asked last.
    ///
    /// # Errors
    /// When it does not.
    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault>;

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
        RequestError::ExtraKey(sentence) => return exception(EXTRA_KEY, &sentence),
        RequestError::WrongReply(sentence) => return exception(WRONG_REPLY, &sentence),
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
        RequestError::ExtraKey(sentence) => exception(EXTRA_KEY, &sentence),
        RequestError::WrongReply(sentence) => exception(WRONG_REPLY, &sentence),
        RequestError::Timeout => exception("timeout", "Client read timeout"),
        RequestError::Node(error) => {
            let name = error.code.name();
            exception("rpc-error", &format!("{name}: {}", error.text))
        }
    }
}

/// The class of the exception for a reply with an extra key: the original's.
const EXTRA_KEY: &str = "malformed-rpc-response";

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
/// When the body is of another type or shape, or has a key more than that.
pub fn read_reply<T: DeserializeOwned + Reply>(reply: &Body) -> Result<T, ReplyFault> {
    if reply.kind() != T::KIND {
        return Err(ReplyFault::WrongReply(format!(
            "the reply is of type `{}`, and should be `{}`: {}",
            reply.kind(),
            T::KIND,
            reply.as_json()
        )));
    }
    reply.to().map_err(|error| {
        let sentence = format!("{}: {}", misfit::<T>(reply, &error), reply.as_json());
        if has_only_extra_keys::<T>(reply) {
            ReplyFault::ExtraKey(sentence)
        } else {
            ReplyFault::WrongReply(sentence)
        }
    })
}

/// What is wrong with a reply of the right type: a field that it lacks, one that there is not, or
/// one that holds something else.
fn misfit<T: Reply>(reply: &Body, error: &serde_json::Error) -> String {
    let kind = T::KIND;
    let body: BTreeMap<String, Box<RawValue>> = reply.to().unwrap_or_default();
    let missing = T::KEYS.iter().find(|key| **key != "msg_id" && !body.contains_key(**key));
    if let Some(missing) = missing {
        return format!("`{kind}` lacks the field `{missing}`");
    }
    if let Some(extra) = body.keys().find(|key| !T::KEYS.contains(&&***key)) {
        return format!("`{kind}` has a field `{extra}`, which it must not have");
    }
    // The one place is the one line.
    let error = error.to_string();
    let error = error.split(" at line ").next().unwrap_or_default();
    let form = |(name, form): (&str, String)| format!("`{name}` {form}");
    let fields: Vec<String> = T::fields().into_iter().map(form).collect();
    format!("`{kind}` does not fit ({error}); its fields are {}", fields.join(", "))
}

/// Whether a malformed body would be well-formed without the keys that its type does not name.
fn has_only_extra_keys<T: DeserializeOwned + Reply>(reply: &Body) -> bool {
    let body: Result<BTreeMap<String, Box<RawValue>>, _> = reply.to();
    body.is_ok_and(|mut body| {
        body.retain(|key, _| T::KEYS.contains(&&**key));
        Body::new(&body).is_ok_and(|body| body.to::<T>().is_ok())
    })
}

/// Any JSON value in a reply, as EDN. An integer is kept to the digit, however large it is: an
/// id of 128 bits that became a float would be the same as many others.
#[derive(Clone, Debug)]
pub struct Exact(pub Edn);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Exact, D::Error> {
        let json = Json::deserialize(value)?;
        let mut reader = Reader::new(json.as_str()).in_notation(Notation::Json);
        match reader.next_value().map_err(D::Error::custom)? {
            Some(value) => Ok(Exact(value)),
            None => Err(D::Error::custom("there is no value")),
        }
    }
}

/// A value in a request, to the digit.
pub fn to_json(value: &Edn) -> Json {
    Json::parse(&value.to_json_text()).expect("EDN as JSON is JSON")
}

/// A list in a reply, of anything.
#[derive(Clone, Debug)]
pub struct List(pub Edn);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<List, D::Error> {
        match Exact::deserialize(value)? {
            Exact(list @ Edn::Vector(_)) => Ok(List(list)),
            Exact(other) => Err(D::Error::custom(format!("expected a list, and not {other}"))),
        }
    }
}

impl List {
    /// The list, or an empty one for none.
    pub fn or_empty(list: Option<List>) -> Edn {
        list.map_or(Edn::Vector(Vec::new()), |list| list.0)
    }
}

/// An integer in a reply, of any size.
#[derive(Clone, Debug)]
pub struct Integer(pub Edn);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Integer, D::Error> {
        match Exact::deserialize(value)? {
            Exact(number) if is_integer(&number) => Ok(Integer(number)),
            Exact(other) => Err(D::Error::custom(format!("expected an integer, and not {other}"))),
        }
    }
}

/// Whether this is an integer, of any size.
pub fn is_integer(value: &Edn) -> bool {
    matches!(value, Edn::Int(_)) || value.large_digits().is_some()
}

/// A reply of a workload's protocol.
pub trait Reply {
    /// Its `type`.
    const KIND: &'static str;
    /// Every key that it may have.
    const KEYS: &'static [&'static str];
    /// What it says, a line of words each.
    const ABOUT: &'static [&'static str];

    /// Its own keys, and what stands under each.
    fn fields() -> Vec<(&'static str, String)>;
}

/// Declares the closed type of a reply: its `type`, and its fields beside those that every
/// reply may have.
#[macro_export]
macro_rules! reply {
    ($(#[doc = $docs:literal])* $name:ident = $kind:literal {
        $($field:ident: $type:ty),* $(,)?
    }) => {
        $(#[doc = $docs])*
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
            const KEYS: &'static [&'static str] =
                &[$(stringify!($field),)* "type", "msg_id", "in_reply_to"];
            const ABOUT: &'static [&'static str] = &[$($docs),*];

            fn fields() -> Vec<(&'static str, String)> {
                vec![$((stringify!($field), <$type as $crate::protocol::Described>::form())),*]
            }
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

    fn read(text: &str) -> Result<ReadOk, ReplyFault> {
        read_reply(&Body::parse(text).unwrap())
    }

    #[test]
    fn replies_are_closed() {
        assert!(read(r#"{"type":"read_ok","in_reply_to":1,"value":null}"#).is_ok());
        assert!(read(r#"{"type":"read_ok","in_reply_to":1,"msg_id":4,"value":7}"#).is_ok());
        let extra = r#"{"type":"read_ok","in_reply_to":1,"value":7,"extra":1}"#;
        assert!(matches!(read(extra), Err(ReplyFault::ExtraKey(_))));
        for wrong in [
            r#"{"type":"read_ok","in_reply_to":1}"#,
            r#"{"type":"read_ok","in_reply_to":1,"extra":1}"#,
            r#"{"type":"reed_ok","in_reply_to":1,"value":7}"#,
            r#"{"type":"read_ok","in_reply_to":1,"msg_id":null,"value":7}"#,
        ] {
            assert!(matches!(read(wrong), Err(ReplyFault::WrongReply(_))), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_reply_is_said() {
        for (text, words) in [
            (r#"{"type":"x","in_reply_to":1}"#, "of type `x`, and should be `read_ok`: {\"type\""),
            (
                r#"{"type":"read_ok","in_reply_to":1}"#,
                "`read_ok` lacks the field `value`: {\"type\"",
            ),
            (r#"{"type":"read_ok","value":1}"#, "`read_ok` lacks the field `in_reply_to`"),
            (r#"{"type":"read_ok","in_reply_to":1,"value":7,"a":1}"#, "has a field `a`"),
            (r#"{"type":"read_ok","in_reply_to":1,"msg_id":null,"value":7}"#, "does not fit ("),
        ] {
            let (Err(ReplyFault::WrongReply(found)) | Err(ReplyFault::ExtraKey(found))) =
                read(text)
            else {
                panic!("{text} was taken")
            };
            assert!(found.contains(words) && !found.contains(" at line "), "{found}");
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

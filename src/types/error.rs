//! What can go wrong, as the protocol says it: a code and a sentence.
//!
//! The one question that matters about an error is whether the request may have taken effect
//! all the same. A *definite* error says that it did not and never will; after an *indefinite*
//! one nobody knows. A node that reports a definite error for something that did happen has
//! lied, and a checker will find the lie; so where in doubt, be indefinite.
//!
//! The codes are those of Maelstrom's `doc/protocol.md`, section "Errors".
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kind of an [`Error`]: those that the protocol names, and the rest.
///
/// ```
/// use gyre::ErrorCode;
///
/// assert_eq!(ErrorCode::from_number(22), ErrorCode::PreconditionFailed);
/// assert_eq!(ErrorCode::KeyDoesNotExist.name(), "key-does-not-exist");
/// // A request that timed out may have taken effect, and so may one with a code that nobody knows.
/// assert!(!ErrorCode::Timeout.is_definite() && !ErrorCode::Other(99).is_definite());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// 0: no answer came in time. Indefinite.
    Timeout,
    /// 1: there is nobody of that name. Definite.
    NodeNotFound,
    /// 10: the node does not do this kind of request. Definite.
    NotSupported,
    /// 11: not now, perhaps later, such as before a leader is elected. Definite.
    TemporarilyUnavailable,
    /// 12: the request's body is not as it should be. Definite.
    MalformedRequest,
    /// 13: something broke in the middle of the work. Indefinite.
    Crash,
    /// 14: the work was given up, and undone. Definite.
    Abort,
    /// 20: there is no such key. Definite.
    KeyDoesNotExist,
    /// 21: there is such a key already. Definite.
    KeyAlreadyExists,
    /// 22: what the request took for granted is not so, such as `from` in a compare-and-set.
    /// Definite.
    PreconditionFailed,
    /// 30: the transaction conflicts with another one, and was given up. Definite.
    TxnConflict,
    /// 40: the node has no vote in its cluster, or none any more. Definite. The number is that of
    /// Maelstrom's pull request 101.
    NotAMember,
    /// Any other number. Indefinite, since nobody has said otherwise.
    Other(i64),
}

/// A named code: its number, its name in the protocol, whether it is definite, and what it says.
type Row = (ErrorCode, i64, &'static str, bool, &'static str);

/// Every named code.
const CODES: [Row; 12] = [
    (ErrorCode::Timeout, 0, "timeout", false, "no answer came in time"),
    (ErrorCode::NodeNotFound, 1, "node-not-found", true, "there is no node of that name"),
    (
        ErrorCode::NotSupported,
        10,
        "not-supported",
        true,
        "the node does not do this kind of request",
    ),
    (
        ErrorCode::TemporarilyUnavailable,
        11,
        "temporarily-unavailable",
        true,
        "not now, perhaps later: before a leader is elected, for instance",
    ),
    (
        ErrorCode::MalformedRequest,
        12,
        "malformed-request",
        true,
        "the request's body is not as it should be",
    ),
    (
        ErrorCode::Crash,
        13,
        "crash",
        false,
        "something broke in the middle of the work, and nobody knows how far it went",
    ),
    (ErrorCode::Abort, 14, "abort", true, "the work was given up, and undone"),
    (ErrorCode::KeyDoesNotExist, 20, "key-does-not-exist", true, "there is no such key"),
    (ErrorCode::KeyAlreadyExists, 21, "key-already-exists", true, "there is such a key already"),
    (
        ErrorCode::PreconditionFailed,
        22,
        "precondition-failed",
        true,
        "what the request took for granted is not so: the value to compare with, for instance",
    ),
    (
        ErrorCode::TxnConflict,
        30,
        "txn-conflict",
        true,
        "the transaction conflicts with another one, and was given up",
    ),
    (
        ErrorCode::NotAMember,
        40,
        "not-a-member",
        true,
        "the node is not, or not any more, one of those that make up the cluster: ask another",
    ),
];

impl ErrorCode {
    /// The code with this number on the wire.
    pub fn from_number(number: i64) -> ErrorCode {
        let named = CODES.iter().find(|(_, its_number, ..)| *its_number == number);
        named.map_or(ErrorCode::Other(number), |(code, ..)| *code)
    }

    /// Its number on the wire.
    pub fn number(self) -> i64 {
        match self {
            ErrorCode::Other(number) => number,
            named => named.row().1,
        }
    }

    /// Its name in the protocol, such as `key-does-not-exist`; `other` when it has none.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::Other(_) => "other",
            named => named.row().2,
        }
    }

    /// What it says, in words; nothing of a code that the protocol does not name.
    pub fn meaning(self) -> &'static str {
        match self {
            ErrorCode::Other(_) => "",
            named => named.row().4,
        }
    }

    /// The codes that the protocol names, by number.
    pub fn named() -> impl Iterator<Item = ErrorCode> {
        CODES.iter().map(|(code, ..)| *code)
    }

    /// Whether it says for certain that the request did not take effect and never will.
    pub fn is_definite(self) -> bool {
        match self {
            ErrorCode::Other(_) => false,
            named => named.row().3,
        }
    }

    fn row(self) -> &'static Row {
        CODES.iter().find(|(code, ..)| *code == self).expect("every named code has its row")
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.number())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
        Ok(ErrorCode::from_number(i64::deserialize(deserializer)?))
    }
}

/// An error that can be sent: `{"type": "error", "code": …, "text": …}`.
///
/// ```
/// use gyre::{Error, ErrorCode};
///
/// // Nobody knows whether the request took effect …
/// assert!(!Error::timeout("n3 does not answer").is_definite());
/// // … and here it is known that it did not.
/// let error = Error::precondition_failed("expected 1, but it is 2");
/// assert!(error.is_definite() && error.code == ErrorCode::PreconditionFailed);
/// assert_eq!(ErrorCode::from_number(22), error.code);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "error")]
pub struct Error {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What happened and what to do about it, in a sentence for people.
    #[serde(default)]
    pub text: String,
}

/// One constructor a code, each taking the sentence.
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident;)*) => {
        impl Error {
            $($(#[$doc])* pub fn $name(text: impl Into<String>) -> Error {
                Error::new(ErrorCode::$code, text)
            })*
        }
    };
}

constructors! {
    /// 0, indefinite: no answer came in time.
    timeout => Timeout;
    /// 1, definite: there is nobody of that name.
    node_not_found => NodeNotFound;
    /// 10, definite: the node does not do this kind of request.
    not_supported => NotSupported;
    /// 11, definite: not now, perhaps later.
    temporarily_unavailable => TemporarilyUnavailable;
    /// 12, definite: the request's body is not as it should be.
    malformed_request => MalformedRequest;
    /// 13, indefinite: something broke in the middle of the work.
    crash => Crash;
    /// 14, definite: the work was given up, and undone.
    abort => Abort;
    /// 20, definite: there is no such key.
    key_does_not_exist => KeyDoesNotExist;
    /// 21, definite: there is such a key already.
    key_already_exists => KeyAlreadyExists;
    /// 22, definite: what the request took for granted is not so.
    precondition_failed => PreconditionFailed;
    /// 30, definite: the transaction conflicts with another one, and was given up.
    txn_conflict => TxnConflict;
    /// 40, definite: the node has no vote in its cluster.
    not_a_member => NotAMember;
}

impl Error {
    /// An error of any code, with its sentence.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Error {
        Error { code, text: text.into() }
    }

    /// Whether it says for certain that the request did not take effect and never will.
    pub fn is_definite(&self) -> bool {
        self.code.is_definite()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code.name(), self.code.number())?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text) }
    }
}

impl std::error::Error for Error {}

/// So that a handler can use `?` on anything: what is not an [`Error`] already is a crash,
/// which is indefinite, for only the handler could know better.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        error.downcast().unwrap_or_else(|error| Error::crash(format!("{error:#}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn every_number_survives_a_round_trip() {
        for number in -3..40 {
            assert_eq!(ErrorCode::from_number(number).number(), number);
        }
    }

    #[test]
    fn exactly_the_protocols_definite_codes_are_definite() {
        let definite: Vec<i64> =
            (-3..40).filter(|&number| ErrorCode::from_number(number).is_definite()).collect();
        assert_eq!(definite, [1, 10, 11, 12, 14, 20, 21, 22, 30]);
    }

    #[test]
    fn on_the_wire_it_is_a_type_a_code_and_a_text() {
        let json = serde_json::to_string(&Error::abort("undone")).unwrap();
        assert_eq!(json, r#"{"type":"error","code":14,"text":"undone"}"#);
        assert_eq!(serde_json::from_str::<Error>(&json).unwrap(), Error::abort("undone"));
        let foreign = r#"{"type":"error","in_reply_to":3,"code":1234}"#;
        let error: Error = serde_json::from_str(foreign).unwrap();
        assert_eq!(error, Error::new(ErrorCode::Other(1234), ""));
    }

    #[test]
    fn from_anyhow_an_error_is_kept_and_the_rest_is_a_crash() {
        let kept = anyhow::Error::from(Error::abort("undone")).context("while testing");
        assert_eq!(Error::from(kept).code, ErrorCode::Abort);
        let other =
            Error::from(Err::<(), _>(std::fmt::Error).context("while testing").unwrap_err());
        assert_eq!(other.code, ErrorCode::Crash);
        assert!(other.text.starts_with("while testing: "), "{other}");
    }
}

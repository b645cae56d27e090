//! Messages, as they stand on the wire: one JSON object a line, `{"src", "dest", "body"}`.
//!
//! A [`Body`] keeps its JSON text beside the three fields that routing needs. Most messages
//! are carried much more often than they are looked into, so a body is parsed into a type of
//! the node's own only where it is used, and never rebuilt on its way.
//!
//! Absent on purpose: any knowledge of workloads. See the protocol's description in
//! Maelstrom's `doc/protocol.md`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The name of a participant: `n1`, `c12`, `lin-kv`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a client of the bench. Clients' names, and only theirs, start with `c`.
    pub fn is_client(&self) -> bool {
        self.0.starts_with('c')
    }
}

impl From<&str> for NodeId {
    fn from(name: &str) -> NodeId {
        NodeId(name.into())
    }
}

impl From<String> for NodeId {
    fn from(name: String) -> NodeId {
        NodeId(name.into())
    }
}

impl PartialEq<str> for NodeId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for NodeId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

// Lets a map keyed by `NodeId` be searched with a `&str`.
impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        // A borrowed string would fail on escapes, and an owned one would be copied twice.
        Ok(NodeId(Cow::<str>::deserialize(deserializer)?.into()))
    }
}

/// One message between two participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who sent it.
    pub src: NodeId,
    /// Whom it is for.
    pub dest: NodeId,
    /// What it says.
    pub body: Body,
}

impl Message {
    /// Reads one line of JSON.
    ///
    /// Keys other than `src`, `dest` and `body` are passed over (the bench adds an `id`).
    ///
    /// # Errors
    /// When the line is not a JSON object with these three keys, or the body has no `type`.
    pub fn parse(line: &str) -> Result<Message, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// The message as one line of JSON, without the line feed.
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(self.body.text.len() + 40);
        self.write_line(&mut line);
        line
    }

    /// Appends the message as one line of JSON, without the line feed.
    pub fn write_line(&self, line: &mut String) {
        line.push_str("{\"src\":");
        push_json_string(line, self.src.as_str());
        line.push_str(",\"dest\":");
        push_json_string(line, self.dest.as_str());
        line.push_str(",\"body\":");
        line.push_str(&self.body.text);
        line.push('}');
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Message, D::Error> {
        #[derive(Deserialize)]
        struct Line<'a> {
            src: NodeId,
            dest: NodeId,
            #[serde(borrow)]
            body: &'a RawValue,
        }
        let line = Line::deserialize(deserializer)?;
        let body = Body::parse(line.body.get()).map_err(serde::de::Error::custom)?;
        Ok(Message { src: line.src, dest: line.dest, body })
    }
}

/// Appends `text` as a JSON string. Names are nearly always plain, so that comes first.
fn push_json_string(line: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        line.push('"');
        line.push_str(text);
        line.push('"');
    } else {
        line.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The body of a message: a JSON object whose `type` says what the other keys mean.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    kind: Arc<str>,
    msg_id: Option<i64>,
    in_reply_to: Option<i64>,
    /// The whole object, the three fields above included, on one line.
    text: Box<str>,
}

impl Body {
    /// Reads the JSON text of a body.
    ///
    /// # Errors
    /// When it is not a JSON object, has no string `type`, or has a `msg_id` or `in_reply_to`
    /// that is not an integer.
    pub fn parse(text: &str) -> Result<Body, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
            msg_id: Option<i64>,
            in_reply_to: Option<i64>,
        }
        let head: Head = serde_json::from_str(text)?;
        // A body that was pretty-printed would break the one-line rule when passed on.
        let text: Box<str> = if text.contains(['\n', '\r']) {
            serde_json::from_str::<serde_json::Value>(text)?.to_string().into()
        } else {
            text.into()
        };
        Ok(Body {
            kind: head.kind.into(),
            msg_id: head.msg_id,
            in_reply_to: head.in_reply_to,
            text,
        })
    }

    /// A body from anything that serializes to a JSON object with a `type`, such as a variant
    /// of an enum with `#[serde(tag = "type", rename_all = "snake_case")]`.
    ///
    /// # Errors
    /// When it does not serialize to such an object.
    pub fn new(payload: &impl Serialize) -> Result<Body, serde_json::Error> {
        let text = serde_json::to_string(payload)?;
        if !text.starts_with('{') {
            return Err(serde::de::Error::custom("a body must be a JSON object"));
        }
        Body::parse(&text)
    }

    /// What the message means: the body's `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The number by which the sender knows the reply, if it wants one.
    pub fn msg_id(&self) -> Option<i64> {
        self.msg_id
    }

    /// The `msg_id` of the request that this answers, if it is a reply.
    pub fn in_reply_to(&self) -> Option<i64> {
        self.in_reply_to
    }

    /// The whole body as JSON text, on one line.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The same body with this `msg_id`: what a request needs before it is sent.
    ///
    /// The payload must not have a `msg_id` yet.
    pub fn with_msg_id(mut self, msg_id: i64) -> Body {
        debug_assert!(self.msg_id.is_none(), "the body has a msg_id already");
        self.msg_id = Some(msg_id);
        self.text = self.insert("msg_id", msg_id);
        self
    }

    /// The same body as the reply to the request with this `msg_id`.
    ///
    /// The payload must not have an `in_reply_to` yet.
    pub fn with_in_reply_to(mut self, msg_id: i64) -> Body {
        debug_assert!(self.in_reply_to.is_none(), "the body is a reply already");
        self.in_reply_to = Some(msg_id);
        self.text = self.insert("in_reply_to", msg_id);
        self
    }

    /// The text with one more key. A body is never empty (it has a `type`), so a key and a
    /// comma after the opening brace always give a valid object.
    fn insert(&self, key: &str, number: i64) -> Box<str> {
        let rest = self.text.trim_start().strip_prefix('{').expect("a body is an object");
        format!("{{\"{key}\":{number},{rest}").into()
    }

    /// The body as a type of the node's own.
    ///
    /// # Errors
    /// When the JSON does not fit the type.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Body::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":1,"echo":"hi"}}"#;

    #[test]
    fn a_line_survives_a_round_trip() {
        let message = Message::parse(LINE).unwrap();
        assert_eq!(message.body.kind(), "echo");
        assert_eq!(message.body.msg_id(), Some(1));
        assert_eq!(message.to_line(), LINE);
        assert_eq!(serde_json::to_string(&message).unwrap(), LINE);
    }

    #[test]
    fn names_with_quotes_are_escaped() {
        let mut message = Message::parse(LINE).unwrap();
        message.src = NodeId::from("c\"1\n");
        assert_eq!(Message::parse(&message.to_line()).unwrap(), message);
    }

    #[test]
    fn what_is_not_a_message_is_an_error() {
        for line in
            ["", "hi", "[]", r#"{"src":"a","dest":"b"}"#, r#"{"src":"a","dest":"b","body":7}"#]
        {
            assert!(Message::parse(line).is_err(), "{line}");
        }
        assert!(Body::parse(r#"{"msg_id":1}"#).is_err());
        assert!(Body::parse(r#"{"type":"x","msg_id":"1"}"#).is_err());
    }

    #[test]
    fn a_reply_carries_the_request_it_answers() {
        let reply = Body::parse(r#" {"type":"echo_ok"}"#).unwrap().with_in_reply_to(7);
        assert_eq!(reply.in_reply_to(), Some(7));
        assert_eq!(Body::parse(reply.as_json()).unwrap(), reply);
    }

    #[test]
    fn a_pretty_printed_body_is_put_on_one_line() {
        let body = Body::parse("{\n \"type\": \"a\"\n}").unwrap();
        assert_eq!(body.as_json(), r#"{"type":"a"}"#);
    }
}

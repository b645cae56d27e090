//! Messages, as they stand on the wire: one JSON object a line, `{"src", "dest", "body"}`.
//!
//! A [`Body`] keeps its JSON text beside the three fields that routing needs. Most messages
//! are carried much more often than they are looked into, so a body is parsed into a type of
//! the node's own only where it is used, and never rebuilt on its way.
//!
//! Reading and writing messages is most of what a node does under load, so the usual shapes
//! have a short way: a line with plain names, and a payload whose `type` comes first. Whatever
//! looks different takes the general way, through serde, which also words the errors.
//!
//! Absent on purpose: any knowledge of workloads. See the protocol's description in
//! Maelstrom's `doc/protocol.md`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::types::{NodeId, json};
use variant::{FromBody, ToBody};

mod scan;
mod variant;

/// One message between two participants.
///
/// ```
/// use gyre::{Body, Message};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Request {
///     Read { key: u64 },
/// }
///
/// let line = r#"{"src":"c1","dest":"n1","body":{"type":"read","key":7,"msg_id":3}}"#;
/// let message = Message::parse(line)?;
/// assert_eq!((message.body.kind(), message.body.msg_id()), ("read", Some(3)));
/// let Request::Read { key } = message.body.to()?;
/// assert_eq!(key, 7);
///
/// let reply = Body::new(&Request::Read { key })?.with_in_reply_to(3);
/// assert_eq!(reply.in_reply_to(), Some(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
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
        scan::message(line).map_or_else(|| Message::parse_any(line), Ok)
    }

    /// The general way, for lines of any shape.
    fn parse_any(line: &str) -> Result<Message, serde_json::Error> {
        // serde would take an array for a struct, field by field.
        if !line.trim_ascii_start().starts_with('{') {
            return Err(serde::de::Error::custom("a message must be a JSON object"));
        }
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
///
/// ```
/// use gyre::{Body, Error};
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Request {
///     Cas { key: u64, from: u64, to: u64 },
/// }
///
/// let body = Body::parse(r#"{"type": "cas", "msg_id": 5, "key": 7, "from": 1, "to": 2}"#)?;
/// assert_eq!((body.kind(), body.msg_id()), ("cas", Some(5)));
/// let Request::Cas { key, from, to } = body.to()?;
/// assert_eq!([key, from, to], [7, 1, 2]);
///
/// let refused = Body::new(&Error::precondition_failed("it is 3"))?.with_in_reply_to(5);
/// assert_eq!(refused.as_json(), r#"{"in_reply_to":5,"type":"error","code":22,"text":"it is 3"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Body {
    /// The whole object, the three fields below included, on one line, from its `{` on.
    text: String,
    kind: Kind,
    msg_id: Option<i64>,
    in_reply_to: Option<i64>,
}

/// The `type` of a body. It is nearly always there to be read in the body's text.
#[derive(Clone)]
enum Kind {
    Within(Range<usize>),
    /// It is written with escapes.
    Apart(Box<str>),
}

impl Kind {
    /// `kind`, which was read from `text`: a part of it, unless it had to be unescaped.
    fn of(kind: &str, text: &str) -> Kind {
        let start = (kind.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        match text.get(start..start.wrapping_add(kind.len())) {
            Some(part) if part == kind => Kind::Within(start..start + kind.len()),
            _ => Kind::Apart(kind.into()),
        }
    }

    /// The same after so many bytes came before it in the text.
    fn moved(self, by: usize) -> Kind {
        match self {
            Kind::Within(range) => Kind::Within(range.start + by..range.end + by),
            apart => apart,
        }
    }
}

/// What routing needs of a body.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    msg_id: Option<i64>,
    in_reply_to: Option<i64>,
}

impl Head<'_> {
    /// The body with this head, whose text on one line is `text`.
    fn with_text(&self, text: &str) -> Body {
        Body {
            kind: Kind::of(&self.kind, text),
            msg_id: self.msg_id,
            in_reply_to: self.in_reply_to,
            text: text.to_owned(),
        }
    }
}

impl Body {
    /// Reads the JSON text of a body.
    ///
    /// # Errors
    /// When it is not a JSON object, has no string `type`, or has a `msg_id` or `in_reply_to`
    /// that is not an integer.
    pub fn parse(text: &str) -> Result<Body, serde_json::Error> {
        let text = text.trim_ascii();
        // serde would take an array for a struct, field by field.
        if !text.starts_with('{') {
            return Err(serde::de::Error::custom("a body must be a JSON object"));
        }
        let head: Head = serde_json::from_str(text)?;
        // A body that was pretty-printed would break the one-line rule when passed on.
        if text.contains(['\n', '\r']) {
            return Body::parse(&json::compact(text));
        }
        Ok(head.with_text(text))
    }

    /// A body from a variant of an enum, whose name is the `type` and whose fields are the other
    /// keys; or from anything else that serializes to a JSON object with a `type`.
    ///
    /// The enum needs no attribute but `#[serde(rename_all = "snake_case")]`. Enums with serde's
    /// `tag = "type"` are bodies, too.
    ///
    /// # Errors
    /// When it does not serialize to such an object.
    pub fn new(payload: &impl Serialize) -> Result<Body, serde_json::Error> {
        let mut text = Vec::with_capacity(128);
        let inner = &mut serde_json::Serializer::new(&mut text);
        payload.serialize(ToBody { inner, kind: None })?;
        let text = String::from_utf8(text).expect("serde_json writes UTF-8");
        match scan::kind_of_payload(&text) {
            Some(kind) => {
                Ok(Body { text, kind: Kind::Within(kind), msg_id: None, in_reply_to: None })
            }
            None => Body::parse(&text),
        }
    }

    /// What the message means: the body's `type`.
    pub fn kind(&self) -> &str {
        match &self.kind {
            Kind::Within(range) => &self.text[range.clone()],
            Kind::Apart(kind) => kind,
        }
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
        assert!(self.msg_id.is_none(), "the body has a msg_id already");
        self.msg_id = Some(msg_id);
        self.with_key("msg_id", msg_id)
    }

    /// The same body as the reply to the request with this `msg_id`.
    ///
    /// The payload must not have an `in_reply_to` yet.
    pub fn with_in_reply_to(mut self, msg_id: i64) -> Body {
        assert!(self.in_reply_to.is_none(), "the body is a reply already");
        self.in_reply_to = Some(msg_id);
        self.with_key("in_reply_to", msg_id)
    }

    /// The same with one more key in the text. A body is never empty (it has a `type`), so a
    /// key and a comma after the opening brace always give a valid object.
    fn with_key(mut self, key: &str, number: i64) -> Body {
        let inserted = format!("\"{key}\":{number},");
        self.text.insert_str(1, &inserted);
        Body { kind: self.kind.moved(inserted.len()), ..self }
    }

    /// The body as a type of the node's own: an enum, of which the `type` picks the variant, or a
    /// struct of some of the keys.
    ///
    /// The enum needs no attribute but `#[serde(rename_all = "snake_case")]`. It is read without
    /// a buffer, so its fields may be [`Json`](crate::Json). Enums with serde's `tag = "type"`
    /// can be read, too.
    ///
    /// # Errors
    /// When the JSON does not fit the type, or nests deeper than nodes wrap what clients send.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::read_own_as(
            self.text.as_bytes(),
            || serde_json::Deserializer::from_str(&self.text),
            |inner| T::deserialize(FromBody { kind: self.kind(), inner }),
        )
    }

    /// Whether it nests more than so many levels.
    pub(crate) fn is_deeper_than(&self, levels: usize) -> bool {
        json::is_deeper_than(&self.text, levels)
    }
}

/// Bodies are equal when their texts are: the other fields say the same.
impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.text == other.text
    }
}

impl Eq for Body {}

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
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use serde_json::json;

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
        for line in [
            "",
            "hi",
            "[]",
            r#"["a","b",{"type":"x"}]"#,
            r#"{"src":"a","dest":"b"}"#,
            r#"{"src":"a","dest":"b","body":7}"#,
            r#"{"src":"a","dest":"b","body":["x",1,2]}"#,
        ] {
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
        let body = Body::parse("{\"type\":\"a\",\n\"n\": [1.10, 1e400, \" \"]}").unwrap();
        assert_eq!(body.as_json(), r#"{"type":"a","n":[1.10,1e400," "]}"#);
        assert!(Body::parse("{\"type\":\"a\",\n\"n\": 1 2}").is_err());
    }

    /// Lines that between them have everything that a line may have.
    const SHAPES: [&str; 7] = [
        LINE,
        r#"{"id":17,"src":"n1","dest":"n2","body":{"msg_id":-3,"in_reply_to":0,"type":"a_b"}}"#,
        r#" { "dest" : "lin-kv", "body" : {"x": [{"type": 1}], "type": "r"} , "src" : "n1" } "#,
        r#"{"src":"\u0063\"1","dest":"ñ","body":{"type":"e\tho","echo":"\\n \u00f1 ñ"}}"#,
        "{\"src\":\"a\",\"dest\":\"b\",\r\n\"body\":{\"type\":\"x\",\r\n\"y\":1.5e-7}}\r",
        r#"{"src":"a","dest":"b","extra":{"src":"c"},"id":-1,"body":{"type":"t","body":null}}"#,
        r#"{"body":{"type":"t","echo":"msg_id","type2":"\"in_reply_to\""},"src":"","dest":""}"#,
    ];

    #[test]
    fn the_short_way_and_the_general_way_agree_on_damaged_lines_too() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut short = 0;
        for round in 0..200_000 {
            let mut line: Vec<char> = SHAPES[round % SHAPES.len()].chars().collect();
            // Rounds without damage, and with a character changed, doubled, or left out.
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(0..line.len());
                let other = line[rng.random_range(0..line.len())];
                match rng.random_range(0..3) {
                    0 => line[at] = other,
                    1 => line.insert(at, other),
                    _ => drop(line.remove(at)),
                }
            }
            let line: String = line.into_iter().collect();
            let general = Message::parse_any(&line).ok();
            if let Some(message) = scan::message(&line) {
                short += 1;
                assert_same(Some(&message), general.as_ref(), &line);
            }
            // Whatever is read can be sent on and read again.
            if let Some(message) = general {
                let again = Message::parse(&message.to_line()).ok();
                assert_same(Some(&message), again.as_ref(), &line);
            }
        }
        assert!(short > 50_000, "the usual shapes go the short way: {short}");
    }

    /// Field by field, for bodies are compared by their text alone.
    fn assert_same(left: Option<&Message>, right: Option<&Message>, line: &str) {
        let fields = |message: &Message| {
            let Message { src, dest, body } = message;
            let head = (body.kind().to_owned(), body.msg_id(), body.in_reply_to());
            (src.clone(), dest.clone(), body.as_json().to_owned(), head)
        };
        assert_eq!(left.map(fields), right.map(fields), "{line}");
    }

    #[test]
    fn a_payload_and_its_text_make_the_same_body() {
        for payload in [
            json!({"type": "a"}),
            json!({"type": "a", "msg_id": 7}),
            json!({"type": "a", "in_reply_to": -7, "msg_id": 8}),
            json!({"type": "a\"b\\", "x": 1}),
            json!({"a": "first", "type": "é", "nested": {"type": "b", "msg_id": "none"}}),
            json!({"type": "a", "text": "\"msg_id\":5"}),
        ] {
            let body = Body::new(&payload).unwrap();
            let parsed = Body::parse(&payload.to_string()).unwrap();
            for (body, parsed) in [
                (body.clone(), parsed.clone()),
                (body.with_in_reply_to_if_none(3), parsed.with_in_reply_to_if_none(3)),
            ] {
                let message = |body| Message { src: "a".into(), dest: "b".into(), body };
                let (body, parsed) = (message(body), message(parsed));
                assert_same(Some(&body), Some(&parsed), &payload.to_string());
                let read_back = Message::parse(&body.to_line()).ok();
                assert_same(Some(&body), read_back.as_ref(), &payload.to_string());
            }
        }
        assert!(scan::kind_of_payload(r#"{"type":"a","x":1}"#).is_some());
        for text in [r#"{"type":"a","msg_id":1}"#, r#"{"type":"a","in_reply_to":1}"#] {
            assert!(scan::kind_of_payload(text).is_none(), "{text}");
        }
        for payload in [json!({}), json!({"type": 1}), json!([1]), json!("type"), json!(null)] {
            assert!(Body::new(&payload).is_err(), "{payload}");
        }
    }

    impl Body {
        fn with_in_reply_to_if_none(self, msg_id: i64) -> Body {
            if self.in_reply_to.is_some() { self } else { self.with_in_reply_to(msg_id) }
        }
    }
}

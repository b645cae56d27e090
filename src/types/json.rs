//! JSON as clients write it: values that nodes keep and pass on, and how deeply they may nest.
//!
//! A node has no business with what a client's value means. It keeps it, compares it, and gives
//! it back. [`Json`] is that and no more: the text. A number is its digits, so it comes back as
//! it was sent, however large or precise it is. (`serde_json::Value` makes floats of integers
//! beyond 64 bits: 2⁸⁰ + 1 and 2⁸⁰ + 2 would be one key.)
//!
//! Nesting has one limit, where clients' requests come in: [`REQUEST_DEPTH_MAX`]. What passes
//! there is wrapped in what nodes store and tell each other, some levels more, and must be
//! readable there too. A record that cannot be read stops the node, and a message that cannot be
//! read stops the cluster. So what nodes write is read with that much more room: [`read_own`].
//!
//! Deliberately absent: any access to the parts of a value. [`Json::to`] gives it as a type.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::de::Read;
use serde_json::value::RawValue;

/// How many levels a client's request may nest, the request itself included.
///
/// serde_json, and so most programs in Rust, reads 127 levels. Replies wrap a value in a few
/// levels more than requests do, so this leaves every reply readable.
pub(crate) const REQUEST_DEPTH_MAX: usize = 120;

/// How many levels are read of what nodes write: those of a request, and what it is wrapped in.
const OWN_DEPTH_MAX: usize = REQUEST_DEPTH_MAX + 64;

/// Any JSON value, as its text. Clones share it.
///
/// The text is in a normal form, so that values are equal exactly when their texts are:
///
/// - There is no white space between tokens.
/// - An object's keys are sorted. Of several equal keys the last one counts.
/// - Strings have no escapes but those that they need.
/// - Numbers are as they were written, digit by digit: 1, 1.0, 1.00 and 1e0 are four different
///   values. (So no number is ever taken for another. The original Maelstrom, too, tells 1 from
///   1.0.)
///
/// The order of values is that of their texts. It is one order for all types, and means nothing.
///
/// In an enum that is read by serde, use it without serde's attributes `tag` and `untagged`, and
/// not in a struct with `flatten`: those read numbers into a buffer before they look at them,
/// and here that is an error. A [`Node::Request`](crate::Node::Request) needs none of them.
///
/// ```
/// use gyre::Json;
///
/// let key = Json::parse(r#"{"b": 1.00, "a": [1]}"#)?;
/// assert_eq!(key.as_str(), r#"{"a":[1],"b":1.00}"#);
/// assert_ne!(Json::parse("1")?, Json::parse("1.0")?);
/// assert_eq!(Json::parse("[1, 2]")?.to::<Vec<u64>>()?, [1, 2]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// The value that a text stands for.
    ///
    /// # Errors
    /// When the text is not JSON, has a string that is not Unicode, or nests deeper than
    /// anything that a node can have written.
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A value of any type, as JSON.
    ///
    /// # Errors
    /// When it cannot be JSON: it has a map whose keys are no strings, for example.
    pub fn new(value: &impl Serialize) -> Result<Json, serde_json::Error> {
        Json::normal(serde_json::value::to_raw_value(value)?)
    }

    /// The value null.
    pub fn null() -> Json {
        static NULL: LazyLock<Json> = LazyLock::new(|| Json::from_normal_text("null".to_owned()));
        NULL.clone()
    }

    /// The array of these values.
    pub fn array<'a>(elements: impl IntoIterator<Item = &'a Json>) -> Json {
        let mut text = String::from("[");
        for element in elements {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(element.as_str());
        }
        text.push(']');
        Json::from_normal_text(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// The value as a type.
    ///
    /// # Errors
    /// When it does not fit the type.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read_own(self.as_str().as_bytes())
    }

    fn from_normal_text(text: String) -> Json {
        let raw = RawValue::from_string(text).expect("it was made of JSON");
        Json(raw.into())
    }

    /// The value of a text that is JSON, but perhaps not in the normal form.
    fn normal(raw: Box<RawValue>) -> Result<Json, serde_json::Error> {
        let text = raw.get();
        if is_surely_normal(text) {
            return Ok(Json(raw.into()));
        }
        if is_deeper_than(text, OWN_DEPTH_MAX) {
            return Err(serde_json::Error::custom(format_args!(
                "the value nests more than {OWN_DEPTH_MAX} levels"
            )));
        }
        Ok(Json::from_normal_text(normal_text(text)?))
    }
}

impl Default for Json {
    /// Null.
    fn default() -> Json {
        Json::null()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Json) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Json {
    fn cmp(&self, other: &Json) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Json {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Json, serde_json::Error> {
        Json::parse(text)
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Json {
        Json::from_normal_text(normal_text(&value.to_string()).expect("a value's text is JSON"))
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Json {
        Json::from(&value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::from(Value::from(text))
    }
}

macro_rules! from_what_is_displayed_as_json {
    ($($plain:ty)*) => {$(
        impl From<$plain> for Json {
            fn from(plain: $plain) -> Json {
                Json::from_normal_text(plain.to_string())
            }
        }
    )*};
}

from_what_is_displayed_as_json!(i32 i64 u32 u64 usize i128 u128 bool);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(|error| {
            // This is what serde says of a value that it has in a buffer.
            if error.to_string().starts_with("invalid type: newtype struct") {
                return D::Error::custom(
                    "gyre::Json cannot be read inside an enum with serde's `tag` or `untagged`, \
                     or beside `flatten`: leave the attribute out",
                );
            }
            error
        })?;
        Json::normal(raw).map_err(D::Error::custom)
    }
}

/// Whether a valid text is in the normal form, for texts where this is easily seen: nearly all.
fn is_surely_normal(text: &str) -> bool {
    let may_need_work =
        |byte: u8| matches!(byte, b'\\' | b'{' | b'[' | b' ' | b'\t' | b'\n' | b'\r');
    match text.as_bytes()[0] {
        b'"' => memchr::memchr(b'\\', text.as_bytes()).is_none(),
        b'[' => !text.bytes().skip(1).any(may_need_work),
        b'{' => text == "{}",
        _ => true,
    }
}

/// The normal form of a text that is JSON.
fn normal_text(text: &str) -> Result<String, serde_json::Error> {
    let mut normal = String::with_capacity(text.len());
    Normalizer { rest: text }.value(&mut normal)?;
    Ok(normal)
}

/// Goes through a text that is known to be JSON.
struct Normalizer<'a> {
    rest: &'a str,
}

impl<'a> Normalizer<'a> {
    /// Writes the next value in the normal form.
    fn value(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        match self.peek() {
            b'"' => self.string(out)?,
            b'[' => self.array(out)?,
            b'{' => self.object(out)?,
            _ => {
                let is_end = |c: char| matches!(c, ',' | ']' | '}' | ' ' | '\t' | '\n' | '\r');
                let length = self.rest.find(is_end).unwrap_or(self.rest.len());
                out.push_str(self.take(length));
            }
        }
        Ok(())
    }

    fn array(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        loop {
            // The opening bracket or a comma.
            out.push_str(self.take(1));
            if self.peek() != b']' {
                self.value(out)?;
            }
            if self.peek() == b']' {
                out.push_str(self.take(1));
                return Ok(());
            }
        }
    }

    fn object(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        let mut entries = BTreeMap::new();
        loop {
            // The opening brace or a comma.
            self.take(1);
            if self.peek() == b'"' {
                let key: Cow<str> = self.meant_string()?;
                self.peek();
                self.take(":".len());
                let mut value = String::new();
                self.value(&mut value)?;
                entries.insert(key, value);
            }
            if self.peek() == b'}' {
                self.take(1);
                break;
            }
        }
        for (index, (key, value)) in entries.iter().enumerate() {
            out.push_str(if index == 0 { "{" } else { "," });
            out.push_str(&serde_json::to_string(key)?);
            out.push(':');
            out.push_str(value);
        }
        out.push_str(if entries.is_empty() { "{}" } else { "}" });
        Ok(())
    }

    /// Writes a string, with its quotes.
    fn string(&mut self, out: &mut String) -> Result<(), serde_json::Error> {
        let text = self.take(string_length(self.rest.as_bytes()));
        if text.contains('\\') {
            let meant: String = serde_json::from_str(text)?;
            out.push_str(&serde_json::to_string(&meant)?);
        } else {
            out.push_str(text);
        }
        Ok(())
    }

    /// What a string means.
    fn meant_string(&mut self) -> Result<Cow<'a, str>, serde_json::Error> {
        let text = self.take(string_length(self.rest.as_bytes()));
        if text.contains('\\') {
            return serde_json::from_str(text).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(&text[1..text.len() - 1]))
    }

    /// The first byte of the next token.
    fn peek(&mut self) -> u8 {
        self.rest = self.rest.trim_ascii_start();
        self.rest.as_bytes()[0]
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

/// How long the string is, with its quotes, that a text begins with.
fn string_length(text: &[u8]) -> usize {
    let mut length = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[length.min(text.len())..]) {
        length += found + 1;
        if text[length - 1] == b'"' {
            return length;
        }
        // Whatever is escaped is not the end.
        length += 1;
    }
    text.len()
}

/// The text without white space between tokens. It need not be JSON.
pub(crate) fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = if next == '"' { string_length(rest.as_bytes()) } else { next.len_utf8() };
        let (token, behind) = rest.split_at(length);
        if !matches!(next, ' ' | '\t' | '\n' | '\r') {
            compact.push_str(token);
        }
        rest = behind;
    }
    compact
}

/// Whether a text nests more than so many levels.
pub(crate) fn is_deeper_than(text: &str, levels: usize) -> bool {
    // Each level has two brackets. Most texts are too short for many.
    text.len() > 2 * levels && depth(text.as_bytes()) > levels
}

/// How many levels a text nests. It need not be JSON.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most, mut at) = (0_usize, 0, 0);
    while at < text.len() {
        match text[at] {
            b'[' | b'{' => now += 1,
            b']' | b'}' => now = now.saturating_sub(1),
            b'"' => at += string_length(&text[at..]) - 1,
            _ => {}
        }
        most = most.max(now);
        at += 1;
    }
    most
}

/// Reads what this node or another one wrote. What a client was allowed to send is readable,
/// wrapped in up to 64 levels.
///
/// # Errors
/// When it does not fit the type, or nests deeper than that.
pub(crate) fn read_own<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, serde_json::Error> {
    read_own_as(text, || serde_json::Deserializer::from_slice(text), |inner| T::deserialize(inner))
}

/// The same, with another way to read. `deserializer` makes one for the text.
pub(crate) fn read_own_as<'a, R: Read<'a>, T>(
    text: &[u8],
    deserializer: impl Fn() -> serde_json::Deserializer<R>,
    read: impl Fn(&mut serde_json::Deserializer<R>) -> Result<T, serde_json::Error>,
) -> Result<T, serde_json::Error> {
    let attempt = |mut deserializer: serde_json::Deserializer<R>| {
        let value = read(&mut deserializer)?;
        deserializer.end().map(|()| value)
    };
    match attempt(deserializer()) {
        Err(error) if is_too_deep(&error) && depth(text) <= OWN_DEPTH_MAX => {
            let mut unlimited = deserializer();
            unlimited.disable_recursion_limit();
            attempt(unlimited)
        }
        result => result,
    }
}

fn is_too_deep(error: &serde_json::Error) -> bool {
    // There is no other way to tell.
    error.to_string().contains("recursion limit exceeded")
}

/// How long a value is as JSON, in bytes.
pub(crate) fn bytes_of(value: &impl Serialize) -> u64 {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("it can be written as JSON");
    counter.0
}

#[cfg(test)]
mod tests;

//! The short way to read messages of the usual shape. Whatever it does not know for certain
//! is `None`, and goes the general way: it never decides that something is wrong.

use std::ops::Range;

use super::{Head, Message};
use crate::types::NodeId;

/// A line `{"src": "n1", "dest": "n2", "body": {…}}`, its keys in any order, perhaps with an
/// integer `id`, and without escapes in the names.
///
/// The body is looked through once, for its head and for its end together. serde would do it
/// twice, as it has no way to give a value and its text at the same time.
pub(super) fn message(line: &str) -> Option<Message> {
    let mut cursor = Cursor(line.trim_ascii());
    let (mut src, mut dest, mut body) = (None, None, None);
    cursor.byte(b'{')?;
    loop {
        let key = cursor.plain_string()?;
        cursor.byte(b':')?;
        // A key that comes twice is left to the general way.
        match key {
            "src" if src.is_none() => src = Some(NodeId::from(cursor.plain_string()?)),
            "dest" if dest.is_none() => dest = Some(NodeId::from(cursor.plain_string()?)),
            "id" => cursor.digits()?,
            "body" if body.is_none() => body = Some(cursor.body()?),
            _ => return None,
        }
        match cursor.any_byte()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    cursor.0.is_empty().then_some(Message { src: src?, dest: dest?, body: body? })
}

/// Where the `type` stands in a payload just written by serde, if it comes first and there
/// is neither a `msg_id` nor an `in_reply_to`.
pub(super) fn kind_of_payload(text: &str) -> Option<Range<usize>> {
    const START: &str = "{\"type\":\"";
    let rest = text.strip_prefix(START)?;
    let length = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
    let is_plain = rest.as_bytes()[length] == b'"';
    let has = |key: &str| memchr::memmem::find(rest.as_bytes(), key.as_bytes()).is_some();
    let is_all = is_plain && !has("\"msg_id\"") && !has("\"in_reply_to\"");
    is_all.then_some(START.len()..START.len() + length)
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }

    /// The next byte that is no space, and an ASCII one, so that a character ends there.
    fn any_byte(&mut self) -> Option<u8> {
        self.0 = self.0.trim_start_matches(' ');
        let byte = *self.0.as_bytes().first().filter(|byte| byte.is_ascii())?;
        self.skip(1);
        Some(byte)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.any_byte()? == expected).then_some(())
    }

    /// A string that stands for itself: no escapes, and nothing that needs one.
    fn plain_string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let is_end = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
        let length = self.0.as_bytes().iter().position(is_end)?;
        let text = &self.0[..length];
        self.skip(length);
        self.byte(b'"')?;
        Some(text)
    }

    /// An integer without a sign, of which nothing is wanted.
    fn digits(&mut self) -> Option<()> {
        self.0 = self.0.trim_start_matches(' ');
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let is_number = length == 1 || (length > 1 && !self.0.starts_with('0'));
        self.skip(length);
        is_number.then_some(())
    }

    fn body(&mut self) -> Option<super::Body> {
        self.0 = self.0.trim_start_matches(' ');
        if !self.0.starts_with('{') {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(self.0).into_iter::<Head>();
        let head = values.next()?.ok()?;
        let (text, rest) = self.0.split_at(values.byte_offset());
        self.0 = rest;
        let is_on_one_line = memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none();
        is_on_one_line.then(|| head.with_text(text))
    }
}

//! The reader, of EDN and of JSON.
//!
//! JSON is read by the same code: its values are written almost alike. What differs is that a
//! colon stands between a key and its value and begins no keyword, that `null` is `nil`, that
//! words other than `true`, `false` and `null` are none, and a few escapes in strings. An
//! integer keeps all its digits in both.

mod tokens;

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Edn;
pub(crate) use tokens::{BLANKS, DELIMITERS};
use tokens::{ENDS, ENDS_IN_JSON, MAY_BE_BLANK, is_delimiter, json_number, number};

/// What was wrong with the text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Where the problem is.
    pub place: Place,
    /// How many bytes of the text stand before the problem.
    pub position: usize,
    /// What is wrong, as a clause.
    pub problem: String,
    /// Whether nothing is wrong but that the text ends too early.
    pub is_cut: bool,
}

/// A place in a text, as an editor shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
}

impl Place {
    /// The beginning of a text.
    pub const START: Place = Place { line: 1, column: 1 };

    /// The place behind this text, which begins here.
    #[must_use]
    pub fn after(self, text: &str) -> Place {
        match text.rfind('\n') {
            None => Place { column: self.column + text.chars().count(), ..self },
            Some(end) => Place {
                line: self.line + text.matches('\n').count(),
                column: 1 + text[end + 1..].chars().count(),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// In which notation a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Clojure's.
    Edn,
    /// JavaScript's.
    Json,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ReadError {}

/// Nested deeper than this, a file is damaged or hostile, and recursion must not overflow.
const DEPTH_LIMIT: usize = 256;

/// Reads every value in the text.
///
/// # Errors
/// When something in it is not EDN.
pub fn read_all(text: &str) -> Result<Vec<Edn>, ReadError> {
    let mut reader = Reader::new(text);
    let mut values = Vec::new();
    while let Some(value) = reader.next_value()? {
        values.push(value);
    }
    Ok(values)
}

/// Reads the first value in the text.
///
/// # Errors
/// When there is none, or it is not EDN.
pub fn read_one(text: &str) -> Result<Edn, ReadError> {
    let mut reader = Reader::new(text);
    reader.next_value()?.ok_or_else(|| reader.error("there is no value"))
}

/// Reads one value after another from a text.
pub struct Reader<'a> {
    text: &'a str,
    notation: Notation,
    /// Whether the text goes on where it ends here.
    goes_on: bool,
    position: usize,
    depth: usize,
    /// The items of the collections that are being read, the innermost last. A collection is
    /// taken from here when it is complete, and takes no more memory than it needs.
    items: Vec<Edn>,
    /// The keywords so far. A history has a handful, each a million times.
    keywords: FxHashMap<&'a str, Arc<str>>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of a text in EDN.
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            notation: Notation::Edn,
            goes_on: false,
            position: 0,
            depth: 0,
            items: Vec::new(),
            keywords: FxHashMap::default(),
        }
    }

    /// The same, in another notation.
    pub fn in_notation(self, notation: Notation) -> Reader<'a> {
        Reader { notation, ..self }
    }

    /// The same for a text that is the beginning of a longer one.
    pub fn of_beginning(self) -> Reader<'a> {
        Reader { goes_on: true, ..self }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Passes over white space and comments, and then over this byte, if it comes next.
    ///
    /// # Errors
    /// When a discarded value is no value.
    pub fn skip(&mut self, byte: u8) -> Result<bool, ReadError> {
        self.skip_blank()?;
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        Ok(is_next)
    }

    /// Passes over so many bytes, which somebody else has read.
    pub(crate) fn pass(&mut self, length: usize) {
        self.position += length;
    }

    /// The next value; `None` at the end.
    ///
    /// # Errors
    /// When what comes next is not EDN, or the text ends inside a value.
    pub fn next_value(&mut self) -> Result<Option<Edn>, ReadError> {
        self.skip_blank()?;
        match self.peek() {
            None => Ok(None),
            Some(_) => self.value().map(Some),
        }
    }

    fn error(&self, problem: impl Into<String>) -> ReadError {
        self.error_at(self.position, problem)
    }

    fn error_at(&self, position: usize, problem: impl Into<String>) -> ReadError {
        let place = Place::START.after(&self.text[..position]);
        ReadError { place, position, problem: problem.into(), is_cut: false }
    }

    fn cut(&self, problem: impl Into<String>) -> ReadError {
        ReadError { is_cut: true, ..self.error(problem) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// Passes over white space, commas, comments and discarded (`#_`) values.
    #[inline]
    fn skip_blank(&mut self) -> Result<(), ReadError> {
        // Nearly always it is one space, a comma and a space, or nothing.
        self.position += usize::from(self.peek() == Some(b','));
        self.position += usize::from(self.peek() == Some(b' '));
        match self.peek() {
            Some(b':') if self.notation == Notation::Edn => Ok(()),
            Some(byte) if !MAY_BE_BLANK[usize::from(byte)] => Ok(()),
            _ => self.skip_all_blank(),
        }
    }

    fn skip_all_blank(&mut self) -> Result<(), ReadError> {
        // `#_ #_ a b` discards both. They are counted, for a text may have any number.
        let mut discards = 0;
        while let Some(byte) = self.peek() {
            match byte {
                _ if BLANKS[usize::from(byte)] => self.position += 1,
                b':' if self.notation == Notation::Json => self.position += 1,
                b';' if self.notation == Notation::Edn => {
                    let rest = &self.text[self.position..];
                    match rest.find('\n') {
                        None if self.goes_on => return Err(self.cut("a comment goes on")),
                        end => self.position += end.unwrap_or(rest.len()),
                    }
                }
                b'#' if self.text[self.position..].starts_with("#_") => {
                    self.position += 2;
                    discards += 1;
                }
                _ if discards == 0 => return Ok(()),
                _ => {
                    self.value()?;
                    discards -= 1;
                }
            }
        }
        if discards > 0 {
            return Err(self.cut("the text ends where a value after #_ should be"));
        }
        Ok(())
    }

    fn required(&mut self, what: &str) -> Result<Edn, ReadError> {
        self.skip_blank()?;
        if self.peek().is_none() {
            return Err(self.cut(format!("the text ends where {what} should be")));
        }
        self.value()
    }

    fn value(&mut self) -> Result<Edn, ReadError> {
        if self.depth == DEPTH_LIMIT {
            return Err(self.error(format!("values are nested more than {DEPTH_LIMIT} deep")));
        }
        self.depth += 1;
        let value = self.value_at_depth();
        self.depth -= 1;
        value
    }

    fn value_at_depth(&mut self) -> Result<Edn, ReadError> {
        match self.peek().expect("the caller saw a byte") {
            b'(' => self.items(1, b')').map(Edn::List),
            b'[' => self.items(1, b']').map(Edn::Vector),
            b'{' => self.map(),
            b'"' => self.string(),
            b'\\' if self.notation == Notation::Edn => self.character(),
            b'#' if self.notation == Notation::Edn => self.dispatch(),
            b'^' if self.notation == Notation::Edn => {
                // Metadata says something about a value, and is no part of it.
                self.position += 1;
                self.required("metadata")?;
                self.required("a value with metadata")
            }
            b')' | b']' | b'}' => Err(self.error("a closing bracket without an opening one")),
            _ => self.atom(),
        }
    }

    /// The values up to a closing bracket; `opening` is the length of the opening one.
    fn items(&mut self, opening: usize, close: u8) -> Result<Vec<Edn>, ReadError> {
        let start = self.position;
        self.position += opening;
        let first = self.items.len();
        loop {
            self.skip_blank()?;
            match self.peek() {
                None => {
                    self.position = start;
                    return Err(self.cut("the text ends inside a collection that starts here"));
                }
                Some(byte) if byte == close => {
                    self.position += 1;
                    return Ok(self.items.split_off(first));
                }
                Some(_) => {
                    let item = match self.small_integer() {
                        Some(integer) => integer,
                        None => self.value()?,
                    };
                    self.items.push(item);
                }
            }
        }
    }

    fn map(&mut self) -> Result<Edn, ReadError> {
        let start = self.position;
        let items = self.items(1, b'}')?;
        if items.len() % 2 != 0 {
            return Err(self.error("a map has a key without a value"));
        }
        let mut entries = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        if let Some(key) = duplicate_key(&entries) {
            let problem = format!("a map has the key {key} twice");
            self.position = start;
            return Err(self.error(problem));
        }
        Ok(Edn::Map(entries))
    }

    fn string(&mut self) -> Result<Edn, ReadError> {
        let start = self.position;
        let rest = &self.text[start + 1..];
        // Most strings have no escape, and are copied as they stand.
        if let Some(end) = rest.find(['"', '\\'])
            && rest.as_bytes()[end] == b'"'
        {
            self.position += end + 2;
            return Ok(Edn::from(&rest[..end]));
        }
        let mut text = String::new();
        // The first half of a surrogate pair, whose second half comes next.
        let mut high = None;
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            if c != '\\' || !rest[at..].starts_with("\\u") {
                end_pair(&mut text, &mut high);
            }
            match c {
                '"' => {
                    self.position = start + 1 + at + 1;
                    return Ok(Edn::from(text));
                }
                '\\' => match chars.next().map(|(_, escape)| escape) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some(same @ ('"' | '\\')) => text.push(same),
                    Some('/') if self.notation == Notation::Json => text.push('/'),
                    Some('u') => {
                        let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let unit = u16::from_str_radix(&hex, 16)
                            .map_err(|_| self.error(format!("\\u{hex} is not a character")))?;
                        push_unit(&mut text, &mut high, unit);
                        continue;
                    }
                    None => break,
                    _ => return Err(self.error("a string has an unknown escape")),
                },
                c => text.push(c),
            }
        }
        Err(self.cut("the text ends inside a string that starts here"))
    }

    fn character(&mut self) -> Result<Edn, ReadError> {
        let rest = &self.text[self.position + 1..];
        let first = rest.chars().next().ok_or_else(|| self.error("a lone backslash"))?;
        let more = &rest[first.len_utf8()..];
        let length = 1 + first.len_utf8() + more.find(is_delimiter).unwrap_or(more.len());
        Ok(Edn::Symbol(self.take(length).into()))
    }

    fn dispatch(&mut self) -> Result<Edn, ReadError> {
        let rest = &self.text[self.position + 1..];
        match rest.bytes().next() {
            Some(b'{') => self.items(2, b'}').map(Edn::Set),
            Some(b'#') => {
                let start = self.position;
                self.position += 2;
                match self.token() {
                    "NaN" => Ok(Edn::from(f64::NAN)),
                    "Inf" => Ok(Edn::from(f64::INFINITY)),
                    "-Inf" => Ok(Edn::from(f64::NEG_INFINITY)),
                    other => Err(self.error_at(start, format!("##{other} is not a number"))),
                }
            }
            _ => {
                self.position += 1;
                let tag = self.token();
                if tag.is_empty() {
                    return Err(self.error("a # with nothing readable behind it"));
                }
                let value = self.required("a tagged value")?;
                Ok(Edn::Tagged(tag.into(), Box::new(value)))
            }
        }
    }

    fn atom(&mut self) -> Result<Edn, ReadError> {
        if let Some(integer) = self.small_integer() {
            return Ok(integer);
        }
        let start = self.position;
        let token = self.token();
        if token.is_empty() {
            return Err(self.error("a character that begins no value"));
        }
        if self.notation == Notation::Json {
            return match token {
                "null" => Ok(Edn::Nil),
                "true" => Ok(Edn::Bool(true)),
                "false" => Ok(Edn::Bool(false)),
                _ => json_number(token)
                    .ok_or_else(|| self.error_at(start, format!("{token} is no value in JSON"))),
            };
        }
        Ok(match token {
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            _ if token.starts_with(':') => {
                let name = &token[1..];
                Edn::Keyword(self.keywords.entry(name).or_insert_with(|| name.into()).clone())
            }
            _ => number(token).unwrap_or_else(|| Edn::Symbol(token.into())),
        })
    }

    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.position..];
        let is_json = self.notation == Notation::Json;
        // Nearly all text is plain, and needs no decoding.
        let ends = if is_json { &ENDS_IN_JSON } else { &ENDS };
        match rest.bytes().position(|byte| ends[usize::from(byte)]) {
            Some(end) if !rest.as_bytes()[end].is_ascii() => {
                let is_end = |c: char| is_delimiter(c) || c == ':' && is_json;
                self.take(rest.find(is_end).unwrap_or(rest.len()))
            }
            end => self.take(end.unwrap_or(rest.len())),
        }
    }

    /// An integer of a few digits, which most tokens are; `None`, and nothing is read, for any
    /// other.
    fn small_integer(&mut self) -> Option<Edn> {
        let bytes = &self.text.as_bytes()[self.position..];
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let (mut number, mut length) = (0, sign);
        // More than 18 digits may be too many.
        while let Some(digit @ b'0'..=b'9') = bytes.get(length)
            && length < sign + 18
        {
            number = 10 * number + i64::from(digit - b'0');
            length += 1;
        }
        let is_whole = bytes.get(length).is_none_or(|byte| DELIMITERS[usize::from(*byte)]);
        if length == sign || !is_whole {
            return None;
        }
        self.position += length;
        Some(Edn::Int(if sign == 1 { -number } else { number }))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.position..self.position + length];
        self.position += length;
        taken
    }
}

/// A key that a map has twice.
fn duplicate_key(entries: &[(Edn, Edn)]) -> Option<&Edn> {
    // A few keys are compared faster than sorted.
    if entries.len() <= 16 {
        let is_earlier = |i: usize| entries[..i].iter().any(|(key, _)| *key == entries[i].0);
        return (1..entries.len()).find(|&i| is_earlier(i)).map(|i| &entries[i].0);
    }
    let mut keys: Vec<&Edn> = entries.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// Adds a UTF-16 code unit to a text, when it is known whether it is half of a pair.
fn push_unit(text: &mut String, high: &mut Option<u16>, unit: u16) {
    if let Some(first) = high.take() {
        match char::decode_utf16([first, unit]).next() {
            Some(Ok(c)) => return text.push(c),
            _ => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
    match char::from_u32(unit.into()) {
        Some(c) => text.push(c),
        None if unit < 0xdc00 => *high = Some(unit),
        None => text.push(char::REPLACEMENT_CHARACTER),
    }
}

/// Half of a surrogate pair is no character of its own.
fn end_pair(text: &mut String, high: &mut Option<u16>) {
    if high.take().is_some() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
}

#[cfg(test)]
mod tests;

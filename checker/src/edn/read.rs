//! The reader.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Edn, Float};

/// What was wrong with the text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line of the problem, counted from 1.
    pub line: usize,
    /// What is wrong, as a clause.
    pub problem: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
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
    position: usize,
    depth: usize,
    /// The items of the collections that are being read, the innermost last. A collection is
    /// taken from here when it is complete, and takes no more memory than it needs.
    items: Vec<Edn>,
    /// The keywords so far. A history has a handful, each a million times.
    keywords: FxHashMap<&'a str, Arc<str>>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of the text.
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader { text, position: 0, depth: 0, items: Vec::new(), keywords: FxHashMap::default() }
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
        let line = 1 + self.text[..self.position].bytes().filter(|&b| b == b'\n').count();
        ReadError { line, problem: problem.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// Passes over white space, commas, comments and discarded (`#_`) values.
    fn skip_blank(&mut self) -> Result<(), ReadError> {
        // `#_ #_ a b` discards both. They are counted, for a text may have any number.
        let mut discards = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x0c => self.position += 1,
                b';' => {
                    let rest = &self.text[self.position..];
                    self.position += rest.find('\n').unwrap_or(rest.len());
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
            return Err(self.error("the text ends where a value after #_ should be"));
        }
        Ok(())
    }

    fn required(&mut self, what: &str) -> Result<Edn, ReadError> {
        self.skip_blank()?;
        if self.peek().is_none() {
            return Err(self.error(format!("the text ends where {what} should be")));
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
            b'\\' => self.character(),
            b'#' => self.dispatch(),
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
                    return Err(self.error("the text ends inside a collection that starts here"));
                }
                Some(byte) if byte == close => {
                    self.position += 1;
                    return Ok(self.items.drain(first..).collect());
                }
                Some(_) => {
                    let item = self.value()?;
                    self.items.push(item);
                }
            }
        }
    }

    fn map(&mut self) -> Result<Edn, ReadError> {
        let items = self.items(1, b'}')?;
        if items.len() % 2 != 0 {
            return Err(self.error("a map has a key without a value"));
        }
        let mut entries = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
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
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
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
                    Some('u') => {
                        let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        // Half of a surrogate pair is no character of its own.
                        let code = u32::from_str_radix(&hex, 16)
                            .map_err(|_| self.error(format!("\\u{hex} is not a character")))?;
                        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    _ => return Err(self.error("a string has an unknown escape")),
                },
                c => text.push(c),
            }
        }
        Err(self.error("the text ends inside a string that starts here"))
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
                self.position += 2;
                match self.token() {
                    "NaN" => Ok(Edn::from(f64::NAN)),
                    "Inf" => Ok(Edn::from(f64::INFINITY)),
                    "-Inf" => Ok(Edn::from(f64::NEG_INFINITY)),
                    other => Err(self.error(format!("##{other} is not a number"))),
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
        let token = self.token();
        if token.is_empty() {
            return Err(self.error("a character that begins no value"));
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
        self.take(rest.find(is_delimiter).unwrap_or(rest.len()))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.position..self.position + length];
        self.position += length;
        taken
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '"' | '(' | ')' | '[' | ']' | '{' | '}')
}

/// An integer or a float; `None` for anything else. `5N` and `0.5M` lose their suffix.
fn number(token: &str) -> Option<Edn> {
    let digits = token.strip_prefix(['-', '+']).unwrap_or(token);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = token.strip_suffix(['N', 'M']).unwrap_or(token);
    match plain.parse::<i64>() {
        Ok(int) if !token.ends_with('M') => Some(Edn::Int(int)),
        // An integer too large for 64 bits stays as it was written rather than lose digits.
        _ if plain.bytes().all(|b| b.is_ascii_digit() || b == b'-') => None,
        _ => plain.parse().ok().map(|float| Edn::Float(Float(float))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_was_read() {
        for text in [
            "nil",
            "-7",
            "0.25",
            "1.0E10",
            "##NaN",
            r#""a \"quoted\" \\ line\n""#,
            ":g-single-item",
            "[[:append 5 3] [:r 5 nil]]",
            "{:type :invoke, :value [1 (2 3) #{4}]}",
            "#jepsen.history.Op {:index 1}",
            "99999999999999999999N",
            "1/3",
            "\\a",
            "foo/bar",
        ] {
            let value = read_one(text).unwrap();
            let again = read_one(&value.to_string()).unwrap();
            assert_eq!(value, again, "{text}");
        }
    }

    #[test]
    fn comments_commas_and_discards_are_passed_over() {
        let values = read_all("; a comment\n1, #_ 2 [3 #_[4] ; five\n 5]").unwrap();
        assert_eq!(values, [Edn::Int(1), Edn::from(vec![3i64, 5])]);
        assert_eq!(read_all("#_ #_ 1 2 3 #_ 4").unwrap(), [Edn::Int(3)]);
        let many = 1_000_000;
        assert_eq!(read_all(&("#_ ".repeat(many) + &"1 ".repeat(many))).unwrap(), []);
        assert!(read_all(&"#_ ".repeat(many)).is_err());
        assert!(read_all("[1 #_]").is_err());
    }

    #[test]
    fn damage_is_reported_with_its_line() {
        let error = read_all("{:a 1}\n{:b [1 2").unwrap_err();
        assert_eq!(error.line, 2);
        for text in ["]", "{:a}", "\"abc", "#", "\\", "\"\\q\"", "##x", &"[".repeat(1000)] {
            assert!(read_all(text).is_err(), "{text}");
        }
    }
}

//! EDN, the notation in which Jepsen writes histories and results.
//!
//! A value, a reader and two printers: one line (history files) and indented (results). The
//! reader takes everything that Clojure's `pr` prints of plain data, including what this bench
//! never writes (sets, characters, ratios are kept as text), because `maelstrom check` judges
//! histories from any bench.
//!
//! Source: <https://github.com/edn-format/edn>. Absent: namespaced maps and `#_` outside of
//! collections are not produced, only read.

mod canonical;
mod print;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use print::{pretty, write_pretty};
pub(crate) use read::{BLANKS, DELIMITERS};
pub use read::{Notation, Place, ReadError, Reader, read_all, read_one};

/// One EDN value. Its order is total and the same on every machine, so that it can key a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edn {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `0.5`
    Float(Float),
    /// `"text"`
    Str(Arc<str>),
    /// `:name`, kept without the colon
    Keyword(Arc<str>),
    /// Anything that is not of a kind above or below, kept as it was written: symbols,
    /// characters, ratios; and integers beyond 64 bits, in one form: `99999999999999999999N`.
    Symbol(Arc<str>),
    /// `(1 2)`
    List(Vec<Edn>),
    /// `[1 2]`
    Vector(Vec<Edn>),
    /// `#{1 2}`
    Set(Vec<Edn>),
    /// `{:a 1}`, in the order in which the keys were written
    Map(Vec<(Edn, Edn)>),
    /// `#inst "…"`
    Tagged(Arc<str>, Box<Edn>),
}

/// A float with a total order, so that [`Edn`] can be compared and hashed.
#[derive(Clone, Copy, Debug)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Float) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Float) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Float) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Float {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl Edn {
    /// The keyword `:name`.
    pub fn keyword(name: &str) -> Edn {
        Edn::Keyword(name.into())
    }

    /// A map whose keys are keywords, in the order given.
    pub fn map<const N: usize>(entries: [(&str, Edn); N]) -> Edn {
        Edn::Map(entries.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect())
    }

    /// The value at `:name`, when this is a map that has it, or a record.
    pub fn get(&self, name: &str) -> Option<&Edn> {
        let map = if let Edn::Tagged(_, value) = self { value } else { self };
        let Edn::Map(entries) = map else { return None };
        entries
            .iter()
            .find(|(key, _)| matches!(key, Edn::Keyword(k) if &**k == name))
            .map(|(_, value)| value)
    }

    /// The elements of a vector, a list or a set.
    pub fn as_slice(&self) -> Option<&[Edn]> {
        match self {
            Edn::Vector(items) | Edn::List(items) | Edn::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The integer, when this is one.
    pub fn as_i64(&self) -> Option<i64> {
        if let Edn::Int(n) = self { Some(*n) } else { None }
    }

    /// An integer beyond 64 bits, from its digits with or without a sign; `None` for a text that
    /// is none. All texts of one integer give equal values.
    fn large_integer(text: &str) -> Option<Edn> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let sign = if text.starts_with('-') { "-" } else { "" };
        Some(Edn::Symbol(format!("{sign}{}N", digits.trim_start_matches('0')).into()))
    }

    /// The digits of an integer beyond 64 bits, with its sign.
    pub fn large_digits(&self) -> Option<&str> {
        let Edn::Symbol(text) = self else { return None };
        let digits = text.strip_suffix('N')?;
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        (!unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
    }

    /// The order of values in which integers of any size are ordered by size.
    pub fn compare_numbers(&self, other: &Edn) -> std::cmp::Ordering {
        // Whether it is negative; how many digits it has; and these.
        let parts = |value: &Edn| {
            let text = match value {
                Edn::Int(n) => n.to_string(),
                value => value.large_digits()?.to_owned(),
            };
            let digits = text.trim_start_matches('-').to_owned();
            Some((text.starts_with('-'), digits.len(), digits))
        };
        match (self, other) {
            (Edn::Int(a), Edn::Int(b)) => a.cmp(b),
            _ => match (parts(self), parts(other)) {
                (Some(a), Some(b)) if a.0 && b.0 => (b.1, b.2).cmp(&(a.1, a.2)),
                (Some(a), Some(b)) => (!a.0, a.1, a.2).cmp(&(!b.0, b.1, b.2)),
                // All integers stand together, where the small ones are.
                (Some(_), None) => Edn::Int(0).cmp(other),
                (None, Some(_)) => self.cmp(&Edn::Int(0)),
                (None, None) => self.cmp(other),
            },
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Edn::Str(text) = self { Some(text) } else { None }
    }

    /// The name of a keyword, without the colon.
    pub fn as_keyword(&self) -> Option<&str> {
        if let Edn::Keyword(name) = self { Some(name) } else { None }
    }

    /// Whether this is `nil`.
    pub fn is_nil(&self) -> bool {
        matches!(self, Edn::Nil)
    }

    /// A JSON value, as Maelstrom reads it: objects become maps with string keys.
    pub fn from_json(value: &serde_json::Value) -> Edn {
        use serde_json::Value;
        match value {
            Value::Null => Edn::Nil,
            Value::Bool(b) => Edn::Bool(*b),
            Value::Number(n) => match n.as_i64() {
                Some(int) => Edn::Int(int),
                None => Edn::large_integer(&n.to_string())
                    .unwrap_or_else(|| Edn::from(n.as_f64().unwrap_or(f64::NAN))),
            },
            Value::String(text) => Edn::from(text.as_str()),
            Value::Array(items) => Edn::Vector(items.iter().map(Edn::from_json).collect()),
            Value::Object(entries) => Edn::Map(
                entries.iter().map(|(k, v)| (Edn::from(k.as_str()), Edn::from_json(v))).collect(),
            ),
        }
    }

    /// The value as JSON, for a request: keywords become strings, and so do a map's keys.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Edn::Nil => Value::Null,
            Edn::Bool(b) => Value::Bool(*b),
            Edn::Int(n) => Value::from(*n),
            Edn::Float(Float(f)) => Value::from(*f),
            Edn::Symbol(_) if self.large_digits().is_some() => {
                let digits = self.large_digits().unwrap_or_default();
                digits.parse().map_or_else(|_| Value::from(digits), Value::Number)
            }
            Edn::Str(text) | Edn::Keyword(text) | Edn::Symbol(text) => Value::from(&**text),
            Edn::List(items) | Edn::Vector(items) | Edn::Set(items) => {
                Value::Array(items.iter().map(Edn::to_json).collect())
            }
            Edn::Map(entries) => {
                Value::Object(entries.iter().map(|(k, v)| (k.to_json_key(), v.to_json())).collect())
            }
            Edn::Tagged(_, value) => value.to_json(),
        }
    }

    /// The same as text, in which an integer has all of its digits, however large it is.
    pub fn to_json_text(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    fn write_json(&self, text: &mut String) {
        match self {
            Edn::List(items) | Edn::Vector(items) | Edn::Set(items) => {
                text.push('[');
                for (number, item) in items.iter().enumerate() {
                    text.push_str(if number > 0 { "," } else { "" });
                    item.write_json(text);
                }
                text.push(']');
            }
            Edn::Map(entries) => {
                text.push('{');
                for (number, (key, value)) in entries.iter().enumerate() {
                    text.push_str(if number > 0 { "," } else { "" });
                    text.push_str(&serde_json::Value::from(key.to_json_key()).to_string());
                    text.push(':');
                    value.write_json(text);
                }
                text.push('}');
            }
            Edn::Tagged(_, value) => value.write_json(text),
            other => match other.large_digits() {
                Some(digits) => text.push_str(digits),
                None => text.push_str(&other.to_json().to_string()),
            },
        }
    }

    fn to_json_key(&self) -> String {
        match self {
            Edn::Str(text) | Edn::Keyword(text) | Edn::Symbol(text) => text.to_string(),
            other => other.to_string(),
        }
    }
}

impl From<&str> for Edn {
    fn from(text: &str) -> Edn {
        Edn::Str(text.into())
    }
}

impl From<String> for Edn {
    fn from(text: String) -> Edn {
        Edn::Str(text.into())
    }
}

impl From<bool> for Edn {
    fn from(value: bool) -> Edn {
        Edn::Bool(value)
    }
}

impl From<i64> for Edn {
    fn from(value: i64) -> Edn {
        Edn::Int(value)
    }
}

impl From<i32> for Edn {
    fn from(int: i32) -> Edn {
        Edn::Int(int.into())
    }
}

impl From<usize> for Edn {
    fn from(value: usize) -> Edn {
        Edn::Int(value as i64)
    }
}

impl From<f64> for Edn {
    fn from(value: f64) -> Edn {
        Edn::Float(Float(value))
    }
}

impl<T: Into<Edn>> From<Option<T>> for Edn {
    fn from(value: Option<T>) -> Edn {
        value.map_or(Edn::Nil, Into::into)
    }
}

impl<T: Into<Edn>> From<Vec<T>> for Edn {
    fn from(items: Vec<T>) -> Edn {
        Edn::Vector(items.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<Edn>, V: Into<Edn>> From<BTreeMap<K, V>> for Edn {
    fn from(entries: BTreeMap<K, V>) -> Edn {
        Edn::Map(entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

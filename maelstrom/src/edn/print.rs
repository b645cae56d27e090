//! The two printers: everything on one line, and indented for people.

use std::fmt::{self, Display, Write};

use super::{Edn, Float};

/// A collection that fits into this many columns stays on one line.
const LINE_WIDTH: usize = 80;

impl Display for Edn {
    /// On one line, as Clojure's `pr` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edn::Nil => f.write_str("nil"),
            Edn::Bool(b) => write!(f, "{b}"),
            Edn::Int(n) => write!(f, "{n}"),
            Edn::Float(float) => write!(f, "{float}"),
            Edn::Str(text) => write_string(f, text),
            Edn::Keyword(name) => write!(f, ":{name}"),
            Edn::Symbol(text) => f.write_str(text),
            Edn::List(items) => write_items(f, "(", items, ")"),
            Edn::Vector(items) => write_items(f, "[", items, "]"),
            Edn::Set(items) => write_items(f, "#{", items, "}"),
            Edn::Map(entries) => {
                f.write_char('{')?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{key} {value}")?;
                }
                f.write_char('}')
            }
            Edn::Tagged(tag, value) => write!(f, "#{tag} {value}"),
        }
    }
}

impl Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            x if x.is_nan() => f.write_str("##NaN"),
            x if x == f64::INFINITY => f.write_str("##Inf"),
            x if x == f64::NEG_INFINITY => f.write_str("##-Inf"),
            // Debug, unlike Display, keeps the point that tells a float from an integer.
            x => write!(f, "{x:?}"),
        }
    }
}

fn write_items(f: &mut impl Write, open: &str, items: &[Edn], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        let space = if i == 0 { "" } else { " " };
        write!(f, "{space}{item}")?;
    }
    f.write_str(close)
}

fn write_string(f: &mut impl Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// The value as people like to read it: nested collections that do not fit on a line are
/// broken into one entry a line, aligned behind the bracket.
pub fn pretty(value: &Edn) -> String {
    let mut out = String::new();
    write_pretty(&mut out, value).expect("writing to a String does not fail");
    out
}

/// Like [`pretty`], into any writer.
///
/// # Errors
/// Only those of the writer.
pub fn write_pretty(out: &mut impl Write, value: &Edn) -> fmt::Result {
    pretty_at(out, value, 0)
}

fn pretty_at(out: &mut impl Write, value: &Edn, column: usize) -> fmt::Result {
    if fits(value, LINE_WIDTH.saturating_sub(column)) {
        return write!(out, "{value}");
    }
    let (open, items, close) = match value {
        Edn::Map(entries) => return pretty_map(out, entries, column),
        Edn::Vector(items) => ("[", items, "]"),
        Edn::List(items) => ("(", items, ")"),
        Edn::Set(items) => ("#{", items, "}"),
        scalar => return write!(out, "{scalar}"),
    };
    out.write_str(open)?;
    let inner = column + open.len();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            write!(out, "\n{:inner$}", "")?;
        }
        pretty_at(out, item, inner)?;
    }
    out.write_str(close)
}

fn pretty_map(out: &mut impl Write, entries: &[(Edn, Edn)], column: usize) -> fmt::Result {
    out.write_char('{')?;
    let inner = column + 1;
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            write!(out, ",\n{:inner$}", "")?;
        }
        let key = key.to_string();
        write!(out, "{key} ")?;
        pretty_at(out, value, inner + key.chars().count() + 1)?;
    }
    out.write_char('}')
}

/// Whether the value prints on one line of at most `width` columns. Stops as soon as it does
/// not, so that a large value is not printed again at every level of nesting.
fn fits(value: &Edn, width: usize) -> bool {
    struct Budget(usize);
    impl Write for Budget {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.chars().count()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    write!(Budget(width), "{value}").is_ok()
}

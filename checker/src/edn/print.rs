//! The two printers: everything on one line, and indented for people.

use std::fmt::{self, Display, Write};

use super::{Edn, Float};

/// A collection that ends within this many columns stays on one line: the width of `fipp`, with
/// which Jepsen prints its results, so that both benches' results can be compared with `diff`.
const LINE_WIDTH: usize = 70;

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
            // A record of Clojure's; its fields follow at once.
            Edn::Tagged(tag, value) if matches!(**value, Edn::Map(_)) => write!(f, "#{tag}{value}"),
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
        Edn::Tagged(tag, value) if matches!(**value, Edn::Map(_)) => {
            write!(out, "#{tag}")?;
            return pretty_at(out, value, column + 1 + tag.chars().count());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    #[test]
    fn what_does_not_fit_is_one_entry_a_line() {
        let text = r#"{:valid? false,
 :net {:all {:send-count 1234,
             :recv-count 1233,
             :msg-count 1234,
             :msgs-per-op 9.871999},
       :servers {:send-count 1, :recv-count 1, :msg-count 1}},
 :workload {:stable-latencies {0 0, 0.5 6, 0.95 8, 0.99 9, 1 11111},
            :lost-latencies {0 0,
                             0.5 386,
                             0.95 489,
                             0.99 498,
                             1 505555},
            :lost (),
            :never-read #{:a-keyword-that-takes-some-room
                          :another-keyword-that-takes-some-room},
            :worst-stale ({:element 1,
                           :known #jepsen.history.Op{:process 0,
                                                     :type :ok,
                                                     :f :add,
                                                     :value 1,
                                                     :index 2}})}}"#;
        let value = read_one(text).unwrap();
        assert_eq!(pretty(&value), text);
        assert_eq!(read_one(&value.to_string()).unwrap(), value);
    }

    #[test]
    fn the_width_counts_from_the_margin() {
        let list =
            |columns: usize| Edn::Vector(vec![Edn::from("x".repeat(columns - 6)), Edn::Int(1)]);
        let fits = list(LINE_WIDTH);
        assert_eq!(pretty(&fits), fits.to_string());
        assert_eq!(pretty(&list(LINE_WIDTH + 1)).lines().count(), 2);
        assert_eq!(pretty(&Edn::map([("k", list(LINE_WIDTH - 4))])).lines().count(), 1);
        assert_eq!(pretty(&Edn::map([("k", list(LINE_WIDTH - 3))])).lines().count(), 2);
    }
}

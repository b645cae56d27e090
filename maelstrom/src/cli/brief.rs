//! A map of results for the terminal: with the original's keys, in its order, but short enough to
//! read. Numbers stand in rows, and of a long collection only the beginning is shown, with how
//! many more there are. `results.edn` has everything.

use std::fmt::Write;

use crate::edn::Edn;
use crate::report::shorten;

/// A line is no longer than this where that can be helped.
const WIDTH: usize = 100;

/// So many lines fit: if there are more, less is shown of each collection.
const LINES: usize = 70;

/// Of a collection so many items are shown: of the first numbers, the second is of what is
/// larger than a word or a number.
const SHOWN: [(usize, usize); 4] = [(24, 8), (16, 4), (10, 2), (6, 1)];

/// How much of a text is shown.
const TEXT_CHARACTERS: usize = 300;

/// The map as text.
pub fn brief(results: &Edn) -> String {
    let mut text = String::new();
    for shown in SHOWN {
        text.clear();
        write(&mut text, &shortened(results, shown), 0);
        if text.lines().count() <= LINES {
            break;
        }
    }
    text
}

fn is_small(value: &Edn) -> bool {
    !matches!(value, Edn::List(_) | Edn::Vector(_) | Edn::Set(_) | Edn::Map(_) | Edn::Tagged(..))
}

/// The value with fewer items in its collections.
fn shortened(value: &Edn, (small, large): (usize, usize)) -> Edn {
    let within = |value: &Edn| shortened(value, (small, large));
    let items = |items: &[Edn]| {
        let most = if items.iter().all(is_small) { small } else { large };
        let mut shown: Vec<Edn> = items.iter().take(most).map(within).collect();
        shown.extend(more(items.len(), most));
        shown
    };
    match value {
        Edn::List(list) => Edn::List(items(list)),
        Edn::Vector(list) => Edn::Vector(items(list)),
        Edn::Set(list) => Edn::Set(items(list)),
        Edn::Tagged(tag, value) => Edn::Tagged(tag.clone(), Box::new(within(value))),
        Edn::Map(entries) => {
            // What has keywords as keys is a record, and all of it is shown.
            let is_record = entries.iter().all(|(key, _)| key.as_keyword().is_some());
            let are_small = entries.iter().all(|(_, value)| is_small(value));
            let most = match (is_record, are_small) {
                (true, _) => usize::MAX,
                (false, true) => small,
                (false, false) => large,
            };
            let shown = entries.iter().take(most);
            let mut shown: Vec<(Edn, Edn)> =
                shown.map(|(key, value)| (key.clone(), within(value))).collect();
            let rest = more(entries.len(), most);
            shown.extend(rest.map(|rest| (rest, Edn::Symbol("".into()))));
            Edn::Map(shown)
        }
        Edn::Str(text) => Edn::from(shorten(text, TEXT_CHARACTERS)),
        other => other.clone(),
    }
}

/// What stands for the items that are not shown.
fn more(all: usize, shown: usize) -> Option<Edn> {
    (all > shown).then(|| Edn::Symbol(format!("… {} more", all - shown).into()))
}

/// Writes a value that begins in this column.
fn write(text: &mut String, value: &Edn, column: usize) {
    let line = value.to_string();
    if column + line.chars().count() <= WIDTH {
        text.push_str(line.trim_end());
        return;
    }
    let (open, items, close) = match value {
        Edn::Map(entries) => return write_map(text, entries, column),
        Edn::Tagged(tag, value) => {
            write!(text, "#{tag}").expect("text");
            return match &**value {
                Edn::Map(entries) if entries.iter().all(|(_, value)| is_small(value)) => {
                    write_record(text, entries, column + 2);
                }
                value => write(text, value, column + 1 + tag.chars().count()),
            };
        }
        Edn::Vector(items) => ("[", items, "]"),
        Edn::List(items) => ("(", items, ")"),
        Edn::Set(items) => ("#{", items, "}"),
        _ => return text.push_str(&line),
    };
    text.push_str(open);
    let inner = column + open.len();
    if items.iter().all(is_small) {
        write_row(text, items, inner);
    } else {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                write!(text, "\n{:inner$}", "").expect("text");
            }
            write(text, item, inner);
        }
    }
    text.push_str(close);
}

/// An operation of the history: as many entries to a line as fit, below its name.
fn write_record(text: &mut String, entries: &[(Edn, Edn)], inner: usize) {
    let entry = |(key, value): &(Edn, Edn)| format!("{key} {value},");
    let mut entries: Vec<String> = entries.iter().map(entry).collect();
    if let Some(last) = entries.last_mut() {
        last.pop();
    }
    write!(text, "{{\n{:inner$}", "").expect("text");
    write_row(text, &entries, inner);
    text.push('}');
}

/// As many to a line as fit.
fn write_row(text: &mut String, items: &[impl ToString], inner: usize) {
    let mut at = inner;
    for (number, item) in items.iter().enumerate() {
        let item = item.to_string();
        let width = item.chars().count();
        if number > 0 && at + 1 + width > WIDTH {
            write!(text, "\n{:inner$}", "").expect("text");
            at = inner;
        } else if number > 0 {
            text.push(' ');
            at += 1;
        }
        text.push_str(&item);
        at += width;
    }
}

fn write_map(text: &mut String, entries: &[(Edn, Edn)], column: usize) {
    text.push('{');
    let inner = column + 1;
    for (number, (key, value)) in entries.iter().enumerate() {
        if number > 0 {
            write!(text, ",\n{:inner$}", "").expect("text");
        }
        let key = key.to_string();
        text.push_str(&key);
        let width = inner + key.chars().count() + 1;
        if value.to_string().is_empty() {
            continue;
        }
        text.push(' ');
        write(text, value, width);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    fn brief_of(text: &str) -> String {
        brief(&read_one(text).unwrap())
    }

    fn numbers(count: usize) -> String {
        (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_short_is_as_the_original_prints_it() {
        let text = "{:valid? true, :net {:all {:send-count 40}}}";
        assert_eq!(brief_of(text), text);
    }

    #[test]
    fn numbers_stand_in_rows_and_long_collections_end_with_a_count() {
        let text = format!("{{:stale ({}), :lost (), :worst [{}]}}", numbers(2000), numbers(3));
        assert_eq!(
            brief_of(&text),
            "{:stale (0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 … 1976 more),\n \
             :lost (),\n :worst [0 1 2]}"
        );
        let words = format!("[{}]", "\"a text of some length\" ".repeat(9));
        let shown = brief_of(&words);
        assert!(shown.lines().all(|line| line.len() <= WIDTH), "{shown}");
        assert_eq!(shown.lines().count(), 3);
    }

    /// Ten thousand keys, each with records, and texts: they fit.
    #[test]
    fn however_much_there_is_it_fits() {
        let record = "#jepsen.history.Op{:index 746, :time 7601237802, :process 0, :f :read}";
        let value = format!("{{:valid? true, :configs ({record} {record} {record} {record})}}");
        let keys: String = (0..10_000).map(|key| format!("{key} {value} ")).collect();
        let long = "x".repeat(100_000);
        let shown = brief_of(&format!("{{:valid? false, :results {{{keys}}}, :error {long:?}}}"));
        assert!(shown.lines().count() <= LINES && shown.len() < 5000, "{shown}");
        assert!(shown.contains("… 9992 more}") || shown.contains("… 9998 more}"), "{shown}");
        assert!(shown.contains(":valid? false"));
    }
}

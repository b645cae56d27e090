//! What each log of a kafka run was seen to hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::activity::Activity;
use super::format::{html_escape, shortened};
use crate::edn::Edn;
use crate::history::OpType;

/// How many logs are drawn, and how many offsets of each: those in conflict first.
const LOGS: usize = 12;
const OFFSETS: usize = 400;

/// What a log was seen to hold at an offset: values, each with who sent it and how often it
/// was polled.
#[derive(Debug, Default, PartialEq)]
struct Slot {
    values: BTreeMap<Edn, Seen>,
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    sent_by: Option<String>,
    polls: usize,
}

/// By key, then by offset.
type Logs = BTreeMap<Edn, BTreeMap<i64, Slot>>;

/// An acknowledged send or a polled message: key, offset and value.
pub(super) type Record<'a> = (&'a Edn, i64, &'a Edn);

/// The parts of an operation's value: `[[:send k [offset v]] [:poll {k [[offset v]]}]]`.
pub(super) fn records(value: &Edn) -> Vec<(bool, Record<'_>)> {
    let mut records = Vec::new();
    for part in value.as_slice().unwrap_or_default() {
        match part.as_slice() {
            Some([name, key, sent]) if name.as_keyword() == Some("send") => {
                records.extend(offset_and_value(sent).map(|(o, v)| (true, (key, o, v))));
            }
            Some([name, Edn::Map(polled)]) if name.as_keyword() == Some("poll") => {
                for (key, messages) in polled {
                    let found = messages.as_slice().unwrap_or_default().iter();
                    records.extend(
                        found.filter_map(offset_and_value).map(|(o, v)| (false, (key, o, v))),
                    );
                }
            }
            _ => {}
        }
    }
    records
}

fn offset_and_value(pair: &Edn) -> Option<(i64, &Edn)> {
    match pair.as_slice()? {
        [offset, value] => Some((offset.as_i64()?, value)),
        _ => None,
    }
}

fn logs(activity: &Activity) -> Logs {
    let mut logs = Logs::new();
    for operation in &activity.operations {
        let Some(end) = operation.complete.filter(|op| op.kind == OpType::Ok) else { continue };
        for (is_send, (key, offset, value)) in records(&end.value) {
            let slot = logs.entry(key.clone()).or_default().entry(offset).or_default();
            let seen = slot.values.entry(value.clone()).or_default();
            if is_send {
                seen.sent_by = Some(end.process.to_string());
            } else {
                seen.polls += 1;
            }
        }
    }
    logs
}

/// A drawing for each log, as path and SVG; logs in which an offset holds two values
/// before others, long ones before short ones.
pub fn orders(activity: &Activity) -> Vec<(String, String)> {
    let logs = logs(activity);
    let mut keys: Vec<&Edn> = logs.keys().collect();
    keys.sort_by_key(|key| std::cmp::Reverse((conflicts(&logs[*key]), logs[*key].len())));
    let mut drawn: Vec<&Edn> = keys.into_iter().take(LOGS).collect();
    drawn.sort_unstable();
    let file =
        |(number, key): (usize, &&Edn)| (format!("orders/{number}.svg"), draw(key, &logs[*key]));
    drawn.iter().enumerate().map(file).collect()
}

fn conflicts(log: &BTreeMap<i64, Slot>) -> usize {
    log.values().filter(|slot| slot.values.len() > 1).count()
}

const ROW: usize = 18;
/// Where the columns begin: offset, value, sender, number of polls.
const COLUMNS: [usize; 4] = [12, 84, 330, 470];

/// A table with a row for each value that was seen at each offset.
fn draw(key: &Edn, log: &BTreeMap<i64, Slot>) -> String {
    let shown = log.iter().take(OFFSETS);
    let rows: usize = shown.clone().map(|(_, slot)| slot.values.len()).sum();
    let height = (rows + 4) * ROW;
    let name = html_escape(&shortened(key, 40));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{height}\">\
         <style>svg{{background:#fff;font:12px monospace}}.head{{font-weight:bold}}\
         .conflict{{fill:#d0021b;font-weight:bold}}.quiet{{fill:#666}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text class=\"head\" x=\"12\" y=\"18\">What log {name} was seen to hold</text>\n",
    );
    let mut y = 2 * ROW;
    write_row(&mut svg, "quiet", y, &["offset", "value", "sent by process", "polled"]);
    for (offset, slot) in shown {
        // Two values at one offset are a contradiction.
        let class = if slot.values.len() > 1 { "conflict" } else { "" };
        for (value, seen) in &slot.values {
            y += ROW;
            let value = shortened(value, 30);
            let sender = seen.sent_by.as_deref().unwrap_or("?");
            let polls = format!("{}×", seen.polls);
            write_row(&mut svg, class, y, &[&offset.to_string(), &value, sender, &polls]);
        }
    }
    if log.len() > OFFSETS {
        let more = format!("and {} more offsets", log.len() - OFFSETS);
        write_row(&mut svg, "quiet", y + ROW, &["…", &more]);
    }
    svg.push_str("</svg>\n");
    svg
}

fn write_row(svg: &mut String, class: &str, y: usize, cells: &[&str]) {
    for (cell, x) in cells.iter().zip(COLUMNS) {
        let text = html_escape(cell);
        write!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>").expect("text");
    }
    svg.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    const HISTORY: &str = r#"
        {:process 0 :type :invoke :f :send :value [[:send "k" 7]] :time 0}
        {:process 0 :type :ok :f :send :value [[:send "k" [0 7]]] :time 1000000}
        {:process 0 :type :invoke :f :send :value [[:send "k" 8]] :time 2000000}
        {:process 0 :type :ok :f :send :value [[:send "k" [1 8]]] :time 3000000}
        {:process 1 :type :invoke :f :poll :value [[:poll]] :time 9000000}
        {:process 1 :type :ok :f :poll :value [[:poll {"k" [[0 9]]}]] :time 9500000}"#;

    #[test]
    fn two_values_at_one_offset_stand_out() {
        let history = History::parse(HISTORY).unwrap();
        let drawings = orders(&Activity::new(&history));
        assert_eq!(drawings[0].0, "orders/0.svg");
        for (class, x, y, text) in [
            ("conflict", 84, 54, "7"),
            ("conflict", 330, 54, "0"),
            ("conflict", 84, 72, "9"),
            ("conflict", 330, 72, "?"),
            ("", 84, 90, "8"),
        ] {
            let cell = format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
            assert!(drawings[0].1.contains(&cell), "{cell} in {}", drawings[0].1);
        }
    }
}

//! What each log of a kafka run was seen to hold.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use super::Entries;
use super::format::{html_escape, shortened};
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};

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
    sent_by: Option<ProcessId>,
    polls: usize,
}

/// What is known of an offset that may not be drawn.
#[derive(Clone, Copy, Debug)]
struct Offset {
    /// Stands for the value that was first seen there.
    value: u64,
    is_in_conflict: bool,
}

/// A log: all offsets in short, and those that are drawn if it is.
#[derive(Debug, Default)]
struct Log {
    offsets: BTreeMap<i64, Offset>,
    /// The first ones, [`OFFSETS`] at most.
    slots: BTreeMap<i64, Slot>,
}

impl Log {
    fn see(&mut self, offset: i64, value: &Edn) -> Option<&mut Seen> {
        let hash = FxBuildHasher.hash_one(value);
        let new = Offset { value: hash, is_in_conflict: false };
        let known = self.offsets.entry(offset).or_insert(new);
        known.is_in_conflict |= known.value != hash;
        let is_full = self.slots.len() == OFFSETS && !self.slots.contains_key(&offset);
        if is_full && let Some(last) = self.slots.last_entry() {
            // Offsets only ever come to be farther from the beginning: this one stays out.
            if *last.key() < offset {
                return None;
            }
            last.remove();
        }
        Some(self.slots.entry(offset).or_default().values.entry(value.clone()).or_default())
    }

    fn conflicts(&self) -> usize {
        self.offsets.values().filter(|offset| offset.is_in_conflict).count()
    }
}

/// The logs of a history.
#[derive(Default)]
pub struct Logs {
    by_key: BTreeMap<Edn, Log>,
}

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

impl Logs {
    /// The logs of this history, as far as operations on them were successful.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn of(history: &dyn Entries) -> anyhow::Result<Logs> {
        let mut logs = Logs::default();
        history.for_each(&mut |op| logs.push(op))?;
        Ok(logs)
    }

    fn push(&mut self, op: &Op) {
        if !op.is_client() || op.kind != OpType::Ok {
            return;
        }
        for (is_send, (key, offset, value)) in records(&op.value) {
            if !self.by_key.contains_key(key) {
                self.by_key.insert(key.clone(), Log::default());
            }
            let log = self.by_key.get_mut(key).expect("it was put there");
            let Some(seen) = log.see(offset, value) else { continue };
            if is_send {
                seen.sent_by = Some(op.process);
            } else {
                seen.polls += 1;
            }
        }
    }

    /// A drawing for each log, as path and SVG; logs in which an offset holds two values
    /// before others, long ones before short ones.
    pub fn orders(&self) -> Vec<(String, String)> {
        let mut logs: Vec<(&Edn, &Log)> = self.by_key.iter().collect();
        logs.sort_by_cached_key(|(_, log)| Reverse((log.conflicts(), log.offsets.len())));
        logs.truncate(LOGS);
        logs.sort_unstable_by_key(|(key, _)| *key);
        let file = |(number, (key, log)): (usize, &(&Edn, &Log))| {
            (format!("orders/{number}.svg"), draw(key, log))
        };
        logs.iter().enumerate().map(file).collect()
    }
}

const ROW: usize = 18;
/// Where the columns begin: offset, value, sender, number of polls.
const COLUMNS: [usize; 4] = [12, 84, 330, 470];

/// A table with a row for each value that was seen at each offset.
fn draw(key: &Edn, log: &Log) -> String {
    let rows: usize = log.slots.values().map(|slot| slot.values.len()).sum();
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
    for (offset, slot) in &log.slots {
        // Two values at one offset are a contradiction.
        let class = if slot.values.len() > 1 { "conflict" } else { "" };
        for (value, seen) in &slot.values {
            y += ROW;
            let value = shortened(value, 30);
            let sender = seen.sent_by.map_or_else(|| "?".to_owned(), |process| process.to_string());
            let polls = format!("{}×", seen.polls);
            write_row(&mut svg, class, y, &[&offset.to_string(), &value, &sender, &polls]);
        }
    }
    if log.offsets.len() > OFFSETS {
        let more = format!("and {} more offsets", log.offsets.len() - OFFSETS);
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

    /// Sends and polls in any order, and two that clash far from the beginning.
    #[test]
    fn of_a_long_log_the_first_offsets_are_drawn_and_all_are_looked_at() {
        let mut logs = Logs::default();
        let offsets = (0..1000).map(|n| (n * 7919) % 1000).chain([990]);
        for (number, offset) in offsets.enumerate() {
            let value = if number == 1000 { 1 } else { offset };
            for key in ["k", "l"] {
                let sent = format!("[[:send {key:?} [{offset} {value}]]]");
                let text = format!(
                    "{{:process {number}, :type :ok, :f :send, :value {sent}, :time {number}}}"
                );
                let op = History::parse(&text).unwrap().ops.remove(0);
                if key == "l" || number < 1000 {
                    logs.push(&op);
                }
            }
        }
        let counts = |key: &str| {
            let log = &logs.by_key[&Edn::from(key)];
            (log.offsets.len(), log.slots.len(), log.conflicts())
        };
        assert_eq!([counts("k"), counts("l")], [(1000, OFFSETS, 0), (1000, OFFSETS, 1)]);
        let drawings = logs.orders();
        assert!(drawings[0].1.contains("and 600 more offsets"));
        let first = logs.by_key[&Edn::from("k")].slots.keys().copied();
        assert!(first.eq(0..OFFSETS as i64));
    }

    #[test]
    fn two_values_at_one_offset_stand_out() {
        let history = History::parse(HISTORY).unwrap();
        let drawings = Logs::of(&history).unwrap().orders();
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

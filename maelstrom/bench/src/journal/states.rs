//! What nodes said of themselves while they ran: each field of it whenever it changed.
//!
//! A state is a JSON object. Of a state that repeats most of the one before, only the fields that
//! differ are kept, so that a long run of a chatty node stays small. A killed node has no state
//! until it says another.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use gyre::Time;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Number, Numbers, start};
use crate::spool::{MakeSpool, Spool, Table, row};

/// So many fields of a state are kept, by so many characters of their names and their values.
const FIELDS: usize = 64;
const NAME_CHARACTERS: usize = 60;
const VALUE_CHARACTERS: usize = 300;

/// So many names of fields are told apart: a node may make up others for ever.
const NAMES: usize = 1000;

const NONE: u32 = u32::MAX;

row! {
    /// A change on disk.
    struct ChangeRow {
        time: u64,
        place: u64,
        length: u32,
        node: u32,
        field: u32,
        flights: u32,
    }
}

/// A field of a node's state that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When, in nanoseconds since the main phase began.
    pub time: i64,
    /// The node, by the number of its name.
    pub node: Number,
    /// The field, by the number of its name; `None` when the node was killed.
    pub field: Option<Number>,
    /// How many flights there were at that moment: it came before all later ones.
    pub flights: usize,
    value: Option<(u64, u32)>,
}

/// All that nodes said of themselves.
pub struct States {
    keep: usize,
    is_truncated: bool,
    changes: Table<ChangeRow>,
    texts: Spool,
    fields: Numbers<String>,
    /// By node, the fields that it has now, in its own order.
    last: BTreeMap<Number, Vec<(Number, String)>>,
}

impl States {
    /// None so far, and at most so many changes.
    pub(super) fn spooled(keep: usize, make: &mut MakeSpool) -> anyhow::Result<States> {
        Ok(States {
            keep,
            is_truncated: false,
            changes: Table::new(make()?),
            texts: make()?,
            fields: Numbers::default(),
            last: BTreeMap::new(),
        })
    }

    /// A node says what it is: the text of a JSON object. Anything else changes nothing.
    pub(super) fn record(&mut self, time: Time, node: Number, state: &str, flights: u32) {
        let Ok(fields) = fields_of(state) else { return };
        let before = self.last.remove(&node).unwrap_or_default();
        let mut now = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let name = start(&name, NAME_CHARACTERS);
            if self.fields.all.len() >= NAMES && !self.fields.numbers.contains_key(name) {
                continue;
            }
            let (field, value) = (self.fields.of(name), shortened(value.get()));
            if before.iter().all(|(known, last)| *known != field || *last != value) {
                self.push(time, node, field, Some(&value), flights);
            }
            now.push((field, value));
        }
        for (field, _) in before {
            if now.iter().all(|(known, _)| *known != field) {
                self.push(time, node, field, None, flights);
            }
        }
        self.last.insert(node, now);
    }

    /// A node was killed.
    pub(super) fn record_end(&mut self, time: Time, node: Number, flights: u32) {
        if self.last.remove(&node).is_some() {
            self.push(time, node, NONE, None, flights);
        }
    }

    fn push(&mut self, time: Time, node: Number, field: u32, value: Option<&str>, flights: u32) {
        if self.changes.len() >= self.keep {
            self.is_truncated = true;
            return;
        }
        let (place, length) = match value {
            Some(text) => (self.texts.push(text.as_bytes()), text.len() as u32),
            None => (0, NONE),
        };
        let time = time.as_nanos();
        self.changes.push(ChangeRow { time, place, length, node, field, flights });
    }

    /// Every change that was kept, in order. `main_start` is when the main phase began.
    pub(super) fn changes(&self, main_start: Time) -> impl Iterator<Item = StateChange> + '_ {
        self.changes_in(0..self.changes.len(), main_start)
    }

    /// Those with these numbers.
    pub(super) fn changes_in(
        &self,
        range: Range<usize>,
        main_start: Time,
    ) -> impl Iterator<Item = StateChange> + '_ {
        let main_start = main_start.as_nanos() as i64;
        self.changes.iter_in(range).map(move |row| StateChange {
            time: row.time as i64 - main_start,
            node: row.node,
            field: (row.field != NONE).then_some(row.field),
            flights: row.flights as usize,
            value: (row.length != NONE).then_some((row.place, row.length)),
        })
    }

    /// The value that a change led to, as JSON text, which may have been cut short; `None` when
    /// the node says nothing of this field any more.
    pub fn value(&self, change: &StateChange) -> Option<String> {
        change.value.map(|(place, length)| self.texts.text(place, length as usize))
    }

    /// The names of the fields, by number, in the order in which they were first said.
    pub fn fields(&self) -> &[String] {
        &self.fields.all
    }

    /// Whether there were more changes than are kept.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.changes.failure().or(self.texts.failure())
    }
}

fn shortened(value: &str) -> String {
    let kept = start(value, VALUE_CHARACTERS);
    if kept.len() < value.len() { format!("{kept}…") } else { value.to_owned() }
}

/// The fields of a JSON object, in its own order.
fn fields_of(state: &str) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields: Self::Value = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                if fields.len() < FIELDS && fields.iter().all(|(known, _)| *known != name) {
                    fields.push((name, value));
                }
            }
            Ok(fields)
        }
    }
    serde_json::Deserializer::from_str(state).deserialize_map(Fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_kept() {
        let mut states = States::spooled(100, &mut || Ok(Spool::in_memory())).unwrap();
        let said = [
            r#"{"role":"follower","term":1}"#,
            r#"{"role":"follower","term":1}"#,
            r#"{"role":"leader","term":1,"commit":[1, 2]}"#,
            "no object",
            r#"{"role":"leader"}"#,
        ];
        for (second, state) in said.into_iter().enumerate() {
            states.record(Time::from_millis(second as u64 * 1000), 7, state, second as u32);
        }
        states.record_end(Time::from_millis(9000), 7, 9);
        states.record_end(Time::from_millis(9500), 7, 9);
        let seen: Vec<String> = states
            .changes(Time::ZERO)
            .map(|change| {
                let field = change.field.map_or("-", |field| &states.fields()[field as usize]);
                let value = states.value(&change).unwrap_or("-".into());
                format!("{} {field} {value}", change.time / 1_000_000_000)
            })
            .collect();
        let expected =
            ["0 role \"follower\"", "0 term 1", "2 role \"leader\"", "2 commit [1, 2]", "4 term -"];
        assert_eq!(seen[..5], expected);
        assert_eq!(seen[5..], ["4 commit -", "9 - -"]);
    }

    #[test]
    fn a_node_that_says_too_much_is_cut_short() {
        let mut states = States::spooled(2, &mut || Ok(Spool::in_memory())).unwrap();
        let long = format!("{{\"a\":\"{}\"}}", "é".repeat(1000));
        states.record(Time::ZERO, 0, &long, 0);
        for n in 0..9 {
            states.record(Time::ZERO, 0, &format!("{{\"b\":{n}}}"), 0);
        }
        let first = states.changes(Time::ZERO).next().unwrap();
        assert_eq!(states.value(&first).unwrap().chars().count(), VALUE_CHARACTERS + 1);
        assert_eq!(states.changes(Time::ZERO).count(), 2);
        assert!(states.is_truncated());
    }
}

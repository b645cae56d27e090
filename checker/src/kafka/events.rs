//! What the clients sent and polled, as numbers.
//!
//! Keys and messages may be any EDN value, and the checks compare them all the time. So each
//! is given a number once, and everything after works on numbers. A message's number stands
//! for its key too: message 1 of one log has nothing to do with message 1 of another.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::edn::Edn;
use crate::history::{History, Op, OpType, Pair};

/// A key's number.
pub type KeyId = u32;
/// A message's number.
pub type MessageId = u32;
/// A place in a log. A node may choose any integer at all.
pub type Offset = i128;

/// A message that was sent or polled, with its offset where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The log.
    pub key: KeyId,
    /// The message.
    pub message: MessageId,
    /// Where in the log it is.
    pub offset: Option<Offset>,
}

/// One operation.
pub struct Event<'a> {
    /// How it ended; how it began, if the history ends before it.
    pub op: &'a Op,
    /// How it began.
    pub invoke: &'a Op,
    /// Whether it happened.
    pub outcome: OpType,
    /// Where in the history it began.
    pub begun: usize,
    /// Where in the history it ended; beyond the end if it did not.
    pub ended: usize,
    /// What it did.
    pub action: Action,
}

/// What an operation did.
pub enum Action {
    /// It sent or polled. Both lists are sorted by key, and in the operation's own order
    /// within a key.
    Data {
        /// What it sent.
        sends: Vec<Record>,
        /// What it polled.
        reads: Vec<Record>,
    },
    /// From now on the process polls these keys.
    Assign {
        /// The keys.
        keys: Vec<KeyId>,
        /// Their committed offsets, as far as the process was told.
        committed: Vec<(KeyId, Offset)>,
    },
    /// From now on the process polls what the system assigns to it.
    Subscribe {
        /// What it may be assigned.
        keys: Vec<KeyId>,
    },
    /// Nothing that concerns the logs.
    Other,
}

impl Event<'_> {
    /// What it sent.
    pub fn sends(&self) -> &[Record] {
        if let Action::Data { sends, .. } = &self.action { sends } else { &[] }
    }

    /// What it polled.
    pub fn reads(&self) -> &[Record] {
        if let Action::Data { reads, .. } = &self.action { reads } else { &[] }
    }

    /// Whether it was successful.
    pub fn is_ok(&self) -> bool {
        self.outcome == OpType::Ok
    }
}

/// The records of each key in turn.
pub fn by_key(records: &[Record]) -> impl Iterator<Item = &[Record]> {
    records.chunk_by(|a, b| a.key == b.key)
}

/// All operations, in the order in which they ended; those without an end come last.
pub struct Events<'a> {
    /// The operations.
    pub list: Vec<Event<'a>>,
    /// The keys, by their numbers.
    pub keys: Vec<Cow<'a, Edn>>,
    /// The messages, by their numbers, each with its key.
    pub messages: Vec<(KeyId, Cow<'a, Edn>)>,
}

/// Gives numbers.
#[derive(Default)]
struct Numbers<'a> {
    keys: FxHashMap<Cow<'a, Edn>, KeyId>,
    messages: FxHashMap<(KeyId, Cow<'a, Edn>), MessageId>,
    key_list: Vec<Cow<'a, Edn>>,
    message_list: Vec<(KeyId, Cow<'a, Edn>)>,
}

impl<'a> Events<'a> {
    /// Reads a history.
    ///
    /// # Errors
    /// A sentence, when an operation is not of the form that the workload gives it.
    pub fn read(history: &'a History) -> Result<Events<'a>, String> {
        let mut numbers = Numbers::default();
        let mut list = Vec::new();
        for pair in history.pairs()? {
            list.push(numbers.event(pair)?);
        }
        list.sort_by_key(|event| (event.ended, event.begun));
        Ok(Events { list, keys: numbers.key_list, messages: numbers.message_list })
    }

    /// The key as the history has it.
    pub fn key(&self, key: KeyId) -> Edn {
        self.keys[key as usize].clone().into_owned()
    }

    /// The message as the history has it.
    pub fn message(&self, message: MessageId) -> Edn {
        self.messages[message as usize].1.clone().into_owned()
    }

    /// The key of a message.
    pub fn key_of(&self, message: MessageId) -> KeyId {
        self.messages[message as usize].0
    }
}

impl<'a> Numbers<'a> {
    fn key(&mut self, key: &'a Edn) -> KeyId {
        let key = key.canonical();
        let list = &mut self.key_list;
        *self.keys.entry(key.clone()).or_insert_with(|| {
            list.push(key);
            number(list.len())
        })
    }

    fn record(&mut self, key: KeyId, offset: &Edn, message: &'a Edn) -> Record {
        let message = message.canonical();
        let list = &mut self.message_list;
        let message = *self.messages.entry((key, message.clone())).or_insert_with(|| {
            list.push((key, message));
            number(list.len())
        });
        Record { key, message, offset: offset_of(offset) }
    }

    fn event(&mut self, pair: Pair<'a>) -> Result<Event<'a>, String> {
        let op = pair.complete.unwrap_or(pair.invoke);
        let action = self.action(op).ok_or_else(|| {
            format!(
                "operation {} is not of the form of a :{}: {}",
                op.index,
                op.f,
                short(&op.value)
            )
        })?;
        Ok(Event {
            op,
            invoke: pair.invoke,
            outcome: pair.outcome(),
            begun: pair.invoked_at,
            ended: pair.ended_at.unwrap_or(usize::MAX),
            action,
        })
    }

    fn action(&mut self, op: &'a Op) -> Option<Action> {
        match &*op.f {
            "send" | "poll" | "txn" => self.data(&op.value),
            "assign" => {
                let committed = op.extra("committed").unwrap_or(&Edn::Nil);
                let committed = pairs_of(committed)?;
                let committed = committed.iter().filter_map(|(key, offset)| {
                    offset_of(offset).map(|offset| (self.key(key), offset))
                });
                let committed = committed.collect();
                Some(Action::Assign { keys: self.key_list(&op.value)?, committed })
            }
            "subscribe" => Some(Action::Subscribe { keys: self.key_list(&op.value)? }),
            _ => Some(Action::Other),
        }
    }

    fn key_list(&mut self, value: &'a Edn) -> Option<Vec<KeyId>> {
        let keys = if value.is_nil() { &[] } else { value.as_slice()? };
        Some(keys.iter().map(|key| self.key(key)).collect())
    }

    /// `[[:send key message] [:send key [offset message]] [:poll] [:poll {key [[offset
    /// message]]}]]`
    fn data(&mut self, value: &'a Edn) -> Option<Action> {
        let (mut sends, mut reads) = (Vec::new(), Vec::new());
        let steps = if value.is_nil() { &[] } else { value.as_slice()? };
        for step in steps {
            match step.as_slice()? {
                [f, key, sent] if f.as_keyword() == Some("send") => {
                    let key = self.key(key);
                    sends.push(match sent {
                        Edn::Vector(pair) => match &pair[..] {
                            [offset, message] => self.record(key, offset, message),
                            _ => return None,
                        },
                        message => self.record(key, &Edn::Nil, message),
                    });
                }
                [f] if f.as_keyword() == Some("poll") => {}
                [f, polled] if f.as_keyword() == Some("poll") => {
                    for (key, records) in pairs_of(polled)? {
                        let key = self.key(key);
                        let records = if records.is_nil() { &[] } else { records.as_slice()? };
                        for record in records {
                            let [offset, message] = record.as_slice()? else { return None };
                            reads.push(self.record(key, offset, message));
                        }
                    }
                }
                _ => return None,
            }
        }
        sends.sort_by_key(|record| record.key);
        reads.sort_by_key(|record| record.key);
        Some(Action::Data { sends, reads })
    }
}

/// The number of the last of so many things.
fn number(count: usize) -> u32 {
    u32::try_from(count - 1).expect("a history has fewer than 2^32 keys and messages")
}

/// The entries of a map; none for nil.
fn pairs_of(value: &Edn) -> Option<&[(Edn, Edn)]> {
    match value {
        Edn::Nil => Some(&[]),
        Edn::Map(entries) => Some(entries),
        _ => None,
    }
}

/// An offset, if it is an integer. One beyond 64 bits is written with an `N` behind it.
pub fn offset_of(offset: &Edn) -> Option<Offset> {
    match offset {
        Edn::Int(offset) => Some(Offset::from(*offset)),
        Edn::Symbol(text) => text.strip_suffix('N').unwrap_or(text).parse().ok(),
        _ => None,
    }
}

/// An offset as EDN.
pub fn offset_edn(offset: Offset) -> Edn {
    match i64::try_from(offset) {
        Ok(offset) => Edn::Int(offset),
        Err(_) => Edn::Symbol(format!("{offset}N").into()),
    }
}

fn short(value: &Edn) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(80) {
        text.truncate(end);
        text.push('…');
    }
    text
}

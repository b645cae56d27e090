//! What the clients sent and polled, as numbers.
//!
//! Keys and messages may be any EDN value, and the checks compare them all the time. So each
//! is given a number once, and everything after works on numbers. A message's number stands
//! for its key too: message 1 of one log has nothing to do with message 1 of another.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::atom::{Atom, Atoms};
use crate::edn::Edn;
use crate::history::{Op, OpType, Operations, ProcessId, Span};

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
    /// Where in the log it is, in two halves, which need less room in memory than the whole.
    /// The least integer that they can be stands for one that is not known.
    offset: (i64, u64),
}

impl Record {
    const UNKNOWN: Offset = Offset::MIN;

    fn new(key: KeyId, message: MessageId, offset: Option<Offset>) -> Record {
        let offset = offset.unwrap_or(Record::UNKNOWN);
        Record { key, message, offset: ((offset >> 64) as i64, offset as u64) }
    }

    /// Where in the log it is.
    pub fn offset(&self) -> Option<Offset> {
        let offset = Offset::from(self.offset.0) << 64 | Offset::from(self.offset.1);
        (offset != Record::UNKNOWN).then_some(offset)
    }
}

/// One operation.
pub struct Event {
    /// Who did it.
    pub process: ProcessId,
    /// Whether it happened.
    pub outcome: OpType,
    /// Whether it is a `send`, and polls nothing.
    pub only_sends: bool,
    /// Where in the history it began.
    pub begun: usize,
    /// Where in the history it ended; beyond the end if it did not.
    pub ended: usize,
    /// The position of its end; of its beginning, if the history ends before it.
    pub position: usize,
    /// Nanoseconds at its beginning and at its end.
    pub times: (i64, i64),
    /// What it did.
    pub action: Action,
}

/// What an operation did.
pub enum Action {
    /// It sent or polled.
    Data {
        /// What it sent: see [`Events::sends`].
        sends: Range<u32>,
        /// What it polled: see [`Events::reads`].
        reads: Range<u32>,
    },
    /// From now on the process polls these keys.
    Assign(Box<Assign>),
    /// From now on the process polls what the system assigns to it.
    Subscribe {
        /// What it may be assigned.
        keys: Box<[KeyId]>,
    },
    /// Nothing that concerns the logs.
    Other,
}

/// What a process polls, by its own choice.
pub struct Assign {
    /// The keys.
    pub keys: Box<[KeyId]>,
    /// Their committed offsets, as far as the process was told; `None` where a history does not
    /// speak of them.
    pub committed: Option<Vec<(KeyId, Offset)>>,
}

impl Event {
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
pub struct Events {
    /// The operations.
    pub list: Vec<Event>,
    /// The keys, by their numbers.
    keys: Vec<Atom>,
    /// The messages, by their numbers, each with its key.
    messages: Vec<(KeyId, Atom)>,
    atoms: Atoms,
    records: Vec<Record>,
}

/// Gives numbers.
#[derive(Default)]
struct Numbers {
    atoms: Atoms,
    keys: FxHashMap<Atom, KeyId>,
    messages: FxHashMap<(KeyId, Atom), MessageId>,
    key_list: Vec<Atom>,
    message_list: Vec<(KeyId, Atom)>,
    records: Vec<Record>,
    /// The records of one operation, on their way.
    sends: Vec<Record>,
    reads: Vec<Record>,
}

impl Events {
    /// Reads a history.
    ///
    /// # Errors
    /// A sentence, when an operation is not of the form that the workload gives it.
    pub fn read(operations: &Operations) -> Result<Events, String> {
        let mut numbers = Numbers::default();
        let spans = operations.spans()?;
        let mut list = Vec::with_capacity(spans.len());
        for &span in spans {
            list.push(numbers.event(operations, span)?);
        }
        list.sort_by_key(|event| (event.ended, event.begun));
        let Numbers { atoms, key_list, message_list, records, .. } = numbers;
        Ok(Events { list, keys: key_list, messages: message_list, atoms, records })
    }

    /// What an operation sent: by key, and in the operation's own order within a key.
    pub fn sends(&self, event: &Event) -> &[Record] {
        match &event.action {
            Action::Data { sends, .. } => self.records(sends),
            _ => &[],
        }
    }

    /// What it polled, likewise.
    pub fn reads(&self, event: &Event) -> &[Record] {
        match &event.action {
            Action::Data { reads, .. } => self.records(reads),
            _ => &[],
        }
    }

    fn records(&self, range: &Range<u32>) -> &[Record] {
        &self.records[range.start as usize..range.end as usize]
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// The key as the history has it.
    pub fn key(&self, key: KeyId) -> Edn {
        self.atoms.edn(self.keys[key as usize])
    }

    /// The message as the history has it.
    pub fn message(&self, message: MessageId) -> Edn {
        self.atoms.edn(self.messages[message as usize].1)
    }

    /// The key of a message.
    pub fn key_of(&self, message: MessageId) -> KeyId {
        self.messages[message as usize].0
    }
}

impl Numbers {
    fn key(&mut self, key: &Edn) -> KeyId {
        let key = self.atoms.intern(key);
        let list = &mut self.key_list;
        *self.keys.entry(key).or_insert_with(|| {
            list.push(key);
            number(list.len())
        })
    }

    fn record(&mut self, key: KeyId, offset: &Edn, message: &Edn) -> Record {
        let message = self.atoms.intern(message);
        let list = &mut self.message_list;
        let message = *self.messages.entry((key, message)).or_insert_with(|| {
            list.push((key, message));
            number(list.len())
        });
        Record::new(key, message, offset_of(offset))
    }

    fn event(&mut self, operations: &Operations, span: Span) -> Result<Event, String> {
        let position = span.last();
        let op = operations.op(position);
        let action = self.action(&op).ok_or_else(|| {
            format!(
                "operation {} is not of the form of a :{}: {}",
                op.index,
                op.f,
                short(&op.value)
            )
        })?;
        Ok(Event {
            process: op.process,
            outcome: span.outcome,
            only_sends: &*op.f == "send",
            begun: span.invoked_at(),
            ended: span.ended_at().unwrap_or(usize::MAX),
            position,
            times: (operations.head(span.invoked_at()).time, op.time),
            action,
        })
    }

    fn action(&mut self, op: &Op) -> Option<Action> {
        match &*op.f {
            "send" | "poll" | "txn" => self.data(&op.value),
            "assign" => {
                let committed = op.extra("committed").map(|told| {
                    let told = pairs_of(told)?.iter().filter_map(|(key, offset)| {
                        offset_of(offset).map(|offset| (self.key(key), offset))
                    });
                    Some(told.collect())
                });
                let committed = match committed {
                    Some(told) => Some(told?),
                    None => None,
                };
                let keys = self.key_list(&op.value)?;
                Some(Action::Assign(Box::new(Assign { keys, committed })))
            }
            "subscribe" => Some(Action::Subscribe { keys: self.key_list(&op.value)? }),
            _ => Some(Action::Other),
        }
    }

    fn key_list(&mut self, value: &Edn) -> Option<Box<[KeyId]>> {
        let keys = if value.is_nil() { &[] } else { value.as_slice()? };
        Some(keys.iter().map(|key| self.key(key)).collect())
    }

    /// `[[:send key message] [:send key [offset message]] [:poll] [:poll {key [[offset
    /// message]]}]]`
    fn data(&mut self, value: &Edn) -> Option<Action> {
        self.sends.clear();
        self.reads.clear();
        let steps = if value.is_nil() { &[] } else { value.as_slice()? };
        for step in steps {
            match step.as_slice()? {
                [f, key, sent] if f.as_keyword() == Some("send") => {
                    let key = self.key(key);
                    let send = match sent {
                        Edn::Vector(pair) => match &pair[..] {
                            [offset, message] => self.record(key, offset, message),
                            _ => return None,
                        },
                        message => self.record(key, &Edn::Nil, message),
                    };
                    self.sends.push(send);
                }
                [f] if f.as_keyword() == Some("poll") => {}
                [f, polled] if f.as_keyword() == Some("poll") => {
                    for (key, records) in pairs_of(polled)? {
                        let key = self.key(key);
                        let records = if records.is_nil() { &[] } else { records.as_slice()? };
                        for record in records {
                            let [offset, message] = record.as_slice()? else { return None };
                            let read = self.record(key, offset, message);
                            self.reads.push(read);
                        }
                    }
                }
                _ => return None,
            }
        }
        self.sends.sort_by_key(|record| record.key);
        self.reads.sort_by_key(|record| record.key);
        let from = self.records.len() as u32;
        self.records.extend_from_slice(&self.sends);
        let between = self.records.len() as u32;
        self.records.extend_from_slice(&self.reads);
        let to = u32::try_from(self.records.len()).expect("fewer than 2^32 records");
        Some(Action::Data { sends: from..between, reads: between..to })
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

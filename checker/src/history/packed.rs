//! A history in few bytes.
//!
//! Most checkers take in each operation once, and keep numbers. But what they find is told with
//! the operations themselves, and which these are is only known at the end. So all of them are
//! kept here, each as a row of bytes: about 25 for an operation on a register, where an [`Op`]
//! takes some 200. One that is needed is put together again.
//!
//! It is also the form in which operations come out of a text, many at once, and go from the
//! thread that reads them to the one that judges: rows of bytes have no parts of their own that
//! would have to be allocated by one thread and freed by the other.

mod bytes;

use std::sync::Arc;

use super::{Op, OpType, ProcessId};
use crate::edn::Edn;

pub(crate) use bytes::Cursor;
pub(super) use bytes::{Kind, Words, Writer};

/// Operations that were taken in, by their positions.
#[derive(Default)]
pub struct Packed {
    /// Where the bytes of each entry begin.
    starts: Vec<usize>,
    bytes: Vec<u8>,
    words: Words,
    /// From where on the entries are counted that have no index of their own.
    first: usize,
}

/// An entry without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// As [`Op::kind`].
    pub kind: OpType,
    /// As [`Op::process`].
    pub process: ProcessId,
    /// As [`Op::f`].
    pub f: &'a Arc<str>,
    /// As [`Op::index`].
    pub index: usize,
    /// As [`Op::time`].
    pub time: i64,
}

/// One entry: its head, and the rest as bytes.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// All but its value and its further keys.
    pub head: Head<'a>,
    /// Whether it has further keys.
    pub has_extras: bool,
    /// Its value, and then the further keys.
    rest: Cursor<'a>,
}

impl<'a> Entry<'a> {
    /// Its value, to be read piece by piece.
    pub(crate) fn cursor(&self) -> Cursor<'a> {
        self.rest
    }

    /// Its value.
    pub fn value(&self) -> Edn {
        self.rest.peek()
    }

    /// A further key's value.
    pub fn extra(&self, name: &str) -> Option<Edn> {
        let mut rest = self.rest;
        rest.skip();
        self.extras(rest).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The further keys, which stand here.
    fn extras(&self, mut cursor: Cursor<'a>) -> impl Iterator<Item = (&'static str, Edn)> {
        let count = if self.has_extras { cursor.count() } else { 0 };
        (0..count).map(move |_| (cursor.key(), cursor.value()))
    }

    /// The whole of it.
    pub fn op(&self) -> Op {
        let mut rest = self.rest;
        let value = rest.value();
        let extra = self.extras(rest).collect();
        let Head { kind, process, f, index, time } = self.head;
        Op { index, time, kind, process, f: f.clone(), value, extra }
    }
}

/// In an entry's first byte: it has an index of its own.
const HAS_INDEX: u8 = 1 << 4;
/// In an entry's first byte: it has further keys.
const HAS_EXTRAS: u8 = 1 << 5;

/// How an entry begins.
pub(super) struct Start {
    pub kind: OpType,
    pub process: ProcessId,
    /// The number of the name of what is done.
    pub f: usize,
    pub index: usize,
    /// Whether the index is its own, and not the number of entries before it.
    pub has_index: bool,
    pub time: i64,
    pub has_extras: bool,
}

impl Packed {
    /// Takes in the next entry, and gives its position.
    pub fn push(&mut self, op: &Op) -> usize {
        self.push_read(op, true)
    }

    /// The same; and whether its index is its own.
    pub(super) fn push_read(&mut self, op: &Op, has_index: bool) -> usize {
        let &Op { kind, process, index, time, .. } = op;
        let (f, has_extras) = (self.words.number(&op.f), !op.extra.is_empty());
        let start = Start { kind, process, f, index, has_index, time, has_extras };
        let (position, mut writer) = self.begin(&start);
        writer.value(&op.value);
        if has_extras {
            writer.count(op.extra.len());
        }
        for (key, value) in &op.extra {
            writer.key(key);
            writer.value(value);
        }
        position
    }

    /// Takes in an entry of which only the head is wanted: its value is nil.
    pub fn push_head(&mut self, head: &Head) {
        let &Head { kind, process, f, index, time } = head;
        let f = self.words.number(f);
        let start = Start { kind, process, f, index, has_index: true, time, has_extras: false };
        self.begin(&start).1.nil();
    }

    /// Takes in an entry from elsewhere.
    pub fn push_entry(&mut self, entry: &Entry) -> usize {
        let &Entry { head: Head { kind, process, f, index, time }, has_extras, mut rest } = entry;
        let f = self.words.number(f);
        let start = Start { kind, process, f, index, has_index: true, time, has_extras };
        let (position, mut writer) = self.begin(&start);
        writer.copy(&mut rest);
        if has_extras {
            let count = rest.count();
            writer.count(count);
            for _ in 0..count {
                writer.key(rest.key());
                writer.copy(&mut rest);
            }
        }
        position
    }

    /// Takes in an entry whose value and further keys are packed already, with the same words.
    pub(super) fn push_packed(&mut self, start: &Start, value: &[u8], extras: &[u8]) {
        let (_, writer) = self.begin(start);
        writer.bytes.extend_from_slice(value);
        writer.bytes.extend_from_slice(extras);
    }

    /// Takes in the start of an entry; its position, and where the rest must be written.
    fn begin(&mut self, start: &Start) -> (usize, Writer<'_>) {
        let position = self.starts.len();
        self.starts.push(self.bytes.len());
        let mut writer = Writer { bytes: &mut self.bytes, words: &mut self.words };
        let process = match start.process {
            ProcessId::Nemesis => 0,
            ProcessId::Client(_) => 1,
            ProcessId::Unnamed => 2,
        };
        let has_index = if start.has_index { HAS_INDEX } else { 0 };
        let has_extras = if start.has_extras { HAS_EXTRAS } else { 0 };
        writer.bytes.push(start.kind as u8 | process << 2 | has_index | has_extras);
        if let ProcessId::Client(number) = start.process {
            writer.int(number);
        }
        writer.count(start.f);
        // Nearly always the same.
        writer.int(start.index.wrapping_sub(position) as i64);
        writer.int(start.time);
        (position, writer)
    }

    /// The words of the entries.
    pub(super) fn words(&mut self) -> &mut Words {
        &mut self.words
    }

    /// Counts the entries that have no index of their own from here on.
    pub(super) fn count_from(&mut self, first: usize) {
        self.first = first;
    }

    /// Forgets all entries, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.starts.clear();
        self.bytes.clear();
        self.words.forget_many();
        self.first = 0;
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The entry at this position, without its value, however large that is.
    pub fn head(&self, position: usize) -> Head<'_> {
        self.entry(position).head
    }

    /// The value of the entry at this position.
    pub fn value(&self, position: usize) -> Edn {
        self.entry(position).value()
    }

    /// The items of the collection that is the value of the entry at this position; none for
    /// nil; `None` for any other value.
    pub fn items(&self, position: usize) -> Option<impl Iterator<Item = Edn> + '_> {
        let mut cursor = self.entry(position).rest;
        let count = if cursor.skip_nil() { 0 } else { cursor.collection()? };
        Some((0..count).map(move |_| cursor.value()))
    }

    /// The entry at this position, put together again.
    pub fn op(&self, position: usize) -> Op {
        self.entry(position).op()
    }

    /// The entry at this position.
    pub fn entry(&self, position: usize) -> Entry<'_> {
        let mut rest = Cursor { bytes: &self.bytes[self.starts[position]..], words: &self.words };
        let first = rest.byte();
        let kinds = [OpType::Invoke, OpType::Ok, OpType::Fail, OpType::Info];
        let kind = kinds[usize::from(first & 3)];
        let process = match first >> 2 & 3 {
            0 => ProcessId::Nemesis,
            1 => ProcessId::Client(rest.int()),
            _ => ProcessId::Unnamed,
        };
        let f = rest.name();
        let mut index = position.wrapping_add(rest.int() as usize);
        if first & HAS_INDEX == 0 {
            index += self.first;
        }
        let time = rest.int();
        let head = Head { kind, process, f, index, time };
        Entry { head, has_extras: first & HAS_EXTRAS != 0, rest }
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).map(|position| self.entry(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn what_was_packed_comes_back_as_it_was() {
        let values = "nil true false 0 239 240 -1 9223372036854775807 -9223372036854775808 0.1 \
                      ##NaN \"\" \"ü\" :a/b sym 99999999999999999999N () [] #{} {} (1 (2)) \
                      [[:r 1 nil] [:append :x \"y\"]] #{1 [2]} {:a {1 2}, \"b\" [nil]} #t #u 7";
        let mut text = String::new();
        for (value, number) in crate::edn::read_all(values).unwrap().iter().zip(0i64..) {
            let process = (number - 3) * 1_000_000;
            text += &format!("{{:type :invoke, :process {process}, :f :a, :value {value}}}");
            text +=
                &format!("{{:type :info, :process {process}, :f :a, :time {number}, :index 3}}");
            text += &format!("{{:type :ok, :process {process}, :f :b, :error {value}, :final? 1}}");
        }
        text += "{:type :info, :process :nemesis, :f :kill, :value \"n1\", :time 99999999999}";
        text += "{:type :ok, :f :read, :value 7}";
        let history = History::parse(&text).unwrap();
        let mut packed = Packed::default();
        for (position, op) in history.ops.iter().enumerate() {
            assert_eq!(packed.push(op), position);
        }
        assert_eq!(packed.len(), history.ops.len());
        let mut copy = Packed::default();
        copy.words.number(&"b".into());
        packed.entries().for_each(|entry| _ = copy.push_entry(&entry));
        for (position, op) in history.ops.iter().enumerate() {
            assert_eq!((packed.op(position), copy.op(position)), (op.clone(), op.clone()));
            assert_eq!(packed.entry(position).extra("final?").as_ref(), op.extra("final?"));
            assert_eq!(packed.value(position), op.value);
            let items = packed.items(position).map(|items| items.collect::<Vec<Edn>>());
            let nothing = Some(Vec::new()).filter(|_| op.value.is_nil());
            assert_eq!(items, op.value.as_slice().map(<[Edn]>::to_vec).or(nothing));
            let Op { index, time, kind, process, ref f, .. } = *op;
            assert_eq!(packed.head(position), Head { kind, process, f, index, time });
        }
    }

    #[test]
    fn an_operation_takes_few_bytes() {
        let text = "{:type :invoke, :process 3, :f :write, :value [17 4], :time 59123456789}";
        let history = History::parse(&text.repeat(100)).unwrap();
        let mut packed = Packed::default();
        for op in &history.ops {
            packed.push(op);
        }
        assert!(packed.bytes.len() <= 16 * packed.len(), "{}", packed.bytes.len());
    }
}

//! A history in few bytes.
//!
//! Most checkers take in each operation once, and keep numbers. But what they find is told with
//! the operations themselves, and which these are is only known at the end. So all of them are
//! kept here, each as a row of bytes: about 25 for an operation on a register, where an [`Op`]
//! takes some 200. One that is needed is put together again.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Op, OpType, ProcessId};
use crate::edn::{Edn, Float};

/// Operations that were taken in, by their positions.
#[derive(Default)]
pub struct Packed {
    /// Where the bytes of each entry begin.
    starts: Vec<usize>,
    bytes: Vec<u8>,
    names: Names,
    /// The names of the further keys, of which there are a handful.
    keys: Vec<&'static str>,
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

impl Packed {
    /// Takes in the next entry, and gives its position.
    pub fn push(&mut self, op: &Op) -> usize {
        let position = self.starts.len();
        self.starts.push(self.bytes.len());
        let mut writer = Writer { bytes: &mut self.bytes, names: &mut self.names };
        let process = match op.process {
            ProcessId::Nemesis => 0,
            ProcessId::Client(_) => 1,
            ProcessId::Unnamed => 2,
        };
        writer.bytes.push(op.kind as u8 | process << 2);
        if let ProcessId::Client(number) = op.process {
            writer.int(number);
        }
        writer.name(&op.f);
        // Nearly always the same.
        writer.int(op.index.wrapping_sub(position) as i64);
        writer.int(op.time);
        writer.value(&op.value);
        writer.count(op.extra.len());
        for (key, value) in &op.extra {
            let known = self.keys.iter().position(|known| known == key);
            let number = known.unwrap_or_else(|| {
                self.keys.push(key);
                self.keys.len() - 1
            });
            writer.count(number);
            writer.value(value);
        }
        position
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
        self.read_head(position).0
    }

    /// The value of the entry at this position.
    pub fn value(&self, position: usize) -> Edn {
        self.read_head(position).1.value()
    }

    /// Both.
    pub fn head_and_value(&self, position: usize) -> (Head<'_>, Edn) {
        let (head, mut reader) = self.read_head(position);
        (head, reader.value())
    }

    /// The items of the collection that is the value of the entry at this position; none for
    /// nil; `None` for any other value.
    pub fn items(&self, position: usize) -> Option<impl Iterator<Item = Edn> + '_> {
        let mut reader = self.read_head(position).1;
        let count = match reader.byte() {
            tag::NIL => 0,
            tag::LIST | tag::VECTOR | tag::SET => reader.count(),
            _ => return None,
        };
        Some((0..count).map(move |_| reader.value()))
    }

    /// The entry at this position.
    pub fn op(&self, position: usize) -> Op {
        let (head, mut reader) = self.read_head(position);
        let value = reader.value();
        let extra = (0..reader.count()).map(|_| (self.keys[reader.count()], reader.value()));
        let extra = extra.collect();
        let Head { kind, process, f, index, time } = head;
        Op { index, time, kind, process, f: f.clone(), value, extra }
    }

    fn read_head(&self, position: usize) -> (Head<'_>, Reader<'_>) {
        let mut reader = Reader { bytes: &self.bytes[self.starts[position]..], names: &self.names };
        let first = reader.byte();
        let kinds = [OpType::Invoke, OpType::Ok, OpType::Fail, OpType::Info];
        let kind = kinds[usize::from(first & 3)];
        let process = match first >> 2 {
            0 => ProcessId::Nemesis,
            1 => ProcessId::Client(reader.int()),
            _ => ProcessId::Unnamed,
        };
        let f = reader.name();
        let index = position.wrapping_add(reader.int() as usize);
        let time = reader.int();
        (Head { kind, process, f, index, time }, reader)
    }
}

/// Words that come again and again, each kept once.
#[derive(Default)]
struct Names {
    names: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, usize>,
}

impl Names {
    fn number(&mut self, name: &Arc<str>) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), self.names.len() - 1);
        self.names.len() - 1
    }
}

/// What a value is, in its first byte. Small integers have a byte each, from `SMALL` on.
mod tag {
    pub const NIL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const STR: u8 = 5;
    pub const KEYWORD: u8 = 6;
    pub const SYMBOL: u8 = 7;
    pub const LIST: u8 = 8;
    pub const VECTOR: u8 = 9;
    pub const SET: u8 = 10;
    pub const MAP: u8 = 11;
    pub const TAGGED: u8 = 12;
    pub const SMALL: u8 = 16;
}

/// How many integers, from 0 on, are a byte.
const SMALL_INTS: i64 = 256 - tag::SMALL as i64;

struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    names: &'a mut Names,
}

impl Writer<'_> {
    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// The sign is the lowest bit, so that small negative integers are short, too.
    fn int(&mut self, int: i64) {
        self.number((int << 1 ^ int >> 63) as u64);
    }

    fn name(&mut self, name: &Arc<str>) {
        let number = self.names.number(name);
        self.count(number);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn items(&mut self, tag: u8, items: &[Edn]) {
        self.bytes.push(tag);
        self.count(items.len());
        items.iter().for_each(|item| self.value(item));
    }

    fn value(&mut self, value: &Edn) {
        match value {
            Edn::Nil => self.bytes.push(tag::NIL),
            Edn::Bool(is_true) => self.bytes.push(if *is_true { tag::TRUE } else { tag::FALSE }),
            Edn::Int(int @ 0..SMALL_INTS) => self.bytes.push(tag::SMALL + *int as u8),
            Edn::Int(int) => {
                self.bytes.push(tag::INT);
                self.int(*int);
            }
            Edn::Float(Float(float)) => {
                self.bytes.push(tag::FLOAT);
                self.bytes.extend_from_slice(&float.to_bits().to_le_bytes());
            }
            Edn::Str(text) => {
                self.bytes.push(tag::STR);
                self.text(text);
            }
            Edn::Keyword(name) => {
                self.bytes.push(tag::KEYWORD);
                self.name(name);
            }
            Edn::Symbol(text) => {
                self.bytes.push(tag::SYMBOL);
                self.text(text);
            }
            Edn::List(items) => self.items(tag::LIST, items),
            Edn::Vector(items) => self.items(tag::VECTOR, items),
            Edn::Set(items) => self.items(tag::SET, items),
            Edn::Map(entries) => {
                self.bytes.push(tag::MAP);
                self.count(entries.len());
                for (key, value) in entries {
                    self.value(key);
                    self.value(value);
                }
            }
            Edn::Tagged(name, inner) => {
                self.bytes.push(tag::TAGGED);
                self.name(name);
                self.value(inner);
            }
        }
    }
}

/// Reads what a [`Writer`] wrote.
struct Reader<'a> {
    bytes: &'a [u8],
    names: &'a Names,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn count(&mut self) -> usize {
        self.number() as usize
    }

    fn int(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    fn name(&mut self) -> &'a Arc<str> {
        &self.names.names[self.count()]
    }

    fn text(&mut self) -> Arc<str> {
        let length = self.count();
        str::from_utf8(self.take(length)).expect("it was text").into()
    }

    fn items(&mut self) -> Vec<Edn> {
        (0..self.count()).map(|_| self.value()).collect()
    }

    fn value(&mut self) -> Edn {
        match self.byte() {
            tag::NIL => Edn::Nil,
            tag::FALSE => Edn::Bool(false),
            tag::TRUE => Edn::Bool(true),
            tag::INT => Edn::Int(self.int()),
            tag::FLOAT => {
                let bits = self.take(8).try_into().expect("eight bytes were taken");
                Edn::from(f64::from_bits(u64::from_le_bytes(bits)))
            }
            tag::STR => Edn::Str(self.text()),
            tag::KEYWORD => Edn::Keyword(self.name().clone()),
            tag::SYMBOL => Edn::Symbol(self.text()),
            tag::LIST => Edn::List(self.items()),
            tag::VECTOR => Edn::Vector(self.items()),
            tag::SET => Edn::Set(self.items()),
            tag::MAP => Edn::Map((0..self.count()).map(|_| (self.value(), self.value())).collect()),
            tag::TAGGED => Edn::Tagged(self.name().clone(), Box::new(self.value())),
            small => Edn::Int(i64::from(small - tag::SMALL)),
        }
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
        for (position, op) in history.ops.iter().enumerate() {
            assert_eq!(packed.op(position), *op);
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

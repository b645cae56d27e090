//! Values as bytes: how they are written, and how they are read again.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::edn::{Edn, Float};

/// Words that come again and again, each kept once.
#[derive(Default)]
pub struct Words {
    names: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, usize>,
    /// The names of further keys, of which there are a handful.
    keys: Vec<&'static str>,
}

impl Words {
    /// So many are kept for other entries.
    const FEW: usize = 100;

    /// The number of a name.
    pub fn number(&mut self, name: &Arc<str>) -> usize {
        match self.numbers.get(name) {
            Some(number) => *number,
            None => self.add(name.clone()),
        }
    }

    /// The same.
    pub fn number_of(&mut self, name: &str) -> usize {
        match self.numbers.get(name) {
            Some(number) => *number,
            None => self.add(name.into()),
        }
    }

    fn add(&mut self, name: Arc<str>) -> usize {
        self.names.push(name.clone());
        self.numbers.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    /// When nothing is left that has them: forgets names that have become too many.
    pub fn forget_many(&mut self) {
        if self.names.len() > Words::FEW {
            *self = Words::default();
        }
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

/// Writes values.
pub struct Writer<'a> {
    pub bytes: &'a mut Vec<u8>,
    pub words: &'a mut Words,
}

/// A kind of collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    List,
    Vector,
    Map,
}

impl Writer<'_> {
    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// The sign is the lowest bit, so that small negative integers are short, too.
    pub fn int(&mut self, int: i64) {
        self.number((int << 1 ^ int >> 63) as u64);
    }

    fn name(&mut self, name: &Arc<str>) {
        let number = self.words.number(name);
        self.count(number);
    }

    /// The name of a further key.
    pub fn key(&mut self, key: &'static str) {
        let known = self.words.keys.iter().position(|known| *known == key);
        let number = known.unwrap_or_else(|| {
            self.words.keys.push(key);
            self.words.keys.len() - 1
        });
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

    pub fn nil(&mut self) {
        self.bytes.push(tag::NIL);
    }

    pub fn bool(&mut self, is_true: bool) {
        self.bytes.push(if is_true { tag::TRUE } else { tag::FALSE });
    }

    /// An integer as a value.
    #[inline]
    pub fn integer(&mut self, int: i64) {
        match int {
            0..SMALL_INTS => self.bytes.push(tag::SMALL + int as u8),
            _ => {
                self.bytes.push(tag::INT);
                self.int(int);
            }
        }
    }

    pub fn string(&mut self, text: &str) {
        self.bytes.push(tag::STR);
        self.text(text);
    }

    /// A keyword, from its name.
    pub fn keyword(&mut self, name: &str) {
        self.bytes.push(tag::KEYWORD);
        let number = self.words.number_of(name);
        self.count(number);
    }

    /// Begins a collection of which nobody knows yet how many items it has. What this gives,
    /// [`Writer::end`] must be told.
    pub fn begin(&mut self, kind: Kind) -> usize {
        self.bytes.push(match kind {
            Kind::List => tag::LIST,
            Kind::Vector => tag::VECTOR,
            Kind::Map => tag::MAP,
        });
        self.bytes.push(0);
        self.bytes.len() - 1
    }

    /// Ends a collection of so many items, a map's entry being one.
    pub fn end(&mut self, begun: usize, count: usize) {
        if count < 0x80 {
            self.bytes[begun] = count as u8;
            return;
        }
        // A count that takes more than a byte comes seldom, and moves the items.
        let mut number = Vec::new();
        Writer { bytes: &mut number, words: self.words }.count(count);
        self.bytes.splice(begun..=begun, number);
    }

    pub fn value(&mut self, value: &Edn) {
        match value {
            Edn::Nil => self.nil(),
            Edn::Bool(is_true) => self.bool(*is_true),
            Edn::Int(int) => self.integer(*int),
            Edn::Float(Float(float)) => {
                self.bytes.push(tag::FLOAT);
                self.bytes.extend_from_slice(&float.to_bits().to_le_bytes());
            }
            Edn::Str(text) => self.string(text),
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

    /// Writes the value that comes next at a cursor, whose words are others.
    pub fn copy(&mut self, from: &mut Cursor) {
        let tag = from.byte();
        self.bytes.push(tag);
        match tag {
            tag::INT => self.number(from.number()),
            tag::FLOAT => self.bytes.extend_from_slice(from.take(8)),
            tag::STR | tag::SYMBOL => {
                let length = from.count();
                self.count(length);
                self.bytes.extend_from_slice(from.take(length));
            }
            tag::KEYWORD => self.name(from.name()),
            tag::LIST | tag::VECTOR | tag::SET => {
                let count = from.count();
                self.count(count);
                (0..count).for_each(|_| self.copy(from));
            }
            tag::MAP => {
                let count = from.count();
                self.count(count);
                (0..2 * count).for_each(|_| self.copy(from));
            }
            tag::TAGGED => {
                self.name(from.name());
                self.copy(from);
            }
            _ => {}
        }
    }
}

/// Reads what a [`Writer`] wrote.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) words: &'a Words,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        taken
    }

    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    #[inline]
    fn number(&mut self) -> u64 {
        let byte = self.byte();
        if byte < 0x80 { u64::from(byte) } else { self.large_number(byte) }
    }

    /// One of several bytes, after its first.
    fn large_number(&mut self, first: u8) -> u64 {
        let (mut number, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    pub(super) fn count(&mut self) -> usize {
        self.number() as usize
    }

    #[inline]
    pub(super) fn int(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    pub(super) fn name(&mut self) -> &'a Arc<str> {
        &self.words.names[self.count()]
    }

    pub(super) fn key(&mut self) -> &'static str {
        self.words.keys[self.count()]
    }

    fn text(&mut self) -> &'a str {
        let length = self.count();
        str::from_utf8(self.take(length)).expect("it was text")
    }

    fn items(&mut self) -> Vec<Edn> {
        (0..self.count()).map(|_| self.value()).collect()
    }

    /// Passes over a nil; false, and nothing is passed over, if something else comes next.
    pub fn skip_nil(&mut self) -> bool {
        let is_nil = self.bytes[0] == tag::NIL;
        self.bytes = &self.bytes[usize::from(is_nil)..];
        is_nil
    }

    /// The integer that comes next; `None`, and nothing is read, if something else does.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        match self.bytes[0] {
            small @ tag::SMALL.. => {
                self.bytes = &self.bytes[1..];
                Some(i64::from(small - tag::SMALL))
            }
            tag::INT => {
                self.bytes = &self.bytes[1..];
                Some(self.int())
            }
            _ => None,
        }
    }

    /// The keyword or string that comes next, as text; `None`, and nothing is read, if something
    /// else does.
    pub fn word(&mut self) -> Option<&'a str> {
        let tag = self.bytes[0];
        if !matches!(tag, tag::KEYWORD | tag::STR) {
            return None;
        }
        self.bytes = &self.bytes[1..];
        Some(if tag == tag::KEYWORD { self.name() } else { self.text() })
    }

    /// Whether a keyword comes next.
    pub fn is_keyword(&self) -> bool {
        self.bytes[0] == tag::KEYWORD
    }

    /// Goes into the list, vector or set that comes next: how many items it has; `None`, and
    /// nothing is read, if something else comes next.
    pub fn collection(&mut self) -> Option<usize> {
        self.go_into(&[tag::LIST, tag::VECTOR, tag::SET])
    }

    /// The same of a list or a vector.
    pub fn sequence(&mut self) -> Option<usize> {
        self.go_into(&[tag::LIST, tag::VECTOR])
    }

    #[inline]
    fn go_into(&mut self, tags: &[u8]) -> Option<usize> {
        if !tags.contains(&self.bytes[0]) {
            return None;
        }
        self.bytes = &self.bytes[1..];
        Some(self.count())
    }

    /// Passes over a value.
    pub fn skip(&mut self) {
        match self.byte() {
            tag::INT => _ = self.number(),
            tag::FLOAT => _ = self.take(8),
            tag::STR | tag::SYMBOL => {
                let length = self.count();
                self.take(length);
            }
            tag::KEYWORD => _ = self.count(),
            tag::LIST | tag::VECTOR | tag::SET => (0..self.count()).for_each(|_| self.skip()),
            tag::MAP => (0..2 * self.count()).for_each(|_| self.skip()),
            tag::TAGGED => {
                self.count();
                self.skip();
            }
            _ => {}
        }
    }

    /// The value that comes next, which is not passed over.
    pub fn peek(mut self) -> Edn {
        self.value()
    }

    /// The value that comes next.
    pub fn value(&mut self) -> Edn {
        match self.byte() {
            tag::NIL => Edn::Nil,
            tag::FALSE => Edn::Bool(false),
            tag::TRUE => Edn::Bool(true),
            tag::INT => Edn::Int(self.int()),
            tag::FLOAT => {
                let bits = self.take(8).try_into().expect("eight bytes were taken");
                Edn::from(f64::from_bits(u64::from_le_bytes(bits)))
            }
            tag::STR => Edn::from(self.text()),
            tag::KEYWORD => Edn::Keyword(self.name().clone()),
            tag::SYMBOL => Edn::Symbol(self.text().into()),
            tag::LIST => Edn::List(self.items()),
            tag::VECTOR => Edn::Vector(self.items()),
            tag::SET => Edn::Set(self.items()),
            tag::MAP => Edn::Map((0..self.count()).map(|_| (self.value(), self.value())).collect()),
            tag::TAGGED => Edn::Tagged(self.name().clone(), Box::new(self.value())),
            small => Edn::Int(i64::from(small - tag::SMALL)),
        }
    }
}

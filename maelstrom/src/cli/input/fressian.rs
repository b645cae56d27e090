//! Fressian: values as Clojure programs write them in binary files, read as EDN.
//!
//! A value begins with a byte that says what it is: a small number itself, the beginning of a
//! larger one, a string of a few bytes, a list of a few items. Everything else is a *structure*: a
//! tag and a number of components. A tag that was written before, and any value that the writer
//! thought worth remembering, is written as its number in a cache.
//!
//! Because a structure says how many components it has, values of any class are read: of a class
//! that is not known here, as a tagged vector.
//!
//! Sources: `org.fressian.impl.Codes` and the handlers of data.fressian and of Jepsen
//! (`jepsen.store.fressian`). Absent: a writer.

use std::sync::Arc;

use crate::edn::Edn;

/// Nested deeper than this, a file is damaged or hostile.
const DEPTH_LIMIT: usize = 100;

/// The operation of a Jepsen history.
const OPERATION: &str = "jepsen.history.Op";

/// A reference to another block of the file.
pub const BLOCK: &str = "block-ref";

/// Reads one value after another.
pub struct Fressian<'a> {
    bytes: &'a [u8],
    position: usize,
    depth: usize,
    cache: Vec<Edn>,
    /// The structures so far: tag, and number of components.
    structures: Vec<(Arc<str>, usize)>,
}

impl<'a> Fressian<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Fressian<'a> {
        Fressian { bytes, position: 0, depth: 0, cache: Vec::new(), structures: Vec::new() }
    }

    /// The next value; `None` at the end.
    ///
    /// # Errors
    /// A clause, when there is something else.
    pub fn next_value(&mut self) -> Result<Option<Edn>, String> {
        if self.position == self.bytes.len() { Ok(None) } else { self.value().map(Some) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.position..];
        let taken = rest.get(..length).ok_or("the block ends inside a value")?;
        self.position += length;
        Ok(taken)
    }

    /// An unsigned number of so many bytes, the greatest first.
    fn raw(&mut self, length: usize) -> Result<i64, String> {
        let number = self.take(length)?.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        Ok(number as i64)
    }

    fn count(&mut self) -> Result<usize, String> {
        let count = self.value()?;
        let count = count.as_i64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| "a length is no number".into())
    }

    fn value(&mut self) -> Result<Edn, String> {
        if self.depth == DEPTH_LIMIT {
            return Err(format!("values are nested more than {DEPTH_LIMIT} deep"));
        }
        self.depth += 1;
        let value = self.raw(1).and_then(|code| self.value_of(code as u8));
        self.depth -= 1;
        value
    }

    fn value_of(&mut self, code: u8) -> Result<Edn, String> {
        // The high bits of a number that is packed with so many further bytes.
        let packed = |zero: u8, bytes: u32| (i64::from(code) - i64::from(zero)) << (8 * bytes);
        Ok(match code {
            0x00..=0x3f => Edn::Int(code.into()),
            0x40..=0x5f => Edn::Int(packed(0x50, 1) | self.raw(1)?),
            0x60..=0x6f => Edn::Int(packed(0x68, 2) | self.raw(2)?),
            0x70..=0x73 => Edn::Int(packed(0x72, 3) | self.raw(3)?),
            0x74..=0x77 => Edn::Int(packed(0x76, 4) | self.raw(4)?),
            0x78..=0x7b => Edn::Int(packed(0x7a, 5) | self.raw(5)?),
            0x7c..=0x7f => Edn::Int(packed(0x7e, 6) | self.raw(6)?),
            0x80..=0x9f => self.cached(usize::from(code - 0x80))?,
            0xa0..=0xaf => self.structure_of(usize::from(code - 0xa0))?,
            0xb0..=0xb5 => self.array()?,
            0xc0 => in_pairs(self.value()?)?,
            0xc1 => Edn::Set(items(self.value()?)?),
            0xc3 => tagged("uuid", self.value()?),
            0xc4 => tagged("regex", self.value()?),
            0xc5 => tagged("uri", self.value()?),
            0xc6 => big_integer(&self.value()?)?,
            0xc7 => {
                let (digits, scale) = (self.value()?, self.value()?);
                tagged("bigdec", Edn::Vector(vec![digits, scale]))
            }
            0xc8 => tagged("inst", self.value()?),
            0xc9 => Edn::Symbol(self.name()?.into()),
            0xca => Edn::Keyword(self.name()?.into()),
            0xcc => {
                let number = self.count()?;
                self.cached(number)?
            }
            0xcd => self.remembered()?,
            0xce => {
                self.remembered()?;
                self.value()?
            }
            0xcf => {
                // A footer: the rest of its mark, a length and a checksum. The block has its own.
                self.take(11)?;
                self.value()?
            }
            0xd0..=0xd7 => self.octets(usize::from(code - 0xd0))?,
            0xd8 | 0xd9 => octets(self.chunks(code, 0xd8)?),
            0xda..=0xe1 => text(self.take(usize::from(code - 0xda))?)?,
            0xe2 | 0xe3 => text(&self.chunks(code, 0xe2)?)?,
            0xe4..=0xeb => self.list(usize::from(code - 0xe4))?,
            0xec => {
                let length = self.count()?;
                self.list(length)?
            }
            0xed | 0xee => self.open_list(code == 0xee)?,
            0xef => {
                let (tag, length) = (self.value()?, self.count()?);
                let tag = tag.as_str().ok_or("a tag is no string")?;
                self.structures.push((tag.into(), length));
                self.structure_of(self.structures.len() - 1)?
            }
            0xf0 => {
                let number = self.count()?;
                self.structure_of(number)?
            }
            0xf5 => Edn::Bool(true),
            0xf6 => Edn::Bool(false),
            0xf7 => Edn::Nil,
            0xf8 => Edn::Int(self.raw(8)?),
            0xf9 => {
                let bytes = self.take(4)?.try_into().expect("four were taken");
                Edn::from(f64::from(f32::from_be_bytes(bytes)))
            }
            0xfa => Edn::from(f64::from_bits(self.raw(8)? as u64)),
            0xfb => Edn::from(0.0),
            0xfc => Edn::from(1.0),
            0xfe => {
                self.cache.clear();
                self.structures.clear();
                self.value()?
            }
            0xff => Edn::Int(-1),
            other => return Err(format!("the byte 0x{other:02x} begins no value")),
        })
    }

    fn cached(&self, number: usize) -> Result<Edn, String> {
        self.cache.get(number).cloned().ok_or_else(|| "a value refers to none before it".into())
    }

    /// A value that gets the next number.
    fn remembered(&mut self) -> Result<Edn, String> {
        let number = self.cache.len();
        self.cache.push(Edn::Nil);
        let value = self.value()?;
        self.cache[number] = value.clone();
        Ok(value)
    }

    /// The two parts of a name, with a slash between them if there are two.
    fn name(&mut self) -> Result<String, String> {
        let (space, name) = (self.value()?, self.value()?);
        let name = name.as_str().ok_or("a name is no string")?;
        Ok(space.as_str().map_or_else(|| name.to_owned(), |space| format!("{space}/{name}")))
    }

    fn list(&mut self, length: usize) -> Result<Edn, String> {
        // Each item has a byte at least.
        if length > self.bytes.len() - self.position {
            return Err("the block ends inside a list".into());
        }
        (0..length).map(|_| self.value()).collect::<Result<_, _>>().map(Edn::Vector)
    }

    /// A list up to its end mark; an open one may end with the block, too.
    fn open_list(&mut self, may_end: bool) -> Result<Edn, String> {
        let mut items = Vec::new();
        loop {
            match self.bytes.get(self.position) {
                Some(0xfd) => {
                    self.position += 1;
                    return Ok(Edn::Vector(items));
                }
                None if may_end => return Ok(Edn::Vector(items)),
                _ => items.push(self.value()?),
            }
        }
    }

    fn array(&mut self) -> Result<Edn, String> {
        let length = self.count()?;
        self.list(length)
    }

    fn octets(&mut self, length: usize) -> Result<Edn, String> {
        Ok(octets(self.take(length)?.to_vec()))
    }

    /// Bytes in pieces. `more` is the code of one behind which there is another; the last has the
    /// code behind that, or, if it is short, one that says its length.
    fn chunks(&mut self, mut code: u8, more: u8) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        loop {
            let length = match code {
                _ if code == more || code == more + 1 => self.count()?,
                0xd0..=0xd7 if more == 0xd8 => usize::from(code - 0xd0),
                0xda..=0xe1 if more == 0xe2 => usize::from(code - 0xda),
                _ => return Err("a value in pieces has no end".into()),
            };
            all.extend_from_slice(self.take(length)?);
            if code != more {
                return Ok(all);
            }
            code = self.raw(1)? as u8;
        }
    }

    fn structure_of(&mut self, number: usize) -> Result<Edn, String> {
        let known = self.structures.get(number).cloned();
        let (tag, length) = known.ok_or("a value refers to no structure before it")?;
        let Edn::Vector(parts) = self.list(length)? else { unreachable!("a list is a vector") };
        structure(&tag, parts)
    }
}

/// What a structure stands for.
fn structure(tag: &Arc<str>, mut parts: Vec<Edn>) -> Result<Edn, String> {
    let one = |parts: Vec<Edn>| parts.into_iter().next().unwrap_or(Edn::Nil);
    Ok(match (&**tag, parts.len()) {
        (OPERATION, 7) => {
            let more = parts.pop().expect("there are seven");
            let names = ["index", "time", "type", "process", "f", "value"];
            let mut entries: Vec<(Edn, Edn)> =
                names.into_iter().map(Edn::keyword).zip(parts).collect();
            if let Edn::Map(more) = more {
                entries.extend(more);
            }
            Edn::Map(entries)
        }
        ("persistent-hash-set" | "persistent-sorted-set" | "set", 1) => {
            Edn::Set(items(one(parts))?)
        }
        ("map", 1) => in_pairs(one(parts))?,
        ("map-entry", 2) => Edn::Vector(parts),
        ("vec" | "atom" | "byte" | "multiset" | "instant" | "date-time", 1) => one(parts),
        ("bigint" | "clojure.lang.BigInt", 1) => big_integer(&one(parts))?,
        ("ratio", 2) => Edn::Symbol(format!("{}/{}", digits(&parts[0]), digits(&parts[1])).into()),
        ("char", 1) => {
            let c = one(parts).as_i64().and_then(|c| char::from_u32(c.try_into().ok()?));
            Edn::from(c.ok_or("a character is none")?.to_string())
        }
        ("record", 2) => {
            let fields = parts.pop().expect("there are two");
            let class = one(parts).to_string();
            Edn::Tagged(class.into(), Box::new(fields))
        }
        (BLOCK, 1) => tagged(BLOCK, one(parts)),
        _ => Edn::Tagged(tag.clone(), Box::new(Edn::Vector(parts))),
    })
}

fn tagged(tag: &str, value: Edn) -> Edn {
    Edn::Tagged(tag.into(), Box::new(value))
}

fn octets(bytes: Vec<u8>) -> Edn {
    Edn::Vector(bytes.into_iter().map(|byte| Edn::Int(byte.into())).collect())
}

fn items(list: Edn) -> Result<Vec<Edn>, String> {
    match list {
        Edn::Nil => Ok(Vec::new()),
        Edn::Vector(items) => Ok(items),
        _ => Err("a collection is no list".into()),
    }
}

/// A map, from its keys and values in turn.
fn in_pairs(list: Edn) -> Result<Edn, String> {
    let mut items = items(list)?.into_iter();
    let mut entries = Vec::new();
    while let Some(key) = items.next() {
        entries.push((key, items.next().ok_or("a map has a key without a value")?));
    }
    Ok(Edn::Map(entries))
}

/// The digits of a whole number, without the mark of large ones.
fn digits(number: &Edn) -> String {
    number.large_digits().map_or_else(|| number.to_string(), str::to_owned)
}

/// A number in two's complement, from its bytes.
fn big_integer(bytes: &Edn) -> Result<Edn, String> {
    let bytes: Option<Vec<u8>> = bytes
        .as_slice()
        .and_then(|items| items.iter().map(|b| u8::try_from(b.as_i64()?).ok()).collect());
    let mut bytes = bytes.ok_or("a large number is no bytes")?;
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if is_negative {
        // The number is minus its complement plus one.
        let mut carries = true;
        for byte in bytes.iter_mut().rev() {
            let (sum, carried) = (!*byte).overflowing_add(carries.into());
            (*byte, carries) = (sum, carried);
        }
    }
    // Decimal digits, the least first: each byte is 256 of the one behind it.
    let mut decimal = vec![0u8];
    for byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut decimal {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            decimal.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    let sign = if is_negative { "-" } else { "" };
    let digits: String = decimal.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
    crate::edn::read_one(&format!("{sign}{digits}N")).map_err(|error| error.problem)
}

/// A text: each unit of UTF-16 is one to three bytes, as UTF-8 would have it.
fn text(bytes: &[u8]) -> Result<Edn, String> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok(Edn::from(text));
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().map(|byte| u16::from(*byte));
    while let Some(first) = rest.next() {
        let mut next = || rest.next().map(|byte| byte & 0x3f).ok_or("a text is cut");
        units.push(match first {
            0x00..=0x7f => first,
            0xc0..=0xdf => (first & 0x1f) << 6 | next()?,
            0xe0..=0xef => (first & 0x0f) << 12 | next()? << 6 | next()?,
            _ => return Err("a text is none".into()),
        });
    }
    Ok(Edn::from(String::from_utf16_lossy(&units)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut reader = Fressian::new(bytes);
        let mut values = Vec::new();
        while let Some(value) = reader.next_value()? {
            values.push(value.to_string());
        }
        Ok(values)
    }

    #[test]
    fn values_are_these_bytes() {
        for (bytes, expected) in [
            (&[0x00][..], "0"),
            (&[0x3f], "63"),
            (&[0xff], "-1"),
            (&[0x50, 0x40], "64"),
            (&[0x4f, 0xfe], "-2"),
            (&[0x5f, 0xff], "4095"),
            (&[0x68, 0x10, 0x00], "4096"),
            (&[0x67, 0xef, 0xff], "-4097"),
            (&[0x72, 0x08, 0x00, 0x00], "524288"),
            (&[0x76, 0x02, 0x00, 0x00, 0x00], "33554432"),
            (&[0x7a, 0x02, 0x00, 0x00, 0x00, 0x00], "8589934592"),
            (&[0x7e, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00], "2199023255552"),
            (&[0xf8, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808"),
            (&[0xf5], "true"),
            (&[0xf7], "nil"),
            (&[0xfc], "1.0"),
            (&[0xfa, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], "0.5"),
            (&[0xda], "\"\""),
            (&[0xdc, b'h', b'i'], "\"hi\""),
            (&[0xe3, 0x08, b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h'], "\"abcdefgh\""),
            (&[0xe2, 0x02, b'a', b'b', 0xdb, b'c'], "\"abc\""),
            // A face beyond 16 bits is two units.
            (&[0xe0, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], "\"\u{1f600}\""),
            (&[0xe6, 0x01, 0x02], "[1 2]"),
            (&[0xed, 0x01, 0xe4, 0xfd], "[1 []]"),
            (&[0xca, 0xf7, 0xdb, b'x'], ":x"),
            (&[0xca, 0xdb, b'a', 0xdb, b'x'], ":a/x"),
            (&[0xc0, 0xe6, 0xca, 0xf7, 0xdb, b'x', 0x07], "{:x 7}"),
            (&[0xc1, 0xe5, 0x07], "#{7}"),
            (&[0xc6, 0xd2, 0xff, 0x00], "-256"),
            (&[0xc6, 0xd9, 0x09, 0x01, 0, 0, 0, 0, 0, 0, 0, 0], "18446744073709551616N"),
            (&[0xef, 0xdf, b'r', b'a', b't', b'i', b'o', 0x02, 0x01, 0x03], "1/3"),
            (&[0xef, 0xdb, b'?', 0x02, 0x01, 0x03], "#? [1 3]"),
            (&[0xb0, 0x02, 0x05, 0x06], "[5 6]"),
        ] {
            assert_eq!(read(bytes).as_deref(), Ok(&[expected.to_owned()][..]), "{bytes:x?}");
        }
    }

    #[test]
    fn what_was_written_before_is_referred_to() {
        // A keyword that is remembered, and a structure; then both by their numbers.
        let bytes = [
            &[0xcd, 0xca, 0xf7, 0xcd, 0xdb, b'x', 0x80, 0x81, 0xcc, 0x01][..],
            &[0xef, 0xe1, b'm', b'a', b'p', b'-', b'e', b'n', b't', 0x01, 0x07, 0xa0, 0x08],
            &[0xf0, 0x00, 0x09],
        ];
        let expected =
            [":x", ":x", "\"x\"", "\"x\"", "#map-ent [7]", "#map-ent [8]", "#map-ent [9]"];
        assert_eq!(read(&bytes.concat()), Ok(expected.map(str::to_owned).to_vec()));
        assert!(read(&[&[0xcd, 0x01, 0xfe][..], &[0x80]].concat()).is_err(), "forgotten");
    }

    #[test]
    fn damage_is_a_clause() {
        for bytes in [
            &[0x50][..],
            &[0x80],
            &[0xa0],
            &[0xec, 0x72, 0xff, 0xff, 0xff],
            &[0xd9, 0x7d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xc0, 0xe5, 0x01],
            &[0xca, 0xf7, 0x01],
            &[0xed, 0x01],
            &[0xf3],
            &[0xe2, 0x01, b'a', 0x07],
        ] {
            assert!(read(bytes).is_err(), "{bytes:x?}");
        }
        assert!(read(&[0xe5; 10_000]).unwrap_err().contains("deep"));
    }
}

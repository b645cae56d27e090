//! `test.jepsen`: the binary file in which Jepsen keeps a test, its history among the rest.
//!
//! ```text
//! "JEPSEN"  version: 4 bytes  offset of the index: 8 bytes  block  block  …
//! block:    length: 8  CRC32: 4  kind: 2  data
//! index:    number of the root: 4, and for each block its number: 4 and its offset: 8
//! ```
//!
//! The root is the map of the test; at `:history` it names the block with the history: a list of
//! further blocks, each of some thousand operations. A map may go on in another block. The values
//! in blocks are [`Fressian`].
//!
//! The history is handed on as lines of EDN, a chunk at a time, so that everything else is as with
//! `history.edn`: line 7 of a complaint is the seventh operation.
//!
//! Source: the documentation of `jepsen.store.format`, versions 0 and 1.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use flate2::Crc;

use super::fressian::{BLOCK, Fressian};
use crate::edn::Edn;

/// How such a file begins.
pub const MAGIC: &[u8] = b"JEPSEN";

const HEADER_BYTES: usize = 18;
const BLOCK_HEADER_BYTES: usize = 14;

/// The kinds of blocks.
const INDEX: u16 = 1;
const VALUE: u16 = 2;
const PARTIAL_MAP: u16 = 3;
const STREAM: u16 = 4;
const BIG_VECTOR: u16 = 5;

/// The history in such a file, as text.
pub struct JepsenFile {
    file: File,
    length: u64,
    offsets: BTreeMap<u32, u64>,
    /// The blocks of the history that were not read yet, the next last.
    left: Vec<u32>,
    read: usize,
    /// Text that was not handed on yet.
    text: Vec<u8>,
    position: usize,
}

impl JepsenFile {
    /// Finds the history.
    ///
    /// # Errors
    /// A clause, when it is not there, or the file is damaged.
    pub fn open(file: File) -> Result<JepsenFile, String> {
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let (offsets, left) = (BTreeMap::new(), Vec::new());
        let mut found =
            JepsenFile { file, length, offsets, left, read: 0, text: Vec::new(), position: 0 };
        let header = found.part(0, HEADER_BYTES)?;
        let version = number(&header[6..10]);
        if version > 1 {
            return Err(format!("its version is {version}, and only 0 and 1 are known"));
        }
        let index = number(&header[10..]);
        if index == 0 {
            return Err("it has no index: the test was cut off at once".into());
        }
        let (kind, data) = found.block_at(index)?;
        if kind != INDEX || data.len() < 4 {
            return Err("its index is none".into());
        }
        let entries = data[4..].chunks_exact(12);
        found.offsets =
            entries.map(|entry| (number(&entry[..4]) as u32, number(&entry[4..]))).collect();
        let history = found.history(number(&data[..4]) as u32)?;
        found.left.push(history);
        Ok(found)
    }

    fn part(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let end = offset.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(format!("it is cut: it ends inside of the block at byte {offset}"));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// The kind of the block at this place, and what is in it.
    fn block_at(&self, offset: u64) -> Result<(u16, Vec<u8>), String> {
        let damaged = |what: &str| format!("the block at byte {offset} is damaged: {what}");
        let mut header = self.part(offset, BLOCK_HEADER_BYTES)?;
        let length = usize::try_from(number(&header[..8])).unwrap_or(usize::MAX);
        let length = length.checked_sub(BLOCK_HEADER_BYTES);
        let length = length.ok_or_else(|| damaged("it is shorter than its header"))?;
        let data = self.part(offset + BLOCK_HEADER_BYTES as u64, length)?;
        let checksum = number(&header[8..12]) as u32;
        header[8..12].fill(0);
        let mut found = Crc::new();
        found.update(&data);
        found.update(&header);
        if found.sum() != checksum {
            return Err(damaged("its checksum is another"));
        }
        Ok((number(&header[12..]) as u16, data))
    }

    fn block(&self, id: u32) -> Result<(u16, Vec<u8>), String> {
        let offset = self.offsets.get(&id).ok_or_else(|| format!("it has no block {id}"))?;
        self.block_at(*offset)
    }

    /// The block with the history of the test in this block.
    fn history(&self, root: u32) -> Result<u32, String> {
        let mut id = root;
        for _ in 0..self.offsets.len() + 1 {
            if id == 0 {
                break;
            }
            let (kind, data) = self.block(id)?;
            let (rest, data) = match kind {
                PARTIAL_MAP if data.len() >= 4 => (number(&data[..4]) as u32, &data[4..]),
                VALUE => (0, &data[..]),
                _ => return Err("the block of its test is none".into()),
            };
            let test = Fressian::new(data).next_value()?.unwrap_or(Edn::Nil);
            match test.get("history") {
                Some(Edn::Tagged(tag, block)) if &**tag == BLOCK => {
                    let id = block.as_i64().and_then(|id| u32::try_from(id).ok());
                    return id.ok_or_else(|| "its history is in no block".into());
                }
                Some(_) => return Err("its history is in no block of its own".into()),
                None => id = rest,
            }
        }
        Err("its test has no history".into())
    }

    /// Makes text of the next block of the history; false when there is none.
    fn advance(&mut self) -> Result<bool, String> {
        let Some(id) = self.left.pop() else { return Ok(false) };
        self.read += 1;
        if self.read > self.offsets.len() {
            return Err("its blocks refer to each other in a circle".into());
        }
        let (kind, data) = self.block(id)?;
        let mut values = Fressian::new(&data);
        let mut text = String::new();
        match kind {
            BIG_VECTOR if data.len() >= 8 => {
                let chunks = data[8..].chunks_exact(12).rev();
                self.left.extend(chunks.map(|chunk| number(&chunk[8..]) as u32));
            }
            VALUE => {
                let value = values.next_value()?.unwrap_or(Edn::Nil);
                for op in value.as_slice().unwrap_or_default() {
                    writeln!(text, "{op}").expect("text");
                }
            }
            STREAM => {
                while let Some(op) = values.next_value()? {
                    writeln!(text, "{op}").expect("text");
                }
            }
            _ => return Err(format!("block {id} of its history is none")),
        }
        (self.text, self.position) = (text.into_bytes(), 0);
        Ok(true)
    }
}

impl Read for JepsenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.text.len() {
            if !self.advance().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let length = (&self.text[self.position..]).read(buffer)?;
        self.position += length;
        Ok(length)
    }
}

/// A number, its greatest byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with its header.
    fn block(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = (data.len() + BLOCK_HEADER_BYTES) as u64;
        let header = |checksum: u32| {
            [&length.to_be_bytes()[..], &checksum.to_be_bytes(), &kind.to_be_bytes()].concat()
        };
        let mut checksum = Crc::new();
        checksum.update(data);
        checksum.update(&header(0));
        [&header(checksum.sum())[..], data].concat()
    }

    /// A file of these blocks, numbered from 1, of which one is the root.
    fn file(root: u32, blocks: &[Vec<u8>]) -> Vec<u8> {
        let mut index = root.to_be_bytes().to_vec();
        let (mut body, mut offset) = (Vec::new(), HEADER_BYTES as u64);
        for (number, block) in blocks.iter().enumerate() {
            index.extend((number as u32 + 1).to_be_bytes());
            index.extend(offset.to_be_bytes());
            offset += block.len() as u64;
            body.extend_from_slice(block);
        }
        body.extend(block(INDEX, &index));
        [MAGIC, &[0, 0, 0, 1], &offset.to_be_bytes(), &body].concat()
    }

    fn read(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.jepsen");
        #[expect(clippy::disallowed_methods, reason = "the test makes a file")]
        std::fs::write(&path, bytes).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test reads a file")]
        let mut file = JepsenFile::open(File::open(path).unwrap())?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn string(text: &str) -> Vec<u8> {
        [&[0xe3, text.len() as u8][..], text.as_bytes()].concat()
    }

    fn keyword(name: &str) -> Vec<u8> {
        [&[0xca, 0xf7][..], &string(name)].concat()
    }

    /// An operation as Jepsen writes it; its type and name are remembered.
    fn op(index: u8, kind: &str, is_first: bool) -> Vec<u8> {
        let tag = match is_first {
            true => [&[0xef][..], &string("jepsen.history.Op"), &[7]].concat(),
            false => vec![0xa0],
        };
        let f = match is_first {
            true => [&[0xcd][..], &keyword("read")].concat(),
            false => vec![0xcc, 1],
        };
        let kind = [&[0xcd][..], &keyword(kind)].concat();
        let extra = [&[0xc0, 0xe6][..], &keyword("error"), &string("late")].concat();
        let extra = if is_first { vec![0xf7] } else { extra };
        [&tag[..], &[index, 0x50, 100], &kind, &[3], &f, &[0xe6, 1, 0xf7], &extra].concat()
    }

    /// A test whose map goes on in another block, and whose history is in two chunks.
    fn whole() -> Vec<Vec<u8>> {
        let chunk = [op(0, "invoke", true), op(1, "info", false)].concat();
        let chunks = |ids: &[u32]| {
            let entry = |id: &u32| [&0u64.to_be_bytes()[..], &id.to_be_bytes()].concat();
            let entries: Vec<u8> = ids.iter().flat_map(entry).collect();
            block(BIG_VECTOR, &[&4u64.to_be_bytes()[..], &entries].concat())
        };
        let reference = [&[0xef][..], &string("block-ref"), &[1, 3]].concat();
        let rest = [&[0xc0, 0xe6][..], &keyword("history"), &reference].concat();
        let odd = [&[0xef][..], &string("some.Class"), &[2, 1, 2]].concat();
        let head = [&[0xc0, 0xe6][..], &keyword("odd"), &odd].concat();
        vec![
            block(PARTIAL_MAP, &[&2u32.to_be_bytes()[..], &head].concat()),
            block(PARTIAL_MAP, &[&0u32.to_be_bytes()[..], &rest].concat()),
            chunks(&[4, 5]),
            block(STREAM, &chunk),
            block(STREAM, &op(2, "ok", true)),
        ]
    }

    #[test]
    fn the_history_of_a_test_is_read() {
        let text = read(&file(1, &whole())).unwrap();
        let lines = [
            "{:index 0, :time 100, :type :invoke, :process 3, :f :read, :value [1 nil]}",
            "{:index 1, :time 100, :type :info, :process 3, :f :read, :value [1 nil], :error \"late\"}",
            "{:index 2, :time 100, :type :ok, :process 3, :f :read, :value [1 nil]}",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn what_is_damaged_is_a_clause() {
        let bytes = file(1, &whole());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        let mut wrong = 0;
        for place in 6..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            wrong += usize::from(read(&bytes).is_err());
        }
        // All but the lowest bit of the version are under a checksum, or lead astray.
        assert_eq!(wrong, bytes.len() - 7);
        let mut circle = whole();
        circle[3] = circle[2].clone();
        assert!(read(&file(1, &circle)).unwrap_err().contains("in a circle"));
        assert!(read(&file(9, &whole())).unwrap_err().contains("no block 9"));
        assert!(read(&file(2, &whole()[..2])).unwrap_err().contains("no block 3"));
        assert!(read(&file(0, &whole())).unwrap_err().contains("no history"));
    }
}

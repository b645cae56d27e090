//! The format of the files: rows of frames.
//!
//! A frame is a header of [`HEADER`] bytes and a payload:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32 of the rest of the header and of the frame's own offset in the file |
//! | 4 | the payload's length |
//! | 8 | the generation of the file |
//! | 8 | how many bytes of the file were known to be synced when this was written |
//! | 4 | CRC-32 of the payload |
//! | 1 | the kind of the frame: see [`Kind`] |
//!
//! A log is an opening, which says how long the log before it was, and then records. A snapshot
//! is pieces, and then an end that says how many they are and gives a checksum of all of them: a
//! snapshot without its end does not count.
//!
//! The reader of a log takes frames until one does not check out. That one is either torn, lost
//! or out of order, because a crash came before the sync: then it is the log's end. Or it was
//! synced and has been damaged since: then going on would silently drop what the node has
//! promised to keep. The two look alike, and telling them apart is known to matter (Alagappan et
//! al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018). Three witnesses prove
//! damage:
//!
//! - a later frame that was written when the bad place was already synced, by its fourth field;
//! - the opening of the next log, which was written when all of this one was synced;
//! - the log's [mark](encode_mark), which is kept in a file of its own, so that it is still there
//!   when the log has been cut short. A mark is written after each sync and not synced itself. So
//!   a crash may take the latest marks away, but a mark that is there tells the truth.
//!
//! The offset in the checksum keeps a record that happens to contain a frame, and stale bytes
//! that a file system may show in a hole, from being taken for a frame of the log.

use crate::types::Error;

/// The length of a frame's header.
pub(super) const HEADER: usize = 29;

/// The length of a mark.
pub(super) const MARK: usize = 12;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first frame of a log: the length of the log before it.
    Opening = 0,
    /// A record of a log.
    Record = 1,
    /// A piece of a snapshot.
    Piece = 2,
    /// The last frame of a snapshot: a [`Summary`].
    End = 3,
}

/// What is valid in a log.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How long the log before it was.
    pub(super) former_length: u64,
    pub(super) records: Vec<Vec<u8>>,
    /// How many bytes of the file are valid. With 0, the log was never begun.
    pub(super) length: u64,
}

/// What tells a complete snapshot from one without all of its pieces.
#[derive(Clone, Default)]
pub(super) struct Summary {
    pieces: u64,
    checksum: crc32fast::Hasher,
}

impl Summary {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.pieces += 1;
        self.checksum.update(piece);
    }

    /// The payload of the end.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = self.pieces.to_le_bytes().to_vec();
        bytes.extend(self.checksum.finalize().to_le_bytes());
        bytes
    }
}

/// A frame for this place in a file.
pub(super) fn encode(
    kind: Kind,
    payload: &[u8],
    generation: u64,
    offset: u64,
    synced: u64,
) -> Result<Vec<u8>, Error> {
    let length = u32::try_from(payload.len())
        .map_err(|_| Error::crash("a record of the storage is longer than 4 GiB: split it"))?;
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend([0; 4]);
    frame.extend(length.to_le_bytes());
    frame.extend(generation.to_le_bytes());
    frame.extend(synced.to_le_bytes());
    frame.extend(crc32fast::hash(payload).to_le_bytes());
    frame.push(kind as u8);
    let crc = header_crc(&frame[4..], offset);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    frame.extend(payload);
    Ok(frame)
}

fn header_crc(rest_of_header: &[u8], offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(rest_of_header);
    hasher.update(&offset.to_le_bytes());
    hasher.finalize()
}

/// A header that has checked out.
struct Header {
    length: usize,
    synced: u64,
    payload_crc: u32,
    kind: u8,
}

/// The header at this place, if there is a valid one of this generation.
fn header_at(bytes: &[u8], offset: usize, generation: u64) -> Option<Header> {
    let header = bytes.get(offset..offset.checked_add(HEADER)?)?;
    let (crc, rest) = header.split_at(4);
    let is_valid = header_crc(rest, offset as u64) == u32::from_le_bytes(field(crc, 0))
        && generation == u64::from_le_bytes(field(rest, 4));
    is_valid.then(|| Header {
        length: u32::from_le_bytes(field(rest, 0)) as usize,
        synced: u64::from_le_bytes(field(rest, 12)),
        payload_crc: u32::from_le_bytes(field(rest, 20)),
        kind: rest[24],
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes")
}

/// The payload of the frame at this place, if there is a valid one of this kind.
fn payload_at(bytes: &[u8], offset: usize, generation: u64, kind: Kind) -> Option<&[u8]> {
    let header = header_at(bytes, offset, generation)?;
    let start = offset + HEADER;
    let payload = bytes.get(start..start.checked_add(header.length)?)?;
    let is_valid = header.kind == kind as u8 && crc32fast::hash(payload) == header.payload_crc;
    is_valid.then_some(payload)
}

/// Reads the log of this generation, which is in the file of this name.
///
/// # Errors
/// When the log is damaged where it was synced.
pub(super) fn read_log(bytes: &[u8], generation: u64, file: &str) -> Result<Log, Error> {
    let mut log = Log::default();
    let mut length = 0;
    let opening = payload_at(bytes, 0, generation, Kind::Opening);
    if let Some(opening) = opening.filter(|opening| opening.len() == 8) {
        log.former_length = u64::from_le_bytes(field(opening, 0));
        length = HEADER + opening.len();
        while let Some(record) = payload_at(bytes, length, generation, Kind::Record) {
            length += HEADER + record.len();
            log.records.push(record.to_vec());
        }
    }
    log.length = length as u64;
    let later = (length + 1..bytes.len()).filter_map(|at| header_at(bytes, at, generation));
    match later.map(|header| header.synced).find(|synced| *synced > log.length) {
        Some(synced) => Err(damaged(file, log.length, synced)),
        None => Ok(log),
    }
}

/// That a log is not what was once synced.
pub(super) fn damaged(file: &str, valid: u64, synced: u64) -> Error {
    Error::crash(format!(
        "{file} is damaged at byte {valid}, though it was synced up to byte {synced}: restore \
         it from elsewhere, or empty the node's data directory"
    ))
}

/// The pieces of the snapshot of this generation, if it is complete.
pub(super) fn read_snapshot(bytes: &[u8], generation: u64) -> Option<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    let mut summary = Summary::default();
    let mut offset = 0;
    while let Some(piece) = payload_at(bytes, offset, generation, Kind::Piece) {
        summary.add(piece);
        pieces.push(piece.to_vec());
        offset += HEADER + piece.len();
    }
    let end = payload_at(bytes, offset, generation, Kind::End)?;
    let is_complete = end == summary.encode() && offset + HEADER + end.len() == bytes.len();
    is_complete.then_some(pieces)
}

/// The note that the log of this generation is synced up to this length.
pub(super) fn encode_mark(generation: u64, length: u64) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark[..8].copy_from_slice(&length.to_le_bytes());
    let crc = header_crc(&mark[..8], generation);
    mark[8..].copy_from_slice(&crc.to_le_bytes());
    mark
}

/// Up to where the log of this generation was synced, as its marks say. They are a lower bound.
pub(super) fn read_marks(bytes: &[u8], generation: u64) -> u64 {
    let marks = bytes.chunks_exact(MARK).filter_map(|mark| {
        let length = u64::from_le_bytes(field(mark, 0));
        (mark == encode_mark(generation, length)).then_some(length)
    });
    marks.max().unwrap_or(0)
}

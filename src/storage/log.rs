//! The format of the log and of the snapshot.
//!
//! A log is a row of frames, each a header of [`HEADER`] bytes and a record:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32 of the rest of the header and of the frame's own offset in the file |
//! | 4 | the record's length |
//! | 8 | the generation: which snapshot this log comes after |
//! | 8 | how many bytes of the file were known to be synced when this was written |
//! | 4 | CRC-32 of the record |
//!
//! The reader takes frames until one does not check out. That one is either torn, lost or out
//! of order, because a crash came before the sync: then it is the log's end. Or it was synced
//! and has been damaged since: then going on would silently drop what the node has promised to
//! keep. The two look alike, and telling them apart is known to matter (Alagappan et al.,
//! "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018). Here the third field
//! does it: a later frame that was written when the bad place was already synced proves damage.
//! Damage to the very last frames, with nothing behind them, cannot be told from a torn end.
//!
//! The offset in the checksum keeps a record that happens to contain a frame, and stale bytes
//! that a file system may show in a hole, from being taken for a frame of the log.

use crate::types::Error;

/// The length of a frame's header.
const HEADER: usize = 28;

/// The generation of a log that has no snapshot before it.
pub(super) const FIRST_GENERATION: u64 = 1;

/// What a snapshot's file starts with.
const SNAPSHOT_MAGIC: &[u8; 8] = b"gyresnap";

/// What is valid in a log.
pub(super) struct Scan {
    pub(super) records: Vec<Vec<u8>>,
    /// How many bytes of the file they take up.
    pub(super) length: usize,
}

/// A header that has checked out.
struct Header {
    length: usize,
    generation: u64,
    synced: u64,
    record_crc: u32,
}

/// The frame of a record, for this place in the file.
pub(super) fn encode(
    record: &[u8],
    generation: u64,
    offset: u64,
    synced: u64,
) -> Result<Vec<u8>, Error> {
    let length = u32::try_from(record.len()).map_err(|_| {
        Error::crash("a record of the log is longer than 4 GiB: save it as a snapshot instead")
    })?;
    let mut frame = Vec::with_capacity(HEADER + record.len());
    frame.extend([0; 4]);
    frame.extend(length.to_le_bytes());
    frame.extend(generation.to_le_bytes());
    frame.extend(synced.to_le_bytes());
    frame.extend(crc32fast::hash(record).to_le_bytes());
    let crc = header_crc(&frame[4..], offset);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    frame.extend(record);
    Ok(frame)
}

fn header_crc(rest_of_header: &[u8], offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(rest_of_header);
    hasher.update(&offset.to_le_bytes());
    hasher.finalize()
}

/// The header at this place, if there is a valid one.
fn header_at(bytes: &[u8], offset: usize) -> Option<Header> {
    let header = bytes.get(offset..offset.checked_add(HEADER)?)?;
    let (crc, rest) = header.split_at(4);
    if header_crc(rest, offset as u64) != u32::from_le_bytes(field(crc, 0)) {
        return None;
    }
    Some(Header {
        length: u32::from_le_bytes(field(rest, 0)) as usize,
        generation: u64::from_le_bytes(field(rest, 4)),
        synced: u64::from_le_bytes(field(rest, 12)),
        record_crc: u32::from_le_bytes(field(rest, 20)),
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes")
}

/// Reads a log that comes after the snapshot of this generation.
pub(super) fn scan(bytes: &[u8], generation: u64) -> Result<Scan, Error> {
    let mut scan = Scan { records: Vec::new(), length: 0 };
    while let Some(header) = header_at(bytes, scan.length) {
        if header.generation > generation {
            return Err(Error::crash(format!(
                "the log comes after snapshot {}, but the snapshot found is {generation}: \
                 restore the snapshot file, or empty the node's data directory",
                header.generation
            )));
        }
        // A log from before the snapshot, which stands for all of it.
        if header.generation < generation {
            return Ok(scan);
        }
        let start = scan.length + HEADER;
        let record = start.checked_add(header.length).and_then(|end| bytes.get(start..end));
        let Some(record) = record.filter(|record| crc32fast::hash(record) == header.record_crc)
        else {
            break;
        };
        scan.length = start + record.len();
        scan.records.push(record.to_vec());
    }
    refuse_damage(bytes, scan.length, generation)?;
    Ok(scan)
}

/// An error if a frame beyond `end` proves that the log was synced past there.
fn refuse_damage(bytes: &[u8], end: usize, generation: u64) -> Result<(), Error> {
    for offset in end + 1..bytes.len() {
        if let Some(header) = header_at(bytes, offset)
            && header.generation == generation
            && header.synced > end as u64
        {
            return Err(Error::crash(format!(
                "the log is damaged at byte {end}, though it was synced up to byte {}: restore \
                 it from elsewhere, or empty the node's data directory",
                header.synced
            )));
        }
    }
    Ok(())
}

/// The snapshot's file.
pub(super) fn encode_snapshot(snapshot: &[u8], generation: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SNAPSHOT_MAGIC.len() + 12 + snapshot.len());
    bytes.extend(SNAPSHOT_MAGIC);
    bytes.extend([0; 4]);
    bytes.extend(generation.to_le_bytes());
    bytes.extend(snapshot);
    let crc = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The generation and the content of a snapshot's file.
pub(super) fn decode_snapshot(bytes: &[u8]) -> Result<(u64, Vec<u8>), Error> {
    let is_whole = bytes.len() >= 20
        && bytes.starts_with(SNAPSHOT_MAGIC)
        && crc32fast::hash(&bytes[12..]) == u32::from_le_bytes(field(bytes, 8));
    if !is_whole {
        // It is replaced as a whole, so no crash leaves half of one.
        return Err(Error::crash(
            "the snapshot is damaged: restore it from elsewhere, or empty the node's data \
             directory",
        ));
    }
    Ok((u64::from_le_bytes(field(bytes, 12)), bytes[20..].to_vec()))
}

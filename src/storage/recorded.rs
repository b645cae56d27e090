//! A simulated disk that outlives its process, for nodes in lockstep.
//!
//! The bench kills such a node with SIGKILL, which takes nothing from the files of the
//! operating system, so a directory would be too kind a disk. Instead every operation on a
//! [`SimDisk`] is recorded in one file. The next life replays it, and begins with the crash
//! that ended the last one, which is recorded too. So a kill does to a child exactly what it
//! does inside the bench.
//!
//! The record is a row of operations: a line such as `append log-1 5`, `truncate log-1 40`,
//! `sync log-1 0`, `remove log-1 0` or `crash all 42`, and after the first so many bytes.
//! It is never shortened: a run in virtual time has few lives, and they are short.

#![expect(clippy::disallowed_methods, reason = "this is storage that meets a file, too")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::file::Lock;
use super::{Disk, SimDisk};

/// A [`SimDisk`], and the record of what was done to it.
pub(crate) struct RecordedDisk {
    disk: SimDisk,
    record: File,
    /// Keeps other processes out.
    _lock: Lock,
}

impl RecordedDisk {
    /// The disk whose record is in this directory, after the crash that `seed` decides: that
    /// of the life that begins.
    ///
    /// # Errors
    /// When the record cannot be read or written, or is no record, or another process uses the
    /// directory.
    pub(crate) fn open(directory: &Path, seed: u64) -> io::Result<RecordedDisk> {
        fs::create_dir_all(directory)?;
        let lock = Lock::take_unnamed(directory)?;
        let path = directory.join("simulated-disk");
        let mut disk = SimDisk::new();
        if path.exists() {
            replay(&fs::read(&path)?, &mut disk)?;
        }
        let record = OpenOptions::new().append(true).create(true).open(path)?;
        let mut recorded = RecordedDisk { disk, record, _lock: lock };
        recorded.record("crash", "all", seed, b"")?;
        recorded.disk.crash_with_seed(seed);
        Ok(recorded)
    }

    fn record(&mut self, verb: &str, file: &str, number: u64, bytes: &[u8]) -> io::Result<()> {
        let mut operation = format!("{verb} {file} {number}\n").into_bytes();
        operation.extend(bytes);
        self.record.write_all(&operation)
    }
}

fn replay(mut record: &[u8], disk: &mut SimDisk) -> io::Result<()> {
    while !record.is_empty() {
        record = replay_one(record, disk)
            .ok_or_else(|| io::Error::other("simulated-disk is no record of a simulated disk"))?;
    }
    Ok(())
}

/// Replays the first operation, and gives the rest.
fn replay_one<'a>(record: &'a [u8], disk: &mut SimDisk) -> Option<&'a [u8]> {
    let line_end = memchr::memchr(b'\n', record)?;
    let line = std::str::from_utf8(&record[..line_end]).ok()?;
    let rest = &record[line_end + 1..];
    let mut words = line.split(' ');
    let (verb, file, number) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let (bytes, rest) = match verb {
        "append" => rest.split_at_checked(usize::try_from(number).ok()?)?,
        _ => (&rest[..0], rest),
    };
    match verb {
        "append" => disk.append(file, bytes).ok()?,
        "truncate" => disk.truncate(file, number).ok()?,
        "sync" => disk.sync(file).ok()?,
        "remove" => disk.remove(file).ok()?,
        "crash" => disk.crash_with_seed(number),
        _ => return None,
    }
    Some(rest)
}

impl Disk for RecordedDisk {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(file)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.record("append", file, bytes.len() as u64, bytes)?;
        self.disk.append(file, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.record("sync", file, 0, b"")?;
        self.disk.sync(file)
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.record("truncate", file, length, b"")?;
        self.disk.truncate(file, length)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.record("remove", file, 0, b"")?;
        self.disk.remove(file)
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
}

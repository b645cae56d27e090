//! A simulated disk that outlives its process, for nodes that the bench runs: in lockstep, and in
//! real time with `--nemesis disk`.
//!
//! The bench kills such a node with SIGKILL, which takes nothing from the files of the
//! operating system, so a directory would be too kind a disk. Instead every operation on a
//! [`SimDisk`] is recorded in one file. The next life replays it, and begins with the crash
//! that ended the last one, which is recorded too. So a kill does to a child exactly what it
//! does inside the bench.
//!
//! What is wrong with the disk for a while, the bench says in [`TROUBLE_FILE`]: before each
//! operation the disk looks there.
//!
//! The record is a row of operations: a line such as `append log-1 5`, `truncate log-1 40`,
//! `sync log-1 0`, `sync-folder all 0`, `remove log-1 0` or `crash all 42`, and after the first so
//! many bytes.
//! It is never shortened: the lives of a node in a test are few and short. In real time a kill may
//! come while an operation is recorded. Then its record is torn, and it has not happened.

#![expect(clippy::disallowed_methods, reason = "this is storage that meets a file, too")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file::Lock;
use super::{Disk, DiskTrouble, SIMULATED_DISK_FILE, SimDisk, TROUBLE_FILE};

/// A [`SimDisk`], and the record of what was done to it.
pub(crate) struct RecordedDisk {
    disk: SimDisk,
    record: File,
    /// Where the bench says what is wrong with the disk, and what it said last.
    trouble_file: PathBuf,
    trouble: Option<DiskTrouble>,
    /// Whether the time that the disk takes passes here. In lockstep it passes in the bench.
    waits: bool,
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
        let path = directory.join(SIMULATED_DISK_FILE);
        let mut disk = SimDisk::new();
        let mut whole = 0;
        if path.exists() {
            whole = replay(&fs::read(&path)?, &mut disk)?;
        }
        let record = OpenOptions::new().append(true).create(true).open(path)?;
        record.set_len(whole)?;
        let trouble_file = directory.join(TROUBLE_FILE);
        let mut recorded =
            RecordedDisk { disk, record, trouble_file, trouble: None, waits: false, _lock: lock };
        recorded.look()?;
        // A crash that takes nothing is none.
        if !matches!(recorded.trouble, Some(DiskTrouble::Rot(_))) {
            recorded.record("crash", "all", seed, b"")?;
            recorded.disk.crash_with_seed(seed);
        }
        Ok(recorded)
    }

    /// The same disk, which lets the time pass that it takes.
    pub(crate) fn in_real_time(self) -> RecordedDisk {
        RecordedDisk { waits: true, ..self }
    }

    /// The disk itself, to ask how long it takes.
    pub(crate) fn simulated(&self) -> SimDisk {
        self.disk.clone()
    }

    /// Looks what is wrong with the disk now.
    fn look(&mut self) -> io::Result<()> {
        let trouble = match fs::read_to_string(&self.trouble_file) {
            Ok(text) => Some(text.parse().map_err(io::Error::other)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if trouble != self.trouble {
            self.trouble = trouble;
            self.disk.set_trouble(trouble);
        }
        Ok(())
    }

    fn record(&mut self, verb: &str, file: &str, number: u64, bytes: &[u8]) -> io::Result<()> {
        let mut operation = format!("{verb} {file} {number}\n").into_bytes();
        operation.extend(bytes);
        self.record.write_all(&operation)
    }
}

/// Replays what was recorded, and gives the length of it: a torn operation at the end was not
/// done.
fn replay(record: &[u8], disk: &mut SimDisk) -> io::Result<u64> {
    let mut rest = record;
    while let Some((line, after)) = split_line(rest) {
        let (verb, file, number) = operation(line)
            .ok_or_else(|| io::Error::other("simulated-disk is no record of a simulated disk"))?;
        let length = if verb == "append" { number } else { 0 };
        let Some((bytes, after)) = after.split_at_checked(length as usize) else { break };
        match verb {
            "append" => disk.append(file, bytes)?,
            "truncate" => disk.truncate(file, number)?,
            "sync" => disk.sync(file)?,
            "sync-folder" => disk.sync_folder()?,
            "remove" => disk.remove(file)?,
            _ => disk.crash_with_seed(number),
        }
        rest = after;
    }
    Ok((record.len() - rest.len()) as u64)
}

fn split_line(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', record)?;
    Some((&record[..end], &record[end + 1..]))
}

/// What was done, to which file, and a number.
fn operation(line: &[u8]) -> Option<(&str, &str, u64)> {
    let mut words = str::from_utf8(line).ok()?.split(' ');
    let (verb, file, number) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let verbs = ["append", "truncate", "sync", "sync-folder", "remove", "crash"];
    verbs.contains(&verb).then_some((verb, file, number))
}

impl Disk for RecordedDisk {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.look()?;
        self.disk.read(file)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.look()?;
        let written = &bytes[..self.disk.accepts(bytes.len())];
        self.record("append", file, written.len() as u64, written)?;
        self.disk.append(file, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.look()?;
        self.record("sync", file, 0, b"")?;
        self.disk.sync(file)?;
        if self.waits {
            std::thread::sleep(self.disk.take_time());
        }
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.look()?;
        self.record("sync-folder", "all", 0, b"")?;
        self.disk.sync_folder()
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

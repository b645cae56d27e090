//! What survives a crash of a node: an append-only log, and a snapshot that stands for what
//! the log said before it.
//!
//! A node appends records, and calls [`Storage::sync`] before it tells anybody what depends on
//! them. Now and then it saves a snapshot, and the log starts again, empty. After a crash,
//! [`Storage::load`] gives the last snapshot and the records since. The records are a prefix
//! of those appended, and everything that was synced is among them.
//!
//! Below lies a [`Disk`], which promises little: see its docs. The format of the log copes with
//! that (`storage/log.rs`). Snapshot and log are two files, and no crash comes between them,
//! for each snapshot begins a new *generation* that every record of its log names: a log of an
//! older generation than the snapshot is one that the snapshot stands for, and is dropped.
//!
//! After a disk has failed once, the storage refuses everything. What reached the disk is then
//! not known, and to go on as if nothing had happened has cost databases data (Rebello et al.,
//! "Can Applications Recover from fsync Failures?", USENIX ATC 2020). A restart reads what
//! there is.
//!
//! Absent on purpose: everything asynchronous (a node that waits for its disk has nothing else
//! it may do), and any idea of what a record means.

mod disk;
mod log;
#[cfg(feature = "stdio")]
mod recorded;
mod sim;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

pub use disk::{Disk, FileDisk, MemoryDisk};
#[cfg(feature = "stdio")]
pub(crate) use recorded::RecordedDisk;
pub use sim::SimDisk;

use crate::types::Error;

/// The file that holds the log.
const LOG: &str = "log";
/// The file that holds the snapshot.
const SNAPSHOT: &str = "snapshot";

/// How much longer than the last snapshot a log may be, in bytes, before the next one pays.
const LOG_SLACK: u64 = 64 * 1024;

/// A node's durable storage. A handle: clones are the same storage.
#[derive(Clone)]
pub struct Storage(Rc<Inner>);

struct Inner {
    files: RefCell<Files>,
    was_used: Cell<bool>,
}

struct Files {
    disk: Box<dyn Disk>,
    /// Where the log stands; `None` before it was read for the first time.
    position: Option<Position>,
    /// Why nothing goes any more.
    failure: Option<Error>,
}

struct Position {
    generation: u64,
    /// The length of the last snapshot, in bytes.
    snapshot: u64,
    /// The length of the log's file, in bytes.
    length: u64,
    /// How much of it is known to be synced.
    synced: u64,
}

/// What [`Storage::load`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last snapshot that was saved, if there was one.
    pub snapshot: Option<Vec<u8>>,
    /// The records since, in the order in which they were appended.
    pub records: Vec<Vec<u8>>,
}

impl Storage {
    pub(crate) fn new(disk: Box<dyn Disk>) -> Storage {
        let files = Files { disk, position: None, failure: None };
        Storage(Rc::new(Inner { files: RefCell::new(files), was_used: Cell::new(false) }))
    }

    /// True once: at the first use of a storage that does not outlive the process.
    pub(crate) fn is_first_use_in_memory(&self) -> bool {
        !self.0.was_used.replace(true) && !self.0.files.borrow().disk.is_durable()
    }

    /// Reads the last snapshot and the records since. A node does this once, in
    /// [`Node::new`](crate::Node::new).
    ///
    /// What a crash left half-written at the end of the log is cut off: it was never synced.
    ///
    /// # Errors
    /// When what was synced is damaged, or the disk fails. The text says where.
    pub fn load(&self) -> Result<Recovered, Error> {
        self.0.files.borrow_mut().attempt(Files::load)
    }

    /// Appends a record. It may be lost in a crash until [`sync`](Storage::sync) returns.
    ///
    /// # Errors
    /// When the disk fails, now or earlier, or the record is longer than 4 GiB.
    pub fn append(&self, record: &[u8]) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(|files| files.append(record))
    }

    /// Makes everything that was appended survive a crash. One call does for any number of
    /// records; it costs nothing when there are none.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub fn sync(&self) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(Files::sync)
    }

    /// Whether the log has become so long that a snapshot pays: longer than the last one, and
    /// some. Then what is written is at most twice what is appended, and what a restart reads
    /// at most twice what there is.
    pub fn is_log_long(&self) -> bool {
        let files = self.0.files.borrow();
        files.position.as_ref().is_some_and(|log| log.length > log.snapshot + LOG_SLACK)
    }

    /// Saves a snapshot that stands for everything appended so far, and starts the log again,
    /// empty. When this returns the snapshot survives a crash. A crash before leaves either
    /// the old snapshot with its log, or the new one.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub fn save_snapshot(&self, snapshot: &[u8]) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(|files| files.save_snapshot(snapshot))
    }
}

impl Files {
    /// Does `action`, and remembers if it failed.
    fn attempt<T>(
        &mut self,
        action: impl FnOnce(&mut Files) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = action(self);
        if let Err(error) = &result {
            let text = format!("the storage failed, restart the node: {}", error.text);
            self.failure = Some(Error::crash(text));
        }
        result
    }

    /// What is read may be in the system's cache only: if just the process died, a file is
    /// there though it was never synced. The node is about to act on it, so each file is
    /// synced before anything depends on it.
    fn load(&mut self) -> Result<Recovered, Error> {
        let (generation, snapshot) = self.load_snapshot()?;
        let bytes = self.disk.read(LOG).map_err(failed("read", LOG))?.unwrap_or_default();
        let log::Scan { records, length } = log::scan(&bytes, generation)?;
        if length < bytes.len() {
            // A torn end would come back to life behind records that are appended later.
            self.disk.truncate(LOG, length as u64).map_err(failed("truncate", LOG))?;
        }
        if !bytes.is_empty() {
            self.disk.sync(LOG).map_err(failed("sync", LOG))?;
        }
        let length = length as u64;
        let snapshot_length = snapshot.as_ref().map_or(0, |snapshot| snapshot.len() as u64);
        self.position =
            Some(Position { generation, snapshot: snapshot_length, length, synced: length });
        Ok(Recovered { snapshot, records })
    }

    /// The snapshot, if there is one, and the generation of the log that comes after it.
    fn load_snapshot(&mut self) -> Result<(u64, Option<Vec<u8>>), Error> {
        let Some(bytes) = self.disk.read(SNAPSHOT).map_err(failed("read", SNAPSHOT))? else {
            return Ok((log::FIRST_GENERATION, None));
        };
        let (generation, snapshot) = log::decode_snapshot(&bytes)?;
        self.disk.sync(SNAPSHOT).map_err(failed("sync", SNAPSHOT))?;
        Ok((generation, Some(snapshot)))
    }

    /// Where the log stands, read from the disk if that was not done yet.
    fn position(&mut self) -> Result<&mut Position, Error> {
        if self.position.is_none() {
            self.load()?;
        }
        Ok(self.position.as_mut().expect("loading sets the position"))
    }

    fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        let position = self.position()?;
        let frame = log::encode(record, position.generation, position.length, position.synced)?;
        position.length += frame.len() as u64;
        self.disk.append(LOG, &frame).map_err(failed("append to", LOG))
    }

    fn sync(&mut self) -> Result<(), Error> {
        let position = self.position()?;
        if position.synced == position.length {
            return Ok(());
        }
        position.synced = position.length;
        self.disk.sync(LOG).map_err(failed("sync", LOG))
    }

    fn save_snapshot(&mut self, snapshot: &[u8]) -> Result<(), Error> {
        let generation = self.position()?.generation + 1;
        let bytes = log::encode_snapshot(snapshot, generation);
        self.disk.replace(SNAPSHOT, &bytes).map_err(failed("replace", SNAPSHOT))?;
        // Before the old log goes, the snapshot that stands for it must be there to stay.
        self.disk.sync(SNAPSHOT).map_err(failed("sync", SNAPSHOT))?;
        self.disk.replace(LOG, b"").map_err(failed("replace", LOG))?;
        let snapshot = snapshot.len() as u64;
        self.position = Some(Position { generation, snapshot, length: 0, synced: 0 });
        Ok(())
    }
}

/// Says what went wrong with which file. What then is on the disk nobody knows, so the error
/// is an indefinite one.
fn failed(verb: &'static str, file: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::crash(format!("could not {verb} the node's {file} file: {error}"))
}

#[cfg(test)]
mod tests;

//! What survives a crash of a node: an append-only log, and a snapshot that stands for what
//! the log said before it.
//!
//! A node appends records, and calls [`Storage::sync`] before it tells anybody what depends on
//! them. Now and then it saves a snapshot, so that the log stays short. After a crash,
//! [`Storage::load`] gives the last snapshot and the records since. The records are a prefix
//! of those appended, and everything that was synced is among them.
//!
//! # A snapshot is written while the log goes on
//!
//! A snapshot may be large, so it is written piece by piece, and records are appended
//! meanwhile. Every snapshot begins a new *generation*, and each generation has files of its
//! own:
//!
//! | file | what is in it |
//! |---|---|
//! | `log-4` | the records of generation 4, which come after snapshot 4 |
//! | `snapshot-4` | what stands for everything before generation 4 |
//! | `synced-4` | how far `log-4` was synced: see `storage/frames.rs` |
//!
//! [`Storage::begin_snapshot`] syncs the log and begins the next one. The snapshot counts when
//! [`Storage::finish_snapshot`] has written and synced its end. Only then the older files go. So
//! what a start finds is the newest complete snapshot, and after it one log or several.
//! `log-4` is complete and synced before there is a `log-5`, and `log-5` is synced before there
//! is a `snapshot-5` or a record in it. So any file that is missing shows.
//!
//! Below lies a [`Disk`], which promises little: see its docs. The format of the files copes
//! with that.
//!
//! After a disk has failed once, the storage refuses everything. What reached the disk is then
//! not known, and to go on as if nothing had happened has cost databases data (Rebello et al.,
//! "Can Applications Recover from fsync Failures?", USENIX ATC 2020). A restart reads what
//! there is.
//!
//! Absent on purpose: everything asynchronous (a node that waits for its disk has nothing else
//! it may do), and any idea of what a record means.
//!
//! ```
//! use gyre::{SimDisk, Storage};
//!
//! let disk = SimDisk::new();
//! let storage = Storage::new(Box::new(disk.clone()));
//! storage.append(b"add 1")?;
//! storage.begin_snapshot()?;
//! storage.append_to_snapshot(b"the sum is 1")?;
//! storage.append(b"add 2")?;
//! storage.sync()?;
//! drop(storage); // a crash, before the snapshot is finished
//! let recovered = Storage::new(Box::new(disk)).load()?;
//! assert!(recovered.snapshot.is_empty());
//! assert_eq!(recovered.records, [b"add 1", b"add 2"]);
//! # Ok::<(), gyre::Error>(())
//! ```
//!
//! Chapter 2 of the book, `book/02-unique-ids.md`, reads this.

mod disk;
#[cfg(feature = "stdio")]
mod file;
mod files;
mod frames;
#[cfg(feature = "stdio")]
mod recorded;
mod sim;
mod trouble;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use disk::{Disk, MemoryDisk};
#[cfg(feature = "stdio")]
pub use file::FileDisk;
#[cfg(feature = "stdio")]
pub(crate) use recorded::RecordedDisk;
pub use sim::SimDisk;
pub use trouble::{DiskTrouble, SIMULATED_DISK_FILE, TROUBLE_FILE};

use crate::types::Error;
use files::Files;

/// How much longer than the last snapshot the log may be, in bytes, before the next one pays.
const LOG_SLACK: u64 = 64 * 1024;

/// A node's durable storage. A handle: clones are the same storage.
///
/// ```
/// use gyre::{SimDisk, Storage};
///
/// for seed in 0..100 {
///     let disk = SimDisk::new();
///     let storage = Storage::new(Box::new(disk.clone()));
///     storage.append(b"a vote for n2 in term 3")?;
///     storage.sync()?; // now n2 may be told
///     storage.append(b"a vote for n1 in term 4")?;
///     disk.crash_with_seed(seed);
///     let recovered = Storage::new(Box::new(disk)).load()?;
///     assert_eq!(recovered.records[0], b"a vote for n2 in term 3");
///     assert!(recovered.records.len() <= 2); // whether the other one is there, nobody knows
/// }
/// # Ok::<(), gyre::Error>(())
/// ```
#[derive(Clone)]
pub struct Storage(Rc<Inner>);

struct Inner {
    files: RefCell<Files>,
    was_used: Cell<bool>,
}

/// What [`Storage::load`] found.
///
/// After a restart it holds the last snapshot, and what was appended since:
///
/// ```
/// use gyre::{Recovered, SimDisk, Storage};
///
/// let disk = SimDisk::new();
/// let storage = Storage::new(Box::new(disk.clone()));
/// storage.append(b"add 1")?;
/// storage.append(b"add 2")?;
/// storage.save_snapshot(b"the sum is 3")?;
/// storage.append(b"add 4")?;
/// storage.sync()?;
/// let Recovered { snapshot, records } = Storage::new(Box::new(disk)).load()?;
/// assert_eq!(snapshot, [b"the sum is 3"]);
/// assert_eq!(records, [b"add 4"]);
/// # Ok::<(), gyre::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The pieces of the last complete snapshot, if there was one.
    pub snapshot: Vec<Vec<u8>>,
    /// The records since, in the order in which they were appended.
    pub records: Vec<Vec<u8>>,
}

impl Storage {
    /// The storage on a disk. A node has one, [`Ctx::storage`](crate::Ctx::storage).
    pub fn new(disk: Box<dyn Disk>) -> Storage {
        let files = RefCell::new(Files::new(disk));
        Storage(Rc::new(Inner { files, was_used: Cell::new(false) }))
    }

    /// True once: at the first use of a storage that does not outlive the process.
    pub(crate) fn is_first_use_in_memory(&self) -> bool {
        !self.0.was_used.replace(true) && !self.0.files.borrow().is_durable()
    }

    /// Reads the last snapshot and the records since. A node does this once, when it is made.
    ///
    /// What a crash left half-written is cut off: it was never synced. A snapshot that was
    /// being written is forgotten.
    ///
    /// # Errors
    /// When what was synced is damaged or missing, or the disk fails. The text says where.
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

    /// Begins a snapshot that stands for everything appended so far, and syncs that. What is
    /// appended from now on comes after the snapshot. One that is being written is forgotten.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub fn begin_snapshot(&self) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(Files::begin_snapshot)
    }

    /// Writes the next piece of the snapshot that was begun.
    ///
    /// # Errors
    /// When the disk fails, now or earlier, or the piece is longer than 4 GiB.
    ///
    /// # Panics
    /// When no snapshot was begun.
    pub fn append_to_snapshot(&self, piece: &[u8]) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(|files| files.append_to_snapshot(piece))
    }

    /// Ends the snapshot that was begun. When this returns it survives a crash, and what it
    /// stands for is gone. A crash before leaves what there was without it.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    ///
    /// # Panics
    /// When no snapshot was begun.
    pub fn finish_snapshot(&self) -> Result<(), Error> {
        self.0.files.borrow_mut().attempt(Files::finish_snapshot)
    }

    /// Saves a small snapshot at once.
    ///
    /// # Errors
    /// When the disk fails, now or earlier, or the snapshot is longer than 4 GiB.
    pub fn save_snapshot(&self, snapshot: &[u8]) -> Result<(), Error> {
        self.begin_snapshot()?;
        self.append_to_snapshot(snapshot)?;
        self.finish_snapshot()
    }

    /// Does something with the disk below: for a node that keeps files of its own in the place
    /// of the log and its snapshots, and answers for them.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub fn with_disk<T>(
        &self,
        action: impl FnOnce(&mut dyn Disk) -> std::io::Result<T>,
    ) -> Result<T, Error> {
        self.0.files.borrow_mut().attempt(|files| files.with_disk(action))
    }

    /// Whether a snapshot was begun and not finished.
    pub fn is_writing_snapshot(&self) -> bool {
        self.0.files.borrow().is_writing_snapshot()
    }

    /// The length of the log in bytes: of all records that no complete snapshot stands for.
    pub fn log_bytes(&self) -> u64 {
        self.0.files.borrow().log_bytes()
    }

    /// The length of the last complete snapshot in bytes; 0 if there is none.
    pub fn snapshot_bytes(&self) -> u64 {
        self.0.files.borrow().snapshot_bytes()
    }

    /// Whether the log has become so long that a snapshot pays: longer than the last one, and
    /// some. Then what is written is at most three times what is appended: the log itself,
    /// and for as much log as the last snapshot is long a new one, which is at most as long as
    /// both together. And what a restart reads is at most twice the state, and some.
    pub fn is_log_long(&self) -> bool {
        !self.is_writing_snapshot() && self.log_bytes() > self.snapshot_bytes() + LOG_SLACK
    }
}

#[cfg(all(test, feature = "stdio"))]
mod tests;

//! What storage needs of a disk, and the simplest one: memory.

use std::collections::BTreeMap;
use std::io;

/// A few small files in one flat directory, with the promises of a real one and no more:
///
/// - What was appended to a file survives a crash only once `sync` of that file has returned.
///   Before that it may be there or not, in part, or later bytes without earlier ones.
/// - That there is a file of this name survives a crash only once `sync_folder` has returned after
///   it was made: a file whose name is lost is lost with all that was synced of it. Pillai et al.,
///   "All File Systems Are Not Created Equal" (OSDI 2014), found programs that forget this.
/// - A file that was removed may be there again after a crash, with what was synced of it. It is
///   never mixed with a new file of the same name.
///
/// After an error the state of the file concerned is not known.
///
/// A disk that is full, and what becomes of a storage on it:
///
/// ```
/// use gyre::{Disk, Storage};
/// use std::io::{ErrorKind, Result};
///
/// struct Full;
///
/// impl Disk for Full {
///     fn read(&mut self, _: &str) -> Result<Option<Vec<u8>>> { Ok(None) }
///     fn append(&mut self, _: &str, _: &[u8]) -> Result<()> { Err(ErrorKind::StorageFull.into()) }
///     fn sync(&mut self, _: &str) -> Result<()> { Ok(()) }
///     fn sync_folder(&mut self) -> Result<()> { Ok(()) }
///     fn truncate(&mut self, _: &str, _: u64) -> Result<()> { Ok(()) }
///     fn remove(&mut self, _: &str) -> Result<()> { Ok(()) }
///     fn list(&mut self) -> Result<Vec<String>> { Ok(Vec::new()) }
/// }
///
/// let storage = Storage::new(Box::new(Full));
/// assert!(storage.append(b"a vote").and_then(|()| storage.sync()).is_err());
/// assert!(storage.load().is_err()); // it refuses everything from then on
/// ```
pub trait Disk {
    /// The whole of a file, or `None` if there is none of that name.
    ///
    /// # Errors
    /// When the disk fails.
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>>;

    /// Appends to a file, which is created if need be.
    ///
    /// # Errors
    /// When the disk fails or is full.
    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything done to a file survive a crash, but for its name.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&mut self, file: &str) -> io::Result<()>;

    /// Makes the names of all files survive a crash.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync_folder(&mut self) -> io::Result<()>;

    /// Cuts a file to its first `length` bytes.
    ///
    /// # Errors
    /// When the disk fails, or there is no such file.
    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()>;

    /// Removes a file, if there is one of that name.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove(&mut self, file: &str) -> io::Result<()>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// When the disk fails.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Whether anything at all survives a crash.
    fn is_durable(&self) -> bool {
        true
    }
}

/// A disk that is forgotten with the process.
///
/// ```
/// use gyre::{Disk, MemoryDisk};
///
/// let mut disk = MemoryDisk::default();
/// disk.append("log", b"add 1")?;
/// disk.append("log", b", add 2")?;
/// assert_eq!(disk.read("log")?.unwrap(), b"add 1, add 2");
/// assert!(!disk.is_durable()); // a node says so in its log
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryDisk(BTreeMap<String, Vec<u8>>);

impl Disk for MemoryDisk {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(file).cloned())
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.entry(file.to_owned()).or_default().extend(bytes);
        Ok(())
    }

    fn sync(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        let content = self.0.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.0.remove(file);
        Ok(())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn is_durable(&self) -> bool {
        false
    }
}

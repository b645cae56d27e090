//! A disk of files, in a directory that no other process uses meanwhile.

#![expect(clippy::disallowed_methods, reason = "this is where storage meets files")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::Disk;

/// The name of the file that is locked.
const LOCK: &str = "lock";

/// A disk that is a directory.
///
/// ```
/// use gyre::{Disk, FileDisk};
///
/// let directory = tempfile::tempdir()?;
/// let mut disk = FileDisk::open(directory.path())?;
/// disk.append("log", b"add 1")?;
/// disk.sync("log")?;
/// disk.sync_folder()?; // its name, too
/// assert!(FileDisk::open(directory.path()).is_err()); // it belongs to one node
/// drop(disk);
/// assert_eq!(FileDisk::open(directory.path())?.read("log")?.unwrap(), b"add 1");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    /// Keeps other processes out.
    _lock: Lock,
    /// Files that were opened for appending.
    open: BTreeMap<String, File>,
    /// Whether a name in the directory has changed since the directory was last synced.
    has_new_names: bool,
}

impl FileDisk {
    /// The disk in this directory, which is created if need be.
    ///
    /// # Errors
    /// When it cannot be created, or another process uses it.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<FileDisk> {
        let directory = directory.into();
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing: Vec<&Path> = directory.ancestors().take_while(is_missing).collect();
        fs::create_dir_all(&directory)?;
        // A directory, too, is lost with its name.
        for created in missing {
            let parent = created.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_directory(parent.unwrap_or(Path::new(".")))?;
        }
        let lock = Lock::take(&directory)?;
        Ok(FileDisk { directory, _lock: lock, open: BTreeMap::new(), has_new_names: true })
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        if !self.open.contains_key(name) {
            let path = self.directory.join(name);
            self.has_new_names |= !path.exists();
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            self.open.insert(name.to_owned(), file);
        }
        Ok(self.open.get_mut(name).expect("it was opened just now"))
    }
}

impl Disk for FileDisk {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory.join(file)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(file)?.write_all(bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.file(file)?.sync_data()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        if self.has_new_names {
            sync_directory(&self.directory)?;
            self.has_new_names = false;
        }
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.file(file)?.set_len(length)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.open.remove(file);
        match fs::remove_file(self.directory.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.directory)?;
        // A name that is not UTF-8 is none of a node's.
        let names = names.filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(error)),
        });
        names.collect()
    }
}

/// A new file is durable once its directory is synced. Where a directory cannot be opened
/// (Windows), names need nothing of the kind.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// A directory that belongs to this process. Two nodes that wrote to the same log would each
/// destroy what the other one has promised to keep.
///
/// The operating system gives the lock up when the process ends, however it ends. The file stays,
/// with the number of the process that had it last.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes a directory for this process, and leaves its number there for whoever comes next.
    ///
    /// # Errors
    /// When another process has it, which is named, or it cannot be locked.
    pub(crate) fn take(directory: &Path) -> io::Result<Lock> {
        let mut lock = Lock::take_unnamed(directory)?;
        lock.file.set_len(0)?;
        writeln!(lock.file, "{}", std::process::id())?;
        Ok(lock)
    }

    /// The same without the number, where the same run must leave the same bytes.
    ///
    /// # Errors
    /// As [`take`](Lock::take).
    pub(crate) fn take_unnamed(directory: &Path) -> io::Result<Lock> {
        let path = directory.join(LOCK);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // It may not have written its number yet.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim_end();
                return Err(io::Error::other(format!(
                    "process {} uses it: end that process, or name another directory",
                    if holder.is_empty() { "(unknown)" } else { holder }
                )));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Lock { file })
    }
}

//! What storage needs of a disk, and two of them: files, and memory.

#![expect(clippy::disallowed_methods, reason = "`FileDisk` is where storage meets files")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A few small files in one flat directory, with the promises of a real one and no more:
///
/// - What was appended to a file survives a crash only once `sync` of that file has returned.
///   Before that it may be there or not, in part, or later bytes without earlier ones.
/// - `replace` is atomic, old or new and never a mixture, but it too may be lost, together
///   with what was appended since, until `sync`.
///
/// After an error the state of the file concerned is not known.
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

    /// Makes everything done to a file survive a crash.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&mut self, file: &str) -> io::Result<()>;

    /// Replaces a whole file, or creates it.
    ///
    /// # Errors
    /// When the disk fails or is full.
    fn replace(&mut self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to its first `length` bytes.
    ///
    /// # Errors
    /// When the disk fails, or there is no such file.
    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()>;

    /// Whether anything at all survives a crash.
    fn is_durable(&self) -> bool {
        true
    }
}

/// A disk that is a directory.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    /// Files that were opened for appending.
    open: BTreeMap<String, File>,
    /// Whether a name in the directory has changed since the directory was last synced.
    has_new_names: bool,
}

impl FileDisk {
    /// The disk in this directory, which is created if need be.
    ///
    /// # Errors
    /// When it cannot be created.
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
        Ok(FileDisk { directory, open: BTreeMap::new(), has_new_names: true })
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
        self.file(file)?.sync_data()?;
        // A file whose name is lost is as lost as one without content.
        if self.has_new_names {
            sync_directory(&self.directory)?;
            self.has_new_names = false;
        }
        Ok(())
    }

    fn replace(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let new = self.directory.join(format!("{file}.new"));
        let mut content = File::create(&new)?;
        content.write_all(bytes)?;
        // Without this, some file systems make the new name durable before the content.
        content.sync_data()?;
        self.open.remove(file);
        self.has_new_names = true;
        fs::rename(new, self.directory.join(file))
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.file(file)?.set_len(length)
    }
}

/// A rename or a new file is durable once its directory is synced. Where a directory cannot be
/// opened (Windows), renames need nothing of the kind.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// A disk that is forgotten with the process.
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

    fn replace(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.insert(file.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        let content = self.0.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn is_durable(&self) -> bool {
        false
    }
}

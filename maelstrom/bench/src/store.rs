//! The store: the folder in which a run leaves what it found, laid out as Jepsen lays it out.
//!
//! ```text
//! store/current, store/latest            links to the run that began last, that ended last
//! store/<workload>/latest
//! store/<workload>/20260131T235959.123Z/ one run, named after its start in local time
//! store/<workload>/echo-1f3a9c-seed-42/  a run in virtual time, named after what ran and its
//!                                        seed: the same run replaces it, or, while that is
//!                                        going on, takes the name echo-1f3a9c-seed-42-2
//! store/<workload>/echo-1f3a9c-tape-9d…/ the same for a tape
//!     test.edn history.edn history.txt jepsen.log results.edn node-logs/
//! ```
//!
//! History and log are appended to as the run goes, in whole lines, so that whatever ends the
//! run early leaves everything up to the last second readable. `results.edn` appears at once
//! or not at all.
//!
//! Nothing grows in memory with the length of a run: the history is read from its file again, and
//! what is noted besides is in files without a name ([`RunFolder::spool`]). Nor does a node's log
//! grow without end on disk ([`MOST_LOG_BYTES`](crate::child::MOST_LOG_BYTES)).
//!
//! Every failure is one sentence that names the file. Deliberately absent: the two binary files
//! of the original, `test.jepsen` (which `check` reads) and `net-journal/`. What they hold is in
//! `test.edn` with `history.edn`, and on the page of the run. Absent, too, is any knowledge of who
//! reads the store.

#![expect(clippy::disallowed_methods, reason = "the store is where a run meets the disk")]

mod append;
mod command;
mod history;
mod log;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::checker::Judgement;
use crate::edn::{self, Edn};
use crate::ran::{RUN_KEY, Ran};
use crate::spool::{Beyond, Spool};

pub use command::{COMMAND_FILE, Ended, RunCommand};
pub use history::{HistoryFile, HistoryWriter, write_shortened};
pub use log::{Console, Level, RunLog, Source};

/// A history with more bytes than this is packed once the run has been reported. Clusters that
/// are read from a thousand times a second write gigabytes, in which each read repeats the last.
const PLAIN_BYTES: u64 = 128 << 20;

/// What a run's folder is called.
#[derive(Clone, Debug, PartialEq)]
pub enum RunName {
    /// Under the wall clock: when it began.
    StartedAt(Box<Zoned>),
    /// Under the virtual clock: its seed.
    Seed(u64),
    /// Under the virtual clock: the digest of its tape.
    Tape(u64),
    /// One of these two, of what is named so.
    Of(String, Box<RunName>),
    /// One of these three, while so many runs of it are going on, this one included.
    AtOnce(Box<RunName>, u32),
}

impl RunName {
    /// The name of a run that begins now, in the local time zone.
    pub fn now() -> RunName {
        RunName::StartedAt(Box::new(Zoned::now()))
    }

    /// The same, with a name in front that stands for what ran: see
    /// [`Ran::folder_name`](crate::ran::Ran::folder_name). A run in real time is named after its
    /// start alone.
    pub fn of(self, what: &str) -> RunName {
        match self {
            RunName::StartedAt(_) => self,
            name => RunName::Of(what.to_owned(), Box::new(name)),
        }
    }

    /// The moment from which the run's log counts its time. A seeded run has none of its own,
    /// and the same seed must give the same log.
    fn origin(&self) -> Timestamp {
        match self {
            RunName::StartedAt(start) => start.timestamp(),
            _ => Timestamp::UNIX_EPOCH,
        }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunName::StartedAt(start) => {
                write!(f, "{}", start.strftime("%Y%m%dT%H%M%S%.3f"))?;
                // ISO 8601's basic format: the letter Z for Greenwich, else ±hhmm.
                match start.offset() {
                    Offset::UTC => f.write_str("Z"),
                    _ => write!(f, "{}", start.strftime("%z")),
                }
            }
            RunName::Seed(seed) => write!(f, "seed-{seed}"),
            RunName::Tape(digest) => write!(f, "tape-{digest:016x}"),
            RunName::Of(what, name) => write!(f, "{what}-{name}"),
            RunName::AtOnce(name, number) => write!(f, "{name}-{number}"),
        }
    }
}

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    store: PathBuf,
    workload: String,
    folder: String,
    path: PathBuf,
    origin: Timestamp,
    /// The folder, open and locked as long as the run goes on. So no other run takes it, and
    /// the lock ends with the process, however that ends.
    lock: Arc<File>,
}

impl RunFolder {
    /// Creates `<store>/<workload>/<name>/` and points `<store>/current` to it.
    ///
    /// A seeded run replaces the folder of its last time. Two runs at once never share one: of
    /// two that begin in the same millisecond, or with the same seed, one gets another name.
    ///
    /// # Errors
    /// When a folder cannot be created or replaced.
    pub fn create(store: &Path, workload: &str, name: RunName) -> anyhow::Result<RunFolder> {
        let parent = store.join(workload);
        std::fs::create_dir_all(&parent).map_err(failed("create", &parent))?;
        let (name, lock) = claim(&parent, name)?;
        let folder = name.to_string();
        let run = RunFolder {
            store: store.into(),
            workload: workload.into(),
            path: parent.join(&folder),
            folder,
            origin: name.origin(),
            lock: Arc::new(lock),
        };
        run.link("current", &run.path_from_store())?;
        Ok(run)
    }

    /// The folder of a run that has ended, to write into it again.
    ///
    /// # Errors
    /// When it cannot be opened, or the run is still going on.
    pub fn open(path: &Path) -> anyhow::Result<RunFolder> {
        let path = std::fs::canonicalize(path).map_err(failed("open", path))?;
        let lock = File::open(&path).map_err(failed("open", &path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            anyhow!("the run in {} is still going on, or being judged", path.display())
        })?;
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
        };
        let (folder, parent) = (name(Some(&path)), path.parent());
        let store = parent.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let (workload, lock) = (name(parent), Arc::new(lock));
        Ok(RunFolder { store, workload, folder, path, origin: Timestamp::UNIX_EPOCH, lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file or folder of this name stands, or would.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the folder of this name in the run's folder, and gives its path.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn subfolder(&self, name: impl AsRef<Path>) -> anyhow::Result<PathBuf> {
        let path = self.file(name);
        std::fs::create_dir_all(&path).map_err(failed("create", &path))?;
        Ok(path)
    }

    /// The folder for what the nodes write to stderr, one file a node.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn node_logs(&self) -> anyhow::Result<PathBuf> {
        self.subfolder("node-logs")
    }

    /// Opens `history.edn` and `history.txt`.
    ///
    /// # Errors
    /// When they cannot be created.
    pub fn history_writer(&self) -> anyhow::Result<HistoryWriter> {
        HistoryWriter::create(&self.file("history.edn"), &self.file("history.txt"))
    }

    /// Opens `jepsen.log`, in lines or as JSON. Each line also goes to the console, if there is
    /// one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn log(&self, console: Option<Console>, is_json: bool) -> anyhow::Result<RunLog> {
        RunLog::create(&self.file("jepsen.log"), self.origin, console, is_json)
    }

    /// The history that the run wrote.
    pub fn history(&self) -> HistoryFile {
        HistoryFile(self.file("history.edn"))
    }

    /// Packs a history of more than [`PLAIN_BYTES`]: as `history.edn.gz` it takes less than half.
    ///
    /// # Errors
    /// When the packed file cannot be written.
    pub fn pack_history(&self) -> anyhow::Result<()> {
        let history = self.history();
        history.pack_beyond(PLAIN_BYTES).map_err(failed("pack", &self.file("history.edn")))
    }

    /// A spool that goes on in a file of this folder. The file has no name: it is gone as soon as
    /// nobody has it open, however that came to be.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn spool(&self, memory_limit: usize) -> anyhow::Result<Spool> {
        spool_in(&self.path, memory_limit)
    }

    /// Writes a file of the run, folders above it included. A reader sees all of it or, until
    /// it is complete, nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: impl AsRef<Path>, contents: &[u8]) -> anyhow::Result<()> {
        let path = self.file(name);
        let parent = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(parent).map_err(failed("create", parent))?;
        let unfinished = hidden_beside(&path);
        std::fs::write(&unfinished, contents)
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(|error| {
                // Half a file helps nobody, and takes space where there may be none.
                std::fs::remove_file(&unfinished).ok();
                failed("write", &path)(error)
            })
    }

    /// Writes `results.edn`, indented for people: what was found, and under a key of ours what
    /// ran.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_results(&self, results: &Judgement, ran: &Ran) -> anyhow::Result<()> {
        let mut results = results.to_edn();
        if let Edn::Map(entries) = &mut results {
            entries.push((Edn::keyword(RUN_KEY), ran.to_edn()));
        }
        let mut text = edn::pretty(&results);
        text.push('\n');
        self.write("results.edn", text.as_bytes())
    }

    /// Points `store/latest` and `store/<workload>/latest` here: the run has ended.
    ///
    /// # Errors
    /// When a link cannot be replaced, or the folder was removed while the run was going on.
    pub fn finish(&self) -> anyhow::Result<()> {
        self.require_folder()?;
        self.link("latest", &self.path_from_store())?;
        let beside = Path::new(&self.workload).join("latest");
        self.link(beside, Path::new(&self.folder))
    }

    /// What is written to a folder that is gone is lost, and no system call says so.
    fn require_folder(&self) -> anyhow::Result<()> {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.lock.metadata().map(identity).map_err(failed("read", &self.path))?;
        if std::fs::metadata(&self.path).is_ok_and(|metadata| identity(metadata) == ours) {
            return Ok(());
        }
        Err(anyhow!(
            "the folder {} was removed or replaced while the run was going on, and with it the \
             history: run it again, and leave the folder alone until the run has ended.",
            self.path.display()
        ))
    }

    fn path_from_store(&self) -> PathBuf {
        Path::new(&self.workload).join(&self.folder)
    }

    /// Makes `<store>/<link>` a link to `target`, which is relative to the link's folder, so
    /// that the store can be moved. At no moment is there no link.
    fn link(&self, link: impl AsRef<Path>, target: &Path) -> anyhow::Result<()> {
        let link = self.store.join(link);
        let unfinished = hidden_beside(&link);
        // What a killed bench with this process id may have left.
        std::fs::remove_file(&unfinished).ok();
        symlink(target, &unfinished)
            .and_then(|()| std::fs::rename(&unfinished, &link))
            .map_err(failed("replace the link", &link))
    }
}

/// A spool in a file without a name, in this folder.
///
/// # Errors
/// When the file cannot be created.
pub fn spool_in(folder: &Path, memory_limit: usize) -> anyhow::Result<Spool> {
    let path = hidden_beside(&folder.join("spool"));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(failed("create", &path))?;
    std::fs::remove_file(&path).map_err(failed("replace", &path))?;
    Ok(Spool::new(Box::new(SpoolFile(file)), memory_limit))
}

/// What of a spool is not in memory.
struct SpoolFile(File);

impl Beyond for SpoolFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }
}

/// Creates and locks the folder of this name, or of the next free one.
fn claim(parent: &Path, mut name: RunName) -> anyhow::Result<(RunName, File)> {
    loop {
        let path = parent.join(name.to_string());
        let is_new = match std::fs::create_dir(&path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed("create", &path)(error)),
        };
        let may_replace = !matches!(name, RunName::StartedAt(_));
        if is_new || may_replace {
            let folder = File::open(&path).map_err(failed("open", &path))?;
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    empty(&path).map_err(failed("replace", &path))?;
                    return Ok((name, folder));
                }
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(failed("lock", &path)(error.into())),
            }
        }
        name = match name {
            RunName::StartedAt(mut start) => {
                *start += jiff::SignedDuration::from_millis(1);
                RunName::StartedAt(start)
            }
            RunName::AtOnce(name, number) => RunName::AtOnce(name, number + 1),
            name => RunName::AtOnce(Box::new(name), 2),
        };
    }
}

/// Removes whatever is in a folder. The folder stays, for the lock is on it.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A name for what is not finished yet: hidden, in the same folder, and not another process's.
fn hidden_beside(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// The one sentence for everything that goes wrong here.
fn failed(what: &str, path: &Path) -> impl Fn(io::Error) -> anyhow::Error {
    move |error| {
        anyhow!(
            "cannot {what} {}: {error}. A run keeps its files in a folder named store in the \
             working directory: start it where you may write and where there is space.",
            path.display()
        )
    }
}

#[cfg(test)]
mod tests;

//! `history.edn` for programs and `history.txt` for people, written while the run goes; and the
//! former read again, as often as a report needs it.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use gyre::Time;

use super::append::AppendFile;
use super::hidden_beside;
use crate::history::{Batch, Op, Parser};
use crate::report::{Entries, shortened};

/// So much of a value is in what people read: `history.edn` has all of it. A read of a large set
/// would otherwise fill the disk with what is there already.
const VALUE_CHARACTERS: usize = 500;

/// An operation as a line for people, without its line feed.
pub fn write_shortened(op: &Op, line: &mut String) {
    let (process, kind, f) = (op.process, op.kind.name(), &op.f);
    let value = shortened(&op.value, VALUE_CHARACTERS);
    write!(line, "{process}\t:{kind}\t:{f}\t{value}").expect("text");
    if let Some(error) = op.extra("error") {
        let error = shortened(error, VALUE_CHARACTERS);
        write!(line, "\t{error}").expect("text");
    }
}

/// Appends operations to both files.
#[derive(Debug)]
pub struct HistoryWriter {
    edn: AppendFile,
    text: AppendFile,
    /// Reused for every line.
    line: String,
}

impl HistoryWriter {
    /// Creates both files, or empties them.
    ///
    /// # Errors
    /// When one cannot be created.
    pub fn create(edn: &Path, text: &Path) -> anyhow::Result<HistoryWriter> {
        let (edn, text) = (AppendFile::create(edn)?, AppendFile::create(text)?);
        Ok(HistoryWriter { edn, text, line: String::new() })
    }

    /// Appends one operation. It is on disk at most a second of the run's time later.
    ///
    /// # Errors
    /// When a file cannot be written; the operation then waits for the next flush.
    pub fn append(&mut self, op: &Op) -> anyhow::Result<()> {
        let now = Time::from_nanos(u64::try_from(op.time).unwrap_or(0));
        self.line.clear();
        op.write_edn_line(&mut self.line);
        let edn = self.edn.append(now, &self.line);
        self.line.clear();
        write_shortened(op, &mut self.line);
        self.line.push('\n');
        edn.and(self.text.append(now, &self.line))
    }

    /// Writes what has waited for a second: for a run in which nothing else happens.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush_if_due(&mut self, now: Time) -> anyhow::Result<()> {
        self.edn.flush_if_due(now).and(self.text.flush_if_due(now))
    }

    /// Writes everything: the run has ended, and wants to know whether it is on disk.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.edn.flush().and(self.text.flush())
    }
}

/// The file is read in pieces of this size.
const PIECE_BYTES: usize = 1 << 18;

/// A `history.edn` that is read entry by entry: it may be larger than memory.
#[derive(Clone, Debug)]
pub struct HistoryFile(pub(super) PathBuf);

impl HistoryFile {
    /// The history at this path.
    pub fn at(path: PathBuf) -> HistoryFile {
        HistoryFile(path)
    }
}

impl HistoryFile {
    /// Gives each entry in turn to `take`. `open` opens the file, which may be packed.
    ///
    /// # Errors
    /// A sentence, when the history cannot be opened or read, or is damaged.
    pub fn read(
        &self,
        open: impl Fn(&Path) -> io::Result<File>,
        take: &mut dyn FnMut(&Op),
    ) -> anyhow::Result<()> {
        let path = &self.0;
        let unreadable = || format!("the history {} cannot be read", path.display());
        let damaged = |problem: String| anyhow!("{} is damaged: {problem}", path.display());
        let mut file: Box<dyn Read> = match open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let packed = open(&packed(path)).map_err(|_| error).with_context(unreadable)?;
                Box::new(MultiGzDecoder::new(packed))
            }
            file => Box::new(file.with_context(unreadable)?),
        };
        let mut parser = Parser::default();
        let mut piece = vec![0; PIECE_BYTES];
        let mut batch = Batch::default();
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => {
                    let finished = parser.finish(&mut batch);
                    batch.ops().for_each(|op| take(&op));
                    return finished.map_err(damaged);
                }
                Ok(length) => parser.feed(&piece[..length], &mut batch).map_err(damaged),
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(error).with_context(unreadable),
            };
            batch.ops().for_each(|op| take(&op));
            batch.clear();
            read?;
        }
    }

    /// Packs it if it has more bytes than this: `history.edn` becomes `history.edn.gz`.
    ///
    /// # Errors
    /// When the packed file cannot be written; the other one then stays.
    pub(super) fn pack_beyond(&self, bytes: u64) -> io::Result<()> {
        let mut file = File::open(&self.0)?;
        if file.metadata()?.len() <= bytes {
            return Ok(());
        }
        let unfinished = hidden_beside(&packed(&self.0));
        let mut pack = || -> io::Result<()> {
            let mut encoder = GzEncoder::new(File::create(&unfinished)?, Compression::new(6));
            io::copy(&mut file, &mut encoder)?;
            encoder.finish()?;
            std::fs::rename(&unfinished, packed(&self.0))?;
            std::fs::remove_file(&self.0)
        };
        pack().inspect_err(|_| _ = std::fs::remove_file(&unfinished))
    }
}

/// What the file of this path is called when it is packed.
fn packed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

impl Entries for HistoryFile {
    fn for_each(&self, take: &mut dyn FnMut(&Op)) -> anyhow::Result<()> {
        self.read(|path| File::open(path), take)
    }
}

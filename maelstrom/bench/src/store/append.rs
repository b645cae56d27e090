//! A file that grows by whole lines.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gyre::Time;

use super::failed;

/// What is appended reaches the disk at the latest this much later, in the run's own time.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Beyond this many bytes it does so at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Only whole lines are ever written, so that a file whose writer was killed is still read.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// Whole lines, not written yet.
    buffer: Vec<u8>,
    /// The bytes in the file.
    length: u64,
    flushed_at: Time,
}

impl AppendFile {
    pub(super) fn create(path: &Path) -> anyhow::Result<AppendFile> {
        let file = File::create(path).map_err(failed("create", path))?;
        let (buffer, flushed_at) = (Vec::with_capacity(BUFFER_BYTES), Time::ZERO);
        Ok(AppendFile { path: path.into(), file, buffer, length: 0, flushed_at })
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, now: Time, lines: &str) -> anyhow::Result<()> {
        self.buffer.extend_from_slice(lines.as_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        self.flush_if_due(now)
    }

    /// Writes what has waited for a second.
    pub(super) fn flush_if_due(&mut self, now: Time) -> anyhow::Result<()> {
        if now.since(self.flushed_at) < FLUSH_INTERVAL {
            return Ok(());
        }
        self.flushed_at = now;
        self.flush()
    }

    /// Writes everything, or as many whole lines as the disk takes. The others stay in the
    /// buffer, so that a later flush can still save them.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        let (written, result) = write_what_fits(&mut self.file, &self.buffer);
        let kept =
            self.buffer[..written].iter().rposition(|&byte| byte == b'\n').map_or(0, |i| i + 1);
        self.buffer.drain(..kept);
        self.length += kept as u64;
        if kept < written {
            self.file.set_len(self.length).ok();
            self.file.seek(SeekFrom::Start(self.length)).ok();
        }
        result.map_err(failed("write", &self.path))
    }
}

/// Like `write_all`, but says how many bytes it wrote before it failed.
pub(super) fn write_what_fits(out: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

impl Drop for AppendFile {
    /// A run that ends by an error or a panic still leaves its last lines.
    fn drop(&mut self) {
        self.flush().ok();
    }
}

//! `history.edn` for programs and `history.txt` for people, written while the run goes.

use std::path::Path;

use gyre::Time;

use super::append::AppendFile;
use crate::history::Op;

/// Appends operations to both files.
#[derive(Debug)]
pub struct HistoryWriter {
    edn: AppendFile,
    text: AppendFile,
    /// Reused for every line.
    line: String,
}

impl HistoryWriter {
    pub(super) fn create(edn: &Path, text: &Path) -> anyhow::Result<HistoryWriter> {
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
        op.write_text_line(&mut self.line);
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

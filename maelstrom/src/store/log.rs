//! `jepsen.log`: what the bench did, line by line, with the time.
//!
//! The time of a line is the run's start plus the run's own time, never the clock's: a seeded
//! run writes the same log every time.

use std::fmt::{self, Display, Write};
use std::path::Path;

use gyre::Time;
use jiff::{SignedDuration, Timestamp};

use super::append::AppendFile;

/// Shows a line to whoever watches the run, without the time and without a line feed.
pub type Console = Box<dyn FnMut(&str)>;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What goes on.
    Info,
    /// What should not have happened.
    Warn,
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Info => "INFO",
            Level::Warn => "WARN",
        })
    }
}

/// The log of one run.
pub struct RunLog {
    file: AppendFile,
    origin: Timestamp,
    console: Option<Console>,
    /// Reused for every line.
    line: String,
}

impl RunLog {
    pub(super) fn create(
        path: &Path,
        origin: Timestamp,
        console: Option<Console>,
    ) -> anyhow::Result<RunLog> {
        Ok(RunLog { file: AppendFile::create(path)?, origin, console, line: String::new() })
    }

    /// Logs what goes on. `source` says who speaks: `worker 0`, `nemesis`, `node n1`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn info(&mut self, now: Time, source: &str, message: impl Display) -> anyhow::Result<()> {
        self.write(now, Level::Info, source, message)
    }

    /// Logs what should not have happened.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn warn(&mut self, now: Time, source: &str, message: impl Display) -> anyhow::Result<()> {
        self.write(now, Level::Warn, source, message)
    }

    /// Logs a message, of one line or more.
    ///
    /// # Errors
    /// When the file cannot be written; the console has seen the line all the same.
    pub fn write(
        &mut self,
        now: Time,
        level: Level,
        source: &str,
        message: impl Display,
    ) -> anyhow::Result<()> {
        let since_origin = SignedDuration::try_from(now.since(Time::ZERO)).unwrap_or_default();
        let time = self.origin.saturating_add(since_origin).unwrap_or(self.origin);
        self.line.clear();
        write!(self.line, "{}\t", time.strftime("%Y-%m-%d %H:%M:%S,%3f")).expect("text");
        let message_start = self.line.len();
        writeln!(self.line, "{level}\t[{source}] {message}").expect("text");
        if let Some(console) = &mut self.console {
            console(self.line[message_start..].trim_end_matches('\n'));
        }
        self.file.append(now, &self.line)
    }

    /// Writes what has waited for a second.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush_if_due(&mut self, now: Time) -> anyhow::Result<()> {
        self.file.flush_if_due(now)
    }

    /// Writes everything.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush()
    }
}

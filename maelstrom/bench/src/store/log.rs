//! `jepsen.log`: what the bench did, line by line, with the time.
//!
//! ```text
//! 2026-01-31 23:59:59,123{GMT}  INFO  [jepsen worker 0] jepsen.util: 0  :invoke  :read  nil
//! ```
//!
//! Lines have the form of the original's, with tabs: the time with a literal `{GMT}`, the level,
//! the thread and the namespace that speak there, and the message; or, on request, the JSON objects
//! of its `--logging-json`. The time of a line is the run's start plus the run's own time, never
//! the clock's: a seeded run writes the same log every time.

use std::fmt::{self, Display, Write};
use std::path::Path;

use gyre::{NodeId, Time};
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

/// Who speaks: the thread and the namespace that would in the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    thread: String,
    namespace: &'static str,
}

impl Source {
    /// The bench itself.
    pub fn bench() -> Source {
        Source { thread: "jepsen test runner".into(), namespace: "jepsen.core" }
    }

    /// The client thread of this number.
    pub fn worker(thread: usize) -> Source {
        Source { thread: format!("jepsen worker {thread}"), namespace: "jepsen.util" }
    }

    /// Who injects faults.
    pub fn nemesis() -> Source {
        Source { thread: "jepsen worker nemesis".into(), namespace: "jepsen.util" }
    }

    /// What a node writes to stderr.
    pub fn node_stderr(node: &NodeId) -> Source {
        Source { thread: format!("{node} stderr"), namespace: "maelstrom.process" }
    }

    /// The network, on behalf of a node, a service or a client.
    pub fn network(participant: &NodeId) -> Source {
        Source { thread: participant.to_string(), namespace: "maelstrom.net" }
    }
}

/// The log of one run.
pub struct RunLog {
    file: AppendFile,
    is_json: bool,
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
        is_json: bool,
    ) -> anyhow::Result<RunLog> {
        let (file, line) = (AppendFile::create(path)?, String::new());
        Ok(RunLog { file, is_json, origin, console, line })
    }

    /// Logs what goes on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn info(
        &mut self,
        now: Time,
        source: &Source,
        message: impl Display,
    ) -> anyhow::Result<()> {
        self.write(now, Level::Info, source, message)
    }

    /// Logs what should not have happened.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn warn(
        &mut self,
        now: Time,
        source: &Source,
        message: impl Display,
    ) -> anyhow::Result<()> {
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
        source: &Source,
        message: impl Display,
    ) -> anyhow::Result<()> {
        let since_origin = SignedDuration::try_from(now.since(Time::ZERO)).unwrap_or_default();
        let time = self.origin.saturating_add(since_origin).unwrap_or(self.origin);
        let Source { thread, namespace } = source;
        self.line.clear();
        write!(self.line, "{}{{GMT}}\t", time.strftime("%Y-%m-%d %H:%M:%S,%3f")).expect("text");
        let shown_from = self.line.len();
        write!(self.line, "{level}\t[{thread}] {namespace}: ").expect("text");
        let message_from = self.line.len();
        writeln!(self.line, "{message}").expect("text");
        if let Some(console) = &mut self.console {
            console(self.line[shown_from..].trim_end_matches('\n'));
        }
        if self.is_json {
            let message = self.line[message_from..].trim_end_matches('\n');
            self.line = json_line(time, level, source, message);
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

/// A line with the keys that Logback's encoder for Logstash gives it, which the original uses.
fn json_line(time: Timestamp, level: Level, source: &Source, message: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let weight = if level == Level::Warn { 30_000 } else { 20_000 };
    format!(
        "{{\"@timestamp\":\"{}\",\"@version\":\"1\",\"message\":{},\"logger_name\":\"{}\",\
         \"thread_name\":{},\"level\":\"{level}\",\"level_value\":{weight}}}\n",
        time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"),
        text(message),
        source.namespace,
        text(&source.thread),
    )
}

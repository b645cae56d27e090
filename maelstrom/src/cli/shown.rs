//! The folder of a judged history: what `check --out` leaves, laid out as that of a run.
//!
//! A history may come from anywhere, so what only a run of this bench has is missing: nodes,
//! messages, logs. The page shows verdict, findings, operations over time and latencies. A history
//! without times is shown as if a millisecond passed from each entry to the next.

#![expect(clippy::disallowed_methods, reason = "the folder is one that the user names")]

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::checker::stats::Stats;
use crate::checker::{Checker, Judgement};
use crate::edn::pretty;
use crate::history::Op;
use crate::journal::Journal;
use crate::options::TestOptions;
use crate::ran::Ran;
use crate::report::{self, Activity, Recorded};
use crate::spool::SPOOL_BYTES;
use crate::store::{HistoryFile, HistoryWriter, spool_in};

/// The file that shows messages. There are none.
const OF_MESSAGES: &str = "messages.svg";

/// So much time passes from one entry to the next where nobody noted it.
const STEP_NANOS: i64 = 1_000_000;

/// A folder that is being filled.
pub struct Shown {
    folder: PathBuf,
    writer: HistoryWriter,
    activity: Activity,
    stats: Stats,
    /// What could not be written first.
    failure: Option<anyhow::Error>,
}

impl Shown {
    /// An empty folder, or one whose files will be replaced.
    ///
    /// # Errors
    /// A sentence, when it cannot be written to.
    pub fn create(folder: &Path) -> io::Result<Shown> {
        let failed = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("{} cannot be written: {error}", folder.display()))
        };
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let make = &mut || spool_in(folder, SPOOL_BYTES);
        let activity = Activity::spooled(make).map_err(|error| failed(&error))?;
        let writer = HistoryWriter::create(&history_in(folder), &folder.join("history.txt"));
        let writer = writer.map_err(|error| failed(&error))?;
        let (folder, stats) = (folder.to_owned(), Stats::default());
        Ok(Shown { folder, writer, activity, stats, failure: None })
    }

    /// Takes in the next entry.
    pub fn push(&mut self, op: &Op) {
        if self.failure.is_none() {
            self.failure = self.writer.append(op).err();
        }
        self.stats.push(op);
        let op = match op.time {
            0.. => Cow::Borrowed(op),
            _ => {
                let time = i64::try_from(op.index).unwrap_or(0).saturating_mul(STEP_NANOS);
                Cow::Owned(Op { time, ..op.clone() })
            }
        };
        self.activity.push(&op);
    }

    /// Writes the judgement and everything that shows it. `name` is the model's or workload's.
    ///
    /// # Errors
    /// A sentence, when something cannot be written, now or before.
    pub fn finish(mut self, name: &str, judgement: &Judgement) -> io::Result<()> {
        self.activity.finish();
        let flushed = self.writer.flush();
        let written = self.failure.take().map_or(flushed, Err).and_then(|()| {
            self.write("results.edn", format!("{}\n", pretty(&judgement.to_edn())).as_bytes())?;
            self.report(name, judgement)
        });
        written.map_err(|error| io::Error::other(format!("{error:#}")))
    }

    fn report(&mut self, name: &str, judgement: &Judgement) -> anyhow::Result<()> {
        let stats = Box::new(std::mem::take(&mut self.stats)).finish();
        // The model alone decides.
        let results = Judgement {
            verdict: judgement.verdict,
            ..Judgement::of_parts([("stats", stats), ("workload", judgement.clone())])
        };
        let recorded = Recorded {
            workload: name,
            options: &TestOptions { nodes: Vec::new(), ..TestOptions::default() },
            // Nobody knows.
            ran: &Ran::default(),
            playground: None,
            activity: &self.activity,
            history: &HistoryFile::at(history_in(&self.folder)),
            journal: &Journal::new(0),
            results: &results,
            failure: None,
        };
        report::write(&recorded, &mut |_| (), &mut |file, bytes| {
            if file == OF_MESSAGES { Ok(()) } else { self.write(file, bytes) }
        })
    }

    fn write(&self, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("a file stands in a folder"))
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| anyhow::anyhow!("{} cannot be written: {error}", path.display()))
    }
}

fn history_in(folder: &Path) -> PathBuf {
    folder.join("history.edn")
}

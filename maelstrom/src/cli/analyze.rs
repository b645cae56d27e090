//! `maelstrom analyze`: judges a stored run again, with the flags that it was run with.
//!
//! What the run was asked to do stands in its `test.edn`, what its clients saw in `history.edn`.
//! Results, explanations, plots and timeline are written anew. The two files that show messages,
//! `index.html` and `messages.svg`, stay as the run left them: messages are not stored.

#![expect(clippy::disallowed_methods, reason = "it reads what a run has left on disk")]

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::prepared::{Ending, prepare, print_results};
use super::{CRASH, bad_arguments, crashed, parse_test};
use crate::journal::Journal;
use crate::report::figures::figures;
use crate::report::{self, Activity, Entries, Recorded};
use crate::results::Results;
use crate::run::default_store;
use crate::serve::Library;
use crate::spool::SPOOL_BYTES;
use crate::store::{COMMAND_FILE, Ended, RunCommand, RunFolder};

/// The flags of `maelstrom analyze`.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true, args_override_self = true)]
pub struct AnalyzeFlags {
    /// The run: its folder or a file in it; or its number among all in the store, from 0 for the
    /// oldest, or from -1 back for the newest.
    #[arg(short, long, value_name = "INDEX_OR_PATH", default_value = "-1")]
    test: String,
}

/// Files that are made of what is not stored.
const OF_MESSAGES: [&str; 2] = ["index.html", "messages.svg"];

/// Judges the run again; returns the exit status.
pub(super) fn analyze(flags: &AnalyzeFlags) -> u8 {
    let folder = match flags.folder() {
        Ok(folder) => folder,
        Err(sentence) => return bad_arguments(&sentence),
    };
    analyze_folder(&folder).unwrap_or_else(|error| crashed(&format!("{error:#}")))
}

impl AnalyzeFlags {
    /// The folder of the run.
    ///
    /// # Errors
    /// A sentence, when there is no such run.
    fn folder(&self) -> Result<PathBuf, String> {
        if let Ok(index) = self.test.parse::<i64>() {
            return by_index(index);
        }
        let path = PathBuf::from(&self.test);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(path),
            Ok(_) => Ok(path.parent().unwrap_or(Path::new("")).to_owned()),
            Err(error) => Err(format!("there is no run {}: {error}", self.test)),
        }
    }
}

/// The run of this number.
fn by_index(index: i64) -> Result<PathBuf, String> {
    let store = default_store();
    // The newest is the first.
    let runs = Library::new(store.to_owned()).runs();
    let count = runs.len();
    let place = if index < 0 {
        usize::try_from(-(index + 1)).ok()
    } else {
        usize::try_from(index).ok().and_then(|index| count.checked_sub(index + 1))
    };
    match place.and_then(|place| runs.get(place)) {
        Some(run) => Ok(store.join(run.path())),
        None => Err(format!(
            "there is no run {index}: {} holds {}",
            store.display(),
            report::count(count, "run")
        )),
    }
}

fn analyze_folder(path: &Path) -> anyhow::Result<u8> {
    let command = read_command(path)?;
    let flags = parse_test(&command.argv).map_err(|sentence| {
        anyhow!(
            "the command line in {} cannot be read: {sentence}",
            path.join(COMMAND_FILE).display()
        )
    })?;
    let prepared = prepare(&command.workload, &flags.run).map_err(|sentence| anyhow!(sentence))?;
    let (workload, options) = (prepared.workload, &prepared.options);
    let folder = RunFolder::open(path)?;
    let make = &mut || folder.spool(SPOOL_BYTES);
    let mut activity = Activity::spooled(make)?;
    let mut results = Results::new(workload, options);
    let history = folder.history();
    history.for_each(&mut |op| {
        activity.push(op);
        results.push(op);
    })?;
    activity.finish();
    let stats = command.messages.unwrap_or_default();
    let failure = match &command.ended {
        Ended::Complete => None,
        Ended::NotYet => Some("The run was ended before its time.".to_owned()),
        Ended::BrokeOff(sentence) => Some(format!("The run broke off: {sentence}")),
    };
    let results = results.finish(&stats, failure.is_some());
    let ran = &command.ran;
    folder.write_results(&results, ran)?;
    let recorded = Recorded {
        workload: workload.name(),
        options,
        ran,
        playground: None,
        activity: &activity,
        history: &history,
        journal: &Journal::new(0),
        results: &results,
        failure: failure.as_deref(),
    };
    report::write(&recorded, &mut |_| (), &mut |file, bytes| {
        if OF_MESSAGES.contains(&file) { Ok(()) } else { folder.write(file, bytes) }
    })?;
    let challenge = prepared.challenge.filter(|_| failure.is_none());
    let challenge = challenge.map(|challenge| challenge.sentence(&results));
    let ending = Ending {
        headline: &report::headline(&results, activity.ended(), failure.as_deref()),
        failure: failure.as_deref(),
        figures: &figures(workload.name(), &results, &activity),
        challenge: challenge.as_deref(),
        again: &ran.again,
        folder: path,
    };
    let printed = print_results(&results, &ending);
    Ok(if printed { results.verdict.exit_status() } else { CRASH })
}

fn read_command(folder: &Path) -> anyhow::Result<RunCommand> {
    let path = folder.join(COMMAND_FILE);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "{} says what a run was asked to do, and cannot be read. To judge a run of another \
             bench: maelstrom check -w WORKLOAD {}",
            path.display(),
            folder.join("history.edn").display()
        )
    })?;
    RunCommand::parse(&text).map_err(|problem| anyhow!("{} is damaged: {problem}", path.display()))
}

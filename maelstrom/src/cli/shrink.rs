//! `maelstrom shrink`: from a run that fails, a small run that fails in the same way.

#![expect(clippy::disallowed_methods, reason = "it reads what a run has left on disk")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{ArgAction, Args};

use super::flags::TestFlags;
use super::prepared::{Prepared, prepare, run_by, test_by};
use super::{bad_arguments, crashed, parse_test, terminal};
use crate::ran::shell_line;
use crate::run::{Clock, LockstepBench, default_store};
use crate::shrink::{self, Left, Shrunk, Source, Watch};
use crate::store::{COMMAND_FILE, RunCommand};

const EXAMPLES: &str = "Examples:
  maelstrom shrink store/lin-kv/seed-42
  maelstrom shrink -w lin-kv --bin ./my-node --concurrency 2n --nemesis kill --seed 42
  maelstrom shrink -w lin-kv --bin ./my-node --concurrency 2n --tape my.edn

The result is a run in the store like any other: store/latest. Ctrl-C keeps the best so far.

Exit status: 0 a run was shrunk, 254 bad arguments, 255 it cannot be shrunk: it does not fail, the
node is not deterministic, or the run breaks off in the bench. Then nothing is written.";

/// The flags of `maelstrom shrink`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShrinkFlags {
    /// Keep this kind of anomaly, of those that the run shows, instead of the first: lost,
    /// G-single, the name of a checker.
    #[arg(long, value_name = "KIND")]
    anomaly: Option<String>,

    /// End with the best so far after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    within: Option<u64>,

    /// The run: its folder or a file in it, if it was run in virtual time. Or else the flags of a
    /// test, with --seed or --tape.
    #[arg(
        value_name = "RUN | FLAGS OF A TEST",
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        action = ArgAction::Append
    )]
    run: Vec<String>,
}

/// A failing run as it was asked for.
struct Asked {
    flags: TestFlags,
    prepared: Prepared,
    source: Source,
}

/// How to shrink.
#[derive(Clone, Debug, Default)]
pub(super) struct How {
    /// The kind of anomaly to keep.
    pub(super) anomaly: Option<String>,
    /// How long at most.
    pub(super) within: Option<Duration>,
}

/// Shrinks a run; returns the exit status.
pub(super) fn shrink(flags: &ShrinkFlags) -> u8 {
    let asked = match flags.run.as_slice() {
        [path] if !path.starts_with('-') => in_folder(Path::new(path)),
        words => of_flags(words),
    };
    let Asked { flags: test, prepared, source } = match asked {
        Ok(asked) => asked,
        Err(sentence) => return bad_arguments(&sentence),
    };
    let how = How { anomaly: flags.anomaly.clone(), within: flags.within.map(Duration::from_secs) };
    match shrink_run(&prepared, &test, &source, &how) {
        Ok(()) => 0,
        Err(sentence) => crashed(&sentence),
    }
}

/// The run whose flags are given.
fn of_flags(words: &[String]) -> Result<Asked, String> {
    let argv: Vec<String> = std::iter::once("test".into()).chain(words.iter().cloned()).collect();
    let flags = parse_test(&argv)?;
    let prepared = prepare(&flags.workload, &flags.run)?;
    let source = match (&prepared.tape, flags.run.seed) {
        (Some(tape), _) => Source::Tape(tape.clone()),
        (None, Some(seed)) => Source::Seed(seed),
        (None, None) => {
            return Err("only a run in virtual time can be run again: name its --seed or its \
                        --tape, or the folder of a run that had one"
                .into());
        }
    };
    Ok(Asked { flags, prepared, source })
}

/// The run in this folder.
fn in_folder(path: &Path) -> Result<Asked, String> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| format!("there is no run {}: {error}", path.display()))?;
    let folder = if metadata.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let file = folder.join(COMMAND_FILE);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        format!(
            "{} says what a run was asked to do, and cannot be read: {error}. Give the flags of \
             the run instead: maelstrom shrink -w WORKLOAD --bin NODE --seed NUMBER",
            file.display()
        )
    })?;
    let command = RunCommand::parse(&text)
        .map_err(|problem| format!("{} is damaged: {problem}", file.display()))?;
    let mut flags = parse_test(&command.argv)?;
    let tape = folder.join("tape.edn");
    if tape.exists() {
        flags.run.tape = Some(tape.to_string_lossy().into_owned());
    }
    let prepared = prepare(&command.workload, &flags.run)?;
    let source = match (&prepared.tape, command.seed) {
        (Some(tape), _) => Source::Tape(tape.clone()),
        (None, Some(seed)) => Source::Seed(seed),
        (None, None) => {
            return Err(format!(
                "{} is a run in real time, and nobody can repeat it: run the same with --seed",
                folder.display()
            ));
        }
    };
    Ok(Asked { flags, prepared, source })
}

/// Shrinks a run and leaves the smallest one in the store.
///
/// # Errors
/// A sentence, when it cannot be shrunk.
pub(super) fn shrink_run(
    prepared: &Prepared,
    flags: &TestFlags,
    source: &Source,
    how: &How,
) -> Result<(), String> {
    let interrupted = terminal::interrupted().map_err(|error| format!("{error:#}"))?;
    let shrunk = search(prepared, flags, source, how, &interrupted)?;
    let Shrunk { case, kind, before, left, is_unfinished } = &shrunk;
    let program = program_flags(flags);
    let smallest = Prepared {
        workload: prepared.workload,
        options: case.options.clone(),
        tape: Some(case.tape.clone()),
        challenge: None,
    };
    let clock = Clock::Tape(case.tape.clone());
    let file = test_by(&smallest, flags, &[], clock.clone()).folder().join("tape.edn");
    let argv = shrink::command(case, &program, &file.to_string_lossy(), &flags.args);
    let report = run_by(&smallest, flags, &argv, clock)
        .ok_or("the smallest run could not be run once more")?;
    let test = shrink::program_test(&argv, case, kind);
    let written = std::fs::write(report.folder.join("test.rs"), &test);
    written.map_err(|error| format!("test.rs cannot be written: {error}"))?;
    let ended = if *is_unfinished { " (the best so far: the search was ended early)" } else { "" };
    let text = format!(
        "\nShrunk by: {kind}{ended}\n  before: {before}\n  after:  {left}\n  page:   {}\n  \
         run it: {}\n\nA test in Rust, also in {}:\n\n{test}",
        report.folder.join("index.html").display(),
        shell_line(&terminal::called_as(), &argv),
        report.folder.join("test.rs").display()
    );
    terminal::print(&text).map_err(|error| format!("the result could not be printed: {error}"))
}

/// The flags that say what runs a node.
fn program_flags(flags: &TestFlags) -> Vec<String> {
    let mut words = vec!["--bin".to_owned(), flags.bin.to_string_lossy().into_owned()];
    words.extend(flags.run.words_for_tape());
    words
}

fn search(
    prepared: &Prepared,
    flags: &TestFlags,
    source: &Source,
    how: &How,
    interrupted: &Arc<AtomicBool>,
) -> Result<Shrunk, String> {
    let (bin, args): (&PathBuf, &[String]) = (&flags.bin, &flags.args);
    let bench = LockstepBench::new(
        prepared.workload,
        (bin, args),
        !flags.run.no_data_dir,
        default_store().join(format!(".shrink-{}", std::process::id())),
        terminal::own_program().as_deref(),
        interrupted.clone(),
    );
    let bench = bench.map_err(|error| format!("{error:#}"))?;
    let line = terminal::live().map_err(|error| format!("{error:#}"))?;
    line.set_message("running it twice");
    let watch = Terminal {
        line,
        interrupted: interrupted.clone(),
        until: how.within.map(|within| Instant::now() + within),
    };
    let Prepared { workload, options, .. } = prepared;
    let shrunk = shrink::shrink(options, *workload, source, how.anomaly.as_deref(), &bench, &watch);
    watch.line.finish_and_clear();
    if interrupted.swap(false, Ordering::Relaxed) && shrunk.is_ok() {
        let ended = "ended early: this is the best so far, run once more for its files";
        terminal::print_note(ended);
    }
    shrunk
}

/// The live line, and what ends the search.
struct Terminal {
    line: indicatif::ProgressBar,
    interrupted: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Watch for Terminal {
    fn on_progress(&self, left: &Left) {
        self.line.set_message(left.to_string());
    }

    fn is_over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

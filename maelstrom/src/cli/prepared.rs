//! A test whose flags have been understood: how it is run, once, and how its end is told. The
//! commands that run nodes share it.

use std::fmt;
use std::path::Path;

use super::brief::brief;
use super::flags::{RunFlags, TestFlags};
use super::{crashed, terminal};
use crate::checker::{Judgement, Validity, elle};
use crate::options::TestOptions;
use crate::report::figures::Figure;
use crate::report::goals::Challenge;
use crate::run::{Clock, Report, Test, default_store};
use crate::spool::SPOOL_BYTES;
use crate::tape::TapeFile;
use crate::workload::{self, Workload};

/// A test whose flags have been understood.
pub(super) struct Prepared {
    pub(super) workload: &'static dyn Workload,
    pub(super) options: TestOptions,
    pub(super) tape: Option<TapeFile>,
    pub(super) challenge: Option<&'static Challenge>,
}

/// Understands the flags of a test of this workload.
///
/// # Errors
/// A sentence, when they contradict each other, or name what there is not.
pub(super) fn prepare(workload: &str, flags: &RunFlags) -> Result<Prepared, String> {
    let workload = workload::by_name(workload)?;
    let options = flags.options()?;
    workload.validate(&options)?;
    elle::Options::new(&options.consistency_models)?;
    let tape = flags.read_tape(workload)?;
    let challenge = flags.challenge.as_deref().map(Challenge::named).transpose()?;
    Ok(Prepared { workload, options, tape, challenge })
}

/// Says of flags that were given in vain that they were, or that they were hardly meant so.
pub(super) fn print_notes(flags: &RunFlags) {
    let of_options = flags.options().ok().and_then(|options| options.note());
    for note in flags.remote.notes().into_iter().chain(of_options) {
        terminal::print_note(&note);
    }
}

/// Runs one test, the one of this number, for this command line, and prints what it came to: the
/// results, a sentence, figures, where its page is, and how to repeat it. `None` when it could not
/// begin, or its results could not be printed.
pub(super) fn run_one(
    prepared: &Prepared,
    flags: &TestFlags,
    argv: &[String],
    number: usize,
) -> Option<Report> {
    let seed = flags.run.seed.map(|seed| seed.wrapping_add(number as u64));
    let clock = match (&prepared.tape, seed) {
        (Some(tape), _) => Clock::Tape(tape.clone()),
        (None, Some(seed)) => Clock::Seed { seed, writes_tape: flags.run.write_tape },
        (None, None) => Clock::Wall,
    };
    run_by(prepared, flags, argv, clock)
}

/// The test that these flags ask for, by this clock.
pub(super) fn test_by<'a>(
    prepared: &'a Prepared,
    flags: &TestFlags,
    argv: &[String],
    clock: Clock,
) -> Test<'a> {
    let TestFlags { bin, args, run: flags, .. } = flags;
    let Prepared { workload, options, challenge, .. } = prepared;
    Test {
        workload: *workload,
        options,
        bin: bin.clone(),
        args: args.clone(),
        clock,
        has_data_dirs: !flags.no_data_dir,
        argv: argv.to_vec(),
        bench: terminal::called_as(),
        challenge: *challenge,
        store: default_store().to_owned(),
        log: flags.log_options(),
        watchdog: terminal::own_program(),
        memory_bytes: SPOOL_BYTES,
    }
}

/// Runs one test by this clock, and prints what it came to.
pub(super) fn run_by(
    prepared: &Prepared,
    flags: &TestFlags,
    argv: &[String],
    clock: Clock,
) -> Option<Report> {
    let terminal = match terminal::open(prepared.options.time_limit_secs) {
        Ok(terminal) => terminal,
        Err(error) => {
            crashed(&format!("could not prepare the terminal: {error:#}"));
            return None;
        }
    };
    let test = test_by(prepared, flags, argv, clock);
    match test.run(terminal) {
        Ok(report) => print_report(&report).then_some(report),
        Err(error) => {
            crashed(&format!("{error:#}"));
            None
        }
    }
}

/// Prints what a run came to, if that is possible.
fn print_report(report: &Report) -> bool {
    let ending = Ending {
        headline: &report.headline,
        failure: report.failure.as_deref(),
        figures: &report.figures,
        challenge: report.challenge.as_deref(),
        again: &report.again,
        folder: &report.folder,
    };
    print_results(&report.results, &ending)
}

/// What is printed below the results of a run.
pub(super) struct Ending<'a> {
    /// The verdict in a sentence.
    pub(super) headline: &'a str,
    /// What went wrong with the run itself.
    pub(super) failure: Option<&'a str>,
    /// The figures to look at first.
    pub(super) figures: &'a [Figure],
    /// Whether the goal of a challenge is met.
    pub(super) challenge: Option<&'a str>,
    /// The command that repeats the run.
    pub(super) again: &'a str,
    /// Where its files are.
    pub(super) folder: &'a Path,
}

impl fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A run that broke off is not summed up twice.
        if self.failure.is_none() {
            writeln!(f, "{}", self.headline)?;
        }
        if !self.figures.is_empty() {
            writeln!(f)?;
        }
        for Figure { name, value } in self.figures {
            writeln!(f, "  {name:14} {value}")?;
        }
        if let Some(challenge) = self.challenge {
            writeln!(f, "\n{challenge}")?;
        }
        write!(f, "\n  report:  {}", self.folder.join("index.html").display())?;
        if !self.again.is_empty() {
            write!(f, "\n  repeat:  {}", self.again)?;
        }
        Ok(())
    }
}

/// Prints results and what follows them; false when that is not possible, of which a sentence is
/// printed, too.
pub(super) fn print_results(results: &Judgement, ending: &Ending) -> bool {
    let verdict = match (ending.failure, results.verdict) {
        (Some(sentence), _) => sentence,
        (None, Validity::True) => "Everything looks good! ヽ(‘ー`)ノ",
        (None, Validity::False) => "Analysis invalid! (ﾉಥ益ಥ）ﾉ ┻━┻",
        (None, Validity::Unknown) => "Errors occurred during analysis, but no anomalies found. ಠ~ಠ",
    };
    let text = format!("{}\n\n{verdict}\n{ending}", brief(&results.to_edn()));
    match terminal::print(&text) {
        Ok(()) => true,
        Err(error) => {
            let folder = ending.folder.display();
            crashed(&format!("the results could not be printed: {error}. They are in {folder}"));
            false
        }
    }
}

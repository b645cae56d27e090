//! `maelstrom test`: runs a node against a workload, once or several times.

use super::flags::{RunFlags, TestFlags};
use super::{CRASH, bad_arguments, crashed, terminal};
use crate::checker::{Judgement, Validity, elle};
use crate::edn;
use crate::options::TestOptions;
use crate::run::{Clock, Report, Test, default_store};
use crate::spool::SPOOL_BYTES;
use crate::tape::TapeFile;
use crate::workload::{self, Workload};

/// A test whose flags have been understood.
pub(super) struct Prepared {
    pub(super) workload: &'static dyn Workload,
    pub(super) options: TestOptions,
    tape: Option<TapeFile>,
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
    Ok(Prepared { workload, options, tape })
}

/// Runs the tests that the flags ask for; returns the exit status.
pub(super) fn test(flags: &TestFlags, argv: &[String]) -> u8 {
    let prepared = match prepare(&flags.workload, &flags.run) {
        Ok(prepared) => prepared,
        Err(sentence) => return bad_arguments(&sentence),
    };
    print_notes(&flags.run);
    let mut statuses = (0..flags.run.test_count).map(|number| {
        run_one(&prepared, flags, argv, number).map_or(CRASH, |report| report.exit_status())
    });
    statuses.find(|status| *status != 0).unwrap_or(0)
}

/// Says of flags that were given in vain that they were.
pub(super) fn print_notes(flags: &RunFlags) {
    for note in flags.remote.notes() {
        terminal::print_note(&note);
    }
}

/// Runs one test, the one of this number, for this command line, and prints what it came to: the results, a sentence,
/// and where the files are. `None` when it could not begin, or its results could not be printed.
pub(super) fn run_one(
    prepared: &Prepared,
    flags: &TestFlags,
    argv: &[String],
    number: usize,
) -> Option<Report> {
    let TestFlags { bin, args, run: flags, .. } = flags;
    let Prepared { workload, options, tape } = prepared;
    let terminal = match terminal::open(options.time_limit_secs) {
        Ok(terminal) => terminal,
        Err(error) => {
            crashed(&format!("could not prepare the terminal: {error:#}"));
            return None;
        }
    };
    let seed = flags.seed.map(|seed| seed.wrapping_add(number as u64));
    let clock = match (tape, seed) {
        (Some(tape), _) => Clock::Tape(tape.clone()),
        (None, Some(seed)) => Clock::Seed { seed, writes_tape: flags.write_tape },
        (None, None) => Clock::Wall,
    };
    let test = Test {
        workload: *workload,
        options,
        bin: bin.clone(),
        args: args.clone(),
        clock,
        has_data_dirs: !flags.no_data_dir,
        argv: argv.to_vec(),
        store: default_store().to_owned(),
        log: flags.log_options(),
        watchdog: terminal::own_program(),
        memory_bytes: SPOOL_BYTES,
    };
    match test.run(terminal) {
        Ok(report) => print_report(&report, workload.name(), seed).then_some(report),
        Err(error) => {
            crashed(&format!("{error:#}"));
            None
        }
    }
}

/// Prints what a run came to, if that is possible.
fn print_report(report: &Report, workload: &str, seed: Option<u64>) -> bool {
    let folder = report.folder.display();
    let again = seed.filter(|_| report.is_worth_a_replay).map(|seed| {
        format!("\nFAIL {workload}  seed {seed}: the same command with --seed {seed} replays it")
    });
    let failure = report.failure.as_deref();
    let footer = format!("{}\nFiles: {folder}", again.unwrap_or_default());
    print_results(&report.results, failure, footer.trim_start_matches('\n'), &folder.to_string())
}

/// Prints results, a sentence of what they mean, and what follows; false when that is not
/// possible, of which a sentence is printed, too.
pub(super) fn print_results(
    results: &Judgement,
    failure: Option<&str>,
    footer: &str,
    folder: &str,
) -> bool {
    let verdict = match (failure, results.verdict) {
        (Some(sentence), _) => sentence,
        (None, Validity::True) => "Everything looks good! ヽ(‘ー`)ノ",
        (None, Validity::False) => "Analysis invalid! (ﾉಥ益ಥ）ﾉ ┻━┻",
        (None, Validity::Unknown) => "Errors occurred during analysis, but no anomalies found. ಠ~ಠ",
    };
    // A valid run has a summary only where nothing was judged.
    let reservation = match results.verdict {
        Validity::True if !results.summary.is_empty() => format!("\n{}", results.summary),
        _ => String::new(),
    };
    let results = edn::pretty(&results.to_edn());
    let text = format!("{results}\n\n{verdict}{reservation}\n{footer}");
    match terminal::print(&text) {
        Ok(()) => true,
        Err(error) => {
            crashed(&format!("the results could not be printed: {error}. They are in {folder}"));
            false
        }
    }
}

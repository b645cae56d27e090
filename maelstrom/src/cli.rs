//! The command line: flags of the original with the same meaning, and a few of our own.

mod budget;
pub mod check;
pub mod flags;
mod models;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::checker::elle;
use crate::edn;
use crate::run::{Clock, Report, Test};
use crate::serve::ServeFlags;
use crate::workload;

use check::CheckFlags;
use flags::TestFlags;

/// A workbench for learning distributed systems: runs your nodes as a cluster, carries their
/// messages over a simulated network, breaks it, and judges what clients saw.
#[derive(Parser)]
#[command(name = "maelstrom", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Test a node against a workload.
    Test(Box<TestFlags>),
    /// Judge history files, of this bench or of the original.
    ///
    /// Prints a line for each: its path, true, false or unknown, and the result as EDN, separated
    /// by tabs. The exit status is that of the worst: 0 valid, 1 invalid, 2 unknown.
    Check(CheckFlags),
    /// Show the runs in the store in a browser.
    Serve(ServeFlags),
}

/// Bad arguments: the status of the original.
const BAD_ARGUMENTS: u8 = 254;

/// A crash: the status of the original.
pub(crate) const CRASH: u8 = 255;

/// Runs the command line; returns the exit status: 0 for valid, 1 for invalid, 2 for unknown,
/// 254 for bad arguments and 255 for a run that broke off.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let is_help =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let printed = terminal::unless_gone(error.print());
            return ExitCode::from(match (is_help, printed) {
                (true, Ok(())) => 0,
                (true, Err(_)) => CRASH,
                (false, _) => BAD_ARGUMENTS,
            });
        }
    };
    match cli.command {
        Command::Test(flags) => test(&flags),
        Command::Check(flags) => check(&flags),
        Command::Serve(flags) => serve(&flags),
    }
}

fn serve(flags: &ServeFlags) -> ExitCode {
    let store = flags.folder().display();
    // It serves even if nobody can be told.
    let announce = |address: &str| drop(terminal::print(&format!("{store} is at {address}")));
    match crate::serve::serve(flags, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::print_error(&format!("{error:#}"));
            ExitCode::from(CRASH)
        }
    }
}

fn check(flags: &CheckFlags) -> ExitCode {
    if let Err(sentence) = flags.validate() {
        terminal::print_error(&sentence);
        return ExitCode::from(BAD_ARGUMENTS);
    }
    match flags.run(&mut terminal::output()) {
        Ok(worst) => ExitCode::from(worst.exit_status()),
        // Whoever reads no further (`| head`) knows why. But not every file was judged.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::from(CRASH),
        Err(error) => {
            terminal::print_error(&format!("the verdicts could not be printed: {error}"));
            ExitCode::from(CRASH)
        }
    }
}

fn test(flags: &TestFlags) -> ExitCode {
    let prepared = workload::by_name(&flags.workload).and_then(|workload| {
        let options = flags.options()?;
        workload.validate(&options)?;
        elle::Options::new(&options.consistency_models)?;
        let tape = flags.read_tape(workload)?;
        Ok((workload, options, tape))
    });
    let (workload, options, tape) = match prepared {
        Ok(prepared) => prepared,
        Err(sentence) => {
            terminal::print_error(&sentence);
            return ExitCode::from(BAD_ARGUMENTS);
        }
    };
    for number in 0..flags.test_count {
        let seed = flags.seed.map(|seed| seed.wrapping_add(number as u64));
        let clock = match (&tape, seed) {
            (Some(tape), _) => Clock::Tape(tape.clone()),
            (None, Some(seed)) => Clock::Seed { seed, writes_tape: flags.write_tape },
            (None, None) => Clock::Wall,
        };
        let test = Test {
            workload,
            options: &options,
            bin: flags.bin.clone(),
            args: flags.args.clone(),
            clock,
            store: PathBuf::from("store"),
            log: flags.log_options(),
            watchdog: terminal::own_program(),
        };
        let status = run_one(test, &options);
        if status != 0 {
            return ExitCode::from(status);
        }
    }
    ExitCode::SUCCESS
}

/// Runs one test and prints what it came to: the results, a sentence, and where the files are.
fn run_one(test: Test, options: &crate::options::TestOptions) -> u8 {
    let terminal = match terminal::open(options.time_limit_secs) {
        Ok(terminal) => terminal,
        Err(error) => {
            terminal::print_error(&format!("could not prepare the terminal: {error:#}"));
            return CRASH;
        }
    };
    let workload = test.workload.name();
    let seed = if let Clock::Seed { seed, .. } = test.clock { Some(seed) } else { None };
    match test.run(terminal) {
        Ok(report) => {
            if let Err(error) = print_report(&report, workload, seed) {
                let folder = report.folder.display();
                terminal::print_error(&format!(
                    "the results could not be printed: {error}. They are in {folder}"
                ));
                return CRASH;
            }
            report.exit_status()
        }
        Err(error) => {
            terminal::print_error(&format!("{error:#}"));
            CRASH
        }
    }
}

fn print_report(report: &Report, workload: &str, seed: Option<u64>) -> std::io::Result<()> {
    use crate::checker::Validity;
    terminal::print(&edn::pretty(&report.results.to_edn()))?;
    let verdict = match (&report.failure, report.results.verdict) {
        (Some(sentence), _) => sentence.clone(),
        (None, Validity::True) => "Everything looks good! ヽ(‘ー`)ノ".into(),
        (None, Validity::False) => "Analysis invalid! (ﾉಥ益ಥ）ﾉ ┻━┻".into(),
        (None, Validity::Unknown) => {
            "Errors occurred during analysis, but no anomalies found. ಠ~ಠ".into()
        }
    };
    terminal::print(&format!("\n{verdict}"))?;
    if let (Some(seed), true) = (seed, report.is_worth_a_replay) {
        let again = format!("the same command with --seed {seed} replays it");
        terminal::print(&format!("FAIL {workload}  seed {seed}: {again}"))?;
    }
    terminal::print(&format!("Files: {}", report.folder.display()))
}

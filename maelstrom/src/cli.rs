//! The command line: flags of the original with the same meaning, and a few of our own.

mod analyze;
mod brief;
mod budget;
pub mod check;
mod cluster;
mod demo;
mod doc;
pub mod flags;
mod guard;
mod input;
mod logs;
mod misfit;
mod models;
mod numbers;
mod prepared;
mod remote;
mod reports;
mod shown;
mod shrink;
mod sweep;
mod terminal;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::serve::ServeFlags;

use analyze::AnalyzeFlags;
use check::CheckFlags;
use demo::DemoFlags;
use doc::DocFlags;
use flags::TestFlags;
use shrink::ShrinkFlags;
use sweep::SweepFlags;

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
    Check(Box<CheckFlags>),
    /// Judge a run in the store again, with the flags it was run with.
    ///
    /// Writes its results and reports anew. The exit status is that of a test.
    Analyze(AnalyzeFlags),
    /// Make a failing run in virtual time as small as possible.
    ///
    /// Finds a run with fewer operations, clients, nodes, faults and messages that fails in the
    /// same way.
    Shrink(ShrinkFlags),
    /// Run very many seeds of nodes in virtual time, and report on them all.
    ///
    /// With --bin any program in lockstep, with --in-process the nodes of this repository. A sweep
    /// can be divided among machines: each runs a shard of it, and `sweep merge` puts the results
    /// together.
    Sweep(Box<SweepFlags>),
    /// Show the runs in the store in a browser.
    Serve(ServeFlags),
    /// Run every node of Gyre against its workload, one after the other.
    ///
    /// The exit status is 0 if all are valid, 255 if one broke off, else 2 if one is unknown,
    /// else 1.
    Demo(Box<DemoFlags>),
    /// Write what each workload asks of a node, and which errors there are, as Markdown.
    ///
    /// Replaces workloads.md and protocol.md in the folder.
    Doc(DocFlags),
    /// Print the completions of this command line for a shell.
    ///
    /// For bash: maelstrom completions bash > ~/.local/share/bash-completion/completions/maelstrom
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print a manual page, of maelstrom or of one of its commands.
    ///
    /// To read it: maelstrom man check | man -l -
    Man {
        /// The command.
        command: Option<String>,
    },
}

/// Bad arguments: the status of the original.
const BAD_ARGUMENTS: u8 = 254;

/// A crash: the status of the original.
pub(crate) const CRASH: u8 = 255;

/// Runs the command line; returns the exit status: 0 for valid, 1 for invalid, 2 for unknown,
/// 254 for bad arguments and 255 for a run that broke off.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let argv = arguments.iter().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let argv: Vec<String> = argv.collect();
    let cli = match Cli::try_parse_from(&arguments) {
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
        Command::Test(flags) => ExitCode::from(test::test(&flags, &argv)),
        Command::Check(flags) => check(&flags),
        Command::Analyze(flags) => ExitCode::from(analyze::analyze(&flags)),
        Command::Shrink(flags) => ExitCode::from(shrink::shrink(&flags)),
        Command::Sweep(flags) => ExitCode::from(sweep::sweep(&flags, &arguments)),
        Command::Serve(flags) => serve(&flags),
        Command::Demo(flags) => ExitCode::from(demo::demo(&flags, &argv)),
        Command::Doc(flags) => ExitCode::from(doc::doc(&flags)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "maelstrom", &mut script);
            print(&script)
        }
        Command::Man { command } => match man(command.as_deref()) {
            Ok(page) => print(&page),
            Err(sentence) => ExitCode::from(bad_arguments(&sentence)),
        },
    }
}

/// The manual page of the program, or of one of its commands, in the language of troff.
///
/// # Errors
/// A sentence, when there is no such command.
fn man(name: Option<&str>) -> Result<Vec<u8>, String> {
    let mut program = Cli::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => {
            let names: Vec<&str> =
                program.get_subcommands().map(|known| known.get_name()).collect();
            let unknown =
                || format!("There is no command {name}. There are: {}.", names.join(", "));
            let command = program.find_subcommand(name).ok_or_else(unknown)?.clone();
            command.version(env!("CARGO_PKG_VERSION"))
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).expect("memory is there");
    Ok(page)
}

/// Prints a text that is asked for.
fn print(text: &[u8]) -> ExitCode {
    let printed = terminal::unless_gone(std::io::Write::write_all(&mut terminal::output(), text));
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(CRASH) }
}

/// Reads the command line of a test, without the program's name.
///
/// # Errors
/// A sentence, when it is none.
fn parse_test(argv: &[String]) -> Result<TestFlags, String> {
    let program = std::iter::once("maelstrom");
    match Cli::try_parse_from(program.chain(argv.iter().map(String::as_str))) {
        Ok(Cli { command: Command::Test(flags) }) => Ok(*flags),
        Ok(_) => Err("it is not the command line of a test".into()),
        Err(error) => Err(error.to_string().trim_start_matches("error: ").trim_end().to_owned()),
    }
}

/// Prints a sentence about bad arguments; returns their status.
fn bad_arguments(sentence: &str) -> u8 {
    terminal::print_error(sentence);
    BAD_ARGUMENTS
}

/// Prints a sentence about what broke off; returns its status.
fn crashed(sentence: &str) -> u8 {
    terminal::print_error(sentence);
    CRASH
}

fn serve(flags: &ServeFlags) -> ExitCode {
    let store = flags.folder().display();
    // It serves even if nobody can be told.
    let announce = |address: &str| drop(terminal::print(&format!("{store} is at {address}")));
    match crate::serve::serve(flags, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(crashed(&format!("{error:#}"))),
    }
}

fn check(flags: &CheckFlags) -> ExitCode {
    if let Err(sentence) = flags.validate() {
        return ExitCode::from(bad_arguments(&sentence));
    }
    match flags.run(&mut terminal::output()) {
        Ok(worst) => ExitCode::from(worst.exit_status()),
        // Whoever reads no further (`| head`) knows why. But not every file was judged.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::from(CRASH),
        Err(error) => {
            ExitCode::from(crashed(&format!("the verdicts could not be printed: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The book shows the command lines of the original's guide: each is understood here.
    #[test]
    fn every_command_line_of_the_book_is_taken() {
        let book = include_str!("../../book/command-lines.md");
        let lines: Vec<&str> =
            book.split('`').filter(|text| text.starts_with("./maelstrom ")).collect();
        let mut tests = 0;
        for line in &lines {
            let words = line.split_whitespace().map(str::to_owned);
            let argv: Vec<String> = words.clone().skip(1).collect();
            if argv[0] == "test" {
                tests += 1;
                let flags = parse_test(&argv).unwrap_or_else(|error| panic!("{line}: {error}"));
                let prepared = prepared::prepare(&flags.workload, &flags.run);
                assert!(prepared.is_ok(), "{line}: {:?}", prepared.err());
            } else if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
        assert!(tests > 50 && lines.len() > tests, "the lines are no longer found in the book");
    }

    #[test]
    fn every_command_has_completions_and_a_manual_page() {
        let page = |name| String::from_utf8(man(name).unwrap()).unwrap();
        assert!(page(None).contains(".TH maelstrom 1"), "{}", page(None));
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::command(), "maelstrom", &mut script);
        let script = String::from_utf8(script).unwrap();
        let program = Cli::command();
        for name in program.get_subcommands().map(|command| command.get_name()) {
            assert!(page(Some(name)).contains(&format!(".TH maelstrom-{name} 1")), "{name}");
            assert!(script.contains(name), "{name}");
        }
        assert!(page(Some("check")).contains("per\\-key") && script.contains("--per-key"));
        assert!(man(Some("chek")).unwrap_err().contains("check, "));
    }

    /// As with the original: of a flag that is given twice the last counts, but every `-n` does.
    #[test]
    fn the_last_of_a_flag_counts_and_every_node() {
        let line =
            "test --bin x --rate 1 --nemesis kill,pause -n a --rate 2 --nemesis partition -n b";
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let options = parse_test(&argv).unwrap().run.options().unwrap();
        assert_eq!(options.rate, 2.0);
        assert_eq!(options.faults, [crate::Fault::Partition].into());
        assert_eq!(options.nodes, ["a", "b"].map(gyre::NodeId::from));
    }
}

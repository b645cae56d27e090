//! `maelstrom sweep`: very many seeds, and one report of them.

#![expect(clippy::disallowed_methods, reason = "it reads the programs that it sweeps")]

mod lockstep;
mod workers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, Subcommand, ValueHint};

use super::flags::RunFlags;
use super::numbers::{between, whole};
use super::{bad_arguments, crashed, terminal};
use crate::options::TestOptions;
use crate::sweep::merge::{Merged, merge};
use crate::sweep::plan::{Seeds, Shard};
use crate::sweep::worker::Progress;
use crate::sweep::{report, results};

const EXAMPLES: &str = "Examples:
  maelstrom sweep -w lin-kv --bin ./my-node --nemesis kill,loss --seeds 0..1000 --out swept
  maelstrom sweep --in-process target/sweep/nodes --seeds 0..100000 --out swept
  maelstrom sweep --in-process target/sweep/nodes --simulation lin-kv.sim --seeds 0..100000 \
    --shard 3/50 --out swept
  maelstrom sweep merge swept

Started again, it goes on where it was. Ctrl-C keeps what was done.

Exit status: 0 no seed failed, 1 some did, 2 none did, but some were not run or could not be \
judged, 254 bad arguments, 255 the sweep broke off. That of a shard is 0 when all of it was run.";

/// The flags of `maelstrom sweep`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = EXAMPLES,
    args_override_self = true,
    allow_negative_numbers = true,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
pub struct SweepFlags {
    #[command(subcommand)]
    command: Option<SweepCommand>,

    /// What kind of system to test, with --bin: one or several, separated by commas.
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',', default_value = "lin-kv")]
    workload: Vec<String>,

    /// The program that runs a node, in lockstep.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        required_unless_present = "in_process"
    )]
    bin: Option<PathBuf>,

    /// Programs that have nodes and bench in one, and are many times faster: the test programs of
    /// nodes on the gyre runtime. `make sweep-nodes` puts the one with all nodes of this repository
    /// into target/sweep. What is tested, and with which faults, their simulated tests say; flags
    /// given here take the place of that.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["bin", "workload"]
    )]
    in_process: Vec<PathBuf>,

    /// With --in-process: the simulated tests to sweep, separated by commas: of all nodes, such as
    /// sim, or of one, such as lin-kv.sim.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "sim")]
    simulation: Vec<String>,

    /// The seeds, such as 0..1000: all from 0 to 999.
    #[arg(long, value_name = "RANGE", required = true)]
    seeds: Option<Seeds>,

    /// Only a part of the seeds, such as 0/50: the first of fifty.
    #[arg(long, value_name = "PART", default_value = "0/1")]
    shard: Shard,

    /// The folder for the results. What is in it already is not done again.
    #[arg(long, value_name = "FOLDER", required = true, value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,

    /// Sweep each fault of --nemesis by itself, too.
    #[arg(long)]
    each_fault: bool,

    /// Kinds of failure that are none here, separated by commas: `stats`, say, for runs that are so
    /// short that of some kind of operation none may succeed.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    allow: Vec<String>,

    /// How many seeds run at the same time; as many as there are cores if it is not given.
    #[arg(long, value_name = "NUMBER", value_parser = whole(1usize, 4096))]
    jobs: Option<usize>,

    /// How much real time a seed may take, in seconds, before it counts as a failure.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = between(0.001, 1e6))]
    seed_limit: f64,

    /// How much memory may be held, in MiB: with --bin by each node, with --in-process by the
    /// whole program. A seed in which it is more counts as a failure.
    #[arg(long, value_name = "MIB", default_value = "4096", value_parser = whole(1u64, 1 << 30))]
    memory: u64,

    #[command(flatten)]
    run: RunFlags,

    /// Arguments for the node's program; those that begin with a dash follow a `--`.
    #[arg(value_name = "ARGUMENT")]
    args: Vec<String>,
}

#[derive(Subcommand, Clone, Debug)]
enum SweepCommand {
    /// Put the shards of a folder together.
    ///
    /// Writes index.html, report.txt and merged.json into the folder, and prints the report.
    Merge {
        /// The folder with the shards' files.
        #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
}

/// What is asked of each case.
struct Asked<'a> {
    flags: &'a SweepFlags,
    seeds: Seeds,
    out: &'a Path,
    /// The flags of the run that were given, with their values.
    given: Vec<(String, String)>,
}

/// Why a sweep is not done.
enum Failed {
    /// The arguments are at fault: a sentence.
    Arguments(String),
    /// It broke off: a sentence.
    Broken(String),
}

/// Sweeps, or merges; returns the exit status.
pub(super) fn sweep(flags: &SweepFlags, arguments: &[OsString]) -> u8 {
    if let Some(SweepCommand::Merge { folder }) = &flags.command {
        return merge_folder(folder);
    }
    match try_sweep(flags, arguments) {
        Ok(status) => status,
        Err(Failed::Arguments(sentence)) => bad_arguments(&sentence),
        Err(Failed::Broken(sentence)) => crashed(&sentence),
    }
}

fn try_sweep(flags: &SweepFlags, arguments: &[OsString]) -> Result<u8, Failed> {
    let seeds = flags.seeds.expect("it is required");
    let out = flags.out.as_deref().expect("it is required");
    let given = given(arguments);
    flags.check(seeds, &given).map_err(Failed::Arguments)?;
    let asked = Asked { flags, seeds, out, given };
    let variants = asked.variants();
    let mut display = Display::new().map_err(|error| Failed::Broken(format!("{error:#}")))?;
    let is_whole = match &flags.bin {
        Some(bin) => lockstep::sweep(&asked, bin, &variants, &mut display)?,
        None => workers::sweep(&asked, &variants, &mut display)?,
    };
    display.finish();
    if flags.shard == Shard::WHOLE {
        return Ok(merge_folder(out));
    }
    let failed = display.failed;
    let ended = if is_whole { "done" } else { "ended early; started again, it goes on" };
    let text = format!(
        "Shard {} {ended}: {} seeds, {failed} failed. When all are done: maelstrom sweep merge {}",
        flags.shard,
        display.done,
        out.display()
    );
    terminal::print(&text).map_err(|error| Failed::Broken(error.to_string()))?;
    // Its result is in its file: a scheduler must not take it for lost.
    Ok(2 * u8::from(!is_whole))
}

impl SweepFlags {
    /// What the flags of a single run cannot mean here.
    fn check(&self, seeds: Seeds, given: &[(String, String)]) -> Result<(), String> {
        let run = &self.run;
        for (is_given, flag) in [
            (run.seed.is_some(), "--seed"),
            (run.tape.is_some(), "--tape"),
            (run.write_tape, "--write-tape"),
            (run.shrink, "--shrink"),
            (run.test_count != 1, "--test-count"),
            (run.challenge.is_some(), "--challenge"),
        ] {
            if is_given {
                return Err(format!("{flag} is for a single run: maelstrom test {flag}"));
            }
        }
        if self.shard.of(seeds).is_empty() {
            let (count, shard) = (seeds.count(), self.shard);
            return Err(format!(
                "--shard {shard} has no seed: {count} seeds cannot be divided among so many"
            ));
        }
        let mut options = TestOptions::default();
        if self.bin.is_none() {
            given.iter().try_for_each(|(flag, value)| options.set(flag, value))?;
        }
        if self.each_fault && run.nemesis.len() < 2 {
            return Err("--each-fault needs --nemesis with at least two faults".into());
        }
        Ok(())
    }
}

impl Asked<'_> {
    /// The variants of each case, with the faults of each: all together, and each by itself if
    /// that is asked for.
    fn variants(&self) -> Vec<Variant> {
        let mut variants = vec![Variant { fault: None }];
        if self.flags.each_fault {
            let faults = self.flags.run.nemesis.iter();
            variants.extend(faults.map(|&fault| Variant { fault: Some(fault) }));
        }
        variants
    }
}

/// A variant of a case.
struct Variant {
    /// Its only fault; `None` for those that were asked for.
    fault: Option<crate::Fault>,
}

impl Variant {
    /// What its name has that of the case has not.
    fn name(&self) -> Option<String> {
        self.fault.map(|fault| fault.name().to_owned())
    }
}

/// Merges a folder, writes the result into it and prints the report; returns the exit status.
fn merge_folder(folder: &Path) -> u8 {
    let merged = match merge(folder) {
        Ok(merged) => merged,
        Err(sentences) => {
            sentences.iter().for_each(|sentence| terminal::print_error(sentence));
            return super::BAD_ARGUMENTS;
        }
    };
    let text = format!("{}\nreport: {}", report(&merged), folder.join("index.html").display());
    let written = results::write(&merged, folder);
    let printed = terminal::print(&text).map_err(|error| format!("it cannot be printed: {error}"));
    match written.and(printed) {
        Ok(()) => status(&merged),
        Err(sentence) => crashed(&sentence),
    }
}

fn status(merged: &Merged) -> u8 {
    match (merged.failed(), merged.is_whole()) {
        (0, true) => 0,
        (0, false) => 2,
        _ => 1,
    }
}

/// The flags of a run that stand on the command line, with their values.
fn given(arguments: &[OsString]) -> Vec<(String, String)> {
    let command = super::Cli::command();
    let matches = command.clone().try_get_matches_from(arguments).ok();
    let matches = matches.and_then(|mut matches| matches.remove_subcommand());
    let sweep = command.find_subcommand("sweep");
    let (Some((_, matches)), Some(sweep)) = (matches, sweep) else { return Vec::new() };
    let mut run = RunFlags::augment_args(Command::new("run"));
    run.build();
    let known = |id: &str| run.get_arguments().any(|argument| argument.get_id() == id);
    let flags = sweep.get_arguments().filter(|argument| known(argument.get_id().as_str()));
    let value = |flag: &clap::Arg| Some((format!("--{}", flag.get_long()?), of(&matches, flag)?));
    flags.filter_map(value).collect()
}

/// The value of a flag, if it was given.
fn of(matches: &ArgMatches, flag: &clap::Arg) -> Option<String> {
    let id = flag.get_id().as_str();
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    let values = matches.get_raw(id)?.map(|value| value.to_string_lossy().into_owned());
    Some(values.collect::<Vec<_>>().join(","))
}

/// The live line, or a line every few seconds.
struct Display {
    line: indicatif::ProgressBar,
    started_at: Instant,
    said_at: Instant,
    /// What was done when this process began with the case.
    before: Option<(String, u64)>,
    /// Of the cases that have ended.
    done: u64,
    failed: u64,
}

/// Where there is no terminal, so often a line is printed.
const SAID_EVERY: Duration = Duration::from_secs(10);

impl Display {
    fn new() -> anyhow::Result<Display> {
        let now = Instant::now();
        let line = terminal::live()?;
        Ok(Display { line, started_at: now, said_at: now, before: None, done: 0, failed: 0 })
    }

    fn show(&mut self, progress: &Progress) {
        if self.before.as_ref().is_none_or(|(case, _)| *case != progress.case) {
            self.started_at = Instant::now();
            self.before = Some((progress.case.clone(), progress.done));
        }
        let before = self.before.as_ref().map_or(0, |(_, done)| *done);
        let seconds = self.started_at.elapsed().as_secs_f64();
        let rate = (progress.done - before) as f64 / seconds.max(1e-3);
        let text = describe(progress, rate);
        if !self.line.is_hidden() {
            self.line.set_message(text);
        } else if self.said_at.elapsed() >= SAID_EVERY {
            self.said_at = Instant::now();
            terminal::print_progress(&text);
        }
    }

    /// A case has ended so far.
    fn end_case(&mut self, progress: &Progress) {
        self.done += progress.done;
        self.failed += progress.failures.values().sum::<u64>();
    }

    fn finish(&self) {
        self.line.finish_and_clear();
    }
}

fn describe(progress: &Progress, rate: f64) -> String {
    let Progress { case, done, count, failures, .. } = progress;
    let failures = match failures.len() {
        0 => "no failure".to_owned(),
        _ => {
            let kinds = failures.iter().map(|(kind, count)| format!("{count} {kind}"));
            format!("failed: {}", kinds.collect::<Vec<_>>().join(", "))
        }
    };
    let left = match rate > 0.0 {
        true => format!(", {} left", time((count - done) as f64 / rate)),
        false => String::new(),
    };
    format!("{case}: {done} of {count} seeds, {rate:.0} a second{left}, {failures}")
}

/// A time to wait, as people say it.
fn time(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        format!("{hours} h {minutes} min")
    } else {
        format!("{minutes}:{:02}", seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_line_says_how_far_it_is() {
        let mut progress = Progress {
            case: "echo.sim".into(),
            next: 300,
            done: 300,
            count: 1000,
            failures: Default::default(),
        };
        assert_eq!(
            describe(&progress, 10.0),
            "echo.sim: 300 of 1000 seeds, 10 a second, 1:10 left, no failure"
        );
        progress.failures.insert("lost".into(), 2);
        assert!(describe(&progress, 0.05).ends_with("3 h 53 min left, failed: 2 lost"));
    }

    #[test]
    fn only_flags_that_were_given_are_passed_on() {
        let line =
            "maelstrom sweep --in-process x --seeds 0..5 --out y --rate 5 --nemesis kill,loss";
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let flag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut found = given(&words);
        found.sort();
        assert_eq!(found, [flag("--nemesis", "kill,loss"), flag("--rate", "5")]);
    }
}

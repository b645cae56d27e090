//! Generators and nemesis do what the original's do: the same operations, on as many keys, as
//! far apart, by the same threads, and the same faults as early.
//!
//! `statistics/original.tsv` has the statistics of 50 runs of the original, with the flags of
//! each. A run with the same flags, of a node that says yes to everything, must show the same
//! statistics: a mean may be off by four standard errors and by what [`SLACK`] allows besides.
//! Where the histories of those runs are at hand, their statistics are computed again: in the
//! folder that `GYRE_ORIGINAL` names or, without that variable, in `../shared/original` beside
//! the checkout.
//!
//! Not compared is how often a thread of lin-kv has its turn: in the original most operations
//! fall to the first thread that reads and the first that writes, which are clients of the same
//! node; here they are spread evenly.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the original's histories are files, and which there are the environment says"
)]

mod measure;
mod yes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};
use flate2::read::GzDecoder;
use maelstrom::checker::Validity;
use maelstrom::cli::flags::TestFlags;
use maelstrom::engine::cluster::VirtualCluster;
use maelstrom::engine::{Engine, Nobody, Outcome};
use maelstrom::history::History;
use maelstrom::options::TestOptions;
use maelstrom::results;
use maelstrom::seeds::Seeds;
use maelstrom::workload::{self, Workload};

use measure::{Pool, Run, Statistic, Statistics};
use rayon::prelude::*;

/// What a mean may be off besides its standard error: what differs between a real cluster on a
/// busy machine and one in virtual time. The first name that a statistic's name begins with
/// counts.
const SLACK: [(&str, f64); 8] = [
    // In units of the mean interval. The JVM needs its time.
    ("interval", 0.12),
    // In seconds. There, the first operation of all takes a while.
    ("first fault", 0.5),
    ("quiet", 0.5),
    // Keys that nobody has polled yet are few where polls are quick.
    ("assigns of several keys", 0.25),
    ("keys in a hundred", 0.5),
    ("writes to a key", 0.5),
    ("operations a thread", 0.0),
    ("", 0.02),
];

/// The flags of a run, as they are typed, and what they ask for.
struct Flags {
    workload: &'static dyn Workload,
    options: TestOptions,
}

impl Flags {
    fn parse(line: &str) -> Flags {
        let command = TestFlags::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split(' ')).expect("flags");
        let flags = TestFlags::from_arg_matches(&matches).expect("flags");
        let workload = workload::by_name(&flags.workload).expect("a workload");
        Flags { workload, options: flags.run.options().expect("flags") }
    }

    fn run<'a>(&'a self, history: &'a History) -> Run<'a> {
        Run { workload: self.workload.name(), options: &self.options, history }
    }
}

/// The same in virtual time.
fn simulate(flags: &Flags, seed: u64) -> Outcome {
    let mut cluster = VirtualCluster::new(
        flags.options.nodes.len(),
        yes::Nodes::new(flags.workload.name()),
        || false,
    );
    let mut nobody = Nobody;
    let engine =
        Engine::new(&flags.options, flags.workload, &mut cluster, &mut nobody, Seeds::new(seed), 0);
    let outcome = engine.run();
    assert_eq!(outcome.failure, None);
    outcome
}

/// The name of what is measured of all runs together.
const ALL: &str = "all";

/// The runs of the original: by name, the flags and the statistics.
type Runs = BTreeMap<String, (String, Statistics)>;

fn committed() -> Runs {
    let mut runs = Runs::new();
    for line in include_str!("statistics/original.tsv").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        match cells[..] {
            [run, "flags", flags] => {
                runs.insert(run.into(), (flags.into(), Statistics::new()));
            }
            [run, name, mean, deviation, count] => {
                let number = |text: &str| text.parse().expect("a number");
                let statistic = Statistic {
                    mean: number(mean),
                    deviation: number(deviation),
                    count: count.parse().expect("a count"),
                };
                let (_, statistics) = runs.get_mut(run).expect("flags come first");
                statistics.insert(name.into(), statistic);
            }
            _ => panic!("not a row: {line}"),
        }
    }
    runs
}

fn to_tsv(runs: &Runs) -> String {
    let mut text = String::new();
    for (run, (flags, statistics)) in runs {
        writeln!(text, "{run}\tflags\t{flags}").unwrap();
        for (name, Statistic { mean, deviation, count }) in statistics {
            writeln!(text, "{run}\t{name}\t{mean:.4}\t{deviation:.4}\t{count}").unwrap();
        }
    }
    text
}

/// The folder of the original's histories, if it is there.
fn histories() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("GYRE_ORIGINAL") {
        return Some(PathBuf::from(named));
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/original");
    beside.is_dir().then_some(beside)
}

#[test]
fn the_statistics_are_those_of_the_histories() {
    let Some(folder) = histories() else { return };
    let table = std::fs::read_to_string(folder.join("runs.tsv")).unwrap();
    let (mut runs, mut pool) = (Runs::new(), Pool::default());
    for line in table.lines() {
        let [run, _status, line] = line.split('\t').collect::<Vec<_>>()[..] else { panic!() };
        let file = std::fs::File::open(folder.join(run).join("history.edn.gz")).unwrap();
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let flags = Flags::parse(line);
        let history = History::parse(&text).unwrap();
        pool.add(&flags.run(&history));
        runs.insert(run.into(), (line.into(), measure::statistics(&flags.run(&history))));
    }
    runs.insert(ALL.into(), (String::new(), pool.statistics()));
    let computed = to_tsv(&runs);
    if computed != include_str!("statistics/original.tsv") {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("original.tsv");
        std::fs::write(&path, computed).unwrap();
        panic!("statistics/original.tsv is not what the histories say: {}", path.display());
    }
}

fn slack(name: &str) -> f64 {
    let of_name = SLACK.iter().find(|(beginning, _)| name.starts_with(beginning));
    of_name.expect("the last one fits every name").1
}

/// Lines about what differs, and what does not.
fn compare(run: &str, theirs: &Statistics, ours: &Statistics) -> (String, String) {
    let (mut differs, mut agrees) = (String::new(), String::new());
    for name in theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name))) {
        let (Some(theirs), Some(ours)) = (theirs.get(name), ours.get(name)) else {
            // On a slow machine, all threads are seldom free.
            if name.starts_with("turns") {
                continue;
            }
            writeln!(differs, "{run}: {name} is only on one side").unwrap();
            continue;
        };
        let allowed = 4.0 * theirs.error().hypot(ours.error()) + slack(name);
        let agree = (theirs.mean - ours.mean).abs() <= allowed;
        let lines = if agree { &mut agrees } else { &mut differs };
        let (theirs, ours) = (theirs.mean, ours.mean);
        writeln!(lines, "{run}: {name}: {theirs:.3} there, {ours:.3} here ± {allowed:.3}").unwrap();
    }
    (differs, agrees)
}

#[test]
fn every_workload_and_the_nemesis_show_the_statistics_of_the_original() {
    let mut runs = committed();
    let (_, of_all) = runs.remove(ALL).expect("there are statistics of all runs together");
    let rows: Vec<(&String, &(String, Statistics))> = runs.iter().collect();
    let simulated = rows.par_iter().enumerate().map(|(seed, (run, (line, _)))| {
        let flags = Flags::parse(line);
        let history = simulate(&flags, seed as u64).history;
        (&***run, flags, history)
    });
    let simulated: Vec<(&str, Flags, History)> = simulated.collect();
    let (mut differs, mut pool) = (String::new(), Pool::default());
    for (run, flags, history) in &simulated {
        let run_here = flags.run(history);
        pool.add(&run_here);
        let (problems, rest) = compare(run, &runs[*run].1, &measure::statistics(&run_here));
        print!("{rest}");
        differs += &problems;
    }
    let (problems, rest) = compare(ALL, &of_all, &pool.statistics());
    print!("{rest}");
    differs += &problems;
    let workloads: BTreeSet<&str> =
        simulated.iter().map(|(_, flags, _)| flags.workload.name()).collect();
    assert_eq!(workloads.len(), workload::ALL.len(), "every workload is compared");
    assert!(differs.is_empty(), "\n{differs}");
}

#[test]
fn with_a_rate_of_zero_every_workload_is_valid_and_says_that_nothing_was_judged() {
    for workload in workload::ALL {
        let name = workload.name();
        let run = |rest: &str| {
            let flags = Flags::parse(&format!("-w {name} --bin node --concurrency 2n {rest}"));
            results::check(&simulate(&flags, 1), *workload, &flags.options)
        };
        let results = run("--rate 0 --time-limit 2");
        assert_eq!(results.verdict, Validity::True, "{name}: {results}");
        assert!(results.summary.contains("nothing was judged"), "{name}: {}", results.summary);
        // Here operations are asked for, but there is no time for them.
        let results = run("--rate 5 --time-limit 0");
        assert_ne!(results.verdict, Validity::False, "{name}: {results}");
        assert!(!results.summary.contains("nothing was judged"), "{name}: {}", results.summary);
        let has_final_reads = ["broadcast", "g-set", "g-counter", "pn-counter"].contains(&name);
        assert!(has_final_reads || results.verdict == Validity::Unknown, "{name}: {results}");
    }
}

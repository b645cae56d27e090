//! Runs a node's program as `maelstrom test` does: under a workload, by a clock, and judged.
//!
//! Benchmarks measure the programs that users run. In virtual time a program in lockstep does to
//! the byte what its node does inside the bench's own process, so what a protocol costs in
//! messages and in latency is the same. (How fast nodes are simulated in the bench's own process
//! is what `make sim-<workload>` says.)
#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use maelstrom::checker::Judgement;
use maelstrom::edn::Edn;
use maelstrom::history::History;
use maelstrom::options::TestOptions;
use maelstrom::recorder::LogOptions;
use maelstrom::run::{Clock, Terminal, Test};
use maelstrom::workload;

/// A run that is over.
pub struct Run {
    pub history: History,
    pub results: Judgement,
    /// How long the run took, with its check and the writing of its files.
    pub took: Duration,
}

impl Run {
    /// The number in the results under these keys.
    pub fn number(&self, path: &[&str]) -> f64 {
        let mut found = self.results.to_edn();
        for key in path {
            found = found.get(key).cloned().unwrap_or(Edn::Nil);
        }
        found.to_string().parse().unwrap_or_else(|_| panic!("{path:?} is {found}, and no number"))
    }
}

/// Virtual time, with this seed.
pub const fn seed(seed: u64) -> Clock {
    Clock::Seed { seed, writes_tape: false }
}

/// Runs a program with these arguments under a workload.
pub fn run(workload: &str, bin: &str, args: &[&str], options: &TestOptions, clock: Clock) -> Run {
    let store = tempfile::tempdir().expect("a folder for the run");
    let test = Test {
        workload: workload::by_name(workload).expect("it is a workload"),
        options,
        bin: PathBuf::from(bin),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        clock,
        has_data_dirs: true,
        argv: Vec::new(),
        bench: String::new(),
        challenge: None,
        store: store.path().to_owned(),
        log: LogOptions::default(),
        watchdog: None,
        memory_bytes: maelstrom::spool::SPOOL_BYTES,
    };
    let start = Instant::now();
    let report = test.run(Terminal::nobody()).expect("the test can run");
    let took = start.elapsed();
    assert_eq!(report.failure, None);
    let text = std::fs::read_to_string(report.folder.join("history.edn")).expect("a history");
    let history = History::parse(&text).expect("the bench wrote it");
    Run { history, results: report.results, took }
}

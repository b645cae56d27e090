//! What a simulated test prints, and which seeds it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test's harness reads SEED and SEEDS, times itself, and prints"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gyre::{Node, NodeId};

use super::{Check, Failure};
use crate::checker::Validity;
use crate::child::NodeLog;
use crate::engine::{Observer, Outcome, Progress};
use crate::history::Op;
use crate::ran::Ran;
use crate::recorder::{LogOptions, Recorder};
use crate::report::{self, Activity, Recorded};
use crate::store::{RunFolder, RunName};

/// After so many seeds the progress is shown.
const SEEDS_TOGETHER: u64 = 1000;

impl<N: Node> Check<N> {
    /// Runs these seeds, or those that the environment names instead.
    ///
    /// # Panics
    /// At the first seed on which the node fails, after printing how to replay it.
    pub fn seeds(&self, seeds: Range<u64>) {
        let seeds = seeds_from_environment(seeds);
        let mut progress = Seeds::start(self.workload.name(), seeds.clone());
        for start in seeds.clone().step_by(SEEDS_TOGETHER as usize) {
            let end = seeds.end.min(start + SEEDS_TOGETHER);
            if let Some(failure) = self.first_failure(start..end) {
                let (name, seed) = (self.workload.name(), failure.seed);
                write_run(self, &failure);
                print_failure(name, &failure, &self.replay_command(seed), &self.page(seed));
                panic!("seed {seed} failed: {}", failure.sentence);
            }
            progress.done(end - start);
        }
        if seeds.end - seeds.start == 1 {
            write_passing_run(self, seeds.start);
        }
        progress.finish();
    }

    fn replay_command(&self, seed: u64) -> String {
        format!("make sim-{} SEED={seed}", self.shown_name())
    }

    fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.workload.name())
    }

    /// What runs: the node is inside this program, so its name stands for it.
    fn ran(&self, seed: u64) -> Ran {
        let again = self.replay_command(seed);
        let ran = Ran::new(self.shown_name(), &self.options_for(seed));
        Ran { seed: Some(seed), again, ..ran }
    }

    /// The page of the run with this seed.
    fn page(&self, seed: u64) -> PathBuf {
        let name = RunName::Seed(seed).of(&self.ran(seed).folder_name());
        let folder = Path::new("store").join(self.workload.name()).join(name.to_string());
        folder.join("index.html")
    }
}

/// The seeds to run: `SEED=n` is that one, `SEEDS=n` the first n.
fn seeds_from_environment(seeds: Range<u64>) -> Range<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")))
    };
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => seeds,
    }
}

/// Counts seeds, and says how fast they went.
struct Seeds {
    workload: &'static str,
    count: u64,
    done: u64,
    started_at: Instant,
}

impl Seeds {
    /// Starts counting.
    fn start(workload: &'static str, seeds: Range<u64>) -> Seeds {
        Seeds { workload, count: seeds.end - seeds.start, done: 0, started_at: Instant::now() }
    }

    /// So many more seeds passed.
    fn done(&mut self, seeds: u64) {
        self.done += seeds;
        if self.done < self.count {
            self.print();
        }
    }

    /// All seeds passed.
    fn finish(&self) {
        self.print();
    }

    fn print(&self) {
        let seconds = self.started_at.elapsed().as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-9);
        let (workload, done, count) = (self.workload, self.done, self.count);
        println!("{workload}: {done} of {count} seeds passed, {rate:.0} seeds a second");
    }
}

/// Prints a failure the way that DESIGN's users know.
fn print_failure(workload: &str, failure: &Failure, replay: &str, page: &Path) {
    let Failure { seed, sentence, .. } = failure;
    eprintln!("FAIL {workload}  seed {seed}  {sentence}");
    eprintln!("  options: {:?}", failure.options);
    eprintln!("  replay:  {replay}");
    eprintln!("  report:  {}", page.display());
}

/// Runs a failed seed again and leaves its files in the store: it is the same run.
fn write_run<N: Node>(check: &Check<N>, failure: &Failure) {
    write(check, failure.seed);
}

/// Leaves the files of a single seed that passed: somebody asked for just that one.
fn write_passing_run<N: Node>(check: &Check<N>, seed: u64) {
    write(check, seed);
}

fn write<N: Node>(check: &Check<N>, seed: u64) {
    // A run that ends in a failed assertion does so again, after its history has been written.
    let write = || try_write(check, seed);
    if let Ok(Err(error)) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)) {
        eprintln!("could not write the files of seed {seed}: {error:#}");
    }
}

fn try_write<N: Node>(check: &Check<N>, seed: u64) -> anyhow::Result<()> {
    let workload = check.workload.name();
    let ran = &check.ran(seed);
    let name = RunName::Seed(seed).of(&ran.folder_name());
    let folder = RunFolder::create(Path::new("store"), workload, name)?;
    let (log, silent) = (LogOptions::default(), Box::new(|_: &Progress| ()));
    let recorder = Recorder::new(&folder, None, log, silent, check.options.concurrency)?;
    let log_dir = folder.node_logs()?;
    let mut observer =
        InProcessRecorder { recorder, log_dir, logs: BTreeMap::new(), failure: None };
    let (outcome, results): (Outcome, _) = check.run_observed(seed, &mut observer, 4_000_000);
    observer.recorder.finish()?;
    if let Some(error) = observer.failure {
        return Err(error);
    }
    drop(observer.logs);
    if outcome.failure.is_none() || results.verdict == Validity::False {
        folder.write_results(&results, ran)?;
    }
    let recorded = Recorded {
        workload,
        options: &check.options_for(seed),
        ran,
        activity: &Activity::of(&outcome.history),
        history: &outcome.history,
        journal: &outcome.journal,
        results: &results,
        failure: outcome.failure.as_deref(),
    };
    report::write(&recorded, &mut |_| (), &mut |path, bytes| folder.write(path, bytes))?;
    folder.finish()
}

/// Nodes in the bench's own process have no stderr of their own: their logs are written here.
struct InProcessRecorder {
    recorder: Recorder,
    log_dir: PathBuf,
    logs: BTreeMap<NodeId, NodeLog>,
    failure: Option<anyhow::Error>,
}

impl InProcessRecorder {
    fn write_log(&mut self, node: &NodeId, line: &str) -> anyhow::Result<()> {
        let log = match self.logs.get(node) {
            Some(log) => log,
            None => {
                let log = NodeLog::open(&self.log_dir.join(format!("{node}.log")))?;
                self.logs.entry(node.clone()).or_insert(log)
            }
        };
        Ok(log.write(format!("{line}\n").as_bytes())?)
    }
}

impl Observer for InProcessRecorder {
    fn operation(&mut self, op: &Op) {
        self.recorder.operation(op);
    }

    fn node_log(&mut self, node: &NodeId, line: &str) {
        if let Err(error) = self.write_log(node, line) {
            self.failure.get_or_insert(error);
        }
    }

    fn log(&mut self, now: gyre::Time, sentence: &str) {
        self.recorder.log(now, sentence);
    }
}

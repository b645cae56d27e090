//! What a simulated test prints, and which seeds it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test's harness reads SEED and SEEDS, times itself, and prints"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gyre::NodeId;

use super::Check;
use crate::checker::{Judgement, Validity};
use crate::child::NodeLog;
use crate::engine::{Observer, Outcome, Progress};
use crate::history::Op;
use crate::options::{self, TestOptions};
use crate::ran::{Ran, shell_line};
use crate::recorder::{LogOptions, Recorder};
use crate::report::{self, Activity, Recorded};
use crate::shrink::{self, Left, Shrunk, Watch};
use crate::store::{Ended, RunCommand, RunFolder, RunName};
use crate::sweep::plan::Seeds;
use crate::sweep::seed::{Failed, NOT_DETERMINISTIC, Runner, Seed};
use crate::sweep::work::{self, Care, Control, Stop};
use crate::sweep::worker;
use crate::tape::Tape;
use crate::workload::Workload;

/// So often it is said how far the seeds are.
const SAID_EVERY: Duration = Duration::from_secs(5);

impl Runner for Check {
    fn workload(&self) -> &'static dyn Workload {
        self.workload
    }

    fn options(&self, seed: u64) -> TestOptions {
        self.options_for(seed)
    }

    fn allowed(&self) -> &[String] {
        &self.allowed
    }

    fn run(
        &self,
        options: &TestOptions,
        tape: Tape,
        observer: &mut dyn Observer,
    ) -> Result<(Outcome, Judgement), String> {
        Ok(self.run_guarded(options, tape, observer, 0))
    }
}

impl Check {
    /// Runs these seeds, or those that the environment names instead.
    ///
    /// # Panics
    /// At the first seed on which the node fails, after printing how to replay it.
    pub fn seeds(&self, seeds: Range<u64>) {
        if let Some(order) = worker::order() {
            let allowed = order.allowed.clone();
            let check = Check { allowed, ..self.with_flags(&order.flags) };
            let (workload, draws) = (self.workload.name(), check.varies);
            let plan = order.plan(workload, &check.options, draws);
            order.carry_out(&check, &plan, &check.options);
        }
        let arguments = std::env::var("SIM_FLAGS").unwrap_or_default();
        let flags = options::flags_of(&arguments).unwrap_or_else(|sentence| panic!("{sentence}"));
        self.with_flags(&flags).run_seeds(seeds_from_environment(seeds), &arguments);
    }

    /// The same test with these flags.
    fn with_flags(&self, flags: &[(String, String)]) -> Check {
        let mut options = self.options.clone();
        for (flag, value) in flags {
            options.set(flag, value).unwrap_or_else(|sentence| panic!("{sentence}"));
        }
        let draws_latency = !flags.iter().any(|(flag, _)| flag.starts_with("--latency"));
        Check {
            workload: self.workload,
            options,
            varies: self.varies && draws_latency,
            name: self.name.clone(),
            program: self.program.clone(),
            allowed: self.allowed.clone(),
            node: self.node,
            make: self.make.clone(),
        }
    }

    fn validate(&self) {
        self.workload.validate(&self.options).unwrap_or_else(|sentence| panic!("{sentence}"));
    }

    fn run_seeds(&self, seeds: Range<u64>, arguments: &str) {
        self.validate();
        if let Some(note) = self.options.note() {
            eprintln!("Note: {note}");
        }
        let mut progress = Count::start(self.title(), seeds.clone());
        let mut failure = None;
        let control = Control::default();
        let care = Care::default();
        let worked = work::run(seeds.clone(), self, &control, &care, &mut |_| (), &mut |seed| {
            if seed.failure.is_some() {
                failure = Some(seed);
                return Err(Stop::Ended);
            }
            progress.done();
            Ok(())
        });
        if let Err(Stop::Broken(sentence)) = worked {
            panic!("{sentence}");
        }
        if let Some(Seed { seed, failure: Some(failed), .. }) = failure {
            let replay = self.replay_command(seed, arguments);
            write_seed(self, seed, &replay);
            print_failure(self, seed, &failed, &replay);
            // Of a node that does something else each time no run can be made smaller.
            if failed.kind != NOT_DETERMINISTIC {
                shrink_seed(self, seed, None);
            }
            panic!("seed {seed} failed: {}", failed.sentence);
        }
        progress.print();
        if seeds.end - seeds.start == 1 {
            write_seed(self, seeds.start, &self.replay_command(seeds.start, arguments));
            println!("  report:  {}", self.page(seeds.start).display());
        }
    }

    /// What is tested, and by which test: one program may have several.
    fn title(&self) -> String {
        match test_name() {
            Some(test) => format!("{}, {test}", self.shown_name()),
            None => self.shown_name().to_owned(),
        }
    }

    /// Finds a small run that fails as this seed does, by the kind of anomaly that is `pinned` or
    /// by any, leaves its files in the store, and prints what is in it and how to run it.
    pub fn show(&self, seed: u64, pinned: Option<&str>) {
        shrink_seed(self, seed, pinned);
    }

    fn replay_command(&self, seed: u64, arguments: &str) -> String {
        let arguments = match arguments {
            "" => String::new(),
            arguments => format!(" ARGS=\"{arguments}\""),
        };
        format!("make sim-{} SEED={seed}{arguments}", self.shown_name())
    }

    fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.workload.name())
    }

    /// What runs: the node is inside this program, so its name stands for it.
    fn ran(&self, options: &TestOptions) -> Ran {
        let ran = Ran::new(format!("sim-{}", self.shown_name()), options);
        Ran { arguments: test_name().into_iter().collect(), ..ran }
    }

    /// The page of the run with this seed.
    fn page(&self, seed: u64) -> PathBuf {
        let name = RunName::Seed(seed).of(&self.ran(&self.options_for(seed)).folder_name());
        let folder = Path::new("store").join(self.workload.name()).join(name.to_string());
        folder.join("index.html")
    }
}

/// The name of the test that runs: its thread has it.
fn test_name() -> Option<String> {
    let thread = std::thread::current();
    let name = thread.name()?.rsplit("::").next()?;
    (name != "main").then(|| name.to_owned())
}

/// The seeds to run: `SEED=n` is that one, `SEEDS=n` the first n, `SEEDS=a..b` a range.
fn seeds_from_environment(seeds: Range<u64>) -> Range<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")))
    };
    if let Some(range) = std::env::var("SEEDS").ok().filter(|text| text.contains("..")) {
        let Seeds { from, to } = range.parse().unwrap_or_else(|sentence| panic!("{sentence}"));
        return from..to;
    }
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => seeds,
    }
}

/// Counts seeds, and says how fast they went.
struct Count {
    title: String,
    count: u64,
    done: u64,
    started_at: Instant,
    said_at: Instant,
}

impl Count {
    /// Starts counting.
    fn start(title: String, seeds: Range<u64>) -> Count {
        let now = Instant::now();
        Count { title, count: seeds.end - seeds.start, done: 0, started_at: now, said_at: now }
    }

    /// One more seed passed.
    fn done(&mut self) {
        self.done += 1;
        if self.done < self.count && self.said_at.elapsed() >= SAID_EVERY {
            self.said_at = Instant::now();
            self.print();
        }
    }

    fn print(&self) {
        let seconds = self.started_at.elapsed().as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-9);
        let (title, done, count) = (&self.title, self.done, self.count);
        println!("{title}: {done} of {count} seeds passed, {rate:.0} seeds a second");
    }
}

/// Prints a failure the way that DESIGN's users know.
fn print_failure(check: &Check, seed: u64, failed: &Failed, replay: &str) {
    eprintln!("FAIL {}  seed {seed}  {}", check.workload.name(), failed.sentence);
    eprintln!("  options: {:?}", check.options_for(seed));
    eprintln!("  replay:  {replay}");
    eprintln!("  report:  {}", check.page(seed).display());
}

/// What is run for its files.
struct Run<'a> {
    options: &'a TestOptions,
    tape: Tape,
    name: RunName,
    seed: u64,
    /// The command line of the bench that runs the same, if one does.
    argv: Option<Vec<String>>,
    /// The command that runs the same.
    again: String,
    /// Further files.
    files: Vec<(&'static str, String)>,
}

/// Runs a seed again and leaves its files in the store: it is the same run.
fn write_seed(check: &Check, seed: u64, replay: &str) {
    let options = &check.options_for(seed);
    let tape = crate::seeds::Seeds::new(seed).into();
    let name = RunName::Seed(seed).of(&check.ran(options).folder_name());
    let again = replay.to_owned();
    write(check, Run { options, tape, name, seed, argv: None, again, files: Vec::new() });
}

fn write(check: &Check, run: Run) -> Option<PathBuf> {
    let name = run.name.to_string();
    let folder = Path::new("store").join(check.workload.name()).join(&name);
    // A run that ends in a failed assertion does so again, after its history has been written.
    let write = || try_write(check, run);
    if let Ok(Err(error)) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)) {
        eprintln!("could not write the files of {name}: {error:#}");
        return None;
    }
    Some(folder)
}

fn try_write(check: &Check, run: Run) -> anyhow::Result<()> {
    let workload = check.workload.name();
    let Run { options, tape, name, seed, argv, again, files } = run;
    let ran = &Ran { seed: Some(seed), again, ..check.ran(options) };
    let folder = RunFolder::create(Path::new("store"), workload, name)?;
    for (name, text) in files {
        folder.write(name, text.as_bytes())?;
    }
    let mut command = argv.map(|argv| RunCommand {
        workload: workload.into(),
        argv,
        seed: Some(seed),
        ran: ran.clone(),
        ended: Ended::NotYet,
        messages: None,
    });
    if let Some(command) = &command {
        command.write(&folder)?;
    }
    let (log, silent) = (LogOptions::default(), Box::new(|_: &Progress| ()));
    let recorder = Recorder::new(&folder, None, log, silent, options.concurrency)?;
    let log_dir = folder.node_logs()?;
    let mut observer =
        InProcessRecorder { recorder, log_dir, logs: BTreeMap::new(), failure: None };
    let (outcome, results) = check.run_guarded(options, tape, &mut observer, 4_000_000);
    observer.recorder.finish()?;
    if let Some(error) = observer.failure {
        return Err(error);
    }
    drop(observer.logs);
    if outcome.failure.is_none() || results.verdict == Validity::False {
        folder.write_results(&results, ran)?;
    }
    if let Some(command) = &mut command {
        command.messages = Some(*outcome.journal.stats());
        command.ended = outcome.failure.clone().map_or(Ended::Complete, Ended::BrokeOff);
        command.write(&folder)?;
    }
    let recorded = Recorded {
        workload,
        options,
        ran,
        playground: None,
        activity: &Activity::of(&outcome.history),
        history: &outcome.history,
        journal: &outcome.journal,
        results: &results,
        failure: outcome.failure.as_deref(),
    };
    report::write(&recorded, &mut |_| (), &mut |path, bytes| folder.write(path, bytes))?;
    folder.finish()
}

/// The bench's program, as `make` builds it.
const BENCH: &str = "target/release/maelstrom";

/// How long a failing test looks for a smaller run.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// A small run that fails, whose files are in the store.
pub struct Smallest {
    /// What is left in it, and how it fails.
    pub shrunk: Shrunk,
    /// Its page.
    pub page: PathBuf,
    /// The command that runs it.
    pub command: String,
    /// A test that runs it.
    test: String,
}

impl Check {
    /// Finds a small run that fails as this seed does, by the kind of anomaly that is `pinned` or
    /// by any, and leaves its files in the store. The search ends after a minute, and what it has
    /// by then is the result.
    ///
    /// # Errors
    /// A sentence, when the seed does not fail, not in that way, or not every time.
    pub fn smallest(&self, seed: u64, pinned: Option<&str>) -> Result<Smallest, String> {
        self.smallest_watched(seed, pinned, &Patience::new(false))
    }

    fn smallest_watched(
        &self,
        seed: u64,
        pinned: Option<&str>,
        watch: &Patience,
    ) -> Result<Smallest, String> {
        Ok(self.leave(self.shrink(seed, pinned, watch)?))
    }

    /// Runs a small run that was found, and leaves its files in the store.
    pub fn leave(&self, shrunk: Shrunk) -> Smallest {
        let case = &shrunk.case;
        let what = self.ran(&case.options).folder_name();
        let name = RunName::Tape(case.tape.digest()).of(&what);
        let folder = Path::new("store").join(self.workload.name()).join(name.to_string());
        let own = [own_node()];
        let (program, arguments) = self.program.split_first().unwrap_or((&own[0], &[]));
        let program = ["--bin".to_owned(), program.clone()];
        let file = folder.join("tape.edn");
        let argv = shrink::command(case, &program, &file.to_string_lossy(), arguments);
        let test = shrink::in_process_test(case, &shrunk.kind, self.node);
        let run = Run {
            options: &case.options,
            tape: case.tape.clone().into(),
            name,
            seed: case.tape.seed,
            argv: Some(argv.clone()),
            again: shell_line(BENCH, &argv),
            files: vec![("tape.edn", case.tape.to_text()), ("test.rs", test.clone())],
        };
        let page = write(self, run).unwrap_or(folder).join("index.html");
        Smallest { command: shell_line(BENCH, &argv), shrunk, page, test }
    }
}

/// Finds a small run that fails as this seed does, leaves its files, and says how to run it.
fn shrink_seed(check: &Check, seed: u64, pinned: Option<&str>) {
    let smallest = match check.smallest_watched(seed, pinned, &Patience::new(true)) {
        Ok(smallest) => smallest,
        Err(sentence) => return eprintln!("  smallest: there is none: {sentence}"),
    };
    let Smallest { shrunk, page, command, test } = smallest;
    let Shrunk { kind, before, left, is_unfinished, .. } = shrunk;
    eprintln!("  smallest: {left}, and before {before}");
    if is_unfinished {
        let seconds = SHRINK_TIME.as_secs();
        eprintln!("            (the best within {seconds} s)");
    }
    eprintln!("  fails by: {kind}");
    eprintln!("  page:     {}", page.display());
    eprintln!("  command:  {command}");
    eprintln!("  a test to keep, also in {}:\n\n{test}", page.with_file_name("test.rs").display());
}

/// The node's program, as far as the names of the test and of its program say.
fn own_node() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let thread = std::thread::current();
    match worker::tested_node(&path, thread.name().unwrap_or_default()) {
        Some(name) => format!("target/release/{name}"),
        // It is the node itself.
        None => path.to_string_lossy().into_owned(),
    }
}

/// Watches a search for a while, and may say now and then how far it is.
struct Patience {
    until: Instant,
    said: Mutex<Instant>,
    speaks: bool,
}

impl Patience {
    fn new(speaks: bool) -> Patience {
        let now = Instant::now();
        Patience { until: now + SHRINK_TIME, said: Mutex::new(now), speaks }
    }
}

impl Watch for Patience {
    fn on_progress(&self, left: &Left) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if self.speaks && said.elapsed() > Duration::from_secs(2) {
            *said = Instant::now();
            eprintln!("  shrinking: {left}");
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
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

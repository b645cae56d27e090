//! Simulated tests: a node against its workload, in virtual time, over many seeds.
//!
//! ```text
//! #[test]
//! fn echoes_under_every_fault() {
//!     maelstrom::check("echo", Echo::new).faults(Fault::COMMON).seeds(0..100);
//! }
//! ```
//!
//! The faults end some time before the test does, and clients go on: under faults that never
//! end no cluster owes anybody an answer, but when they are over it must serve again. A run
//! in which some kind of operation never succeeds has failed.
//!
//! Seeds run side by side, on all cores; the first that fails is the lowest one, as if they had
//! run one after another.
//!
//! A seed decides everything that is not fixed: latencies, faults, operations, what disks lose.
//! The environment can replace the seeds: `SEED=8412` runs that one and leaves its files in
//! `store/`, `SEEDS=1000` runs the first thousand. A failure prints its seed, its options and
//! the command that replays it.

mod guarded;
mod in_process;
mod shrinking;
#[cfg(feature = "host")]
mod sweep;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use gyre::{Ctx, Node, NodeId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::checker::{Judgement, Validity};
use crate::engine::{Engine, Nobody, Observer, Outcome};
use crate::nemesis::Fault;
use crate::net::LatencyDistribution;
use crate::options::{TestOptions, numbered_nodes};
use crate::report::shorten;
use crate::results;
use crate::seeds::Seeds;
use crate::tape::{Tape, TapeFile};
use crate::workload::{self, Workload};

pub use in_process::{InProcess, Make, making, nodes};
#[cfg(feature = "host")]
pub use sweep::Smallest;

/// A test, against a workload, of the node that `make` makes; see the [module](self).
///
/// # Panics
/// When there is no such workload.
pub fn check<N: Node>(workload: &str, make: impl Fn(&Ctx) -> N + Send + Sync + 'static) -> Check {
    let workload = workload::by_name(workload).unwrap_or_else(|sentence| panic!("{sentence}"));
    let options = TestOptions {
        nodes: numbered_nodes(5),
        rate: 20.0,
        time_limit_secs: 20.0,
        nemesis_interval_secs: 2.0,
        calm_secs: 8.0,
        ..TestOptions::default()
    };
    Check {
        workload,
        options,
        varies: true,
        name: None,
        program: Vec::new(),
        #[cfg(feature = "host")]
        allowed: Vec::new(),
        #[cfg(feature = "host")]
        node: std::any::type_name::<N>(),
        make: in_process::making(make),
    }
}

/// A simulated test that is being set up.
pub struct Check {
    workload: &'static dyn Workload,
    options: TestOptions,
    varies: bool,
    name: Option<String>,
    program: Vec<String>,
    /// Kinds of failure that are none in a sweep.
    #[cfg(feature = "host")]
    allowed: Vec<String>,
    /// The type of its node, for a test that can be pasted.
    #[cfg(feature = "host")]
    node: &'static str,
    make: Make,
}

/// A seed on which a node failed.
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Why, in a sentence.
    pub sentence: String,
    /// What the checkers found.
    pub results: Judgement,
    /// The options, fixed and drawn.
    pub options: TestOptions,
}

impl Failure {
    /// Whether the workload's own checker found it, or an assertion did.
    pub fn is_anomaly(&self) -> bool {
        let workload = self.results.part("workload");
        workload.is_none_or(|workload| workload.verdict == Validity::False)
    }

    /// The kinds of what the workload's checker found, each once: `G-single`, `lost`.
    pub fn anomaly_types(&self) -> Vec<&'static str> {
        let findings = self.results.part("workload").map_or(&[][..], |part| &part.findings);
        findings.chunk_by(|a, b| a.kind == b.kind).map(|findings| findings[0].kind).collect()
    }
}

impl Check {
    /// With this many nodes, and as many clients.
    pub fn nodes(self, count: usize) -> Check {
        self.options(|options| {
            options.nodes = numbered_nodes(count);
            options.concurrency = count;
        })
    }

    /// With these faults.
    pub fn faults(self, faults: impl IntoIterator<Item = Fault>) -> Check {
        let faults: BTreeSet<Fault> = faults.into_iter().collect();
        self.options(|options| options.faults = faults)
    }

    /// With this many operations a second.
    pub fn rate(self, rate: f64) -> Check {
        self.options(|options| options.rate = rate)
    }

    /// With a main phase of this many seconds.
    pub fn time_limit_secs(self, seconds: f64) -> Check {
        self.options(|options| options.time_limit_secs = seconds)
    }

    /// With other options changed.
    pub fn options(mut self, change: impl FnOnce(&mut TestOptions)) -> Check {
        change(&mut self.options);
        self
    }

    /// With a latency fixed by [`Check::options`], instead of one that each seed draws.
    pub fn fixed_latency(mut self) -> Check {
        self.varies = false;
        self
    }

    /// Under this name in the command that replays a failure: `make sim-<name> SEED=…`. Without
    /// one, it is the workload's.
    pub fn named(mut self, name: &str) -> Check {
        self.name = Some(name.into());
        self
    }

    /// By this program with these arguments in the command that runs a small failing run. Without
    /// them it is the program that is running.
    pub fn run_by(mut self, program: &[&str]) -> Check {
        self.program = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The options of the run with this seed.
    pub fn options_for(&self, seed: u64) -> TestOptions {
        let mut options = self.options.clone();
        if self.varies {
            // A stream of its own: it must not be one of those that the run draws from.
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6779_7265);
            options.latency_ms = [0, 1, 5, 20, 100][rng.random_range(0..5usize)];
            options.latency_distribution = LatencyDistribution::ALL[rng.random_range(0..3usize)];
        }
        options
    }

    /// The nodes of one run, none of them started.
    fn nodes_of_a_run(&self, names: &[NodeId]) -> InProcess {
        in_process::nodes(names, Arc::clone(&self.make))
    }

    /// Runs one seed, and says what happened and what the checkers found.
    ///
    /// # Panics
    /// When the workload cannot run with the options.
    pub fn run(&self, seed: u64) -> (Outcome, Judgement) {
        self.run_observed(seed, &mut Nobody, 0)
    }

    /// Like [`Check::run`], with somebody watching, keeping this many events of the network.
    ///
    /// # Panics
    /// When the workload cannot run with the options.
    pub fn run_observed(
        &self,
        seed: u64,
        observer: &mut dyn Observer,
        journal_events: usize,
    ) -> (Outcome, Judgement) {
        self.run_on(seed, Seeds::new(seed), observer, journal_events)
    }

    /// Like [`Check::run`], and gives the tape of the run besides: everything that chance decided.
    ///
    /// # Panics
    /// When the workload cannot run with the options.
    pub fn record(&self, seed: u64) -> (Outcome, Judgement, TapeFile) {
        let tape = Tape::from(Seeds::new(seed)).recorded();
        let (mut outcome, results) = self.run_on(seed, tape, &mut Nobody, 0);
        let tracks = outcome.tape.take().expect("the tape was recorded");
        let workload = self.workload.name().to_owned();
        (outcome, results, TapeFile { workload, seed, edits: false, tracks })
    }

    /// Runs a tape that [`Check::record`] gave, or one that was edited since, under the options
    /// of its seed.
    ///
    /// # Panics
    /// When the workload cannot run with the options.
    pub fn replay(&self, tape: TapeFile) -> (Outcome, Judgement) {
        self.run_on(tape.seed, tape, &mut Nobody, 0)
    }

    /// Like [`Check::replay`], with somebody watching.
    ///
    /// # Panics
    /// When the workload cannot run with the options.
    pub fn replay_observed(
        &self,
        tape: TapeFile,
        observer: &mut dyn Observer,
    ) -> (Outcome, Judgement) {
        self.run_on(tape.seed, tape, observer, 0)
    }

    fn run_on(
        &self,
        seed: u64,
        tape: impl Into<Tape>,
        observer: &mut dyn Observer,
        journal_events: usize,
    ) -> (Outcome, Judgement) {
        let options = self.options_for(seed);
        self.run_case(&options, tape, observer, journal_events)
    }

    /// Runs a tape under these options, and judges it.
    fn run_case(
        &self,
        options: &TestOptions,
        tape: impl Into<Tape>,
        observer: &mut dyn Observer,
        journal_events: usize,
    ) -> (Outcome, Judgement) {
        let workload = self.workload;
        workload.validate(options).unwrap_or_else(|sentence| panic!("{sentence}"));
        let nodes = self.nodes_of_a_run(&options.nodes);
        let mut cluster = in_process::cluster_of(options.nodes.len(), nodes);
        let engine = Engine::new(options, workload, &mut cluster, observer, tape, journal_events);
        let outcome = engine.run();
        let results = results::check(&outcome, workload, options);
        (outcome, results)
    }

    /// The first of these seeds on which the workload's own checker, or an assertion, finds the
    /// node at fault.
    /// This is how a planted bug is shown to be caught: a run in which too little succeeded has
    /// failed too, but that shows no bug.
    pub fn first_anomaly(&self, seeds: Range<u64>) -> Option<Failure> {
        seeds.into_par_iter().find_map_first(|seed| self.fails(seed).filter(Failure::is_anomaly))
    }

    /// The first of these seeds on which the node fails in any way, if it fails on any.
    pub fn first_failure(&self, seeds: Range<u64>) -> Option<Failure> {
        seeds.into_par_iter().find_map_first(|seed| self.fails(seed))
    }

    /// Whether the node fails on this seed, and how.
    pub fn fails(&self, seed: u64) -> Option<Failure> {
        // An assertion in a node or a core is a failure like any other: it has a seed.
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run(seed)));
        let (outcome, results) = match run {
            Ok(run) => run,
            Err(panic) => {
                let sentence = panic_sentence(&*panic);
                let results = Judgement::new(Validity::Unknown, []);
                let options = self.options_for(seed);
                return Some(Failure { seed, sentence, results, options });
            }
        };
        let sentence = match outcome.failure {
            Some(sentence) => sentence,
            None if results.verdict == Validity::True => return None,
            None => first_problem(&results),
        };
        Some(Failure { seed, sentence, results, options: self.options_for(seed) })
    }
}

/// What a node's failure says, or an assertion that did not hold.
pub fn panic_sentence(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(failure) = panic.downcast_ref::<gyre::Failure>() {
        return format!("a node failed: {failure}");
    }
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("an assertion failed: {}", text.unwrap_or("it said nothing"))
}

/// What is wrong, from the first part that is as bad as the whole, and the first case of it.
pub fn first_problem(results: &Judgement) -> String {
    let bad = results.parts.iter().find(|(_, part)| part.verdict == results.verdict);
    let (name, part) = bad.map_or(("the result", results), |(name, part)| (*name, part));
    let mut text = part.summary.clone();
    if let Some(finding) = part.findings.first() {
        text += &format!(". {}: {}", finding.kind, finding.words);
    }
    if text.is_empty() {
        text = part.to_edn().to_string();
    }
    format!("{name} is {}: {}", results.verdict, shorten(&text, 600))
}

//! Simulated tests and the [shrinker](crate::shrink): a failing seed becomes a small run, and a
//! small run a test.

use std::ops::Range;

use rayon::prelude::*;

use super::guarded::Guarded;
use super::{Check, in_process};
use crate::checker::Judgement;
use crate::engine::{Engine, Nobody, Observer, Outcome};
use crate::net::LatencyDistribution;
use crate::options::TestOptions;
use crate::results;
use crate::seeds::Seeds;
use crate::shrink::{self, Bench, Listener, Shrunk, Source, Trial, Watch, trial};
use crate::tape::{Tape, TapeFile};

/// Of a small run no more messages are counted.
const MESSAGES_COUNTED: usize = 1_000_000;

impl Bench for Check {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        let mut listener = Listener::new(listens);
        let (outcome, judgement) = self.run_guarded(options, tape, &mut listener, 0);
        trial(outcome, &judgement, options, listener.transcript)
    }
}

impl Check {
    /// Runs a tape under these options, and judges it. An assertion that does not hold breaks
    /// the run off, as the end of a program would.
    pub(super) fn run_guarded(
        &self,
        options: &TestOptions,
        tape: Tape,
        observer: &mut dyn Observer,
        journal_events: usize,
    ) -> (Outcome, Judgement) {
        let nodes = self.nodes_of_a_run(&options.nodes);
        let mut cluster = in_process::cluster_of(options.nodes.len(), Guarded(nodes));
        let workload = self.workload;
        let engine = Engine::new(options, workload, &mut cluster, observer, tape, journal_events);
        let outcome = engine.run();
        let judgement = results::check(&outcome, workload, options);
        (outcome, judgement)
    }

    /// Finds a small run that fails as this seed does, or by the kind of anomaly that is `pinned`.
    ///
    /// # Errors
    /// A sentence, when the seed does not fail, not in that way, or not every time.
    pub fn shrink(
        &self,
        seed: u64,
        pinned: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Shrunk, String> {
        self.shrink_on(self, seed, pinned, watch)
    }

    /// Like [`Check::shrink`], on a bench that has its own say in what fails.
    ///
    /// # Errors
    /// As [`Check::shrink`].
    pub fn shrink_on(
        &self,
        bench: &dyn Bench,
        seed: u64,
        pinned: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Shrunk, String> {
        let options = self.options_for(seed);
        shrink::shrink(&options, self.workload, &Source::Seed(seed), pinned, bench, watch)
    }

    /// The same for the run of a tape, under the options of its seed.
    ///
    /// # Errors
    /// As [`Check::shrink`].
    pub fn shrink_tape_on(
        &self,
        bench: &dyn Bench,
        tape: TapeFile,
        pinned: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Shrunk, String> {
        let options = self.options_for(tape.seed);
        shrink::shrink(&options, self.workload, &Source::Tape(tape), pinned, bench, watch)
    }

    /// The first of these seeds, at most `count`, that fail by this kind of anomaly, or without one
    /// in any way that is no mere lack of success.
    pub fn seeds_that_fail(
        &self,
        anomaly: Option<&str>,
        seeds: Range<u64>,
        count: usize,
    ) -> Vec<u64> {
        self.seeds_that_fail_on(self, anomaly, seeds, count)
    }

    /// Like [`Check::seeds_that_fail`], on a bench that has its own say in what fails. The anomaly
    /// may be the name of a checker, such as `availability`.
    pub fn seeds_that_fail_on(
        &self,
        bench: &dyn Bench,
        anomaly: Option<&str>,
        seeds: Range<u64>,
        count: usize,
    ) -> Vec<u64> {
        let fails = |seed: &u64| {
            let trial = bench.run(&self.options_for(*seed), Seeds::new(*seed).into(), false);
            match anomaly {
                Some(anomaly) => {
                    trial.kinds.iter().any(|kind| kind.kind == anomaly || kind.part == anomaly)
                }
                None => trial.kinds.first().is_some_and(|kind| kind.part != "stats"),
            }
        };
        let at_once = 8;
        let mut found = Vec::new();
        for start in seeds.clone().step_by(at_once) {
            let some = start..seeds.end.min(start + at_once as u64);
            found.extend(some.into_par_iter().filter(fails).collect::<Vec<u64>>());
            if found.len() >= count {
                break;
            }
        }
        found.truncate(count);
        found
    }

    /// How many messages the page of a small run has to show: those that clients' operations
    /// cause, one way or another.
    pub fn messages_shown(&self, shrunk: &Shrunk) -> usize {
        let tape = Tape::from(shrunk.case.tape.clone());
        let (outcome, _) =
            self.run_guarded(&shrunk.case.options, tape, &mut Nobody, MESSAGES_COUNTED);
        let flights = outcome.journal.flights();
        flights.filter(|flight| flight.operation.is_some() && !flight.is_duplicate).count()
    }

    /// Runs this tape, and nothing else: with the options of this test as they are, without a
    /// latency that is drawn, and with the faults on the tape.
    ///
    /// # Panics
    /// When the node fails, and when the tape cannot be read. That no operation of a kind
    /// succeeded is no failure here: there may be one only.
    pub fn passes(&self, tape: &str) {
        let tape = TapeFile::parse(tape).unwrap_or_else(|sentence| panic!("{sentence}"));
        tape.validate(self.workload).unwrap_or_else(|sentence| panic!("{sentence}"));
        let options = TestOptions {
            latency_distribution: LatencyDistribution::Constant,
            faults: Default::default(),
            ..self.options.clone()
        };
        let trial = Bench::run(self, &options, Tape::from(tape), false);
        assert!(trial.bench_failure.is_none(), "{}", trial.bench_failure.unwrap_or_default());
        // With so few operations it says little that none of a kind succeeded.
        let kinds = trial.kinds.iter().filter(|kind| kind.part != "stats");
        let kinds: Vec<String> = kinds.map(ToString::to_string).collect();
        assert!(kinds.is_empty(), "it fails by {}", kinds.join(", "));
    }
}

//! One seed of a sweep: it is run, judged, and looked at twice where that is due.
//!
//! A seed that fails is run once more, for its tape. A seed whose number is a multiple of
//! [`TWICE_EVERY`] is run twice as well, and the two runs are compared message by message: a node
//! that is not deterministic fails there, because nothing that is said about its seeds can be
//! relied on.
#![expect(clippy::disallowed_methods, reason = "how long a seed takes is measured here")]

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use gyre::{Message, NodeId, Time};
use rustc_hash::FxHasher;

use super::coverage::{Coverage, Watcher};
use crate::checker::{Judgement, Validity};
use crate::engine::{Direction, Mishap, Observer, Outcome};
use crate::history::Op;
use crate::options::TestOptions;
use crate::report::shorten;
use crate::seeds::Seeds;
use crate::shrink::{Listener, Transcript, trial};
use crate::simulation::{first_problem, panic_sentence};
use crate::tape::{Tape, TapeFile};
use crate::workload::Workload;

/// Each seed whose number can be divided by this is run twice.
pub const TWICE_EVERY: u64 = 1000;

/// Of a sentence about a failure so many characters are kept.
const SENTENCE_CHARACTERS: usize = 2000;

/// The kind of failure of a node whose two runs of one seed differ.
pub const NOT_DETERMINISTIC: &str = "not deterministic";

/// Runs seeds of one case: in this process, or with children in lockstep.
pub trait Runner: Sync {
    /// The workload.
    fn workload(&self) -> &'static dyn Workload;

    /// The options of this seed: those of the case, and what the seed draws besides.
    fn options(&self, seed: u64) -> TestOptions;

    /// The kinds of failure that are none here.
    fn allowed(&self) -> &[String] {
        &[]
    }

    /// Runs a tape under these options, and judges it.
    ///
    /// # Errors
    /// A sentence, when the bench cannot run it. That is no failure of the node.
    fn run(
        &self,
        options: &TestOptions,
        tape: Tape,
        observer: &mut dyn Observer,
    ) -> Result<(Outcome, Judgement), String>;
}

/// What came of a seed.
#[derive(Debug)]
pub struct Seed {
    /// Its number.
    pub seed: u64,
    /// How long its first run took, in microseconds of real time.
    pub micros: u64,
    /// Whether it was run twice to compare the runs.
    pub is_compared: bool,
    /// What happened in it.
    pub coverage: Coverage,
    /// How it failed, if it did.
    pub failure: Option<Failed>,
}

/// How a seed failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The kind of failure: `lost`, `G-single`, `stats`.
    pub kind: String,
    /// What is wrong, in a sentence.
    pub sentence: String,
    /// Everything that chance decided, if it could be recorded.
    pub tape: Option<TapeFile>,
    /// Whether it shows an error of the node, and not only that too little succeeded.
    pub is_anomaly: bool,
}

impl Failed {
    /// A failure that the run itself could not tell of.
    pub fn from_outside(kind: &str, sentence: String) -> Failed {
        Failed { kind: kind.into(), sentence, tape: None, is_anomaly: true }
    }
}

/// Runs a seed.
///
/// # Errors
/// A sentence, when the bench cannot.
pub fn run(runner: &dyn Runner, seed: u64) -> Result<Seed, String> {
    let options = runner.options(seed);
    let is_compared = seed.is_multiple_of(TWICE_EVERY);
    let started_at = Instant::now();
    let first = run_once(runner, &options, Seeds::new(seed).into(), is_compared)?;
    let micros = started_at.elapsed().as_micros() as u64;
    let mut failure = first.failure;
    if is_compared || failure.is_some() {
        let tape = Tape::from(Seeds::new(seed)).recorded();
        let second = run_once(runner, &options, tape, is_compared)?;
        let kind = |failure: &Option<Failed>| failure.as_ref().map(|failure| failure.kind.clone());
        let differs = first.digest != second.digest || kind(&failure) != kind(&second.failure);
        if differs {
            failure = Some(not_deterministic(runner, seed, &options)?);
        } else if let (Some(failure), Some(tracks)) = (&mut failure, second.tape) {
            let workload = runner.workload().name().to_owned();
            failure.tape = Some(TapeFile { workload, seed, edits: false, tracks });
        }
    }
    Ok(Seed { seed, micros, is_compared, coverage: first.coverage, failure })
}

struct Once {
    coverage: Coverage,
    digest: u64,
    failure: Option<Failed>,
    tape: Option<crate::tape::Tracks>,
}

fn run_once(
    runner: &dyn Runner,
    options: &TestOptions,
    tape: Tape,
    is_compared: bool,
) -> Result<Once, String> {
    let mut witness = Witness { digest: is_compared.then(FxHasher::default), ..Witness::default() };
    // What a checker asserts, or a node as it is taken down, is a failure like any other.
    let run = AssertUnwindSafe(|| runner.run(options, tape, &mut witness));
    let (failure, tape) = match catch_unwind(run) {
        Ok(run) => {
            let (mut outcome, judgement) = run?;
            let tape = outcome.tape.take();
            (failure(outcome, &judgement, options, runner.allowed())?, tape)
        }
        Err(panic) => {
            let sentence = panic_sentence(&*panic);
            (Some(Failed::from_outside("an assertion failed", sentence)), None)
        }
    };
    let digest = witness.digest.map_or(0, |digest| digest.finish());
    Ok(Once { coverage: witness.watcher.finish(), digest, failure, tape })
}

/// How the kind of a run ends that could not be judged.
const UNDECIDED: &str = ": unknown";

/// Whether runs of this kind did not fail, but could not be judged.
pub fn is_undecided(kind: &str) -> bool {
    kind.ends_with(UNDECIDED)
}

/// How a run failed, if it did.
///
/// # Errors
/// A sentence, when it was the bench that broke it off.
fn failure(
    outcome: Outcome,
    judgement: &Judgement,
    options: &TestOptions,
    allowed: &[String],
) -> Result<Option<Failed>, String> {
    if outcome.failure.is_none() && judgement.verdict == Validity::True {
        return Ok(None);
    }
    let broke_off = outcome.failure.clone();
    let trial = trial(outcome, judgement, options, Transcript::default());
    if let Some(sentence) = trial.bench_failure {
        return Err(sentence);
    }
    let bad = judgement.parts.iter().find(|(_, part)| part.verdict != Validity::True);
    let unknown = bad.map_or("the result", |(name, _)| name).to_owned() + UNDECIDED;
    let mut kinds: Vec<(String, bool)> =
        trial.kinds.iter().map(|kind| (kind.to_string(), kind.part != "stats")).collect();
    if kinds.is_empty() {
        kinds.push((unknown, false));
    }
    // `stats` also allows `stats: unknown`.
    let is = |kind: &str, name: &String| kind == name || kind.starts_with(&format!("{name}:"));
    kinds.retain(|(kind, _)| !allowed.iter().any(|name| is(kind, name)));
    let Some((kind, is_anomaly)) = kinds.into_iter().next() else { return Ok(None) };
    let sentence = broke_off.unwrap_or_else(|| first_problem(judgement));
    let sentence = shorten(&sentence, SENTENCE_CHARACTERS);
    Ok(Some(Failed { kind, sentence, tape: None, is_anomaly }))
}

/// Runs the seed twice more, to say where the runs part.
fn not_deterministic(
    runner: &dyn Runner,
    seed: u64,
    options: &TestOptions,
) -> Result<Failed, String> {
    let mut transcripts = Vec::new();
    for _ in 0..2 {
        let mut listener = Listener::new(true);
        let run = AssertUnwindSafe(|| {
            runner.run(options, Seeds::new(seed).into(), &mut listener).map(drop)
        });
        catch_unwind(run).unwrap_or(Ok(()))?;
        transcripts.push(listener.transcript);
    }
    let difference = transcripts[0].difference(&transcripts[1]);
    let difference = difference.unwrap_or_else(|| "two further runs were the same".into());
    let sentence = format!("two runs of seed {seed} are not the same: {difference}");
    let sentence = shorten(&sentence, SENTENCE_CHARACTERS);
    Ok(Failed::from_outside(NOT_DETERMINISTIC, sentence))
}

/// Watches a run for its coverage and, where it is compared, for its digest.
#[derive(Default)]
struct Witness {
    watcher: Watcher,
    digest: Option<FxHasher>,
}

impl Observer for Witness {
    fn operation(&mut self, op: &Op) {
        self.watcher.operation(op);
        if let Some(digest) = &mut self.digest {
            (op.time, op.kind.name(), &*op.f, op.value.to_string()).hash(digest);
        }
    }

    fn message(&mut self, now: Time, direction: Direction, id: u64, message: &Message) {
        self.watcher.message(now, direction, id, message);
        if let (Some(digest), Direction::Send) = (&mut self.digest, direction) {
            (now.as_nanos(), id, message.to_line()).hash(digest);
        }
    }

    fn mishap(&mut self, message: &Message, mishap: Mishap) {
        self.watcher.mishap(message, mishap);
    }

    fn killed(&mut self, node: &NodeId) {
        self.watcher.killed(node);
    }
}

//! The smallest run that shows a bug, recorded in `bugs/runs/`.
//!
//! It was made from the run of a seed, or, where few seeds show the bug, from a tape that was
//! written by hand, in `bugs/tapes/`.
//!
//! The file is a tape. Its first line is a comment for whoever reads tapes, and says of the run
//! what no tape says: how many nodes and clients there are, how long it takes, how it fails, and
//! what was in the run that it was made from.

#![expect(clippy::disallowed_methods, reason = "it reads and writes recorded runs, and times it")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use maelstrom::net::LatencyDistribution;
use maelstrom::options::TestOptions;
use maelstrom::shrink::{Bench, Case, Kind, Left, Shrunk, Trial, Watch};
use maelstrom::simulation::{Check, Smallest};
use maelstrom::tape::{Tape, TapeFile};
use serde::{Deserialize, Serialize};

use crate::exhibit::{Exhibit, folder};
use crate::liveness::Beside;

/// The seeds among which one is looked for that fails.
pub const SEARCHED: std::ops::Range<u64> = 0..2_000;

/// How many of those that fail are tried, until one becomes small.
const TRIED_SEEDS: usize = 5;

/// Nobody reads a run of more operations.
const OPERATIONS_MAX: usize = 30;

/// Nor a page with more messages.
const MESSAGES_SHOWN_MAX: usize = 120;

/// How long a search for a smaller run may take.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Ends a search at a time.
pub(crate) struct Until(Instant);

impl Until {
    pub(crate) fn in_a_minute() -> Until {
        Until(Instant::now() + SHRINK_TIME)
    }
}

impl Watch for Until {
    fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// What the first line says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// The seed whose run was made small; none if that run was written by hand.
    pub seed: Option<u64>,
    nodes: Vec<String>,
    concurrency: usize,
    time_limit_secs: f64,
    calm_secs: f64,
    latency_ms: u64,
    latency_distribution: LatencyDistribution,
    /// How many of the nodes were members at first, if that was not all or was to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member_count: Option<usize>,
    part: String,
    kind: String,
    /// How many seconds it took to make it small.
    pub seconds: f64,
    /// What was in the run at first.
    pub before: Left,
    /// What is left.
    pub left: Left,
    /// How many messages the page shows: those that operations cause.
    pub messages_shown: usize,
}

/// A recorded run.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// What is said of it.
    pub facts: Facts,
    /// What chance decides in it.
    tape: TapeFile,
}

impl RecordedRun {
    /// The file of the bug with this name.
    pub fn path(name: &str) -> PathBuf {
        folder().join(format!("runs/{name}.edn"))
    }

    /// The run of the bug with this name.
    ///
    /// # Errors
    /// A sentence, when there is none, or it cannot be read.
    pub fn read(name: &str) -> Result<RecordedRun, String> {
        let wrong = |problem: String| format!("bugs/runs/{name}.edn: {problem}");
        let text = std::fs::read_to_string(RecordedRun::path(name))
            .map_err(|error| wrong(error.to_string()))?;
        let first =
            text.lines().next().and_then(|line| line.strip_prefix("; ")).unwrap_or_default();
        let facts = serde_json::from_str(first).map_err(|error| wrong(error.to_string()))?;
        Ok(RecordedRun { facts, tape: TapeFile::parse(&text).map_err(wrong)? })
    }

    fn text(&self) -> String {
        let facts = serde_json::to_string(&self.facts).expect("facts are JSON");
        format!("; {facts}\n{}", self.tape.to_text())
    }

    fn case(&self, options: TestOptions) -> Case {
        let facts = &self.facts;
        let options = TestOptions {
            nodes: facts.nodes.iter().map(|name| name.as_str().into()).collect(),
            concurrency: facts.concurrency,
            time_limit_secs: facts.time_limit_secs,
            calm_secs: facts.calm_secs,
            latency_ms: facts.latency_ms,
            latency_distribution: facts.latency_distribution,
            member_count: facts.member_count.or(options.member_count),
            ..options
        };
        Case { options, tape: self.tape.clone() }
    }

    /// Runs it with the bug's simulated test, and says in which ways it fails.
    pub fn replay(&self, check: &Check) -> Trial {
        let Case { options, tape } = self.case(check.options_for(0));
        Bench::run(check, &options, Tape::from(tape), false)
    }

    /// Runs it, and leaves its files and its page in the store. `trial` is how it failed.
    ///
    /// # Panics
    /// When it did not fail as it was recorded.
    pub fn leave(&self, check: &Check, trial: &Trial) -> Smallest {
        let case = self.case(check.options_for(0));
        let kind = trial.kinds.iter().find(|kind| self.is(kind)).cloned().expect("it fails so");
        let Facts { before, left, .. } = self.facts;
        check.leave(Shrunk { case, kind, before, left, is_unfinished: false })
    }

    /// Finds the smallest run of a bug, and records it.
    ///
    /// # Errors
    /// A sentence: no seed fails, or the run cannot be made small or written.
    pub fn record(exhibit: &Exhibit, check: &Check) -> Result<RecordedRun, String> {
        let anomaly = exhibit.anomaly.as_str();
        let candidate = match written_by_hand(&exhibit.name)? {
            Some(tape) => of_tape(check, tape, anomaly)?,
            None => candidate(check, anomaly)?,
        };
        let Candidate { seed, shrunk, messages_shown, seconds } = candidate;
        let Shrunk { case: Case { options, tape }, kind, before, left, .. } = shrunk;
        let facts = Facts {
            seed,
            nodes: options.nodes.iter().map(ToString::to_string).collect(),
            concurrency: options.concurrency,
            time_limit_secs: options.time_limit_secs,
            calm_secs: options.calm_secs,
            latency_ms: options.latency_ms,
            latency_distribution: options.latency_distribution,
            member_count: options.member_count,
            part: kind.part,
            kind: kind.kind,
            seconds,
            before,
            left,
            messages_shown,
        };
        let run = RecordedRun { facts, tape };
        let path = RecordedRun::path(&exhibit.name);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::write(&path, run.text())
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(run)
    }
}

/// A run that was made small.
struct Candidate {
    seed: Option<u64>,
    shrunk: Shrunk,
    messages_shown: usize,
    seconds: f64,
}

impl Candidate {
    /// What was made of the run of this seed, or of a tape, since `started_at`.
    fn new(check: &Check, seed: Option<u64>, shrunk: Shrunk, started_at: Instant) -> Candidate {
        let messages_shown = check.messages_shown(&shrunk);
        let seconds = (started_at.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        Candidate { seed, shrunk, messages_shown, seconds }
    }

    /// Whether somebody can read it.
    fn is_small(&self) -> bool {
        self.shrunk.left.operations <= OPERATIONS_MAX && self.messages_shown <= MESSAGES_SHOWN_MAX
    }
}

/// The run of a bug that hardly any seed shows: a tape in `bugs/tapes/`, if there is one.
///
/// # Errors
/// A sentence, when it cannot be read.
pub fn written_by_hand(name: &str) -> Result<Option<TapeFile>, String> {
    let path = folder().join(format!("tapes/{name}.edn"));
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let tape = text.and_then(|text| TapeFile::parse(&text));
    tape.map(Some).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// The run of a tape that was written by hand, made small.
fn of_tape(check: &Check, tape: TapeFile, anomaly: &str) -> Result<Candidate, String> {
    let started_at = Instant::now();
    let bench = Beside::of(check, Some(anomaly));
    let shrunk = check.shrink_tape_on(&bench, tape, Some(anomaly), &Until::in_a_minute())?;
    Ok(Candidate::new(check, None, shrunk, started_at))
}

/// The run of the first seed that becomes small, or of a few the smallest.
fn candidate(check: &Check, anomaly: &str) -> Result<Candidate, String> {
    let bench = Beside::of(check, Some(anomaly));
    let mut sentence = format!("none of the seeds {SEARCHED:?} fails by {anomaly}");
    let mut best: Option<Candidate> = None;
    let mut left = SEARCHED;
    for _ in 0..TRIED_SEEDS {
        let seeds = check.seeds_that_fail_on(&bench, Some(anomaly), left.clone(), 1);
        let Some(&seed) = seeds.first() else { break };
        left.start = seed + 1;
        let started_at = Instant::now();
        let shrunk = match check.shrink_on(&bench, seed, Some(anomaly), &Until::in_a_minute()) {
            Ok(shrunk) => shrunk,
            Err(problem) => {
                sentence = format!("seed {seed}: {problem}");
                continue;
            }
        };
        let candidate = Candidate::new(check, Some(seed), shrunk, started_at);
        let size = |it: &Candidate| (it.shrunk.left.operations, it.messages_shown);
        if best.as_ref().is_none_or(|best| size(&candidate) < size(best)) {
            best = Some(candidate);
        }
        if best.as_ref().is_some_and(Candidate::is_small) {
            break;
        }
    }
    best.ok_or(sentence)
}

impl RecordedRun {
    /// Whether this is the way in which the recorded run fails.
    fn is(&self, kind: &Kind) -> bool {
        (&self.facts.part, &self.facts.kind) == (&kind.part, &kind.kind)
    }

    /// Whether the run failed as it was recorded.
    pub fn fails_in(&self, trial: &Trial) -> bool {
        trial.kinds.iter().any(|kind| self.is(kind))
    }

    /// Whether clients alone see that it fails.
    pub fn is_seen_by_clients(&self) -> bool {
        self.facts.part != "run"
    }

    /// How it fails, in a few words.
    pub fn fails_by(&self) -> String {
        let Facts { part, kind, .. } = &self.facts;
        Kind { part: part.clone(), kind: kind.clone(), object: "nothing" }.to_string()
    }
}

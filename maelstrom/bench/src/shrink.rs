//! The shrinker: from a run that fails, a small run that fails in the same way.
//!
//! A run is a function of its options and its [tape](crate::tape). So the shrinker takes things
//! out of both, runs what is left, and keeps what still fails: operations, faults, clients, keys,
//! nodes, lost and late messages, time, and large values. It goes on until no single step makes
//! the run smaller.
//!
//! - *What must stay* is the [`Kind`]: which checker found what, about which kind of object. A
//!   shrinker that slips to another failure is worse than none.
//! - *Many things at once*, as of operations, are reduced by delta debugging (`search`; Zeller
//!   and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), which throws out
//!   large parts first. Everything else goes step by step (`passes`).
//! - *Guesses* save time: the operations that the checker names are tried alone, before anything
//!   is taken out one by one.
//! - *Another way down* is tried for a run that stays large: other things first, or with more time
//!   for everything. What can be taken out depends on what was taken out before.
//! - A candidate is run once: its verdict is kept under the digest of the case.
//! - All cores work. Candidates have an order, and the first one that fails is taken, so the
//!   result does not depend on how many threads there are. It depends on time only when somebody
//!   ends the search early: then the best so far is the result.
//!
//! Absent: a proof that nothing smaller fails. The result is small in the sense that none of the
//! steps here makes it smaller.

mod chance;
mod edit;
mod kind;
mod loosened;
mod passes;
mod search;
mod values;
mod words;

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use gyre::{Message, Time};
use serde::{Deserialize, Serialize};

use crate::edn::Edn;
use crate::engine::{Direction, Observer};
use crate::net::Verdict;
use crate::options::TestOptions;
use crate::report::count;
use crate::seeds::Seeds;
use crate::tape::{Tape, TapeFile, Tracks};
use crate::workload::Workload;

pub use kind::{Kind, trial};
pub use words::{command, in_process_test, program_test};

use search::Search;

/// Of a run so many messages are kept word by word, to tell where two runs part.
const TRANSCRIPT_MESSAGES: usize = 200_000;

/// A run, as it can be run again with something taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its options.
    pub options: TestOptions,
    /// Everything that chance decides in it.
    pub tape: TapeFile,
}

impl Case {
    /// A number that tells cases apart.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.tape.hash(&mut hasher);
        // Only what the shrinker changes.
        let TestOptions { nodes, concurrency, latency_ms, latency_distribution, .. } =
            &self.options;
        (nodes, concurrency, latency_ms, *latency_distribution as u8).hash(&mut hasher);
        let TestOptions { time_limit_secs, calm_secs, .. } = &self.options;
        (time_limit_secs.to_bits(), calm_secs.to_bits()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Where a failing run comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A seed.
    Seed(u64),
    /// A tape.
    Tape(TapeFile),
}

impl Source {
    fn seed(&self) -> u64 {
        match self {
            Source::Seed(seed) => *seed,
            Source::Tape(tape) => tape.seed,
        }
    }

    fn tape(&self) -> Tape {
        match self {
            Source::Seed(seed) => Seeds::new(*seed).into(),
            Source::Tape(tape) => tape.clone().into(),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// In which ways it failed, the worst first.
    pub kinds: Vec<Kind>,
    /// Of each kind: the operations that its first finding names, each by its thread and how
    /// many that thread had done before.
    pub about: Vec<BTreeSet<(usize, usize)>>,
    /// Of each kind: when the last entry of the history happened that it names.
    pub shown_by: Vec<Duration>,
    /// When the last entry of the history happened.
    pub end: Duration,
    /// How many operations clients began, those of the final phase included.
    pub operations: usize,
    /// How many messages were sent, those that initialise nodes included.
    pub messages: u64,
    /// For how long no operation was answered, in seconds, where `--availability` asks for that.
    pub standstill_secs: f64,
    /// Why the bench, and not the node, broke the run off: a sentence.
    pub bench_failure: Option<String>,
    /// What was recorded, if it was.
    pub tracks: Option<Tracks>,
    /// What the network carried.
    pub transcript: Transcript,
}

/// Runs cases: in the bench's own process, or with children in lockstep.
pub trait Bench: Sync {
    /// Runs this tape under these options. `listens` asks for the messages word by word.
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial;
}

/// Who watches the search, and may end it.
pub trait Watch: Sync {
    /// It has found a smaller run.
    fn on_progress(&self, _left: &Left) {}

    /// Whether to end with the best so far.
    fn is_over(&self) -> bool {
        false
    }
}

/// Nobody watches: the search goes on until it is done.
pub struct Unwatched;

impl Watch for Unwatched {}

/// What is in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Operations that clients begin, those of the final phase included.
    pub operations: usize,
    /// Clients that do something in the main phase.
    pub clients: usize,
    /// Nodes.
    pub nodes: usize,
    /// Faults, from a start to its stop.
    pub faults: usize,
    /// Messages that the tape loses.
    pub lost: usize,
    /// Messages that the tape brings late, early or twice.
    pub moved: usize,
    /// Messages of all kinds.
    pub messages: u64,
    /// How many runs it took to find this one.
    pub runs: u64,
}

impl Left {
    fn of(case: &Case, trial: &Trial, runs: u64) -> Left {
        let tracks = &case.tape.tracks;
        let threads = tracks.operations.iter().map(|operation| operation.thread);
        let fates = || tracks.fates.values().flatten();
        let lost = fates().filter(|(_, fate)| *fate == Verdict::Drop).count();
        Left {
            operations: trial.operations,
            clients: threads.collect::<BTreeSet<_>>().len(),
            nodes: case.options.nodes.len(),
            faults: edit::episodes(tracks).len(),
            lost,
            moved: fates().count() - lost,
            messages: trial.messages,
            runs,
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = vec![
            count(self.operations, "operation"),
            count(self.clients, "client"),
            count(self.nodes, "node"),
            count(self.faults, "fault"),
        ];
        if self.lost > 0 {
            words.push(format!("{} lost", count(self.lost, "message")));
        }
        if self.moved > 0 {
            words.push(format!("{} with a time of its own", count(self.moved, "message")));
        }
        words.push(format!("{} in all", count(self.messages as usize, "message")));
        write!(f, "{} ({} tried)", words.join(", "), count(self.runs as usize, "run"))
    }
}

/// The smallest run that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// It.
    pub case: Case,
    /// How it fails, as the first run did.
    pub kind: Kind,
    /// What was in the first run.
    pub before: Left,
    /// What is in this one.
    pub left: Left,
    /// Whether the search was ended before it was done.
    pub is_unfinished: bool,
}

/// Why there is no result when somebody ends the search before its first try.
const TOO_EARLY: &str = "the search was ended before it had tried a smaller run";

/// Shrinks a failing run.
///
/// Pins the first way in which it fails or, when `pinned` names one, that: `lost`, `G-single`, the
/// name of a checker.
///
/// # Errors
/// A sentence: the run does not fail, or not in that way; it fails in the bench itself; or the
/// node is not deterministic, and which message first differed.
pub fn shrink(
    options: &TestOptions,
    workload: &dyn Workload,
    source: &Source,
    pinned: Option<&str>,
    bench: &dyn Bench,
    watch: &dyn Watch,
) -> Result<Shrunk, String> {
    let first = bench.run(options, source.tape().recorded(), true);
    if watch.is_over() {
        return Err(TOO_EARLY.into());
    }
    if let Some(sentence) = &first.bench_failure {
        return Err(format!(
            "the run breaks off in the bench, so there is no failure of the node to shrink: \
             {sentence}"
        ));
    }
    let kind = kind::choose(&first.kinds, pinned)?;
    let again = bench.run(options, source.tape().recorded(), true);
    if let Some(difference) = first.transcript.difference(&again.transcript) {
        return Err(format!(
            "the node is not deterministic, so its runs cannot be compared: {difference}"
        ));
    }
    let tracks = first.tracks.clone().unwrap_or_default();
    let (name, seed) = (workload.name().into(), source.seed());
    let tape = TapeFile { workload: name, seed, edits: false, tracks };
    let case = Case { options: options.clone(), tape };
    let before = Left::of(&case, &first, 2);
    let before = Left { faults: edit::episodes(&case.tape.tracks).len(), ..before };
    let mut search = Search::new(workload, bench, watch, kind.clone(), case.clone());
    if !search.begin(&[edit::normal(&case), case]) {
        if search.is_over() {
            return Err(TOO_EARLY.into());
        }
        return Err("the tape of the run does not fail as the run did. This is a defect of the \
                    bench: its tape does not say everything"
            .into());
    }
    passes::run(&mut search);
    let left = search.left();
    let is_unfinished = search.is_over();
    Ok(Shrunk { case: search.into_best(), kind, before, left, is_unfinished })
}

/// What the network carried in a run, to compare two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    lines: Vec<String>,
    /// Of all messages, those too that are not among the lines.
    count: u64,
    digest: u64,
}

impl Transcript {
    /// Where the other one differs first, in words; `None` when it does not.
    pub fn difference(&self, other: &Transcript) -> Option<String> {
        if (self.count, self.digest) == (other.count, other.digest) {
            return None;
        }
        let place = self.lines.iter().zip(&other.lines).position(|(a, b)| a != b);
        let place = place.unwrap_or(self.lines.len().min(other.lines.len()));
        if place == TRANSCRIPT_MESSAGES {
            return Some(format!(
                "the first {place} messages of two runs are the same, and later ones are not"
            ));
        }
        let words = |transcript: &Transcript| match transcript.lines.get(place) {
            Some(line) => crate::report::shorten(line, 300),
            None => "the run was over".into(),
        };
        Some(format!(
            "message {} is another in the second run of the same tape.\n  first:  {}\n  second: {}",
            place + 1,
            words(self),
            words(other)
        ))
    }
}

/// Writes a run's transcript.
#[derive(Default)]
pub struct Listener {
    /// Whether it keeps messages word by word.
    pub keeps_lines: bool,
    /// What it has heard.
    pub transcript: Transcript,
}

impl Listener {
    /// One that keeps messages word by word, or not.
    pub fn new(keeps_lines: bool) -> Listener {
        Listener { keeps_lines, transcript: Transcript::default() }
    }
}

impl Observer for Listener {
    fn message(&mut self, now: Time, direction: Direction, _id: u64, message: &Message) {
        if !self.keeps_lines || direction == Direction::Receive {
            return;
        }
        let line = format!("at {now}: {}", message.to_line());
        let transcript = &mut self.transcript;
        let mut hasher = DefaultHasher::new();
        (transcript.digest, &line).hash(&mut hasher);
        transcript.digest = hasher.finish();
        transcript.count += 1;
        if transcript.lines.len() < TRANSCRIPT_MESSAGES {
            transcript.lines.push(line);
        }
    }
}

/// The form of what a finding is about: a shrinker may change the key, and not what it is.
fn form(subject: &Edn) -> &'static str {
    match subject {
        Edn::Nil => "nothing",
        Edn::Bool(_) => "a boolean",
        Edn::Int(_) | Edn::Float(_) | Edn::Symbol(_) => "a number",
        Edn::Str(_) => "a text",
        Edn::Keyword(_) => "a name",
        Edn::List(_) | Edn::Vector(_) | Edn::Set(_) => "a list",
        Edn::Map(_) | Edn::Tagged(..) => "a map",
    }
}

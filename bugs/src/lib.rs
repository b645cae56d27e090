//! The museum: nodes with one planted bug each, one file a bug, in `src/bin`.
//!
//! A checker that has never caught anything proves nothing. Each of these nodes is wrong in one
//! known way, and its test shows that the bench catches it by what clients see. Where that would
//! take a long coincidence, the run was written by hand. Every file is also a program that runs as
//! a node under any bench.
//!
//! All that is known of a bug stands in its own file: see [`mod@exhibit`]. `make museum` makes
//! pages of that, and runs the tests of all (`bugs/museum`).
//!
//! Here stands what several of them share.

pub mod exhibit;
pub mod lin_kv;
pub mod liveness;
mod program;
pub mod quorum;
pub mod recorded;

use maelstrom::checker::Validity;
use maelstrom::simulation::{Check, Smallest};

pub use exhibit::planted;
pub use program::run;

use exhibit::Exhibit;
use recorded::RecordedRun;

/// What makes a file an exhibit: its name, its simulated test, and what makes its node. It is the
/// file's `main`, and for the museum, which has all bugs in one program, a function `shown`.
#[macro_export]
macro_rules! exhibit {
    ($name:literal, $check:expr, $make:expr) => {
        fn main() -> std::process::ExitCode {
            $crate::run($name, $check, $make)
        }

        #[allow(dead_code, reason = "the museum calls it")]
        pub(crate) fn shown() -> ::maelstrom::simulation::Check {
            $check().run_by(&[concat!("target/release/", $name)])
        }
    };
}

/// How many seeds are tried before a bug counts as missed.
const SEEDS: u64 = 500;

/// Has the kafka checker find this type of anomaly, such as `poll-skip`, on some seed.
///
/// # Panics
/// When it finds none: the checker must catch the bug.
pub fn kafka_is_caught(check: Check, anomaly: &str) {
    let keyword = format!(":{anomaly}");
    let is_named = (0..SEEDS).filter_map(|seed| check.fails(seed)).any(|failure| {
        let workload = failure.results.to_edn().get("workload").cloned();
        let types = workload.and_then(|results| results.get("bad-error-types").cloned());
        types.is_some_and(|types| types.to_string().contains(&keyword))
    });
    assert!(is_named, "the checker must find {anomaly} within {SEEDS} seeds");
}

/// Has the checker find this kind of anomaly on some seed.
///
/// # Panics
/// When it finds none: the checker must catch the bug.
pub fn is_caught(check: Check, anomaly: &str) {
    let is_found = (0..SEEDS).any(|seed| shows(&check, seed, anomaly));
    assert!(is_found, "{anomaly} must be found within {SEEDS} seeds");
}

/// The same for a bug that few seeds show: the search begins with one that does.
///
/// # Panics
/// When no seed shows it.
pub fn is_caught_by(seed: u64, check: Check, anomaly: &str) {
    let mut seeds = std::iter::once(seed).chain(recorded::SEARCHED);
    assert!(seeds.any(|seed| shows(&check, seed, anomaly)), "{anomaly} must be found");
}

fn shows(check: &Check, seed: u64, anomaly: &str) -> bool {
    let failure = check.fails(seed);
    failure.is_some_and(|failure| failure.anomaly_types().contains(&anomaly))
}

/// Has the checker find the bug in the run that was written by hand for it, and nothing where the
/// right lines run.
///
/// # Panics
/// When it does not.
pub fn is_caught_by_hand(name: &str, check: Check) {
    let tape = recorded::written_by_hand(name).unwrap_or_else(|sentence| panic!("{sentence}"));
    let tape = tape.expect("there is such a run");
    let verdict = || check.replay(tape.clone()).1.part("workload").map(|part| part.verdict);
    assert_eq!(verdict(), Some(Validity::False), "the bench must catch it");
    assert_eq!(exhibit::mended(verdict), Some(Validity::True), "the right node must not fail");
}

/// Leaves the page of a bug's smallest run in the store. It is the recorded one, unless that does
/// not fail any more, because the node has changed since: then one is searched for and recorded.
///
/// # Errors
/// A sentence: no seed fails, or the run cannot be recorded.
pub fn shown(exhibit: &Exhibit, check: &Check) -> Result<(RecordedRun, Smallest), String> {
    let recorded = RecordedRun::read(&exhibit.name).and_then(|run| {
        let trial = run.replay(check);
        if run.fails_in(&trial) {
            return Ok((run, trial));
        }
        Err(format!("the recorded run of {} does not fail any more", exhibit.name))
    });
    let (run, trial) = match recorded {
        Ok(recorded) => recorded,
        Err(sentence) => {
            eprintln!("{sentence}: looking for the smallest run that fails");
            let run = RecordedRun::record(exhibit, check)?;
            let trial = run.replay(check);
            (run, trial)
        }
    };
    if !run.fails_in(&trial) {
        return Err(format!("{}: the run that was just recorded does not fail", exhibit.name));
    }
    let smallest = run.leave(check, &trial);
    Ok((run, smallest))
}

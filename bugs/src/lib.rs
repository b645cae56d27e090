//! The museum: nodes with one planted bug each, one file a bug, in `src/bin`.
//!
//! A checker that has never caught anything proves nothing. Each of these nodes is wrong in one
//! known way, and its test shows that the bench catches it: by what clients see or, where that
//! would take a long coincidence, by an invariant that does not hold. Every file is also a
//! program that runs as a node under any bench.
//!
//! Here stands what several of them share.

pub mod lin_kv;
mod program;
#[cfg(test)]
mod tests;

/// By this name the bugs know what they share, also where they are tested as a part of it.
#[cfg(test)]
extern crate self as bugs;

use gyre::Node;
use maelstrom::simulation::Check;

pub use program::run;

/// How many seeds are tried before a bug counts as missed.
const SEEDS: u64 = 500;

/// Has the kafka checker find this type of anomaly, such as `poll-skip`, on some seed.
///
/// # Panics
/// When it finds none: the checker must catch the bug.
pub fn kafka_is_caught<N: Node>(check: Check<N>, anomaly: &str) {
    let keyword = format!(":{anomaly}");
    let is_named = (0..SEEDS).filter_map(|seed| check.fails(seed)).any(|failure| {
        let workload = failure.results.to_edn().get("workload").cloned();
        let types = workload.and_then(|results| results.get("bad-error-types").cloned());
        types.is_some_and(|types| types.to_string().contains(&keyword))
    });
    assert!(is_named, "the checker must find {anomaly} within {SEEDS} seeds");
}

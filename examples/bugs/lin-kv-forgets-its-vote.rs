//! `lin-kv` with a bug: a node forgets in a crash whom it voted for. It may vote again in the same
//! term, for another candidate, and both may win.

mod lin_kv;

use std::process::ExitCode;

use gyre::raft::{Config, HardState, Rules};
use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct ForgetsItsVote;

impl Bug for ForgetsItsVote {
    fn options() -> Options {
        let configure = |config| Config {
            rules: Rules {
                remembered: |state| HardState { term: state.term, vote: None },
                ..Rules::RAFT
            },
            ..config
        };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<ForgetsItsVote>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{ForgetsItsVote, LinKv};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<ForgetsItsVote>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}

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
            ..lin_kv::restless(config)
        };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<ForgetsItsVote>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::ForgetsItsVote>(&[Fault::Kill, Fault::Partition], 0.15);
    }
}

//! `lin-kv` with a bug: a node forgets in a crash whom it voted for. It may vote again in the same
//! term, for another candidate, and both may win.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, HardState, Rules};
use gyre::replicated::Options;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            remembered: |state| HardState { term: state.term, vote: None },
            ..Rules::RAFT
        },
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}

fn main() -> ExitCode {
    gyre::run(|ctx| LinKv::new(ctx, options()))
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    /// Two candidates of one term must not hear each other, and a node that has voted for one
    /// must be back in time to vote for the other: lost votes and one-way cuts bring that about.
    #[test]
    fn is_caught() {
        let faults = [Fault::Kill, Fault::Partition, Fault::Loss, Fault::OneWay];
        bugs::lin_kv::is_caught(super::options, &faults, 0.1);
    }
}

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

    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::options, &[Fault::Kill, Fault::Partition], 0.15);
    }
}

//! `lin-kv` with a bug: a follower keeps an entry of its own where the leader has another one, and
//! says that their logs match.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules { conflicts: |_, _| false, ..Rules::RAFT },
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
        bugs::lin_kv::is_caught(super::options, &Fault::ALL, 1.0);
    }
}

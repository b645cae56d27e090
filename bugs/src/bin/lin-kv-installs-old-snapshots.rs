//! `lin-kv` with a bug: a follower lets a snapshot replace its log even if the snapshot is older
//! than that, because the network delivered it late or twice.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules { replaces: |_, _, _| true, ..Rules::RAFT },
        log_kept_bytes: 600,
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

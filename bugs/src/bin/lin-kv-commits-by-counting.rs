//! `lin-kv` with a bug: a leader takes an entry of an earlier term for committed as soon as a
//! majority stores it. A later leader without that entry may still overwrite it (figure 8 of
//! the paper).

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config {
        rules: Rules { may_commit: |_, _| true, ..Rules::RAFT },
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check<LinKv> {
    bugs::lin_kv::check(options, &Fault::ALL, 1.0)
}

fn main() -> ExitCode {
    bugs::run("", check, |ctx| LinKv::new(ctx, options()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

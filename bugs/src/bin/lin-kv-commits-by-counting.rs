//! `lin-kv` with a bug: a leader takes an entry of an earlier term for committed as soon as a
//! majority stores it. A later leader without that entry may still overwrite it (figure 8 of
//! the paper).
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 5.4.2 and figure 8.
//! - **Found in**: LogCabin, the authors’ own implementation: logcabin/logcabin issue 44
//!   (2013).
//! - **Review**: “Can a leader be elected that has not got this entry?” Yes, while nothing of the
//!   present term stands above it.
//! - **Fails by**: an invariant

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            may_commit: if bugs::planted() { |_, _| true } else { Rules::RAFT.may_commit },
            ..Rules::RAFT
        },
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check(options, &Fault::COMMON, 1.0)
}

bugs::exhibit!("lin-kv-commits-by-counting", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught_by(185, super::check());
    }
}

//! `lin-kv` with a bug: a leader takes an entry of an earlier term for committed as soon as a
//! majority stores it. A later leader without that entry may still overwrite it (figure 8 of
//! the paper).
//!
//! Of some hundred seeds none shows it to clients: while one of them waits for its answer, three
//! elections must follow each other, and one entry must arrive without the next one. So that run
//! was written by hand: `bugs/tapes/lin-kv-commits-by-counting.edn`.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 5.4.2 and figure 8.
//! - **Found in**: LogCabin, the authors’ own implementation: logcabin/logcabin issue 44
//!   (2013).
//! - **Review**: “Can a leader be elected that has not got this entry?” Yes, while nothing of the
//!   present term stands above it.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
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
    bugs::lin_kv::check_by_hand(options, 5)
}

bugs::exhibit!("lin-kv-commits-by-counting", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught_by_hand("lin-kv-commits-by-counting", super::check());
    }
}

//! `lin-kv` with a bug: a node forgets in a crash whom it voted for. It may vote again in the same
//! term, for another candidate, and both may win.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), figure 2: `currentTerm` and `votedFor` are on stable storage before
//!   a node responds.
//! - **Review**: “What is on disk when this vote is sent?” The term, and not for whom.
//! - **Fails by**: an invariant

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, HardState, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            remembered: if bugs::planted() {
                |state| HardState { term: state.term, vote: None }
            } else {
                Rules::RAFT.remembered
            },
            ..Rules::RAFT
        },
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check(options, &[Fault::Kill, Fault::Partition, Fault::Loss, Fault::OneWay], 0.1)
}

bugs::exhibit!("lin-kv-forgets-its-vote", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    /// Two candidates of one term must not hear each other, and a node that has voted for one
    /// must be back in time to vote for the other: lost votes and one-way cuts bring that about.
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

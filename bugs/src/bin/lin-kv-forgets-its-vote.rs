//! `lin-kv` with a bug: a node forgets in a crash whom it voted for. It may vote again in the same
//! term, for another candidate, and both may win.
//!
//! Of some hundred seeds none shows it to clients: two nodes must ask in one term, and the one
//! that both ask must be killed between the two questions and be back in time for the second. So
//! that run was written by hand: `bugs/tapes/lin-kv-forgets-its-vote.edn`.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), figure 2: `currentTerm` and `votedFor` are on stable storage before
//!   a node responds.
//! - **Review**: “What is on disk when this vote is sent?” The term, and not for whom.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, HardState, Rules};
use gyre::replicated::Options;
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
        ..config
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_by_hand(options, 30)
}

bugs::exhibit!("lin-kv-forgets-its-vote", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught_by_hand("lin-kv-forgets-its-vote", super::check());
    }
}

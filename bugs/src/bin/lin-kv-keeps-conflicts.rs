//! `lin-kv` with a bug: a follower keeps an entry of its own where the leader has another one, and
//! says that their logs match.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 5.3: a follower removes an entry that conflicts with the
//!   leader’s, and all that follow it.
//! - **Review**: The log matching property, as an invariant of a simulated cluster.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            conflicts: if bugs::planted() { |_, _| false } else { Rules::RAFT.conflicts },
            ..Rules::RAFT
        },
        ..config
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check(options, &[Fault::Partition])
        .options(|options| options.nemesis_interval_secs = 1.0)
}

bugs::exhibit!("lin-kv-keeps-conflicts", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

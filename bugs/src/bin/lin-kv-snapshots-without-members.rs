//! `lin-kv` with a bug in snapshots: they hold the state and not who the members are. Once the log
//! is forgotten, a node that is restarted, or takes in a snapshot, goes by the configuration with
//! which the cluster began.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 5.1: a snapshot
//!   has the latest configuration as of its last entry.
//! - **Found in**: swarmkit, of Docker: moby/swarmkit pull request 238 (2016): the list of members
//!   was built from the log alone, and the log was compacted.
//! - **Review**: “What does a node know when its log is gone?” The state, and not who votes on it.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            carried: if bugs::planted() { |_| None } else { Rules::RAFT.carried },
            ..Rules::RAFT
        },
        log_kept_bytes: 300,
        ..config
    };
    Options { configure, ..Options::with_short_log() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_members(options, &[Fault::Partition, Fault::Kill])
}

bugs::exhibit!("lin-kv-snapshots-without-members", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught_by(79, super::check());
    }
}

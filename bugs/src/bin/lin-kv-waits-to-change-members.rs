//! `lin-kv` with a bug in changes of the members: a node goes by the latest configuration that is
//! committed as far as it knows, and not by the latest one in its log. One that was restarted knows
//! of no commit, and so it goes by one that was replaced long ago.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 4.1: a server
//!   always uses the latest configuration in its log, whether the entry is committed or not.
//! - **Found in**: Camunda: camunda/camunda pull request 62837 (2026): a restarted member went back
//!   to the last configuration that was committed.
//! - **Review**: “Who is a voter for a node that has just started?” Those of the beginning,
//!   whatever its log says.
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
            configured_up_to: if bugs::planted() {
                |_, commit| commit
            } else {
                Rules::RAFT.configured_up_to
            },
            ..Rules::RAFT
        },
        ..config
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it. Where three people ask for changes and do not wait for each other, 4 of
/// 146 seeds show it to clients.
fn check() -> Check {
    let check = bugs::lin_kv::check_members(options, &[Fault::Partition, Fault::Kill]);
    check.fixed_latency().rate(150.0).time_limit_secs(4.0).options(|options| {
        options.administrators = 3;
        options.concurrency = 20;
        options.latency_ms = 10;
        options.nemesis_interval_secs = 0.3;
        options.calm_secs = 0.0;
    })
}

bugs::exhibit!("lin-kv-waits-to-change-members", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

//! `lin-kv` with a bug in commitment: whoever stores an entry counts, voter or not. A leader commits
//! with nodes that learn, or have just been removed, and a majority of the voters elects a leader
//! that has never seen the entry.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 4.2.1: a new server
//!   is not counted towards majorities until it has caught up.
//! - **Found in**: RabbitMQ's Ra: rabbitmq/ra pull request 427 (2024): non-voters were counted in the
//!   quorum.
//! - **Review**: “Whose copies add up to this majority?” Those of all that were sent the entry.
//! - **Fails by**: not-linearizable

use std::time::Duration;

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            counts: if bugs::planted() { |_| true } else { Rules::RAFT.counts },
            ..Rules::RAFT
        },
        // A round to a learner and back takes longer, so learners learn for long.
        election_timeout: Duration::from_millis(90),
        heartbeat_interval: Duration::from_millis(30),
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_members(options, &[Fault::Partition])
        .fixed_latency()
        .time_limit_secs(4.0)
        .rate(100.0)
        .options(|options| {
            options.latency_ms = 50;
            options.concurrency = 20;
            options.nemesis_interval_secs = 1.0;
            options.calm_secs = 0.0;
        })
}

bugs::exhibit!("lin-kv-counts-learners", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught_by(197, super::check());
    }
}

//! `lin-kv` with a bug in changes of the members: a node that is none by the last configuration in
//! its log calls for no election. But a leader that removes itself may be the only one that has
//! that entry. If it falls before it has told somebody, nobody can lead: it does not try, and
//! whoever lacks the entry does not get its vote.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 4.2.2 and figure
//!   4.6: it still has to start elections, as it may be needed until its removal is committed.
//! - **Found in**: RethinkDB: rethinkdb/rethinkdb issue 4234 (2015): a leader had written its own
//!   removal to its own log only. And braft: baidu/braft pull request 432; and with joint consensus
//!   openraft: databendlabs/openraft issue 2091 (2026).
//! - **Review**: “Who can lead while only those who leave have the last entry?” One of them.
//! - **Fails by**: availability

use bugs::lin_kv::LinKv;
use gyre::Ctx;
use gyre::raft::Config;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn configure(config: Config) -> Config {
    Config {
        campaigns_until_removed: if bugs::planted() {
            false
        } else {
            config.campaigns_until_removed
        },
        ..config
    }
}

fn options(_: &Ctx) -> Options {
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    check_of(options)
}

fn check_of(options: fn(&Ctx) -> Options) -> Check {
    let faults = [Fault::Membership, Fault::Partition, Fault::Kill];
    bugs::lin_kv::check_liveness(options, 3, &faults).options(|options| {
        options.latency_ms = 50;
        options.nemesis_interval_secs = 2.0;
    })
}

bugs::exhibit!("lin-kv-gives-up-when-removed", check, |ctx| LinKv::new(ctx, options(ctx)));

#[cfg(test)]
mod tests {
    use gyre::raft::Changes;

    use super::*;

    #[test]
    fn is_caught() {
        bugs::liveness::is_caught_by(110, check());
    }

    /// Joint consensus does not help: the leader that appends the new configuration may not be in
    /// it.
    #[test]
    fn is_caught_in_joint_consensus() {
        let joint = |_: &Ctx| {
            let configure = |config| Config { changes: Changes::Joint, ..configure(config) };
            Options { configure, ..Options::default() }
        };
        bugs::liveness::is_caught_by(3272, check_of(joint));
    }
}

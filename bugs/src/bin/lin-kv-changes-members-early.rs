//! `lin-kv` with a bug in changes of the members: a leader begins one as soon as it leads, before
//! an entry of its own term is committed. So two leaders in turn may each change the same
//! configuration by one step, and a majority of one result need not meet a majority of the other.
//! Here two people ask, who do not wait for each other, and links are cut at two moments.
//!
//! - **From**: Ongaro, *bug in single-server membership changes*, on the list raft-dev (10 July
//!   2015): section 4.1 of his dissertation lacks the condition. It was found by those who tried to
//!   prove the algorithm right: Amos and Zhang (2015).
//! - **Review**: “Who else may have changed this configuration?” A leader of an earlier term, by an
//!   entry that this one has never seen.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config { rules: rules(), ..config };
    Options { configure, ..Options::default() }
}

fn rules() -> Rules {
    Rules {
        may_reconfigure: if bugs::planted() {
            |_, is_settled| is_settled
        } else {
            Rules::RAFT.may_reconfigure
        },
        ..Rules::RAFT
    }
}
// ANCHOR_END: options

/// How the bench catches it in the run that was written by hand, which is shorter than any that was
/// made of a seed's: `bugs/tapes/lin-kv-changes-members-early.edn`.
fn check() -> Check {
    bugs::lin_kv::check_members(options, &[Fault::Partition]).fixed_latency().nodes(4).options(
        |options| {
            options.concurrency = 8;
            options.latency_ms = 10;
            options.member_count = Some(4);
            options.time_limit_secs = 4.0;
            options.calm_secs = 0.0;
        },
    )
}

bugs::exhibit!("lin-kv-changes-members-early", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_caught() {
        bugs::is_caught_by_hand("lin-kv-changes-members-early", check());
    }

    /// Of 3,000 seeds one shows it. What makes it likely: two administrators; four members, for two
    /// majorities of three voters each can part them; faults that come and go as often as leaders
    /// do; and heartbeats so rare that whoever has missed an entry misses it for long.
    #[test]
    fn a_seed_shows_it() {
        let restless = || Options {
            configure: |config| Config {
                rules: rules(),
                election_timeout: Duration::from_millis(200),
                heartbeat_interval: Duration::from_millis(190),
                ..bugs::lin_kv::restless(config)
            },
            ..Options::default()
        };
        let faults = [Fault::Partition, Fault::OneWay];
        let check = bugs::lin_kv::check_members(restless, &faults).fixed_latency().nodes(4);
        let check = check.options(|options| {
            options.administrators = 2;
            options.member_count = Some(4);
            options.nemesis_interval_secs = 0.1;
            options.latency_ms = 30;
            options.concurrency = 16;
            options.rate = 150.0;
            options.time_limit_secs = 4.0;
            options.calm_secs = 0.0;
        });
        bugs::is_caught_by(1097, check, "not-linearizable");
    }
}

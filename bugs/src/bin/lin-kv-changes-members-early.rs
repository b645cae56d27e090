//! `lin-kv` with a bug in changes of the members: a leader begins one as soon as it leads, before
//! an entry of its own term is committed. Then two leaders in turn may each change the same
//! configuration. Each change is a single step, but from one result to the other it is two, and a
//! majority of the one need not meet a majority of the other. So a committed entry is lost.
//!
//! No seed shows it (20,000 were tried), for the nemesis asks for one change after the other. Here
//! two people ask who do not know of each other, and links are cut at two moments, which may be some
//! milliseconds earlier or later. So that run was written by hand:
//! `bugs/tapes/lin-kv-changes-members-early.edn`.
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
    let configure = |config| Config {
        rules: Rules {
            may_reconfigure: if bugs::planted() {
                |_, is_settled| is_settled
            } else {
                Rules::RAFT.may_reconfigure
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
    #[test]
    fn is_caught() {
        bugs::is_caught_by_hand("lin-kv-changes-members-early", super::check());
    }
}

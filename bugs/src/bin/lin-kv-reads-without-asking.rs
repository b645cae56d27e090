//! `lin-kv` with a bug: a leader answers reads without asking whether it still is the leader.
//! When it was deposed and does not know it, it answers from the past.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 8.
//! - **Found in**: etcd: etcd-io/etcd issue 741 (2014), stale reads by a leader that had been
//!   deposed.
//! - **Review**: “How does this node know that it is still the leader?” It does not.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            may_read: if bugs::planted() { |_| true } else { Rules::RAFT.may_read },
            ..Rules::RAFT
        },
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_under_load(options, &Fault::COMMON, 1.0)
}

bugs::exhibit!("lin-kv-reads-without-asking", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught_by(11, super::check());
    }

    /// The Raft of the paper without a bug.
    fn no_bug() -> super::Options {
        let configure = bugs::lin_kv::restless;
        super::Options { configure, ..super::Options::default() }
    }

    /// What catches the bugs is the bugs.
    #[test]
    fn nothing_is_caught_without_a_bug() {
        for (faults, interval_secs) in
            [(&Fault::COMMON[..], 1.0), (&[Fault::Kill, Fault::Partition], 0.15)]
        {
            let check = bugs::lin_kv::check_under_load(no_bug, faults, interval_secs);
            let failure = check.first_anomaly(0..150);
            assert!(failure.is_none(), "{}", failure.unwrap().sentence);
        }
    }
}

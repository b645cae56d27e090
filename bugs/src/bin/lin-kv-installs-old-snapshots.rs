//! `lin-kv` with a bug: a follower lets a snapshot replace its log even if the snapshot is older
//! than that, because the network delivered it late or twice.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 7: a snapshot that describes a prefix of a node’s log does
//!   not replace what follows.
//! - **Review**: “What if this message is a minute old?” Then the log goes back by a minute.
//! - **Fails by**: an invariant

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            replaces: if bugs::planted() { |_, _, _| true } else { Rules::RAFT.replaces },
            ..Rules::RAFT
        },
        log_kept_bytes: 600,
        ..bugs::lin_kv::restless(config)
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check(options, &Fault::COMMON, 1.0)
}

bugs::exhibit!("lin-kv-installs-old-snapshots", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

//! `lin-kv` with a bug: a follower lets a snapshot replace its log even if the snapshot is older
//! than that, because the network delivered it late or twice. What it acknowledged since then is
//! lost.
//!
//! Of some hundred seeds none shows it to clients: the snapshot must come again after the follower
//! has acknowledged more, and before it hears that this is committed. So that run was written by
//! hand: `bugs/tapes/lin-kv-installs-old-snapshots.edn`.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 7: a snapshot that describes a prefix of a node’s log does
//!   not replace what follows.
//! - **Review**: “What if this message comes twice?” The snapshot ends where the node has committed,
//!   and the log goes on behind that.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use maelstrom::simulation::Check;

fn options() -> Options {
    let configure = |config| Config {
        rules: Rules {
            replaces: if bugs::planted() {
                |snapshot, commit, _| snapshot >= commit
            } else {
                Rules::RAFT.replaces
            },
            ..Rules::RAFT
        },
        // Who lacks an entry that is applied is sent the state.
        log_kept_bytes: 0,
        ..config
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_by_hand(options, 50)
}

bugs::exhibit!("lin-kv-installs-old-snapshots", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught_by_hand("lin-kv-installs-old-snapshots", super::check());
    }
}

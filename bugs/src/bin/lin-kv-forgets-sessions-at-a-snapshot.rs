//! `lin-kv` with a bug in snapshots: they hold the state and not which commands brought it about. A
//! command that is in the log twice, once below the snapshot and once above it, takes effect twice
//! on the node that starts from that snapshot.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 5.1: a state machine
//!   stores with its state what it knows of its clients' sessions, by which it finds repeated
//!   commands (section 6.3).
//! - **Review**: “How does a node that has only the snapshot know this command again?” It does not.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::raft::Config;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let configure = |config| Config { log_kept_bytes: 300, ..bugs::lin_kv::restless(config) };
    let options = Options { configure, ..Options::with_short_log() };
    if bugs::planted() { Options { keeps_sessions: false, ..options } } else { options }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_under_load(options, &Fault::COMMON, 1.0)
}

bugs::exhibit!("lin-kv-forgets-sessions-at-a-snapshot", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

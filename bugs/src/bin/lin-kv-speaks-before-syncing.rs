//! `lin-kv` with a bug: a node says that it has stored something before it is on disk. A crash may
//! undo what others rely on.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), figure 2: what a node promises is on stable storage before it
//!   responds. Pillai et al., *All File Systems Are Not Created Equal* (OSDI 2014) found what
//!   applications assume instead.
//! - **Review**: “Which sync stands between this write and this message?” None.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options() -> Options {
    let options = Options::default();
    if bugs::planted() { Options { persists_late: true, ..options } } else { options }
}

/// How the bench catches it. Messages take some time: a leader asks a follower that has lost what it
/// said that it had, again and again, and without latency there is no end to that.
fn check() -> Check {
    bugs::lin_kv::check(options, &[Fault::Kill]).fixed_latency().rate(50.0).options(|options| {
        options.latency_ms = 10;
        options.nemesis_interval_secs = 0.5;
    })
}

bugs::exhibit!("lin-kv-speaks-before-syncing", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught_by(405, super::check());
    }
}

//! `lin-kv` with a bug in leadership: whoever begins a term is heeded, whether it has a say or not.
//! A removed node that does not know it hears from nobody. So it calls for one election after the
//! other, and deposes each leader.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 4.2.3: removed
//!   servers disturb the cluster. Whoever hears from a leader must vote for nobody else.
//! - **Found in**: Consul: hashicorp/raft issue 524 (2022): a server that was removed while it was
//!   cut off came back, and leadership was unstable.
//! - **Review**: “Who can make this leader step down?” Everybody who knows its address.
//! - **Fails by**: availability

use bugs::lin_kv::LinKv;
use gyre::Ctx;
use gyre::raft::Config;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options(_: &Ctx) -> Options {
    let configure = |config: Config| Config {
        stable_leadership: if bugs::planted() { false } else { config.stable_leadership },
        ..config
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_liveness(options, 4, &[Fault::Membership, Fault::Kill])
        // An election, its no-op and a write take as long as it takes until the next one disturbs.
        .options(|options| options.latency_ms = 130)
}

bugs::exhibit!("lin-kv-heeds-removed-nodes", check, |ctx| LinKv::new(ctx, options(ctx)));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::liveness::is_caught_by(34, super::check());
    }
}

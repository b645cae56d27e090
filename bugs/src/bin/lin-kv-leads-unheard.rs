//! `lin-kv` with a bug in leadership: a leader goes on leading when it hears from nobody. Where
//! links are cut in one direction only, so that its heartbeats arrive and the answers do not, it
//! commits nothing, and everybody who hears it waits for it. Nothing is lost, and nothing is
//! answered.
//!
//! - **From**: Howard and Abraham, *Raft does not Guarantee Liveness in the face of Network Faults*
//!   (2020): with pre-vote alone, a leader without a majority is never replaced. Ongaro,
//!   *Consensus: Bridging Theory and Practice* (2014), section 6.2: check quorum.
//! - **Review**: “Who tells this leader that nobody answers?” Nobody.
//! - **Fails by**: availability

use bugs::lin_kv::LinKv;
use gyre::Ctx;
use gyre::raft::Config;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options(_: &Ctx) -> Options {
    let configure = |config: Config| Config {
        check_quorum: if bugs::planted() { false } else { config.check_quorum },
        ..config
    };
    Options { configure, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_liveness(options, 3, &[Fault::OneWay])
}

bugs::exhibit!("lin-kv-leads-unheard", check, |ctx| LinKv::new(ctx, options(ctx)));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::liveness::is_caught_by(20, super::check());
    }
}

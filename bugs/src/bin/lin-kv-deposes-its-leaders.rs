//! `lin-kv` with a bug in leadership: a node that hears from no leader begins the next term at once,
//! and whoever hears of that leaves a leader that does its work. That is the Raft of the paper.
//! Where links are cut so that every node hears a majority, and no two the same one, some hear no
//! leader, whoever leads. They depose each leader in turn, and where messages take as long as a
//! third of an election timeout, before it has committed anything.
//!
//! In the smallest run one node is enough: it hears nobody, and everybody hears it.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), sections 9.6, 6.2 and 4.2.3:
//!   pre-vote, check quorum, and no vote while a leader is heard. Howard and Abraham, *Raft does not
//!   Guarantee Liveness in the face of Network Faults* (2020): such a cut, and that it takes both.
//! - **Found in**: etcd at Cloudflare: Lianza and Snook, *A Byzantine failure in the real world*
//!   (2020): a switch cut the link between two of three nodes. The one that did not hear the leader
//!   called for one election after the other, and no leader lasted.
//! - **Review**: “Whom does a node that cannot hear the leader disturb?” All who can.
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
    bugs::lin_kv::check_liveness(options, 5, &[Fault::Partition])
        // An election, its no-op and a write take three times there and back: as long as it takes
        // until the next one disturbs.
        .options(|options| options.latency_ms = 130)
}

bugs::exhibit!("lin-kv-deposes-its-leaders", check, |ctx| LinKv::new(ctx, options(ctx)));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::liveness::is_caught_by(11, super::check());
    }
}

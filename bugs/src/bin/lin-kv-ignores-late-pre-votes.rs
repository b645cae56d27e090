//! `lin-kv` with a bug in a migration: until it is restarted for the first time, a node runs a
//! version without pre-vote and check quorum. A node that was cut off then comes back with a later
//! term than all others, and a shorter log. Restarted, it asks for pre-votes like the others; it
//! ignores theirs, whose term is past, and they refuse it theirs, for its log is short. Where it is
//! needed for a majority, nobody can win, for good.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), section 9.6: pre-vote; and
//!   section 3.3: a server that is asked in a past term answers with its own.
//! - **Found in**: etcd: etcd-io/etcd issue 8501 (2017), when CockroachDB was updated node by node
//!   to a version with pre-vote; before that etcd-io/etcd issue 8243.
//! - **Review**: “How does a node that may not begin a term learn that the term is past?” It does
//!   not.
//! - **Fails by**: availability

use bugs::lin_kv::LinKv;
use gyre::Ctx;
use gyre::raft::Config;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options(ctx: &Ctx) -> Options {
    let old = |config| Config { stable_leadership: false, ..migrated(config) };
    let configure = if bugs::lin_kv::is_first_life(ctx) { old } else { migrated };
    Options { configure, ..Options::default() }
}

fn migrated(config: Config) -> Config {
    let answers = if bugs::planted() { false } else { config.answers_late_pre_votes };
    Config { answers_late_pre_votes: answers, ..config }
}

/// How the bench catches it.
fn check() -> Check {
    // Of two nodes both are needed, as of three of which one is away for long.
    bugs::lin_kv::check_liveness(options, 2, &[Fault::Kill, Fault::Partition])
        .options(|options| options.nemesis_interval_secs = 1.5)
}

bugs::exhibit!("lin-kv-ignores-late-pre-votes", check, |ctx| LinKv::new(ctx, options(ctx)));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::liveness::is_caught_by(3, super::check());
    }
}

//! `lin-kv` with a bug in how it is run: when a node that was removed starts again, its disk is
//! wiped, and it keeps its name. It does not know any more that it was removed. As one of those with
//! whom the cluster began, it votes, and against entries that it has helped to commit.
//!
//! - **From**: Ongaro, *Consensus: Bridging Theory and Practice* (2014), figure 3.1: a server's term,
//!   its vote and its log are on stable storage. A server without them is another one.
//! - **Found in**: openraft: databendlabs/openraft pull request 2002 (2026): the name of a removed
//!   node, given to an empty one, can split the cluster into two quorums.
//! - **Review**: “What has anybody promised under this name?” Whoever has it now does not know.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::{LinKv, is_member_by_its_disk};
use gyre::Ctx;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: start
fn start(ctx: &Ctx) -> LinKv {
    if bugs::planted() {
        wipe_if_removed(ctx);
    }
    LinKv::new(ctx, Options::default())
}

/// What somebody does who sets up the machine anew: afterwards nothing is on the disk.
fn wipe_if_removed(ctx: &Ctx) {
    if !is_member_by_its_disk(ctx) {
        ctx.storage().save_snapshot(b"[]").expect("the disk is well");
    }
}
// ANCHOR_END: start

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_members_of(start, &[Fault::Partition, Fault::Kill])
}

bugs::exhibit!("lin-kv-wipes-removed-nodes", check, start);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}

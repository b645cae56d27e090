//! Registers that a majority keeps, with a bug in what a majority is: half of the nodes will do.
//! Among four, two such halves need not have a node in common.
//!
//! - **From**: Gifford, *Weighted Voting for Replicated Data* (1979): a read quorum and a write
//!   quorum together are more than all votes.
//! - **Found in**: openraft: databendlabs/openraft issue 1802 (2026): by another mistake, an
//!   index is committed without a quorum.
//! - **Review**: A property test: any two quorums of any cluster have a node in common.
//! - **Fails by**: not-linearizable

use bugs::quorum::{Policy, Quorum};
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn policy() -> Policy {
    Policy {
        quorum: if bugs::planted() { |nodes| nodes / 2 } else { Policy::RIGHT.quorum },
        ..Policy::RIGHT
    }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::quorum::check(policy, 4, &[Fault::Partition])
}

bugs::exhibit!("lin-kv-takes-half-for-a-majority", check, |ctx| Quorum::new(ctx, policy()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

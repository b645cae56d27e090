//! Registers that a majority keeps, with a bug after a restart: a node comes back without what it
//! kept, and answers as if it had never kept anything. A majority that has it in it has less than
//! it seems.
//!
//! - **From**: Michael, Ports, Sharma and Szekeres, *Recovering Shared Objects Without Stable
//!   Storage* (DISC 2017).
//! - **Review**: “Which promise of its former life does a restarted node not know of?” All of
//!   them.
//! - **Fails by**: not-linearizable

use bugs::quorum::{Policy, Quorum};
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn policy() -> Policy {
    Policy { stores: if bugs::planted() { false } else { Policy::RIGHT.stores }, ..Policy::RIGHT }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::quorum::check(policy, 3, &[Fault::Kill])
}

bugs::exhibit!("lin-kv-rejoins-empty", check, |ctx| Quorum::new(ctx, policy()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

//! Registers that a majority keeps, with a bug in writes: a writer stamps a value with the next
//! number that it knows of itself. If others have written since, theirs is higher, and the write
//! is lost before it is done.
//!
//! - **From**: Lynch and Shvartsman, *Robust Emulation of Shared Memory Using Dynamic
//!   Quorum-Acknowledged Broadcasts* (1997): with several writers, a write first asks a majority
//!   for the highest stamp.
//! - **Review**: “Is this stamp above all that were acknowledged?” Above all that this node has
//!   heard of.
//! - **Fails by**: not-linearizable

use bugs::quorum::{Policy, Quorum};
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn policy() -> Policy {
    Policy {
        asks_before_writing: if bugs::planted() {
            false
        } else {
            Policy::RIGHT.asks_before_writing
        },
        ..Policy::RIGHT
    }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::quorum::check(policy, 3, &[Fault::Partition])
}

bugs::exhibit!("lin-kv-writes-without-asking", check, |ctx| Quorum::new(ctx, policy()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

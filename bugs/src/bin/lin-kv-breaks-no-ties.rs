//! Registers that a majority keeps, with a bug in their stamps: of two values with the same
//! counter, a node keeps the one that came first. So some nodes keep one of them for ever, and
//! some the other.
//!
//! - **From**: Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System*
//!   (1978): equal counters are put in order by the names of the processes.
//! - **Review**: “Is this order total?” Two writers may have the same counter.
//! - **Fails by**: not-linearizable

use bugs::quorum::{Policy, Quorum};
use maelstrom::simulation::Check;

fn policy() -> Policy {
    Policy {
        is_newer: if bugs::planted() {
            |a, b| a.counter > b.counter
        } else {
            Policy::RIGHT.is_newer
        },
        ..Policy::RIGHT
    }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::quorum::check(policy, 3, &[])
}

bugs::exhibit!("lin-kv-breaks-no-ties", check, |ctx| Quorum::new(ctx, policy()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

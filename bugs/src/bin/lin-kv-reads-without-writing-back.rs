//! Registers that a majority keeps, with a bug in reads: a read asks a majority and answers with
//! the newest value, which may be at one node only. A later read asks another majority, and finds
//! the older one.
//!
//! - **From**: Attiya, Bar-Noy and Dolev, *Sharing Memory Robustly in Message-Passing Systems*
//!   (1995): readers have to write, too.
//! - **Review**: “How many nodes have what was just answered?” Perhaps one.
//! - **Fails by**: not-linearizable

use bugs::quorum::{Policy, Quorum};
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn policy() -> Policy {
    Policy {
        writes_back: if bugs::planted() { false } else { Policy::RIGHT.writes_back },
        ..Policy::RIGHT
    }
}

/// How the bench catches it.
fn check() -> Check {
    bugs::quorum::check(policy, 3, &[Fault::Loss])
}

bugs::exhibit!("lin-kv-reads-without-writing-back", check, |ctx| Quorum::new(ctx, policy()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}

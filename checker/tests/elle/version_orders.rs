//! What the order of a register's versions may be told from, by its names in the original.

use checker::elle::VersionOrders;

/// These, and no others.
pub fn version_orders(names: &[&str]) -> VersionOrders {
    let known = ["initial-state", "wfr-keys", "sequential-keys", "linearizable-keys"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    VersionOrders {
        initial_state: names.contains(&known[0]),
        explicit_versions: false,
        transaction_order: false,
        wfr_keys: names.contains(&known[1]),
        sequential_keys: names.contains(&known[2]),
        linearizable_keys: names.contains(&known[3]),
    }
}

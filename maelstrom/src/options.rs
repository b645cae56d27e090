//! What a test is asked to do: the command line's flags after they have been understood.

use std::collections::BTreeSet;

use gyre::NodeId;

use crate::checker::availability::Availability;
use crate::checker::elle::VersionOrders;
use crate::checker::{Budget, CheckOptions};
use crate::nemesis::Fault;
use crate::net::LatencyDistribution;

/// The options of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestOptions {
    /// The names of the nodes.
    pub nodes: Vec<NodeId>,
    /// How many client threads there are.
    pub concurrency: usize,
    /// Operations a second, over all clients; 0 for none.
    pub rate: f64,
    /// How long the main phase lasts, in seconds.
    pub time_limit_secs: f64,
    /// Mean latency between servers, in milliseconds.
    pub latency_ms: u64,
    /// How latencies are distributed.
    pub latency_distribution: LatencyDistribution,
    /// What share of operations must succeed, if any.
    pub availability: Option<Availability>,
    /// The faults to inject.
    pub faults: BTreeSet<Fault>,
    /// Mean seconds between a fault's start and its stop, and to its next start.
    pub nemesis_interval_secs: f64,
    /// How long before the end of the main phase the last fault ends, in seconds. Clients go
    /// on, so a cluster that does not recover fails the test. The original has no such calm: 0.
    pub calm_secs: f64,
    /// The shape of the network that broadcast nodes are told.
    pub topology: String,
    /// The consistency models that transactions must satisfy.
    pub consistency_models: Vec<String>,
    /// For transactions over registers: what the order of versions may be told from.
    pub version_orders: VersionOrders,
    /// What the search for a linearization may take.
    pub budget: Budget,
    /// How many keys transactions and logs work on at once; `None` for the workload's default.
    pub key_count: Option<usize>,
    /// The most micro-operations of a transaction.
    pub max_txn_length: usize,
    /// The most writes to one key.
    pub max_writes_per_key: usize,
}

impl Default for TestOptions {
    /// The defaults of the original: five nodes, one client each, five operations a second for
    /// a minute, over a perfect network.
    fn default() -> TestOptions {
        TestOptions {
            nodes: (1..=5).map(|number| NodeId::from(format!("n{number}"))).collect(),
            concurrency: 5,
            rate: 5.0,
            time_limit_secs: 60.0,
            latency_ms: 0,
            latency_distribution: LatencyDistribution::Constant,
            availability: None,
            faults: BTreeSet::new(),
            nemesis_interval_secs: 10.0,
            calm_secs: 0.0,
            topology: "grid".into(),
            consistency_models: vec!["strict-serializable".into()],
            version_orders: VersionOrders::default(),
            budget: Budget::default(),
            key_count: None,
            max_txn_length: 4,
            max_writes_per_key: 16,
        }
    }
}

impl TestOptions {
    /// What of this concerns whoever judges the history.
    pub fn check_options(&self) -> CheckOptions {
        CheckOptions {
            consistency_models: self.consistency_models.clone(),
            version_orders: self.version_orders,
            budget: self.budget.clone(),
            ..CheckOptions::default()
        }
    }
}

/// The names that `--node-count` gives: `n0`, `n1`, ….
pub fn numbered_nodes(count: usize) -> Vec<NodeId> {
    (0..count).map(|number| NodeId::from(format!("n{number}"))).collect()
}

//! What a test is asked to do: the command line's flags after they have been understood.

mod words;

use std::collections::BTreeSet;

use gyre::NodeId;

use crate::checker::availability::Availability;
use crate::checker::elle::VersionOrders;
use crate::checker::{Budget, CheckOptions};
use crate::nemesis::Fault;
use crate::net::LatencyDistribution;

pub use words::flags_of;

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
    /// How many of the nodes, the first ones, are members of the cluster in the beginning; `None`
    /// for all, or with [`Fault::Membership`] for more than half of them.
    pub member_count: Option<usize>,
    /// With [`Fault::Membership`]: how many people ask for changes of the members. Each but the
    /// first does so whatever the others have asked for, and does not wait for that.
    pub administrators: usize,
    /// The shape of the network that broadcast nodes are told.
    pub topology: String,
    /// The consistency models that transactions must satisfy.
    pub consistency_models: Vec<String>,
    /// For transactions over registers: what the order of versions may be told from.
    pub version_orders: VersionOrders,
    /// For logs: whether committed offsets must never go back.
    pub monotonic_commits: bool,
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
            member_count: None,
            administrators: 1,
            topology: "grid".into(),
            consistency_models: vec!["strict-serializable".into()],
            version_orders: VersionOrders::default(),
            monotonic_commits: false,
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
            monotonic_commits: self.monotonic_commits,
            budget: self.budget.clone(),
            ..CheckOptions::default()
        }
    }

    /// How many nodes are members in the beginning, with these faults, if that is ever to change
    /// or if not all are.
    pub fn members_at_first(&self, faults: &BTreeSet<Fault>) -> Option<usize> {
        let nodes = self.nodes.len();
        let by_default = faults.contains(&Fault::Membership).then_some(nodes / 2 + 1);
        self.member_count.or(by_default).map(|count| count.clamp(1, nodes.max(1)).min(nodes))
    }
}

impl TestOptions {
    /// What was probably not meant: a sentence.
    pub fn note(&self) -> Option<String> {
        let TestOptions { calm_secs, time_limit_secs, .. } = self;
        let is_all_calm = !self.faults.is_empty() && *calm_secs > 0.0;
        (is_all_calm && calm_secs >= time_limit_secs).then(|| {
            format!(
                "the calm of {calm_secs} s is all of the {time_limit_secs} s of the run, so every \
                 fault ends as it begins: give a longer --time-limit, or a shorter --calm"
            )
        })
    }

    /// The flags that ask for these options, but for those that have their default value. Those of
    /// the budget, which never change what a run is, are not among them.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let default = TestOptions::default();
        let TestOptions {
            nodes,
            concurrency,
            rate,
            time_limit_secs,
            latency_ms,
            latency_distribution,
            availability,
            faults,
            nemesis_interval_secs,
            calm_secs,
            member_count,
            administrators,
            topology,
            consistency_models,
            version_orders,
            monotonic_commits,
            budget: _,
            key_count,
            max_txn_length,
            max_writes_per_key,
        } = self;
        let mut flags = Vec::new();
        let mut differs = |is_other: bool, flag: &'static str, value: String| {
            if is_other {
                flags.push((flag, value));
            }
        };
        let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
        let are_numbered = *nodes == numbered_nodes(nodes.len());
        let is_usual = *nodes == default.nodes;
        differs(are_numbered && !is_usual, "--node-count", nodes.len().to_string());
        differs(!are_numbered && !is_usual, "--nodes", names.join(","));
        let per_node = concurrency / nodes.len().max(1);
        let concurrency_text = match per_node * nodes.len() == *concurrency {
            true => format!("{per_node}n"),
            false => concurrency.to_string(),
        };
        differs(*concurrency != nodes.len(), "--concurrency", concurrency_text);
        differs(*rate != default.rate, "--rate", rate.to_string());
        let is_other_limit = *time_limit_secs != default.time_limit_secs;
        differs(is_other_limit, "--time-limit", time_limit_secs.to_string());
        differs(*latency_ms != default.latency_ms, "--latency", latency_ms.to_string());
        let is_other_distribution = *latency_distribution != default.latency_distribution;
        differs(is_other_distribution, "--latency-dist", latency_distribution.name().into());
        let availability = availability.map(|share| share.to_string());
        differs(availability.is_some(), "--availability", availability.unwrap_or_default());
        let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
        differs(!faults.is_empty(), "--nemesis", names.join(","));
        let is_other_interval = *nemesis_interval_secs != default.nemesis_interval_secs;
        differs(is_other_interval, "--nemesis-interval", nemesis_interval_secs.to_string());
        differs(*calm_secs != default.calm_secs, "--calm", calm_secs.to_string());
        let members = member_count.map(|count| count.to_string());
        differs(members.is_some(), "--member-count", members.unwrap_or_default());
        let are_several = *administrators != default.administrators;
        differs(are_several, "--administrators", administrators.to_string());
        differs(*topology != default.topology, "--topology", topology.clone());
        let are_other_models = *consistency_models != default.consistency_models;
        differs(are_other_models, "--consistency-models", consistency_models.join(","));
        let (is, was) = (version_orders, default.version_orders);
        for (flag, value, usual) in [
            ("--initial-state", is.initial_state, was.initial_state),
            ("--wfr-keys", is.wfr_keys, was.wfr_keys),
            ("--sequential-keys", is.sequential_keys, was.sequential_keys),
            ("--linearizable-keys", is.linearizable_keys, was.linearizable_keys),
        ] {
            differs(value != usual, flag, value.to_string());
        }
        differs(*monotonic_commits, "--monotonic-commits", "true".into());
        let key_count_text = key_count.map(|count| count.to_string()).unwrap_or_default();
        differs(key_count.is_some(), "--key-count", key_count_text);
        let is_other_length = *max_txn_length != default.max_txn_length;
        differs(is_other_length, "--max-txn-length", max_txn_length.to_string());
        let is_other_count = *max_writes_per_key != default.max_writes_per_key;
        differs(is_other_count, "--max-writes-per-key", max_writes_per_key.to_string());
        flags
    }
}

/// The names that `--node-count` gives: `n0`, `n1`, ….
pub fn numbered_nodes(count: usize) -> Vec<NodeId> {
    (0..count).map(|number| NodeId::from(format!("n{number}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_that_are_not_the_default_are_named() {
        assert_eq!(TestOptions::default().flags(), []);
        let options = TestOptions {
            nodes: numbered_nodes(3),
            concurrency: 6,
            latency_distribution: LatencyDistribution::Exponential,
            availability: Some(Availability::Total),
            faults: [Fault::Kill, Fault::Partition].into(),
            nemesis_interval_secs: 2.5,
            ..TestOptions::default()
        };
        let line: Vec<String> =
            options.flags().iter().map(|(flag, value)| format!("{flag} {value}")).collect();
        assert_eq!(
            line.join(" "),
            "--node-count 3 --concurrency 2n --latency-dist exponential --availability total \
             --nemesis partition,kill --nemesis-interval 2.5"
        );
        let named = TestOptions { nodes: vec!["a".into(), "b".into()], ..TestOptions::default() };
        assert_eq!(named.flags()[..2], [("--nodes", "a,b".into()), ("--concurrency", "5".into())]);
    }

    #[test]
    fn a_run_that_is_all_calm_is_noted() {
        let faults = BTreeSet::from([Fault::Kill]);
        let noted = |time_limit_secs, calm_secs, faults: &BTreeSet<Fault>| {
            let faults = faults.clone();
            TestOptions { time_limit_secs, calm_secs, faults, ..TestOptions::default() }.note()
        };
        for (time_limit_secs, calm_secs) in [(5.0, 8.0), (8.0, 8.0)] {
            let note = noted(time_limit_secs, calm_secs, &faults).expect("it is all calm");
            assert!(note.contains("every fault ends as it begins"), "{note}");
        }
        assert_eq!(noted(9.0, 8.0, &faults), None);
        assert_eq!(noted(0.0, 0.0, &faults), None);
        // Without faults the calm changes nothing.
        assert_eq!(noted(5.0, 8.0, &BTreeSet::new()), None);
    }
}

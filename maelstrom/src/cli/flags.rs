//! The flags, and what they mean.
#![expect(clippy::disallowed_methods, reason = "a flag may name a file, which is read here")]

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use super::budget::BudgetFlags;
use super::cluster::ClusterFlags;
use super::numbers::{MANY, between, whole};
use super::remote::RemoteFlags;
use crate::checker::availability::Availability;
use crate::checker::elle::VersionOrders;
use crate::nemesis::Fault;
use crate::net::LatencyDistribution;
use crate::options::TestOptions;
use crate::recorder::LogOptions;
use crate::tape::TapeFile;
use crate::workload::Workload;

const EXAMPLES: &str = "Examples:
  maelstrom test -w echo --bin target/release/echo --time-limit 5
  maelstrom test -w unique-ids --bin ./my-node --rate 1000 --nemesis partition
  maelstrom test -w echo --bin target/release/echo --seed 42 -- --an-argument-of-the-node

Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the run broke off.";

/// One operation a microsecond. More would hardly let time pass.
const RATE_MAX: f64 = 1e6;

/// Eleven days, in virtual time or not.
const SECONDS_MAX: f64 = 1e6;

/// A fault that starts and stops more often than this is nothing but noise.
const INTERVAL_SECS_MIN: f64 = 0.001;

/// What the order of a register's versions may be told from.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Transactions over registers")]
pub struct VersionOrderFlags {
    /// Take the initial state, nil, to come before all writes.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    initial_state: bool,

    /// Take what a transaction writes to come after what it read of the same key.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    wfr_keys: bool,

    /// Take each process to see the versions of a key in their order.
    #[arg(long)]
    sequential_keys: bool,

    /// Take each key to be linearizable: who begins after another has ended sees its version or
    /// a later one.
    #[arg(long)]
    linearizable_keys: bool,
}

impl VersionOrderFlags {
    /// The same for the checker.
    pub fn version_orders(self) -> VersionOrders {
        VersionOrders {
            initial_state: self.initial_state,
            explicit_versions: true,
            transaction_order: false,
            wfr_keys: self.wfr_keys,
            sequential_keys: self.sequential_keys,
            linearizable_keys: self.linearizable_keys,
        }
    }
}

/// The flags of `maelstrom test`.
#[derive(Args, Clone, Debug)]
// As with the original, a flag that is given twice has the last value.
// A negative number is the value of the flag before it, and a wrong one: not a flag itself.
#[command(after_help = EXAMPLES, args_override_self = true, allow_negative_numbers = true)]
pub struct TestFlags {
    /// What kind of system to test.
    #[arg(short, long, default_value = "lin-kv", value_name = "NAME")]
    pub workload: String,

    /// The program that runs a node.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub bin: PathBuf,

    /// Arguments for the node's program; those that begin with a dash follow a `--`.
    #[arg(value_name = "ARGUMENT")]
    pub args: Vec<String>,

    #[command(flatten)]
    /// How it is run.
    pub run: RunFlags,
}

/// The flags of everything that runs nodes: all of `maelstrom test` but what is run.
#[derive(Args, Clone, Debug)]
pub struct RunFlags {
    #[command(flatten)]
    pub(super) cluster: ClusterFlags,

    /// The shape of the network that broadcast nodes are told.
    #[arg(
        long,
        value_name = "SHAPE",
        default_value = "grid",
        value_parser = ["grid", "line", "total", "tree", "tree2", "tree3", "tree4"],
        help_heading = "Cluster"
    )]
    pub(super) topology: String,

    /// Operations a second, over all clients.
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 5.0,
        value_parser = between(0.0, RATE_MAX),
        help_heading = "Load"
    )]
    pub(super) rate: f64,

    /// How long to run, in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60.0,
        value_parser = between(0.0, SECONDS_MAX),
        help_heading = "Load"
    )]
    pub(super) time_limit: f64,

    /// For transactions and logs: how many keys are in use at once.
    #[arg(long, value_name = "NUMBER", value_parser = whole(1, MANY), help_heading = "Load")]
    key_count: Option<usize>,

    /// The most operations of a transaction.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "4",
        value_parser = whole(1, MANY),
        help_heading = "Load"
    )]
    max_txn_length: usize,

    /// For transactions and logs: the most writes to a key.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "16",
        value_parser = whole(1, MANY),
        help_heading = "Load"
    )]
    max_writes_per_key: usize,

    /// How many times to run the test; the first that is not valid is the last.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "1",
        value_parser = whole(1, MANY),
        help_heading = "Load"
    )]
    pub test_count: usize,

    /// Mean latency between servers, in milliseconds.
    #[arg(
        long,
        value_name = "MILLIS",
        default_value = "0",
        value_parser = whole(0, MANY as u64),
        help_heading = "Network and faults"
    )]
    latency: u64,

    /// How latencies are distributed.
    #[arg(
        long,
        value_name = "TYPE",
        value_enum,
        default_value_t = LatencyDistribution::Constant,
        help_heading = "Network and faults"
    )]
    latency_dist: LatencyDistribution,

    /// Faults to inject, separated by commas.
    #[arg(
        long,
        value_name = "FAULTS",
        value_enum,
        value_delimiter = ',',
        action = ArgAction::Set,
        help_heading = "Network and faults"
    )]
    pub(super) nemesis: Vec<Fault>,

    /// Mean seconds between the start and the stop of a fault.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10.0,
        value_parser = between(INTERVAL_SECS_MIN, SECONDS_MAX),
        help_heading = "Network and faults"
    )]
    nemesis_interval: f64,

    /// How many seconds before the end of the test the last fault ends. Clients go on: so a cluster
    /// that does not recover fails. The original has no such calm.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        value_parser = between(0.0, SECONDS_MAX),
        help_heading = "Network and faults"
    )]
    calm: f64,

    /// How many of the nodes, the first ones, are members of the cluster in the beginning. Others
    /// start when they are to join, with --nemesis membership; which also makes more than half of
    /// the nodes the default.
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = whole(1, MANY),
        help_heading = "Network and faults"
    )]
    member_count: Option<usize>,

    /// With --nemesis membership: how many people change the members. Each but the first asks for
    /// one change after another, whatever the others have asked for, and does not wait for that.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = whole(1, 100_usize),
        help_heading = "Network and faults"
    )]
    administrators: usize,

    /// The share of operations that must succeed: a number from 0 to 1, or "total". Or a time such
    /// as 5s: for so long operations may go unanswered, and no longer.
    #[arg(long, value_name = "SHARE", help_heading = "Judgement")]
    pub(super) availability: Option<Availability>,

    /// The consistency models that transactions must satisfy, separated by commas.
    #[arg(
        long,
        value_name = "MODELS",
        value_delimiter = ',',
        action = ArgAction::Set,
        default_value = "strict-serializable",
        help_heading = "Judgement"
    )]
    pub(super) consistency_models: Vec<String>,

    /// For logs: committed offsets must never go back. Kafka allows that they do.
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = false,
        action = ArgAction::Set,
        help_heading = "Judgement"
    )]
    monotonic_commits: bool,

    /// Say at the end whether the goal of this challenge of the Gossip Glomers is met: 1, 2, 3a to
    /// 3e, 4, 5a to 5c, 6a to 6c.
    #[arg(long, value_name = "NAME", help_heading = "Judgement")]
    pub(super) challenge: Option<String>,

    /// Give nodes no folder for their data, as the original does: what they store is in memory
    /// only, and a killed node has lost it.
    #[arg(long, help_heading = "Cluster")]
    pub no_data_dir: bool,

    #[command(flatten)]
    version_orders: VersionOrderFlags,

    #[command(flatten)]
    budget: BudgetFlags,

    /// Run in virtual time, with all randomness from this seed: the same seed gives the same
    /// history. The node must speak lockstep, as every node on the gyre runtime does. The files
    /// take the place of those of the last run of this workload with this seed.
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = whole(0, u64::MAX),
        help_heading = "Virtual time"
    )]
    pub seed: Option<u64>,

    /// With --seed: also write the tape of the run, tape.edn, which says everything that chance
    /// decided.
    #[arg(long, requires = "seed", help_heading = "Virtual time")]
    pub write_tape: bool,

    /// Run a tape in virtual time, as --write-tape wrote it or as it was edited since: a file, or
    /// the tape itself. The other flags should be those of its run.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["seed", "test_count"],
        help_heading = "Virtual time"
    )]
    pub tape: Option<String>,

    /// With --seed or --tape: if the run fails, also find a small run that fails in the same way,
    /// as `maelstrom shrink` does.
    #[arg(long, help_heading = "Virtual time")]
    pub shrink: bool,

    /// Show every operation as it begins and ends, and every other line of the log. Where stderr
    /// is no terminal, a line every few seconds is shown otherwise.
    #[arg(long, short = 'v', help_heading = "Logging")]
    verbose: bool,

    /// Log what nodes write to stderr.
    #[arg(long, help_heading = "Logging")]
    log_stderr: bool,

    /// Log messages as they are sent.
    #[arg(long, help_heading = "Logging")]
    log_net_send: bool,

    /// Log messages as they are received.
    #[arg(long, help_heading = "Logging")]
    log_net_recv: bool,

    /// Write jepsen.log as JSON, an object a line.
    #[arg(long, help_heading = "Logging")]
    logging_json: bool,

    #[command(flatten)]
    pub(super) remote: RemoteFlags,
}

impl RunFlags {
    /// The options that these flags ask for.
    ///
    /// # Errors
    /// A sentence, when flags contradict each other.
    pub fn options(&self) -> Result<TestOptions, String> {
        let (nodes, concurrency) = self.cluster.cluster()?;
        if self.shrink && self.seed.is_none() && self.tape.is_none() {
            return Err(
                "only a run in virtual time can be shrunk: --shrink needs --seed or --tape".into(),
            );
        }
        if self.nemesis.contains(&Fault::Skew) && self.seed.is_none() && self.tape.is_none() {
            return Err("the clocks of real processes cannot be skewed: --nemesis skew needs \
                        --seed, which runs them in virtual time"
                .into());
        }
        if self.nemesis.contains(&Fault::Disk) && self.no_data_dir {
            return Err(
                "--nemesis disk needs nodes that have a disk: leave out --no-data-dir".into()
            );
        }
        if let Some(members) = self.member_count.filter(|count| *count > nodes.len()) {
            return Err(format!(
                "--member-count {members} is too much: of {} nodes, no more can be members",
                nodes.len()
            ));
        }
        if self.nemesis.contains(&Fault::Membership) && nodes.len() == 1 {
            return Err("--nemesis membership needs a cluster that can have two members: \
                        --node-count 2 or more"
                .into());
        }
        if self.administrators > 1 && !self.nemesis.contains(&Fault::Membership) {
            return Err("--administrators says who changes the members, and nobody does: add \
                        --nemesis membership"
                .into());
        }
        Ok(TestOptions {
            nodes,
            concurrency,
            rate: self.rate,
            time_limit_secs: self.time_limit,
            latency_ms: self.latency,
            latency_distribution: self.latency_dist,
            availability: self.availability,
            faults: self.nemesis.iter().copied().collect(),
            nemesis_interval_secs: self.nemesis_interval,
            calm_secs: self.calm,
            member_count: self.member_count,
            administrators: self.administrators,
            topology: self.topology.clone(),
            consistency_models: trimmed(&self.consistency_models),
            version_orders: self.version_orders.version_orders(),
            monotonic_commits: self.monotonic_commits,
            budget: self.budget.budget(),
            key_count: self.key_count,
            max_txn_length: self.max_txn_length,
            max_writes_per_key: self.max_writes_per_key,
        })
    }

    /// The tape to run, if one is given.
    ///
    /// # Errors
    /// A sentence, when it cannot be read, or is not one of this workload.
    pub fn read_tape(&self, workload: &dyn Workload) -> Result<Option<TapeFile>, String> {
        let Some(shown) = &self.tape else { return Ok(None) };
        // The name of a file does not begin like a tape.
        let is_tape = shown.trim_start().starts_with("{:tape");
        let (text, shown) = if is_tape {
            (shown.clone(), "--tape")
        } else {
            let text = std::fs::read_to_string(shown)
                .map_err(|error| format!("the tape {shown} cannot be read: {error}"))?;
            (text, shown.as_str())
        };
        let tape = TapeFile::parse(&text).map_err(|problem| format!("{shown}: {problem}"))?;
        tape.validate(workload).map_err(|problem| format!("{shown}: {problem}"))?;
        Ok(Some(tape))
    }

    /// Those of these flags that a tape says nothing of, and that are not its run's options
    /// either, as words of a command line.
    pub(super) fn words_for_tape(&self) -> Vec<String> {
        let VersionOrderFlags { initial_state, wfr_keys, sequential_keys, linearizable_keys } =
            self.version_orders;
        let flags = [
            (self.no_data_dir, "--no-data-dir"),
            (!initial_state, "--initial-state=false"),
            (!wfr_keys, "--wfr-keys=false"),
            (sequential_keys, "--sequential-keys"),
            (linearizable_keys, "--linearizable-keys"),
        ];
        let given = flags.into_iter().filter(|(is_given, _)| *is_given);
        given.map(|(_, flag)| flag.to_owned()).collect()
    }

    /// What to log.
    pub fn log_options(&self) -> LogOptions {
        LogOptions {
            shows_operations: self.verbose,
            stderr: self.log_stderr,
            net_send: self.log_net_send,
            net_recv: self.log_net_recv,
            json: self.logging_json,
        }
    }
}

fn trimmed(names: &[String]) -> Vec<String> {
    // Elle's keywords may be written with their colon.
    names.iter().map(|name| name.trim().trim_start_matches(':').to_owned()).collect()
}

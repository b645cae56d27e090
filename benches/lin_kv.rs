//! How fast the key-value store on Raft is: `cargo bench --bench lin_kv`.
//!
//! - What an operation costs in time where messages between nodes take 10 ms: at the leader,
//!   and at a follower, which has to ask the leader.
//! - Operations a second, with three, five and seven nodes: in virtual time, where the figure is
//!   how fast this machine can simulate them, and in real time, with the latency that clients
//!   see when they ask as fast as they are answered.
//! - A simulated minute with every fault, and its check.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs and prints"
)]

#[allow(dead_code, unused_imports, reason = "of a whole binary only the node is wanted here")]
#[path = "../src/bin/lin-kv.rs"]
mod node;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use maelstrom::history::{History, Op, OpType, ProcessId};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::recorder::LogOptions;
use maelstrom::run::{Clock, Terminal, Test};
use maelstrom::simulation::Check;
use maelstrom::{Fault, workload};
use node::LinKv;

const CLUSTERS: [usize; 3] = [3, 5, 7];

fn main() {
    println!("10 ms from node to node, no faults: median ms of a write / a read, by node");
    for nodes in CLUSTERS {
        latency_by_node(nodes);
    }
    println!("operations a second, 10 clients a node");
    for nodes in CLUSTERS {
        in_virtual_time(nodes);
        in_real_time(nodes);
    }
    a_simulated_minute();
}

fn options(nodes: usize, clients_a_node: usize, rate: f64, seconds: f64) -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(nodes),
        concurrency: nodes * clients_a_node,
        rate,
        time_limit_secs: seconds,
        ..TestOptions::default()
    }
}

fn check(options: TestOptions) -> Check<LinKv> {
    maelstrom::check("lin-kv", LinKv::new).options(|all| *all = options).fixed_latency()
}

/// The leader is the node with the fastest writes.
fn latency_by_node(nodes: usize) {
    let mut options = options(nodes, 4, 50.0, 60.0);
    options.latency_ms = 10;
    let (outcome, _) = check(options).run(1);
    let medians = (0..nodes).map(|node| {
        let median = |f| {
            let at_node = |process: i64| process as usize % nodes == node;
            quantile(&latencies_ms(&outcome.history, f, at_node), 0.5)
        };
        (median("write"), median("read"))
    });
    let mut medians: Vec<(f64, f64)> = medians.collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    print!("  {nodes} nodes ");
    for (write, read) in medians {
        print!("  {write:.0} / {read:.0}");
    }
    println!("   answered {:.4}", answered(&outcome.history));
}

/// The share of operations that were carried out: they succeeded, or failed for what the store
/// holds, as a compare-and-set may.
fn answered(history: &History) -> f64 {
    let is_answer = |op: &&Op| {
        let error = op.extra("error").and_then(|error| error.as_slice()?.first()?.as_keyword());
        op.kind == OpType::Ok || matches!(error, Some("precondition-failed" | "key-does-not-exist"))
    };
    let begun = history.ops.iter().filter(|op| op.kind == OpType::Invoke).count();
    history.ops.iter().filter(is_answer).count() as f64 / begun as f64
}

fn in_virtual_time(nodes: usize) {
    let check = check(options(nodes, 10, 5_000.0, 20.0));
    let start = Instant::now();
    let (outcome, results) = check.run(1);
    let seconds = start.elapsed().as_secs_f64();
    let count = outcome.history.ops.len() / 2;
    let a_second = count as f64 / seconds;
    println!("  {nodes} nodes  virtual  {a_second:>8.0}   checked: {}", results.verdict);
}

fn in_real_time(nodes: usize) {
    let store = tempfile::tempdir().expect("a folder for the runs");
    let workload = workload::by_name("lin-kv").expect("lin-kv is a workload");
    let options = options(nodes, 10, 1e6, 5.0);
    let test = Test {
        workload,
        options: &options,
        bin: PathBuf::from(env!("CARGO_BIN_EXE_lin-kv")),
        args: Vec::new(),
        clock: Clock::Wall,
        store: store.path().to_owned(),
        log: LogOptions::default(),
        has_data_dirs: true,
        argv: Vec::new(),
        watchdog: None,
        memory_bytes: maelstrom::spool::SPOOL_BYTES,
    };
    let report = test.run(Terminal::nobody()).expect("the test can run");
    let text = std::fs::read_to_string(report.folder.join("history.edn")).expect("a history");
    let history = History::parse(&text).expect("it is our own");
    let a_second = history.ops.len() as f64 / 2.0 / options.time_limit_secs;
    let all = |f| latencies_ms(&history, f, |_| true);
    let (writes, reads) = (all("write"), all("read"));
    println!(
        "  {nodes} nodes  real     {a_second:>8.0}   checked: {}; ms of a write {:.1}, 99% within \
         {:.1}; of a read {:.1}, {:.1}",
        report.results.verdict,
        quantile(&writes, 0.5),
        quantile(&writes, 0.99),
        quantile(&reads, 0.5),
        quantile(&reads, 0.99),
    );
}

/// Five nodes, 20 operations a second, all faults, checked: what a seed of the tests costs.
fn a_simulated_minute() {
    let check = maelstrom::check("lin-kv", LinKv::new)
        .options(|options| options.concurrency = 10)
        .faults(Fault::ALL)
        .time_limit_secs(60.0);
    let seeds = 50;
    let start = Instant::now();
    for seed in 0..seeds {
        check.run(seed);
    }
    let each_ms = start.elapsed().as_secs_f64() * 1e3 / seeds as f64;
    println!("a minute of 20 operations a second, 5 nodes, all faults: {each_ms:.1} ms");
}

/// How long the operations took that succeeded, in milliseconds, in order.
fn latencies_ms(history: &History, f: &str, at_node: impl Fn(i64) -> bool) -> Vec<f64> {
    let mut begun = BTreeMap::new();
    let mut latencies = Vec::new();
    for op in history.ops.iter().filter(|op| *op.f == *f) {
        let ProcessId::Client(process) = op.process else { continue };
        match op.kind {
            OpType::Invoke => drop(begun.insert(process, op.time)),
            OpType::Ok if at_node(process) => {
                latencies.push((op.time - begun[&process]) as f64 / 1e6);
            }
            _ => {}
        }
    }
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

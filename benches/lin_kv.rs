//! How fast the key-value store on Raft is: `cargo bench --bench lin_kv`.
//!
//! - What an operation costs in time where messages between nodes take 10 ms: at the leader,
//!   and at a follower, which has to ask the leader.
//! - Operations a second, with three, five and seven nodes: in virtual time, where the figure is
//!   how fast this machine can simulate them, check them and write their files, and in real time,
//!   with the latency that clients see when they ask as fast as they are answered.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs and prints"
)]

mod programs;

use std::collections::BTreeMap;

use maelstrom::history::{History, Op, OpType, ProcessId};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::run::Clock;

use programs::Run;

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

fn run(options: &TestOptions, clock: Clock) -> Run {
    programs::run("lin-kv", env!("CARGO_BIN_EXE_lin-kv"), &[], options, clock)
}

/// The leader is the node with the fastest writes.
fn latency_by_node(nodes: usize) {
    let mut options = options(nodes, 4, 50.0, 60.0);
    options.latency_ms = 10;
    let run = run(&options, programs::seed(1));
    let medians = (0..nodes).map(|node| {
        let median = |f| {
            let at_node = |process: i64| process as usize % nodes == node;
            quantile(&latencies_ms(&run.history, f, at_node), 0.5)
        };
        (median("write"), median("read"))
    });
    let mut medians: Vec<(f64, f64)> = medians.collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    print!("  {nodes} nodes ");
    for (write, read) in medians {
        print!("  {write:.0} / {read:.0}");
    }
    println!("   answered {:.4}", answered(&run.history));
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
    let run = run(&options(nodes, 10, 5_000.0, 20.0), programs::seed(1));
    let a_second = run.history.ops.len() as f64 / 2.0 / run.took.as_secs_f64();
    println!("  {nodes} nodes  virtual  {a_second:>8.0}   checked: {}", run.results.verdict);
}

fn in_real_time(nodes: usize) {
    let options = options(nodes, 10, 1e6, 5.0);
    let run = run(&options, Clock::Wall);
    let a_second = run.history.ops.len() as f64 / 2.0 / options.time_limit_secs;
    let all = |f| latencies_ms(&run.history, f, |_| true);
    let (writes, reads) = (all("write"), all("read"));
    println!(
        "  {nodes} nodes  real     {a_second:>8.0}   checked: {}; ms of a write {:.1}, 99% within \
         {:.1}; of a read {:.1}, {:.1}",
        run.results.verdict,
        quantile(&writes, 0.5),
        quantile(&writes, 0.99),
        quantile(&reads, 0.5),
        quantile(&reads, 0.99),
    );
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

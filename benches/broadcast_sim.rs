//! How the time to simulate broadcast grows with the cluster:
//! `cargo bench --bench broadcast_sim`.
//!
//! 20 virtual seconds of 20 operations a second, without faults. A broadcast goes to every node,
//! so the time should grow little faster than the number of nodes. (How fast seeds with faults
//! are is what `make sim-broadcast` says.)
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs and prints"
)]

mod programs;

use maelstrom::checker::Validity;
use maelstrom::options::{TestOptions, numbered_nodes};

fn main() {
    for nodes in [25, 100, 400] {
        for preset in ["low-latency", "low-traffic"] {
            growth(preset, nodes);
        }
    }
}

fn growth(preset: &str, nodes: usize) {
    let options = TestOptions {
        nodes: numbered_nodes(nodes),
        concurrency: nodes,
        rate: 20.0,
        time_limit_secs: 20.0,
        latency_ms: 10,
        ..TestOptions::default()
    };
    let bin = env!("CARGO_BIN_EXE_broadcast");
    let argument = format!("--preset={preset}");
    let run = programs::run("broadcast", bin, &[&argument], &options, programs::seed(0));
    assert_eq!(run.results.verdict, Validity::True);
    let (seconds, messages) = (run.took.as_secs_f64(), run.number(&["net", "all", "send-count"]));
    let rate = messages / seconds;
    println!("{preset}, {nodes} nodes: {seconds:.2} s, {messages} messages, {rate:.0} a second");
}

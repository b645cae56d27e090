//! How fast broadcast is simulated: `cargo bench --bench broadcast_sim`.
//!
//! - seeds a second with every fault at once, for clusters of 5 and of 25 nodes;
//! - how the time for a run grows with the cluster, at the same rate of operations: a
//!   broadcast goes to every node, so it should grow little faster than the number of nodes.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

#[allow(dead_code, unused_imports, reason = "the node's own main and tests are not wanted")]
#[path = "../src/bin/broadcast.rs"]
mod broadcast;

use std::time::Instant;

use gyre::gossip::Setting;
use maelstrom::Fault;
use maelstrom::simulation::Check;

use broadcast::Broadcast;

fn main() {
    for (nodes, seeds) in [(5, 200), (25, 20)] {
        seeds_a_second("low-latency", Setting::LOW_LATENCY, nodes, seeds);
        seeds_a_second("low-traffic", Setting::LOW_TRAFFIC, nodes, seeds);
    }
    for nodes in [25, 100, 400] {
        growth("low-latency", Setting::LOW_LATENCY, nodes);
        growth("low-traffic", Setting::LOW_TRAFFIC, nodes);
    }
}

fn check(setting: Setting, nodes: usize) -> Check<Broadcast> {
    maelstrom::check("broadcast", move |ctx| Broadcast::new(ctx, setting)).nodes(nodes)
}

fn seeds_a_second(name: &str, setting: Setting, nodes: usize, seeds: u64) {
    let check = check(setting, nodes).faults(Fault::ALL);
    let start = Instant::now();
    for seed in 0..seeds {
        assert!(check.fails(seed).is_none(), "seed {seed} fails");
    }
    let rate = seeds as f64 / start.elapsed().as_secs_f64();
    println!("{name}, {nodes} nodes, every fault: {rate:.1} seeds a second");
}

/// 20 virtual seconds of 20 operations a second, without faults.
fn growth(name: &str, setting: Setting, nodes: usize) {
    let check = check(setting, nodes).options(|options| options.latency_ms = 10).fixed_latency();
    let start = Instant::now();
    let (outcome, _) = check.run(0);
    let seconds = start.elapsed().as_secs_f64();
    let messages = outcome.journal.stats().all().send_count;
    let rate = messages as f64 / seconds;
    println!(
        "{name}, {nodes} nodes, no faults: {seconds:.2} s, {messages} messages, {rate:.0} a second"
    );
}

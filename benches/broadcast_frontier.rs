//! What each setting of the broadcast costs, in messages and in latency, on the network of the
//! Gossip Glomers' efficiency challenge (3d and 3e): 25 nodes, 100 ms between them, 100
//! operations a second for 20 seconds, half of them broadcasts.
//!
//! `cargo bench --bench broadcast_frontier` prints the table of `book/broadcast.md`, or with
//! settings as arguments (`-- hub:190`) their rows alone. `make frontier` also draws the plot of
//! that page. A test in the node's file holds the presets to their promises.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts programs, reads its arguments, writes its plot and prints"
)]

mod programs;

use std::fmt::Write;

use maelstrom::edn::Edn;
use maelstrom::options::{TestOptions, numbered_nodes};

const SEEDS: u64 = 10;

const DIRECT: [&str; 7] =
    ["direct:0", "direct:16", "direct:32", "direct:64", "direct:128", "direct:256", "direct:512"];
const HUB: [&str; 8] =
    ["hub:0", "hub:25", "hub:50", "hub:100", "hub:150", "hub:190", "hub:240", "hub:400"];

/// Others' published results: messages per operation, median and greatest latency in ms.
const PUBLISHED: [(f64, f64, f64); 4] =
    [(11.8, 172.0, 211.0), (23.4, 181.0, 207.0), (1.92, 764.0, 1087.0), (1.99, 339.0, 678.0)];

/// What one setting costs: the mean over all seeds.
struct Cost {
    /// Messages between servers, repair and set-up included, per broadcast.
    per_broadcast: f64,
    /// The same per operation, reads included: Maelstrom's `msgs-per-op`.
    per_operation: f64,
    /// How long after its acknowledgement a read still lacked a message, in ms.
    median_ms: f64,
    /// The longest, over all seeds.
    greatest_ms: f64,
}

fn measure(setting: &str) -> Cost {
    let options = TestOptions {
        nodes: numbered_nodes(25),
        concurrency: 25,
        rate: 100.0,
        time_limit_secs: 20.0,
        latency_ms: 100,
        ..TestOptions::default()
    };
    let preset = format!("--preset={setting}");
    let bin = env!("CARGO_BIN_EXE_broadcast");
    let mut cost =
        Cost { per_broadcast: 0.0, per_operation: 0.0, median_ms: 0.0, greatest_ms: 0.0 };
    for seed in 0..SEEDS {
        let run = programs::run("broadcast", bin, &[&preset], &options, programs::seed(seed));
        let results = run.results.to_edn();
        assert_eq!(results.get("valid?"), Some(&Edn::Bool(true)), "seed {seed}: {results}");
        let messages = run.number(&["net", "servers", "send-count"]);
        let pairs = run.history.pairs().expect("the bench writes whole histories");
        let broadcasts = pairs.iter().filter(|pair| &*pair.invoke.f == "broadcast").count();
        let (median_ms, greatest_ms) = latencies(&results);
        let share = 1.0 / SEEDS as f64;
        cost.per_broadcast += share * messages / broadcasts as f64;
        cost.per_operation += share * messages / pairs.len() as f64;
        cost.median_ms += share * median_ms;
        cost.greatest_ms = cost.greatest_ms.max(greatest_ms);
    }
    cost
}

/// The median and the greatest stable latency.
fn latencies(results: &Edn) -> (f64, f64) {
    let workload = results.get("workload").expect("the results of the workload");
    let Some(Edn::Map(quantiles)) = workload.get("stable-latencies") else {
        panic!("no latencies in {workload}");
    };
    let quantile = |name: &str| {
        let found = quantiles.iter().find(|(key, _)| key.to_string() == name);
        found.and_then(|(_, latency)| latency.as_i64()).expect("this quantile") as f64
    };
    (quantile("0.5"), quantile("1"))
}

fn main() {
    // Cargo adds arguments of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|text| text != "--bench").collect();
    println!("| setting | per broadcast | per operation | median ms | greatest ms |");
    println!("|---|---|---|---|---|");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => drop([&DIRECT[..], &HUB[..]].map(table)),
        ["--plot", file] => {
            let [direct, hub] = [&DIRECT[..], &HUB[..]].map(table);
            std::fs::write(file, plot(&direct, &hub)).expect("the plot can be written");
            println!("\nThe plot is in {file}.");
        }
        ref settings => drop(table(settings)),
    }
}

/// Prints a row for each of these settings, and gives what the plot shows of it.
fn table(settings: &[&str]) -> Vec<(f64, f64, f64)> {
    let row = |text: &&str| {
        let Cost { per_broadcast, per_operation, median_ms, greatest_ms } = measure(text);
        println!(
            "| `{text}` | {per_broadcast:.2} | {per_operation:.2} | {median_ms:.0} | \
             {greatest_ms:.0} |"
        );
        (per_operation, median_ms, greatest_ms)
    };
    settings.iter().map(row).collect()
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 56.0;

/// Messages per operation from left to right, on a logarithmic scale.
fn x(per_operation: f64) -> f64 {
    MARGIN + (WIDTH - 2.0 * MARGIN) * per_operation.log10() / 30.0_f64.log10()
}

/// Latency upwards, in ms.
fn y(latency_ms: f64) -> f64 {
    HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * latency_ms / 1_200.0
}

fn plot(direct: &[(f64, f64, f64)], hub: &[(f64, f64, f64)]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for tick in [1.0, 2.0, 5.0, 10.0, 20.0] {
        line(&mut svg, (x(tick), y(0.0)), (x(tick), y(1_200.0)), "#ddd");
        text(&mut svg, x(tick), y(0.0) + 16.0, &format!("{tick}"), "#333");
    }
    for tick in [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0, 1_200.0] {
        line(&mut svg, (x(1.0), y(tick)), (x(30.0), y(tick)), "#ddd");
        text(&mut svg, x(1.0) - 22.0, y(tick) + 4.0, &format!("{tick}"), "#333");
    }
    text(&mut svg, WIDTH / 2.0, HEIGHT - 16.0, "messages between servers per operation", "#333");
    text(&mut svg, 150.0, 28.0, "stable latency in ms: median, and up to the greatest", "#333");
    series(&mut svg, "direct:w", "#1f77b4", direct);
    series(&mut svg, "hub:w", "#2ca02c", hub);
    series(&mut svg, "published by others", "#d62728", &PUBLISHED);
    for (row, (name, colour)) in
        [("direct:w", "#1f77b4"), ("hub:w", "#2ca02c"), ("published by others", "#d62728")]
            .into_iter()
            .enumerate()
    {
        text(&mut svg, WIDTH - 130.0, 64.0 + 18.0 * row as f64, name, colour);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A point for each median, with a line up to the greatest latency.
fn series(svg: &mut String, name: &str, colour: &str, points: &[(f64, f64, f64)]) {
    writeln!(svg, "<!-- {name} -->").expect("text");
    for (per_operation, median_ms, greatest_ms) in points {
        let x = x(*per_operation);
        line(svg, (x, y(*median_ms)), (x, y(*greatest_ms)), colour);
        let y = y(*median_ms);
        writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>")
            .expect("text");
    }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    )
    .expect("text");
}

fn text(svg: &mut String, x: f64, y: f64, words: &str, colour: &str) {
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"{colour}\">{words}</text>"
    )
    .expect("text");
}

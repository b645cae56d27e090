//! How fast kafka is: `cargo bench --bench kafka`.
//!
//! Operations a second of the replicated log, in virtual and in real time, with what each
//! operation costs in messages between servers; and how long the checker takes, up to a million
//! operations. The checker's last column should hardly change: its time is linear.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs and prints"
)]

#[allow(dead_code, unused_imports, reason = "of a whole binary only the node is wanted here")]
#[path = "../src/bin/kafka.rs"]
mod node;

use std::path::PathBuf;
use std::time::Instant;

use maelstrom::checker::{Judgement, Validity, kafka};
use maelstrom::edn::Edn;
use maelstrom::history::{History, Op, OpType, ProcessId};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::recorder::LogOptions;
use maelstrom::run::{Clock, Terminal, Test};
use maelstrom::workload;

fn main() {
    println!("the replicated log, 2 nodes");
    in_virtual_time();
    in_real_time();
    println!("the checker");
    the_checker();
}

/// The flags of challenge 5c, and with more clients a higher rate.
fn options(clients: usize, rate: f64) -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(2),
        concurrency: clients,
        rate,
        time_limit_secs: 20.0,
        ..TestOptions::default()
    }
}

fn in_virtual_time() {
    for (clients, rate) in [(4, 1_000.0), (100, 10_000.0)] {
        let check = maelstrom::check("kafka", node::Kafka::new)
            .options(|all| *all = options(clients, rate))
            .fixed_latency();
        let start = Instant::now();
        let (outcome, results) = check.run(1);
        let seconds = start.elapsed().as_secs_f64();
        let count = count(&outcome.history);
        println!(
            "  virtual, rate {rate}: {count} operations in {seconds:.2} s of real time, {:.0} a \
             second; {}",
            count as f64 / seconds,
            cost(&results)
        );
    }
}

fn in_real_time() {
    let store = tempfile::tempdir().expect("a folder for the runs");
    let workload = workload::by_name("kafka").expect("kafka is a workload");
    let options = options(4, 1_000.0);
    let test = Test {
        workload,
        options: &options,
        bin: PathBuf::from(env!("CARGO_BIN_EXE_kafka")),
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
    let stats = report.results.to_edn();
    let count = stats.get("stats").and_then(|stats| stats.get("count")).and_then(Edn::as_i64);
    let a_second = count.unwrap_or(0) as f64 / options.time_limit_secs;
    println!("  real, rate 1000: {a_second:.0} operations a second; {}", cost(&report.results));
}

fn count(history: &History) -> usize {
    history.ops.iter().filter(|op| op.is_client() && op.kind == OpType::Invoke).count()
}

fn cost(results: &Judgement) -> String {
    let (valid, results) = (Edn::from(results.verdict), results.to_edn());
    let get = |path: [&str; 2]| {
        let value = results.get(path[0]).and_then(|part| part.get(path[1])).cloned();
        value.unwrap_or(Edn::Nil)
    };
    let servers = get(["net", "servers"]);
    let messages = servers.get("msgs-per-op").cloned().unwrap_or(Edn::Nil);
    let ok = get(["availability", "ok-fraction"]);
    format!("{messages} messages an operation, availability {ok}, valid {valid}")
}

fn the_checker() {
    for operations in [1_000, 10_000, 100_000, 1_000_000] {
        let history = sends_and_polls(operations);
        let start = Instant::now();
        let result = kafka::check(&(&history).into());
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(result.verdict, Validity::True);
        let each = seconds * 1e9 / operations as f64;
        println!("  {operations:>9} operations {seconds:>8.3} s {each:>7.0} ns each");
    }
}

/// Ten clients that send to keys of 16 messages each, and poll each message once.
fn sends_and_polls(operations: usize) -> History {
    let mut history = History::default();
    let mut push = |kind, process: usize, f: &str, micro_op: Vec<Edn>| {
        let index = history.ops.len();
        let (time, process) = (index as i64 * 1_000, ProcessId::Client(process as i64));
        let (f, value, extra) = (f.into(), Edn::Vector(vec![Edn::Vector(micro_op)]), Vec::new());
        history.ops.push(Op { index, time, kind, process, f, value, extra });
    };
    for number in 0..operations / 2 {
        let (sender, poller) = (number % 5, 5 + number / 16 % 5);
        let key = Edn::from((number / 16).to_string());
        let (send, poll, message) = (Edn::keyword("send"), Edn::keyword("poll"), Edn::from(number));
        let record = Edn::Vector(vec![Edn::from(number % 16), message.clone()]);
        push(OpType::Invoke, sender, "send", vec![send.clone(), key.clone(), message]);
        push(OpType::Ok, sender, "send", vec![send, key.clone(), record.clone()]);
        let polled = Edn::Map(vec![(key, Edn::Vector(vec![record]))]);
        push(OpType::Invoke, poller, "poll", vec![poll.clone()]);
        push(OpType::Ok, poller, "poll", vec![poll, polled]);
    }
    history
}

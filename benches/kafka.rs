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

mod programs;

use std::time::Instant;

use maelstrom::checker::{Validity, kafka};
use maelstrom::edn::Edn;
use maelstrom::history::{History, Op, OpType, Operations, ProcessId};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::run::Clock;

use programs::Run;

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
        let run = run(&options(clients, rate), programs::seed(1));
        let (count, seconds) = (run.number(&["stats", "count"]), run.took.as_secs_f64());
        println!(
            "  virtual, rate {rate}: {count} operations in {seconds:.2} s of real time, {:.0} a \
             second; {}",
            count / seconds,
            cost(&run)
        );
    }
}

fn in_real_time() {
    let options = options(4, 1_000.0);
    let run = run(&options, Clock::Wall);
    let a_second = run.number(&["stats", "count"]) / options.time_limit_secs;
    println!("  real, rate 1000: {a_second:.0} operations a second; {}", cost(&run));
}

fn run(options: &TestOptions, clock: Clock) -> Run {
    programs::run("kafka", env!("CARGO_BIN_EXE_kafka"), &[], options, clock)
}

fn cost(run: &Run) -> String {
    let messages = run.number(&["net", "servers", "msgs-per-op"]);
    let ok = run.number(&["availability", "ok-fraction"]);
    format!("{messages} messages an operation, availability {ok}, {}", run.results.verdict)
}

fn the_checker() {
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let history = sends_and_polls(count);
        let operations = Operations::from(&history);
        let start = Instant::now();
        let result = kafka::check(&operations);
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(result.verdict, Validity::True);
        let each = seconds * 1e9 / count as f64;
        println!("  {count:>9} operations {seconds:>8.3} s {each:>7.0} ns each");
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

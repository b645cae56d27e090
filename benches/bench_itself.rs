//! How fast the bench is: `cargo bench --bench bench_itself`, after `make build`.
//!
//! Four figures, each with what it is for:
//!
//! - a minute of echo in virtual time, in the bench's own process and in lockstep: how many
//!   seeds a developer can afford;
//! - the time from launch to the first operation: how long a learner waits;
//! - operations a second in real time, without a limit on the rate: how large a cluster the
//!   bench can load before it measures itself.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs and prints"
)]

mod programs;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::checker::Validity;
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::run::Clock;
use serde::{Deserialize, Serialize};

struct Echo;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Echo { echo: Json },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Json },
}

impl Echo {
    fn new(_: &Ctx) -> Echo {
        Echo
    }
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        Ok(Response::EchoOk { echo })
    }
}

fn main() {
    in_virtual_time();
    to_the_first_operation();
    in_real_time();
}

const ECHO: &str = env!("CARGO_BIN_EXE_echo");

fn options(rate: f64, seconds: f64, clients: usize) -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(5),
        concurrency: clients,
        rate,
        time_limit_secs: seconds,
        ..TestOptions::default()
    }
}

/// The best of a few times: the others were disturbed.
fn best(mut measure: impl FnMut() -> Duration) -> Duration {
    (0..5).map(|_| measure()).min().expect("five times is not none")
}

/// 60 virtual seconds of echo, 5 nodes, 1000 operations a second.
fn in_virtual_time() {
    let check = maelstrom::check("echo", Echo::new)
        .options(|all| *all = options(1000.0, 60.0, 5))
        .fixed_latency();
    let mut messages = 0;
    let in_process = best(|| {
        let start = Instant::now();
        let (outcome, _) = check.run(1);
        messages = outcome.journal.stats().all().send_count;
        start.elapsed()
    });
    let a_second = messages as f64 / in_process.as_secs_f64();
    println!("60 virtual seconds of echo, 5 nodes, rate 1000, checked ({messages} messages)");
    println!("  in-process  {in_process:>8.3?}  {a_second:>9.0} messages/s");
    let lockstep = best(|| run(&options(1000.0, 60.0, 5), programs::seed(1)).0);
    let a_second = messages as f64 / lockstep.as_secs_f64();
    println!("  lockstep    {lockstep:>8.3?}  {a_second:>9.0} messages/s, files written");
}

/// Runs echo processes; returns how long it took and how many operations succeeded.
fn run(options: &TestOptions, clock: Clock) -> (Duration, usize) {
    let run = programs::run("echo", ECHO, &[], options, clock);
    assert_eq!(run.results.verdict, Validity::True, "echo is valid");
    (run.took, run.number(&["stats", "ok-count"]) as usize)
}

/// From the start of the bench's program to the first line about an operation.
fn to_the_first_operation() {
    let bench = Path::new(ECHO).with_file_name("maelstrom");
    if !bench.exists() {
        println!("launch to first operation: skipped, build the bench first (make build)");
        return;
    }
    let store = tempfile::tempdir().expect("a folder for the runs");
    let time = best(|| {
        let start = Instant::now();
        let mut child = Command::new(&bench)
            .args(["test", "--verbose", "-w", "echo", "--bin", ECHO])
            .args(["--time-limit", "0.1", "--rate", "100"])
            .current_dir(store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the bench starts");
        let lines = BufReader::new(child.stderr.take().expect("its stderr is a pipe")).lines();
        let mut first = None;
        for line in lines.map_while(Result::ok) {
            if first.is_none() && line.contains(":invoke") {
                first = Some(start.elapsed());
            }
        }
        child.wait().expect("the bench ends");
        first.expect("there was an operation")
    });
    println!("launch to first operation  {time:>8.3?}");
}

/// Operations a second in real time: 5 nodes, 50 clients, as fast as they go.
fn in_real_time() {
    let before = processor_time();
    let (time, operations) = run(&options(1e6, 5.0, 50), Clock::Wall);
    let share = (processor_time() - before).as_secs_f64() / time.as_secs_f64();
    let a_second = operations as f64 / 5.0;
    println!("real time, 5 nodes, 50 clients, no limit on the rate");
    println!("  {a_second:>9.0} operations/s; the bench itself uses {share:.2} of a core");
}

/// What this process has used of a processor so far, its children left out.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields after the name, which is in brackets and may hold anything.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&i| fields.get(i)?.parse::<u64>().ok()).sum();
    // Linux counts in hundredths of a second, whatever the kernel's own tick.
    Duration::from_millis(ticks * 10)
}

//! How long the search for registers takes, beside `porcupine-rs` on the same histories:
//! `cargo bench -p checker --bench linear`.
//!
//! One register with the values 0 to 4, as lin-kv's keys are, and 10 processes, of whose
//! operations none or 1 in 100 crash. Each operation takes effect at a random moment of its
//! time; one that crashed does so later, or never. An invalid history has one read, in the
//! middle or near the end, of a value that nobody ever wrote. (Where thousands of writes
//! crashed, any other value can be explained.)
//!
//! Every check has a process of its own, so that its memory can be told. `porcupine-rs` has a
//! limit of time and of memory. The column ns/op should not change: the time is linear.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and runs programs")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[expect(dead_code, reason = "the tests make other histories with it too")]
#[path = "../src/linear/tests/random.rs"]
mod random;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use checker::linear::budget::Budget;
use checker::linear::model::{RegisterCall, Value, step_register};
use checker::linear::register;
use checker::linear::trace::{Operation, Outcome, Trace};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What the rival may take.
const LIMIT: Duration = Duration::from_secs(60);
const LIMIT_KIB: u64 = 4 << 20;

/// A history to check.
#[derive(Clone, Copy)]
struct Case {
    operations: usize,
    crashes_percent: u32,
    /// Where the wrong read is, in percent of the history.
    wrong_percent: Option<usize>,
}

/// What a check gave.
struct Figures {
    is_valid: bool,
    seconds: f64,
    peak_kib: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--case") {
        return check(Case::parse(&arguments[place + 1]).expect("a case"));
    }
    let rival = build_rival();
    println!(
        "{:>10} {:>8} {:>14}  {:>10} {:>7} {:>9}  {:>12} {:>9} {:>8}",
        "operations", "crashed", "", "seconds", "ns/op", "MiB", "porcupine-rs", "MiB", "ratio"
    );
    for operations in [1_000, 10_000, 100_000, 1_000_000] {
        for crashes_percent in [0, 1] {
            for wrong_percent in [None, Some(50), Some(99)] {
                row(Case { operations, crashes_percent, wrong_percent }, rival.as_deref());
            }
        }
    }
}

fn row(case: Case, rival: Option<&Path>) {
    let myself = std::env::current_exe().expect("a path");
    let ours = run(Command::new(myself).args(["--case", &case.to_string()]), None);
    let ours = ours.expect("ours has no limit");
    assert_eq!(ours.is_valid, case.wrong_percent.is_none());
    let what = match case.wrong_percent {
        None => "valid".to_string(),
        Some(place) => format!("wrong at {place}%"),
    };
    let (nanos, mib) = (ours.seconds * 1e9 / case.operations as f64, ours.peak_kib >> 10);
    print!("{:>10} {:>7}% {what:>14}  ", case.operations, case.crashes_percent);
    print!("{:>10.4} {nanos:>7.0} {mib:>9}  ", ours.seconds);
    let Some(rival) = rival else { return println!("{:>12}", "not built") };
    // A limit on a process is set by the shell that becomes it.
    let limited = format!("ulimit -v {LIMIT_KIB}; exec \"$0\"");
    let mut rival_in_limits = Command::new("sh");
    rival_in_limits.args(["-c", &limited]).arg(rival);
    match run(&mut rival_in_limits, Some(lines(&case.trace()))) {
        Ok(theirs) => {
            assert_eq!(theirs.is_valid, ours.is_valid);
            let (mib, ratio) = (theirs.peak_kib >> 10, theirs.seconds / ours.seconds);
            println!("{:>12.4} {mib:>9} {ratio:>7.0}x", theirs.seconds);
        }
        Err(reason) => println!("{reason:>12}"),
    }
}

/// Runs a check with this input, within the limits.
fn run(command: &mut Command, input: Option<String>) -> Result<Figures, &'static str> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is there");
    if let Some(input) = &input {
        // One that runs out of memory does not read to the end.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    }
    while child.try_wait().expect("a child").is_none() {
        if input.is_some() && start.elapsed() > LIMIT {
            child.kill().and_then(|()| child.wait()).expect("a child");
            return Err("> 60 s");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut output = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("text");
    let [is_valid, seconds, peak_kib] = output.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err("> 4 GiB");
    };
    Ok(Figures {
        is_valid: is_valid == "true",
        seconds: seconds.parse().expect("seconds"),
        peak_kib: peak_kib.parse().expect("KiB"),
    })
}

/// In the process of one case: checks it and prints the figures.
fn check(case: Case) {
    // The best of five where a check takes no time.
    let repeat = if case.operations <= 10_000 { 5 } else { 1 };
    let (mut is_valid, mut seconds) = (false, f64::INFINITY);
    for _ in 0..repeat {
        let Trace { operations, .. } = case.trace();
        let start = Instant::now();
        let outcome = register::check(&Trace::new(operations), 0, &Budget::default());
        is_valid = matches!(outcome, Outcome::Linearizable(_));
        seconds = start.elapsed().as_secs_f64().min(seconds);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib = peak.and_then(|peak| peak.split_whitespace().next()).unwrap_or("0");
    println!("{is_valid} {seconds} {peak_kib}");
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let wrong = self.wrong_percent.map_or("-".to_string(), |place| place.to_string());
        write!(f, "{},{},{wrong}", self.operations, self.crashes_percent)
    }
}

impl Case {
    fn parse(text: &str) -> Option<Case> {
        let [operations, crashes, wrong] = text.split(',').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Case {
            operations: operations.parse().ok()?,
            crashes_percent: crashes.parse().ok()?,
            wrong_percent: wrong.parse().ok(),
        })
    }

    fn trace(&self) -> Trace<RegisterCall> {
        let settings = random::Settings {
            operations: self.operations,
            processes: 10,
            values: 5,
            reads: 1.0 / 3.0,
            writes: 0.5,
            crashes: f64::from(self.crashes_percent) / 100.0,
            crashed_first: 0,
            late: 0.05,
            slow: 0.0,
            stale: 0.0,
            lost: 0.0,
        };
        let mut trace = settings.trace(&mut ChaCha8Rng::seed_from_u64(1), usize::MAX);
        if let Some(place) = self.wrong_percent {
            let nobody_wrote: Value = settings.values;
            let from = trace.operations.len() * place / 100;
            let mut later = trace.operations[from..].iter_mut();
            let wrong = later.find(|later| matches!(later.call, RegisterCall::Read(_)));
            wrong.expect("a read").call = RegisterCall::Read(nobody_wrote);
        }
        trace
    }
}

/// The history as the rival reads it.
fn lines(trace: &Trace<RegisterCall>) -> String {
    let mut lines = String::new();
    for operation in &trace.operations {
        let returned_at = operation.returned_at.map_or("-".to_string(), |at| at.to_string());
        let call = match operation.call {
            RegisterCall::Read(value) => format!("r {value}"),
            RegisterCall::Write(value) => format!("w {value}"),
            RegisterCall::Cas(from, to) => format!("c {from} {to}"),
        };
        writeln!(lines, "{call} {} {returned_at}", operation.invoked_at).expect("a string grows");
    }
    lines
}

/// Builds the rival; `None`, and a note, when that cannot be done.
fn build_rival() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/porcupine");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/porcupine");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    if status.is_ok_and(|status| status.success()) {
        return Some(target.join("release/rival-porcupine"));
    }
    println!("porcupine-rs could not be built, so only our own figures follow.");
    None
}

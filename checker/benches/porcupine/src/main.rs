//! A register, judged by `porcupine-rs`.
//!
//! Standard input has an operation a line: `r VALUE`, `w VALUE` or `c FROM TO`, then when it was
//! invoked and when it returned, or `-` when it crashed. Printed are the verdict, the seconds
//! that the check took, and the largest amount of memory used, in KiB.

use std::io::Read;
use std::time::Instant;

use porcupine_rs::{Model, Operation, check_operations};

#[derive(Clone, Debug)]
enum Call {
    Read(u32),
    Write(u32),
    Cas(u32, u32),
    /// One that crashed. It must happen some time, so it may also do so in vain.
    CrashedCas(u32, u32),
}

#[derive(Clone, Debug)]
struct Register;

impl Model for Register {
    type State = u32;
    type Op = Call;
    type Metadata = ();

    fn init() -> u32 {
        0
    }

    fn step(state: &u32, call: &Call) -> (bool, u32) {
        match *call {
            Call::Read(value) => (value == *state, *state),
            Call::Write(value) => (true, value),
            Call::Cas(from, to) => (from == *state, to),
            Call::CrashedCas(from, to) => (true, if from == *state { to } else { *state }),
        }
    }
}

fn operation(line: &str) -> Option<Operation<Register>> {
    let mut words = line.split(' ');
    let kind = words.next()?;
    let mut value = || words.next()?.parse::<u32>().ok();
    let (one, other) = (value()?, if kind == "c" { value()? } else { 0 });
    let call_time = words.next()?.parse().ok()?;
    let return_time = words.next()?.parse().ok();
    let op = match (kind, return_time) {
        ("r", _) => Call::Read(one),
        ("w", _) => Call::Write(one),
        (_, Some(_)) => Call::Cas(one, other),
        (_, None) => Call::CrashedCas(one, other),
    };
    let return_time = return_time.unwrap_or(i64::MAX);
    Some(Operation { client_id: None, call_time, return_time, op, metadata: None })
}

fn main() {
    let mut history = String::new();
    std::io::stdin().read_to_string(&mut history).expect("standard input is read");
    let operations: Vec<_> =
        history.lines().map(|line| operation(line).expect("an operation a line")).collect();
    // The best of five where a check takes no time.
    let repeat = if operations.len() <= 10_000 { 5 } else { 1 };
    let (mut is_valid, mut seconds) = (false, f64::INFINITY);
    for _ in 0..repeat {
        let start = Instant::now();
        is_valid = check_operations(&operations);
        seconds = start.elapsed().as_secs_f64().min(seconds);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib = peak.and_then(|peak| peak.split_whitespace().next()).unwrap_or("0");
    println!("{is_valid} {seconds} {peak_kib}");
}

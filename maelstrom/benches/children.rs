//! How fast the bench talks to child processes: `cargo bench -p maelstrom --bench children`.
//!
//! Everything, the children too, is bound to one processor, so the figures are those of one
//! core that does both ends' work. The children are this program again: one sends every line
//! back, the other answers every step in lockstep.

#![expect(clippy::disallowed_methods, reason = "it measures real processes by a real clock")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use gyre::{Message, NodeId, Process, Time};
use maelstrom::child::{ChildEvent, ChildOptions, Children, LockstepChild, pin_to_one_core};

const MEASURED: Duration = Duration::from_secs(2);

/// About as long as the lines of an echo test.
const LINE: &str = r#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":1,"echo":"Please"}}"#;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("--child-echo") => Ok(echo()?),
        Some("--child-lockstep") => Ok(lockstep()?),
        // Cargo passes `--bench`.
        Some("lockstep") => measure_lockstep(),
        _ => measure_wall().and_then(|()| measure_lockstep()),
    }
}

fn measure_wall() -> anyhow::Result<()> {
    pin_to_one_core()?;
    let dir = tempfile::tempdir()?;
    println!("watchdog and 5 children started in {:.1?}", start(dir.path())?);
    println!("wall clock, 5 children, lines a second there and back:");
    for in_flight in [1, 10, 100, 1000] {
        let rate = wall(dir.path(), in_flight)?;
        println!("  {in_flight:>5} in flight to each   {rate:>10.0}");
    }
    Ok(())
}

fn measure_lockstep() -> anyhow::Result<()> {
    pin_to_one_core()?;
    let dir = tempfile::tempdir()?;
    println!("lockstep, 1 child, steps a second: {:.0}", steps(dir.path())?);
    Ok(())
}

fn options(dir: &Path, mode: &str) -> anyhow::Result<ChildOptions> {
    Ok(ChildOptions {
        bin: std::env::current_exe()?,
        args: vec![mode.to_owned()],
        log_dir: dir.join("node-logs"),
        data_dir: Some(dir.join("data")),
        watchdog: None,
        asks_for_states: true,
        memory_bytes: None,
    })
}

/// How long it takes until the bench can send the first line.
fn start(dir: &Path) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let watchdog = Some(env!("CARGO_BIN_EXE_maelstrom").into());
    let options = ChildOptions { watchdog, ..options(dir, "--child-echo")? };
    let mut children = Children::new(options)?;
    for number in 1..=5 {
        children.start(&NodeId::from(format!("n{number}")))?;
    }
    Ok(started.elapsed())
}

/// Keeps so many lines in flight to each of five children. Gives lines back per second.
fn wall(dir: &Path, in_flight: usize) -> anyhow::Result<f64> {
    let mut children = Children::new(options(dir, "--child-echo")?)?;
    for number in 1..=5 {
        let node = NodeId::from(format!("n{number}"));
        children.start(&node)?;
        for _ in 0..in_flight {
            children.send(&node, LINE);
        }
    }
    let mut events = Vec::new();
    let mut lines = 0;
    let started = Instant::now();
    while started.elapsed() < MEASURED {
        children.wait(Some(MEASURED), &mut events)?;
        for event in events.drain(..) {
            match event {
                ChildEvent::Line { node, line } => {
                    lines += 1;
                    children.send(&node, &line);
                }
                other => anyhow::bail!("unexpected: {other:?}"),
            }
        }
    }
    Ok(f64::from(lines) / started.elapsed().as_secs_f64())
}

/// Steps of one child per second.
fn steps(dir: &Path) -> anyhow::Result<f64> {
    let options = options(dir, "--child-lockstep")?;
    let node = NodeId::from("n1");
    let log = options.open_log(&node)?;
    let mut child = LockstepChild::start(&options, &node, log, 1, None)?;
    let message = Message::parse(LINE)?;
    let mut steps = 0_u32;
    let started = Instant::now();
    while started.elapsed() < MEASURED {
        for _ in 0..1000 {
            child.handle_message(Time::from_nanos(u64::from(steps)), message.clone());
            anyhow::ensure!(child.poll_transmit().is_some(), "{:?}", child.failure());
            steps += 1;
        }
    }
    Ok(f64::from(steps) / started.elapsed().as_secs_f64())
}

/// Sends every line back, flushing when no more are there.
fn echo() -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
    let mut output = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        output.write_all(&line)?;
        line.clear();
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    Ok(())
}

/// Answers every step with the message that it brought, and asks for no waking.
fn lockstep() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = io::stdout().lock();
    let mut line = String::new();
    let mut answer = Vec::new();
    while input.read_line(&mut line)? > 0 {
        answer.clear();
        if let Some((_, message)) = line.trim_end().split_once("\"message\":") {
            // Without the brace that closes the step.
            answer.extend_from_slice(&message.as_bytes()[..message.len() - 1]);
            answer.push(b'\n');
        }
        answer.extend_from_slice(b"{\"idle\":null}\n");
        // Stdout of the standard library flushes at each line feed, and this is the last one.
        output.write_all(&answer)?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

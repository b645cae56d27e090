//! Echo messages a second through a real pipe: `cargo bench --bench echo_pipe`.
//!
//! Compared are the echo node on Gyre's runtime, a bare loop that reads, parses, answers and
//! writes with the same message type and nothing else (the limit), and the same node on the
//! crate `maelstrom-node`, as it comes and with its logging turned off. They take turns, and
//! the best of several rounds counts, because a busy machine only ever makes a round slower.
//!
//! On Linux the processor time that a program spent on each message is shown as well. It says
//! nothing about waiting, but it is nearly the same on a busy machine and on an idle one.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use gyre::{Body, Json, Message};
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);
const CHUNK: usize = 64 * 1024;

/// How many requests wait for their reply at once.
const LOADS: [(&str, usize); 3] = [("flood", 20_000), ("16 in flight", 16), ("1 in flight", 1)];

/// The argument with which this program is the bare loop.
const BARE: &str = "__bare";

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|argument| argument == BARE) {
        return bare_loop();
    }
    let bare = Contestant::new("bare loop", std::env::current_exe()?).argument(BARE);
    let gyre = Contestant::new("gyre", PathBuf::from(env!("CARGO_BIN_EXE_echo")));
    let mut contestants = vec![bare, gyre];
    match build_rival() {
        Ok(path) => {
            contestants.push(Contestant::new("maelstrom-node", path.clone()));
            contestants.push(Contestant::new("  without its log", path).quiet());
        }
        Err(error) => println!("maelstrom-node is left out: {error:#}"),
    }
    println!("the best of {ROUNDS} rounds; in brackets, of the bare loop's");
    for (name, in_flight) in LOADS {
        let mut best = vec![Round::default(); contestants.len()];
        for _ in 0..ROUNDS {
            for (contestant, best) in contestants.iter().zip(&mut best) {
                *best = best.or(contestant.round(in_flight).context(contestant.name)?);
            }
        }
        println!("{name:18}  messages/s          ns of processor time/message");
        for (contestant, round) in contestants.iter().zip(&best) {
            print!("  {:16} {:11.0}", contestant.name, round.rate);
            print!("  ({:.3})", round.rate / best[0].rate);
            match (round.cpu_ns, best[0].cpu_ns) {
                (Some(cpu_ns), Some(limit)) => println!("  {cpu_ns:8.0}  ({:.3})", limit / cpu_ns),
                _ => println!(),
            }
        }
    }
    Ok(())
}

/// What one round has shown.
#[derive(Clone, Copy, Default)]
struct Round {
    /// Messages a second.
    rate: f64,
    /// Nanoseconds of processor time a message.
    cpu_ns: Option<f64>,
}

impl Round {
    /// The better of each.
    fn or(self, other: Round) -> Round {
        let cpu_ns = self.cpu_ns.into_iter().chain(other.cpu_ns).reduce(f64::min);
        Round { rate: self.rate.max(other.rate), cpu_ns }
    }
}

/// A program that echoes.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    argument: Option<&'static str>,
    log: &'static str,
}

impl Contestant {
    fn new(name: &'static str, program: PathBuf) -> Contestant {
        Contestant { name, program, argument: None, log: "info" }
    }

    fn argument(self, argument: &'static str) -> Contestant {
        Contestant { argument: Some(argument), ..self }
    }

    fn quiet(self) -> Contestant {
        Contestant { log: "off", ..self }
    }

    /// One round with so many requests in flight.
    fn round(&self, in_flight: usize) -> anyhow::Result<Round> {
        let mut child = Command::new(&self.program)
            .args(self.argument)
            .env("RUST_LOG", self.log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let round = measure(&mut child, in_flight);
        child.kill()?;
        child.wait()?;
        round
    }
}

fn measure(child: &mut Child, in_flight: usize) -> anyhow::Result<Round> {
    let mut input = child.stdin.take().context("stdin is piped")?;
    let mut output = child.stdout.take().context("stdout is piped")?;
    let mut replies = Replies { buffer: vec![0; CHUNK], partial: Vec::new() };
    let init = concat!(
        r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","#,
        r#""node_ids":["n1"]}}"#,
    );
    writeln!(input, "{init}")?;
    ensure!(replies.read(&mut output)? == 1, "init is answered once");

    let pid = child.id();
    let cpu_ns_before = cpu_ns(pid);
    let started = Instant::now();
    let count = if in_flight < 1_000 {
        let mut requests = Requests::default();
        input.write_all(requests.next(in_flight))?;
        let answer = |count| Ok(input.write_all(requests.next(count))?);
        count_replies(started, &mut replies, &mut output, answer)?
    } else {
        flood(started, in_flight, &mut replies, input, output)?
    };
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let spent = cpu_ns_before.zip(cpu_ns(pid)).map(|(before, after)| after - before);
    Ok(Round { rate, cpu_ns: spent.map(|nanos| nanos / count as f64) })
}

/// The processor time that a process has spent, in nanoseconds, where Linux tells.
fn cpu_ns(pid: u32) -> Option<f64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |thread: io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<f64>().ok()
    };
    threads.map(of_thread).sum()
}

/// As many requests as the pipe takes. A thread writes them, for otherwise both sides would
/// wait for each other when both pipes are full.
fn flood(
    started: Instant,
    in_flight: usize,
    replies: &mut Replies,
    mut input: ChildStdin,
    mut output: ChildStdout,
) -> anyhow::Result<usize> {
    let (allow, allowed) = std::sync::mpsc::channel::<usize>();
    allow.send(in_flight)?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut requests = Requests::default();
            while let Ok(count) = allowed.recv() {
                if input.write_all(requests.next(count)).is_err() {
                    return;
                }
            }
        });
        let count = count_replies(started, replies, &mut output, |count| Ok(allow.send(count)?));
        // Without a reader the node ends, and with it whatever the thread still waits for.
        drop((allow, output));
        count
    })
}

/// Counts replies for one round. Each that comes in lets one more request go out.
fn count_replies(
    started: Instant,
    replies: &mut Replies,
    output: &mut impl Read,
    mut and_then: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let mut total = 0;
    while started.elapsed() < ROUND {
        let count = replies.read(output)?;
        total += count;
        and_then(count)?;
    }
    Ok(total)
}

/// Requests as the original bench writes them.
#[derive(Default)]
struct Requests {
    msg_id: u64,
    text: String,
}

impl Requests {
    fn next(&mut self, count: usize) -> &[u8] {
        use std::fmt::Write;
        self.text.clear();
        for _ in 0..count {
            self.msg_id += 1;
            let msg_id = self.msg_id;
            let echo = format!("Please echo {}", msg_id % 128);
            let body = format!(r#"{{"echo":"{echo}","type":"echo","msg_id":{msg_id}}}"#);
            writeln!(self.text, r#"{{"id":{msg_id},"src":"c7","dest":"n1","body":{body}}}"#)
                .expect("a string takes everything");
        }
        self.text.as_bytes()
    }
}

struct Replies {
    buffer: Vec<u8>,
    partial: Vec<u8>,
}

impl Replies {
    /// Reads what there is, and counts the replies that are complete. Looks into one of them.
    fn read(&mut self, output: &mut impl Read) -> anyhow::Result<usize> {
        loop {
            let length = output.read(&mut self.buffer)?;
            ensure!(length > 0, "the node ended");
            let chunk = &self.buffer[..length];
            let count = memchr::memchr_iter(b'\n', chunk).count();
            let Some(last) = memchr::memrchr(b'\n', chunk) else {
                self.partial.extend(chunk);
                continue;
            };
            let first = memchr::memchr(b'\n', chunk).unwrap_or(last);
            self.partial.extend(&chunk[..first]);
            let reply = Message::parse(std::str::from_utf8(&self.partial)?)?;
            ensure!(reply.body.in_reply_to().is_some(), "not a reply: {reply:?}");
            self.partial.clear();
            self.partial.extend(&chunk[last + 1..]);
            return Ok(count);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Init {},
    Echo { echo: Json },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    InitOk {},
    EchoOk { echo: Json },
}

/// What any node must do, and nothing else: it cannot be done with less.
fn bare_loop() -> anyhow::Result<()> {
    let mut input = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut unread = Vec::new();
    let mut unwritten = String::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = input.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        unread.extend_from_slice(&chunk[..length]);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &unread) {
            answer(std::str::from_utf8(&unread[start..end])?, &mut unwritten)?;
            start = end + 1;
        }
        unread.drain(..start);
        output.write_all(unwritten.as_bytes())?;
        unwritten.clear();
    }
}

fn answer(line: &str, unwritten: &mut String) -> anyhow::Result<()> {
    let request = Message::parse(line)?;
    let response = match request.body.to()? {
        Request::Init {} => Response::InitOk {},
        Request::Echo { echo } => Response::EchoOk { echo },
    };
    let msg_id = request.body.msg_id().context("a request has a msg_id")?;
    let body = Body::new(&response)?.with_in_reply_to(msg_id);
    Message { src: request.dest, dest: request.src, body }.write_line(unwritten);
    unwritten.push('\n');
    Ok(())
}

/// Builds the rival, in a workspace and a target directory of its own.
fn build_rival() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/rival");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(root.join("benches/rival/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "it could not be built ({status})");
    Ok(target.join("release/rival"))
}

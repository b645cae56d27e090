//! What `maelstrom check` takes, as a user runs it, for every kind of history.
//!
//! ```sh
//! cargo build --release -p maelstrom
//! cargo bench -p checker --bench command                        # nine kinds: the README's table
//! cargo bench -p checker --bench command -- all                 # every model and workload
//! cargo bench -p checker --bench command -- bank long-fork 10000000
//! cargo bench -p checker --bench command -- growth all          # does the time grow linearly?
//! cargo bench -p checker --bench command -- generate bank 1000 bank.edn
//! ```
//!
//! A history is that of ten clients of a correct object, a million operations if no other number
//! is said. The command is the one that was built beside this program. Each row is three runs:
//!
//! - `read`: the model `noop`, for which the command reads the file and sees that every completion
//!   belongs to an invocation. This is the part of the others that has nothing to do with judging.
//! - `command`: the time from start to end, the processor time of all threads, and the peak of
//!   memory.
//! - `one core`: the same, where the command may use a single core.
//!
//! With `growth`, a row has the processor time for each operation at an eighth, a quarter, a half
//! and all of that number. It should not grow.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

#[expect(dead_code, reason = "the command does not say its time itself")]
#[path = "../measure/mod.rs"]
mod measure;
mod objects;
mod tests;
#[path = "../transactions/mod.rs"]
mod transactions;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use measure::{Run, command, on_one_core};
use objects::{Kind, Lock, Queue, Registers, Sum, Whole};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const OPERATIONS: usize = 1_000_000;
const PROCESSES: usize = 10;
/// A run of the command may take so long.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a client asks for: the function, its argument as EDN, the same as numbers, and what else
/// stands in its entries.
#[derive(Clone, Default)]
struct Request {
    f: &'static str,
    argument: String,
    numbers: [usize; 3],
    extra: String,
}

impl Request {
    fn new(f: &'static str, argument: impl Into<String>, numbers: [usize; 3]) -> Request {
        Request { f, argument: argument.into(), numbers, extra: String::new() }
    }

    fn nil(f: &'static str) -> Request {
        Request::new(f, "nil", [0; 3])
    }
}

/// A correct object.
trait Object {
    /// What a client asks for next.
    fn ask(&mut self, rng: &mut ChaCha8Rng, process: usize) -> Request;

    /// Does it, and gives the result as EDN; `None` when the operation fails.
    fn answer(&mut self, rng: &mut ChaCha8Rng, process: usize, request: &Request)
    -> Option<String>;

    /// What is asked for in the end, one after the other; `None` when nothing is left to ask for.
    fn ask_last(&mut self) -> Option<Request> {
        None
    }
}

/// A kind of history: its name, what `check` is told, and the object.
type Case = (&'static str, &'static str, fn() -> Box<dyn Object>);

/// Those in the README's table.
const FAMILIES: [&str; 9] = [
    "txn-list-append",
    "txn-rw-register",
    "cas-register",
    "lin-kv",
    "g-set",
    "kafka",
    "fifo-queue",
    "bank",
    "long-fork",
];

const CASES: &[Case] = &[
    ("txn-list-append", "-w", || Box::new(tests::Transactions::new(true))),
    ("txn-rw-register", "-w", || Box::new(tests::Transactions::new(false))),
    ("cas-register", "-m", || Box::new(Registers::one(true))),
    ("lin-kv", "-w", || Box::new(Registers::keyed(10_000))),
    ("g-set", "-w", || Box::new(Whole::new("add", '['))),
    ("kafka", "-w", || Box::new(tests::Logs::default())),
    ("fifo-queue", "-m", || Box::new(Queue::new(Kind::Fifo, "enqueue", "dequeue"))),
    ("bank", "-m", || Box::new(tests::Bank::default())),
    ("long-fork", "-m", || Box::new(tests::Forks::default())),
    ("register", "-m", || Box::new(Registers::one(false))),
    ("multi-register", "-m", || Box::new(objects::MultiRegister::default())),
    ("mutex", "-m", || Box::new(Lock::new(1, false))),
    ("owner-mutex", "-m", || Box::new(Lock::new(1, true))),
    ("reentrant-mutex", "-m", || Box::new(Lock::new(2, true))),
    ("fenced-mutex", "-m", || Box::new(Lock::new(1, true))),
    ("reentrant-fenced-mutex", "-m", || Box::new(Lock::new(2, true))),
    ("read-write-lock", "-m", || Box::new(objects::ReadWriteLock::default())),
    ("unordered-queue", "-m", || Box::new(Queue::new(Kind::Any, "enqueue", "dequeue"))),
    ("priority-queue", "-m", || Box::new(Queue::new(Kind::Least, "insert", "delete-min"))),
    ("stack", "-m", || Box::new(Queue::new(Kind::Last, "push", "pop"))),
    ("linear-set", "-m", || Box::new(Whole::new("add", '#'))),
    ("bounded-counter", "-m", || Box::new(Sum::new(5))),
    ("counter", "-m", || Box::new(Sum::new(5))),
    ("g-counter", "-w", || Box::new(Sum::new(5))),
    ("pn-counter", "-w", || Box::new(Sum::new(-5))),
    ("set", "-m", || Box::new(Whole::new("add", '['))),
    ("set-full", "-m", || Box::new(Whole::new("add", '['))),
    ("broadcast", "-w", || Box::new(Whole::new("broadcast", '['))),
    ("comments", "-m", || Box::new(Whole::new("write", '#'))),
    ("queue", "-m", || Box::new(Queue::new(Kind::Any, "enqueue", "dequeue"))),
    ("total-queue", "-m", || Box::new(Queue::new(Kind::Drained, "enqueue", "dequeue"))),
    ("unique-ids", "-w", || Box::new(tests::Ids::default())),
    ("echo", "-w", || Box::new(tests::Echo)),
    ("sequential", "-m", || Box::new(tests::Subkeys::default())),
    ("causal", "-m", || Box::new(tests::Causal::new())),
    ("causal-reverse", "-m", || Box::new(tests::Tables::default())),
    ("adya-g2", "-m", || Box::new(tests::Inserts::default())),
    ("stats", "-m", || Box::new(Registers::one(true))),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [generate, name, count, path] = &arguments[..]
        && generate == "generate"
    {
        return write_history(case(name)?, count.parse()?, Path::new(path));
    }
    let (mut names, mut count, mut growth) = (Vec::new(), OPERATIONS, false);
    for argument in &arguments {
        match argument.as_str() {
            "growth" => growth = true,
            "all" => names.extend(CASES.iter().map(|(name, ..)| *name)),
            name => match name.parse() {
                Ok(number) => count = number,
                Err(_) => names.push(case(name)?.0),
            },
        }
    }
    if names.is_empty() {
        names.extend(FAMILIES);
    }
    let command =
        command().context("Build the command first: cargo build --release -p maelstrom.")?;
    if growth {
        return measure_growth(&names, count, &command);
    }
    println!("{count} operations\n");
    println!(
        "| history | text, MB | read s | command s | processor s | one core s | peak MiB | verdict |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|---|");
    names.iter().try_for_each(|name| measure(case(name)?, count, &command))
}

fn case(name: &str) -> anyhow::Result<&'static Case> {
    let found = CASES.iter().find(|(known, ..)| *known == name);
    let names = || CASES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
    found.with_context(|| format!("There is no kind of history {name}. There are: {}.", names()))
}

/// Prints the row of a kind of history.
fn measure(case: &Case, count: usize, command: &Path) -> anyhow::Result<()> {
    let (name, flag, _) = case;
    let file = tempfile::NamedTempFile::new()?;
    write_history(case, count, file.path())?;
    let megabytes = file.as_file().metadata()?.len() / 1_000_000;
    let read = run(command, &["check", "-m", "noop"], file.path())?;
    let arguments = ["check", flag, name];
    let Run { wall_seconds, cpu_seconds, peak_mib, words, .. } =
        run(command, &arguments, file.path())?;
    let alone = on_one_core(command, &arguments, file.path(), PATIENCE)?;
    let alone = alone.map(|alone| format!("{:.2}", alone.wall_seconds)).unwrap_or_default();
    println!(
        "| {name} | {megabytes} | {:.2} | {wall_seconds:.2} | {cpu_seconds:.2} | {alone} \
         | {peak_mib} | {} |",
        read.wall_seconds, words[1]
    );
    Ok(())
}

/// Prints for each kind the processor time of an operation, as histories grow.
fn measure_growth(names: &[&str], count: usize, command: &Path) -> anyhow::Result<()> {
    let counts = [8, 4, 2, 1].map(|part| count / part);
    let columns = counts.map(|count| format!("{count}")).join(" | ");
    println!(
        "Processor time for an operation, µs\n\n| history | {columns} |\n|---|--:|--:|--:|--:|"
    );
    for name in names {
        print!("| {name} |");
        for count in counts {
            let file = tempfile::NamedTempFile::new()?;
            write_history(case(name)?, count, file.path())?;
            let arguments = ["check", case(name)?.1, name];
            let seconds = run(command, &arguments, file.path())?.cpu_seconds;
            print!(" {:.2} |", seconds * 1e6 / count as f64);
            std::io::stdout().flush()?;
        }
        println!();
    }
    Ok(())
}

/// A run of the command on a valid history.
fn run(command: &Path, arguments: &[&str], file: &Path) -> anyhow::Result<Run> {
    let run = Run::of(command, arguments, file, PATIENCE)?;
    let run = run.with_context(|| format!("{arguments:?} took more than {PATIENCE:?}"))?;
    match run.words.get(1).map(String::as_str) {
        Some("true") => Ok(run),
        _ => bail!("{arguments:?}: the history is valid, and the answer is {:?}", run.words),
    }
}

/// A process that runs an operation: the request, and the answer once there is one.
type Running = Option<(Request, Option<Option<String>>)>;

/// Writes entries of a history.
struct Writer {
    out: BufWriter<File>,
    index: usize,
}

impl Writer {
    fn write(
        &mut self,
        process: usize,
        kind: &str,
        request: &Request,
        value: &str,
    ) -> anyhow::Result<()> {
        let Request { f, extra, .. } = request;
        let (index, time) = (self.index, self.index * 1000);
        self.index += 1;
        writeln!(
            self.out,
            "{{:process {process}, :type :{kind}, :f :{f}, :value {value}{extra}, \
             :index {index}, :time {time}}}"
        )?;
        Ok(())
    }

    /// The end of an operation.
    fn end(
        &mut self,
        process: usize,
        request: &Request,
        answer: Option<&str>,
    ) -> anyhow::Result<()> {
        match answer {
            Some(answer) => self.write(process, "ok", request, answer),
            None => self.write(process, "fail", request, &request.argument),
        }
    }
}

/// Writes a history in which each operation takes effect at one moment of its time.
fn write_history(case: &Case, count: usize, path: &Path) -> anyhow::Result<()> {
    let mut object = case.2();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut writer = Writer { out: BufWriter::new(File::create(path)?), index: 0 };
    let mut running: Vec<Running> = vec![None; PROCESSES];
    let (mut begun, mut ended) = (0, 0);
    while ended < count {
        let process = rng.random_range(0..PROCESSES);
        match running[process].take() {
            None if begun == count => {}
            None => {
                begun += 1;
                let request = object.ask(&mut rng, process);
                writer.write(process, "invoke", &request, &request.argument)?;
                running[process] = Some((request, None));
            }
            Some((request, None)) => {
                let answer = object.answer(&mut rng, process, &request);
                running[process] = Some((request, Some(answer)));
            }
            Some((request, Some(answer))) => {
                ended += 1;
                writer.end(process, &request, answer.as_deref())?;
            }
        }
    }
    while let Some(request) = object.ask_last() {
        writer.write(0, "invoke", &request, &request.argument)?;
        let answer = object.answer(&mut rng, 0, &request);
        writer.end(0, &request, answer.as_deref())?;
    }
    Ok(writer.out.flush()?)
}

//! How long it takes to judge transactions: `cargo bench -p checker --bench elle`.
//!
//! The histories are those of a strict-serializable database whose clients never wait: valid,
//! and with rare anomalies, namely that one read in ten thousand shows an older version. They
//! are judged at strict-serializable. The time for a transaction should not grow with the length
//! of the history. Told apart are:
//!
//! - `command`: the time, the processor time of all threads, and the peak of memory of
//!   `maelstrom check`, as a user runs it, if it has been built beside this program (`make bench`
//!   does that); and the time that it takes with a single core;
//! - `parse`: reading the file alone, into operations that are dropped at once;
//! - `judge`: the judgement alone, of operations that are taken in as they are read.
//!
//! - `finish`: the part of that which begins when keys and values are numbers.
//!
//! Beside them stands the crate `adya`, which is given up after a minute. It makes numbers of keys
//! and values while it reads the file, before its judgement begins. So there are two ratios: to
//! our judgement, and to the part of it that does the same work.
//!
//! Each case runs in a process of its own, so that its peak of memory can be told.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

mod measure;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use checker::Checker;
use checker::edn::Edn;
use checker::elle::{ListAppend, Options, RwRegister};
use checker::history::{Batch, Op, OpType, Parser, ProcessId};
use measure::{Run, command, seconds_on_one_core};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PROCESSES: usize = 10;
/// As the workload's generator has them by default.
const KEYS_AT_ONCE: usize = 10;
const MAX_WRITES_PER_KEY: i64 = 16;
const MAX_TXN_LENGTH: usize = 4;
/// One read in so many is wrong, in a history with anomalies.
const READS_PER_ANOMALY: u32 = 10_000;

/// The arguments with which this program judges one history, or only reads it.
const JUDGE: &str = "__judge";
const PARSE: &str = "__parse";

/// The argument with which it only writes a valid history of so many transactions, for whoever
/// wants one of another length.
const GENERATE: &str = "generate";

/// A file is read in pieces of this size.
const PIECE_BYTES: usize = 1 << 18;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [case, workload, path] = &arguments[..]
        && [JUDGE, PARSE].contains(&case.as_str())
    {
        return run_case(case == JUDGE, workload, Path::new(path));
    }
    if let [GENERATE, workload, count, path] =
        &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        return generate(workload, count.parse()?, false, Path::new(path));
    }
    let rival = build_rival();
    if let Err(error) = &rival {
        println!("adya is left out: {error:#}");
    }
    let command = command();
    if command.is_none() {
        println!("the command is left out: it is not built in this profile");
    }
    println!(
        "{:12} {:>9} {:9}  {:>9} {:>7} {:>10} {:>8} {:>8}  {:>8} {:>8} {:>8}  {:>9} {:>8} {:>6} \
         {:>6}  verdicts",
        "",
        "txns",
        "",
        "command s",
        "cpu s",
        "one core s",
        "peak MiB",
        "parse s",
        "judge s",
        "µs/txn",
        "finish s",
        "adya s",
        "adya MiB",
        "ratio",
        "finish"
    );
    for workload in ["list-append", "rw-register"] {
        for count in [10_000, 100_000, 1_000_000] {
            for anomalies in [false, true] {
                let case = (workload, count, anomalies);
                measure(case, command.as_deref(), rival.as_deref().ok())?;
            }
        }
    }
    Ok(())
}

fn measure(
    (workload, count, anomalies): (&str, usize, bool),
    command: Option<&Path>,
    rival: Option<&Path>,
) -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    generate(workload, count, anomalies, file.path())?;
    let this = std::env::current_exe()?;
    let own = |case: &str| {
        let run = Run::of(&this, &[case, workload], file.path())?;
        run.context("ours took more than a minute")
    };
    let (parse, judge) = (own(PARSE)?, own(JUDGE)?);
    let kind = if anomalies { "anomalies" } else { "valid" };
    print!("{workload:12} {count:>9} {kind:9} ");
    let arguments = ["check", "-w", &format!("txn-{workload}")];
    let whole = command.map(|command| Run::of(command, &arguments, file.path()));
    match (command, whole.transpose()?.flatten()) {
        (Some(command), Some(whole)) => {
            let alone = seconds_on_one_core(command, &arguments, file.path())?;
            let Run { wall_seconds, cpu_seconds, peak_mib, .. } = whole;
            print!(" {wall_seconds:>9.3} {cpu_seconds:>7.2} {alone:>10} {peak_mib:>8}");
        }
        _ => print!(" {:>9} {:>7} {:>10} {:>8}", "", "", "", ""),
    }
    let micros = judge.seconds * 1e6 / count as f64;
    print!(" {:>8.3}  {:>8.3} {micros:>8.2} ", parse.seconds, judge.seconds);
    let finish: f64 = judge.words[2].parse()?;
    let verdict = &judge.words[1];
    print!("{finish:>8.3} ");
    match rival.map(|rival| Run::of(rival, &[workload], file.path())).transpose()? {
        None => println!(" {:>9} {:>8} {:>6} {:>6}  {}", "", "", "", "", verdict),
        Some(None) => println!(" {:>9} {:>8} {:>6} {:>6}  {}", "> 60", "", "", "", verdict),
        Some(Some(adya)) => println!(
            " {:>9.3} {:>8} {:>6.1} {:>6.1}  {} / {}",
            adya.seconds,
            adya.peak_mib,
            adya.seconds / judge.seconds,
            adya.seconds / finish,
            verdict,
            adya.words[1]
        ),
    }
    Ok(())
}

/// This program, as a child: reads a history piece by piece and, if it is to, judges it. What is
/// not asked for is not timed.
fn run_case(is_judged: bool, workload: &str, path: &Path) -> anyhow::Result<()> {
    let mut checker: Box<dyn Checker> = match workload {
        "list-append" => Box::new(ListAppend::new(Options::default())),
        _ => Box::new(RwRegister::new(Options::default())),
    };
    let mut file = File::open(path)?;
    let (mut parser, mut batch) = (Parser::default(), Batch::default());
    let mut piece = vec![0; PIECE_BYTES];
    let (mut parsing, mut judging) = (Duration::ZERO, Duration::ZERO);
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        let start = Instant::now();
        batch.clear();
        parser.feed(&piece[..length], &mut batch).map_err(anyhow::Error::msg)?;
        parsing += start.elapsed();
        if is_judged {
            let start = Instant::now();
            batch.entries().for_each(|(_, entry)| checker.push_entry(&entry));
            judging += start.elapsed();
        }
    }
    if !is_judged {
        println!("{}", parsing.as_secs_f64());
        return Ok(());
    }
    let start = Instant::now();
    let judgement = checker.finish();
    let finishing = start.elapsed();
    judging += finishing;
    println!("{} {} {}", judging.as_secs_f64(), judgement.verdict, finishing.as_secs_f64());
    Ok(())
}

/// Writes the history of `count` transactions, each of which takes effect at one moment.
fn generate(workload: &str, count: usize, anomalies: bool, path: &Path) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    let mut database = Database {
        is_lists: workload == "list-append",
        anomalies,
        first_key: 0,
        lists: vec![Vec::new(); KEYS_AT_ONCE],
        next_writes: vec![1; KEYS_AT_ONCE],
    };
    let mut out = BufWriter::new(File::create(path)?);
    let (mut index, mut line) = (0, String::new());
    let mut write = |process: usize, kind, value| {
        let (f, time, process) = ("txn".into(), index * 1000, ProcessId::Client(process as i64));
        let op = Op { index: index as usize, time, kind, process, f, value, extra: Vec::new() };
        index += 1;
        line.clear();
        op.write_edn_line(&mut line);
        out.write_all(line.as_bytes())
    };
    let mut running: Vec<Option<(Vec<Request>, Option<Edn>)>> = vec![None; PROCESSES];
    let (mut begun, mut ended) = (0, 0);
    while ended < count {
        let process = rng.random_range(0..PROCESSES);
        match running[process].take() {
            None if begun < count => {
                begun += 1;
                let requests = database.requests(&mut rng);
                write(process, OpType::Invoke, database.show(&requests))?;
                running[process] = Some((requests, None));
            }
            None => {}
            Some((requests, None)) => {
                let done = database.execute(&mut rng, &requests);
                running[process] = Some((requests, Some(done)));
            }
            Some((_, Some(done))) => {
                ended += 1;
                write(process, OpType::Ok, done)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// A micro-operation: a key, and the value to write, if it is a write.
type Request = (i64, Option<i64>);

/// What the keys hold, all that ever were: transactions under way may still use old ones.
struct Database {
    is_lists: bool,
    anomalies: bool,
    first_key: i64,
    lists: Vec<Vec<i64>>,
    next_writes: Vec<i64>,
}

impl Database {
    fn requests(&mut self, rng: &mut ChaCha8Rng) -> Vec<Request> {
        let length = rng.random_range(1..=MAX_TXN_LENGTH);
        (0..length)
            .map(|_| {
                let place = rng.random_range(0..KEYS_AT_ONCE);
                let key = self.first_key + place as i64;
                if rng.random() {
                    return (key, None);
                }
                let value = self.next_writes[key as usize];
                self.next_writes[key as usize] += 1;
                if value == MAX_WRITES_PER_KEY {
                    self.retire();
                }
                (key, Some(value))
            })
            .collect()
    }

    /// A new key comes into use instead of the oldest.
    fn retire(&mut self) {
        self.first_key += 1;
        self.lists.push(Vec::new());
        self.next_writes.push(1);
    }

    fn execute(&mut self, rng: &mut ChaCha8Rng, requests: &[Request]) -> Edn {
        let micro_ops = requests.iter().map(|&(key, write)| {
            if let Some(value) = write {
                self.lists[key as usize].push(value);
                return self.micro_op(key, write);
            }
            let is_stale = self.anomalies && rng.random_ratio(1, READS_PER_ANOMALY);
            let list = &self.lists[key as usize];
            let seen = &list[..list.len() - usize::from(is_stale && !list.is_empty())];
            let value = match self.is_lists {
                _ if seen.is_empty() => Edn::Nil,
                true => Edn::from(seen.to_vec()),
                false => Edn::from(seen.last().copied()),
            };
            Edn::Vector(vec![Edn::keyword("r"), Edn::Int(key), value])
        });
        Edn::Vector(micro_ops.collect())
    }

    fn show(&self, requests: &[Request]) -> Edn {
        Edn::Vector(requests.iter().map(|&(key, write)| self.micro_op(key, write)).collect())
    }

    fn micro_op(&self, key: i64, write: Option<i64>) -> Edn {
        let f = match (write, self.is_lists) {
            (None, _) => "r",
            (Some(_), true) => "append",
            (Some(_), false) => "w",
        };
        Edn::Vector(vec![Edn::keyword(f), Edn::Int(key), Edn::from(write)])
    }
}

fn build_rival() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../target/rival-adya");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(root.join("benches/adya/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "it could not be built ({status})");
    Ok(target.join("release/rival-adya"))
}

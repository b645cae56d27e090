//! How long it takes to judge transactions: `cargo bench -p checker --bench elle`.
//!
//! The histories are those of a strict-serializable database whose clients never wait: valid,
//! and with rare anomalies, namely that one read in ten thousand shows an older version. They
//! are judged at strict-serializable. The time for a transaction should not grow with the length
//! of the history. Told apart are:
//!
//! - `parse`: reading the file alone, into operations that are dropped at once;
//! - `judge`: the judgement alone, of operations that are taken in as they are read;
//! - `finish`: the part of that which begins when keys and values are numbers.
//!
//! Beside them stands the crate `adya`, which is given up after a minute. It makes numbers of keys
//! and values while it reads the file, before its judgement begins. So there are two ratios: to
//! our judgement, and to the part of it that does the same work.
//!
//! What the command `maelstrom check` takes as a whole, `command` measures.
//!
//! Each case runs in a process of its own, so that its peak of memory can be told.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

#[expect(dead_code, reason = "here no command is measured")]
mod measure;
mod transactions;

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
use measure::Run;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use transactions::{Database, Request};

const PROCESSES: usize = 10;
/// No program may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

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
    println!(
        "{:12} {:>9} {:9}  {:>8} {:>8} {:>8} {:>8}  {:>9} {:>8} {:>6} {:>6}  verdicts",
        "",
        "txns",
        "",
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
                measure(case, rival.as_deref().ok())?;
            }
        }
    }
    Ok(())
}

fn measure(
    (workload, count, anomalies): (&str, usize, bool),
    rival: Option<&Path>,
) -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    generate(workload, count, anomalies, file.path())?;
    let this = std::env::current_exe()?;
    let own = |case: &str| {
        let run = Run::of(&this, &[case, workload], file.path(), PATIENCE)?;
        run.context("ours took more than a minute")
    };
    let (parse, judge) = (own(PARSE)?, own(JUDGE)?);
    let kind = if anomalies { "anomalies" } else { "valid" };
    print!("{workload:12} {count:>9} {kind:9} ");
    let micros = judge.seconds * 1e6 / count as f64;
    print!(" {:>8.3}  {:>8.3} {micros:>8.2} ", parse.seconds, judge.seconds);
    let finish: f64 = judge.words[2].parse()?;
    let verdict = &judge.words[1];
    print!("{finish:>8.3} ");
    match rival.map(|rival| Run::of(rival, &[workload], file.path(), PATIENCE)).transpose()? {
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
    let mut database = Database::new(workload == "list-append", anomalies);
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

//! How long it takes to judge transactions: `cargo bench -p checker --bench elle`.
//!
//! The histories are those of a strict-serializable database whose clients never wait: valid,
//! and with rare anomalies, namely that one read in ten thousand shows an older version. They
//! are judged at strict-serializable. Beside our checker is the crate `adya`; it is given up
//! after a minute. Only the judgement is timed, not the reading of the file. The time for a
//! transaction should not grow with the length of the history.
//!
//! Each case runs in a process of its own, so that its peak of memory can be told.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use checker::Checker;
use checker::edn::Edn;
use checker::elle::{ListAppend, Options, RwRegister};
use checker::history::{History, Op, OpType, ProcessId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PROCESSES: usize = 10;
/// As the workload's generator has them by default.
const KEYS_AT_ONCE: usize = 10;
const MAX_WRITES_PER_KEY: i64 = 16;
const MAX_TXN_LENGTH: usize = 4;
/// One read in so many is wrong, in a history with anomalies.
const READS_PER_ANOMALY: u32 = 10_000;

const PATIENCE: Duration = Duration::from_secs(60);

/// The argument with which this program judges one history.
const CASE: &str = "__case";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [case, workload, path] = &arguments[..]
        && case == CASE
    {
        return judge(workload, Path::new(path));
    }
    let rival = build_rival();
    if let Err(error) = &rival {
        println!("adya is left out: {error:#}");
    }
    println!(
        "{:12} {:>9} {:9}  {:>8} {:>8} {:>8}  {:>9} {:>8} {:>6}  verdicts",
        "", "txns", "", "seconds", "µs/txn", "peak MiB", "adya s", "adya MiB", "ratio"
    );
    for workload in ["list-append", "rw-register"] {
        for count in [10_000, 100_000, 1_000_000] {
            for anomalies in [false, true] {
                measure(workload, count, anomalies, rival.as_deref().ok())?;
            }
        }
    }
    Ok(())
}

fn measure(
    workload: &str,
    count: usize,
    anomalies: bool,
    rival: Option<&Path>,
) -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), generate(workload, count, anomalies).to_edn_text())?;
    let ours = Run::of(&std::env::current_exe()?, &[CASE, workload], file.path())?
        .context("ours took more than a minute")?;
    let kind = if anomalies { "anomalies" } else { "valid" };
    let micros = ours.seconds * 1e6 / count as f64;
    print!("{workload:12} {count:>9} {kind:9}  {:>8.3} {micros:>8.2}", ours.seconds);
    print!(" {:>8}", ours.peak_mib);
    match rival.map(|rival| Run::of(rival, &[workload], file.path())).transpose()? {
        None => println!("  {:>9} {:>8} {:>6}  {}", "", "", "", ours.verdict),
        Some(None) => println!("  {:>9} {:>8} {:>6}  {}", "> 60", "", "", ours.verdict),
        Some(Some(adya)) => println!(
            "  {:>9.3} {:>8} {:>6.1}  {} / {}",
            adya.seconds,
            adya.peak_mib,
            adya.seconds / ours.seconds,
            ours.verdict,
            adya.verdict
        ),
    }
    Ok(())
}

/// What one process has found.
struct Run {
    seconds: f64,
    verdict: String,
    peak_mib: u64,
}

impl Run {
    /// Runs a program on a history; `None` when it takes too long.
    fn of(program: &Path, arguments: &[&str], path: &Path) -> anyhow::Result<Option<Run>> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))?;
        let (start, mut peak_mib) = (Instant::now(), 0);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            // The peak of a process that is gone cannot be read any more.
            peak_mib = peak_mib.max(peak_memory_mib(child.id()));
            if start.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        ensure!(status.success(), "{} failed: {status}", program.display());
        let out = std::io::read_to_string(child.stdout.take().expect("it is piped"))?;
        let mut words = out.split_whitespace();
        let seconds = words.next().context("it printed nothing")?.parse()?;
        let verdict = words.next().unwrap_or_default().to_lowercase();
        Ok(Some(Run { seconds, verdict, peak_mib }))
    }
}

/// The most memory that a process ever had, in MiB; 0 where the system does not say.
fn peak_memory_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// This program, as a child: judges the history in a file, which it takes in piece by piece, as
/// a test under way could. Only the judging is timed.
fn judge(workload: &str, path: &Path) -> anyhow::Result<()> {
    let mut lines = BufReader::new(File::open(path)?).lines();
    let mut checker: Box<dyn Checker> = match workload {
        "list-append" => Box::new(ListAppend::new(Options::default())),
        _ => Box::new(RwRegister::new(Options::default())),
    };
    let mut judging = Duration::ZERO;
    loop {
        let piece: Vec<String> = lines.by_ref().take(1000).collect::<Result<_, _>>()?;
        if piece.is_empty() {
            break;
        }
        let piece = History::parse(&piece.join("\n")).map_err(anyhow::Error::msg)?;
        let start = Instant::now();
        piece.ops.iter().for_each(|op| checker.push(op));
        judging += start.elapsed();
    }
    let start = Instant::now();
    let judgement = checker.finish();
    judging += start.elapsed();
    println!("{} {}", judging.as_secs_f64(), judgement.verdict);
    Ok(())
}

/// The history of `count` transactions, each of which takes effect at one moment.
fn generate(workload: &str, count: usize, anomalies: bool) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    let mut database = Database {
        is_lists: workload == "list-append",
        anomalies,
        first_key: 0,
        lists: vec![Vec::new(); KEYS_AT_ONCE],
        next_writes: vec![1; KEYS_AT_ONCE],
    };
    let mut history = History::default();
    let mut push = |process: usize, kind, value| {
        let (index, process) = (history.ops.len(), ProcessId::Client(process as i64));
        let (f, time) = ("txn".into(), index as i64 * 1000);
        history.ops.push(Op { index, time, kind, process, f, value, extra: Vec::new() });
    };
    let mut running: Vec<Option<(Vec<Request>, Option<Edn>)>> = vec![None; PROCESSES];
    let (mut begun, mut ended) = (0, 0);
    while ended < count {
        let process = rng.random_range(0..PROCESSES);
        match running[process].take() {
            None if begun < count => {
                begun += 1;
                let requests = database.requests(&mut rng);
                push(process, OpType::Invoke, database.show(&requests));
                running[process] = Some((requests, None));
            }
            None => {}
            Some((requests, None)) => {
                let done = database.execute(&mut rng, &requests);
                running[process] = Some((requests, Some(done)));
            }
            Some((_, Some(done))) => {
                ended += 1;
                push(process, OpType::Ok, done);
            }
        }
    }
    history
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

//! The same seed gives the same run, byte for byte: twice in the bench's own process, twice
//! with child processes in lockstep, and one against the other.
//!
//! This program is its own node: started in lockstep, it is a cluster's member, else the test.
//! So the very same code runs in both places. The node does a bit of everything that could go
//! astray: it draws random numbers, sleeps, asks its peers, and stores what it hears.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this test reads the files of a run, and has no harness that prints for it"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use gyre::{Ctx, Error, Failure, Node, NodeId, Storage, async_trait};
use maelstrom::Fault;
use maelstrom::nemesis::Fault::{Disk, Kill, Partition};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::recorder::LogOptions;
use maelstrom::run::{Clock, Terminal, Test};
use maelstrom::workload;
use rand::RngExt;
use serde::{Deserialize, Serialize};

struct Restless {
    storage: Storage,
    /// How many records the crash before this life has left.
    found: usize,
    heard: RefCell<Vec<u64>>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Generate {},
    Rumour { number: u64 },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    GenerateOk { id: String },
    RumourOk {},
}

impl Restless {
    fn new(ctx: &Ctx) -> Restless {
        let storage = ctx.storage();
        let recovered = storage.load().unwrap_or_else(|error| Failure::raise(error));
        ctx.log(format!("{} records on disk", recovered.records.len()));
        Restless { storage, found: recovered.records.len(), heard: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Restless {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Generate {} => {
                let wait_ms = ctx.rng().random_range(0..20);
                ctx.sleep(Duration::from_millis(wait_ms)).await;
                let random: u64 = ctx.rng().random();
                let heard = self.heard.borrow().len();
                let id = format!("{}-{random}-{heard}-{}", ctx.id(), self.found);
                Ok(Response::GenerateOk { id })
            }
            Request::Rumour { number } => {
                self.heard.borrow_mut().push(number);
                self.storage.append(&number.to_le_bytes())?;
                // Some records are in danger for a while.
                if number.is_multiple_of(8) {
                    self.storage.sync()?;
                }
                Ok(Response::RumourOk {})
            }
        }
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(50)).await;
            let number = ctx.rng().random();
            for peer in ctx.peers() {
                let rumour = Request::Rumour { number };
                if let Err(error) = ctx.rpc(peer, &rumour, Duration::from_millis(40)).await {
                    ctx.log(format!("{peer} did not answer: {error}"));
                }
            }
        }
    }
}

/// A short run with a fault that reaches into the network and one that reaches into the nodes.
fn options(faults: &[Fault]) -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(3),
        concurrency: 3,
        rate: 50.0,
        time_limit_secs: 10.0,
        latency_ms: 5,
        nemesis_interval_secs: 1.0,
        faults: faults.iter().copied().collect(),
        ..TestOptions::default()
    }
}

/// Runs the node's program in lockstep; returns every file of the run by its name.
fn lockstep(faults: &[Fault], seed: u64) -> Files {
    lockstep_within(faults, seed, maelstrom::spool::SPOOL_BYTES)
}

/// The same, with so much memory for what the run writes down.
fn lockstep_within(faults: &[Fault], seed: u64, memory_bytes: usize) -> Files {
    let store = tempfile::tempdir().unwrap();
    let options = options(faults);
    let workload = workload::by_name("unique-ids").unwrap();
    let test = Test {
        workload,
        options: &options,
        bin: std::env::current_exe().unwrap(),
        args: Vec::new(),
        clock: Clock::Seed { seed, writes_tape: false },
        store: store.path().to_owned(),
        log: LogOptions { stderr: true, net_send: true, net_recv: true, ..LogOptions::default() },
        has_data_dirs: true,
        argv: Vec::new(),
        bench: String::new(),
        challenge: None,
        watchdog: None,
        memory_bytes,
    };
    let report = test.run(Terminal::nobody()).unwrap();
    assert_eq!(report.failure, None);
    let mut files = Files::new();
    collect(&report.folder, &report.folder, &mut files);
    files
}

type Files = BTreeMap<PathBuf, String>;

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            files.insert(name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into());
        }
    }
}

fn lockstep_twice_gives_the_same_files() {
    for seed in [1, 2] {
        let first = lockstep(&[Partition, Kill], seed);
        let second = lockstep(&[Partition, Kill], seed);
        assert!(first[Path::new("history.edn")].lines().count() > 100);
        assert!(first.contains_key(Path::new("results.edn")));
        for (name, contents) in &first {
            assert_eq!(Some(contents), second.get(name), "{} of seed {seed}", name.display());
        }
        assert_eq!(first.len(), second.len());
    }
}

/// A run on disk is the run in memory.
fn memory_makes_no_difference() {
    let expected = lockstep(&[Partition, Kill], 1);
    for memory_bytes in [0, 5000] {
        assert!(lockstep_within(&[Partition, Kill], 1, memory_bytes) == expected);
    }
}

fn another_seed_gives_another_run() {
    let history = Path::new("history.edn");
    assert_ne!(lockstep(&[], 1)[history], lockstep(&[], 2)[history]);
}

/// The bench's own process and a child see the same messages at the same times, and draw the
/// same random numbers, so they give the same history.
fn lockstep_and_in_process_give_the_same_history() {
    for (faults, seed) in [(&[Partition, Kill][..], 3), (&[Partition, Kill, Disk], 4), (&[Disk], 5)]
    {
        let check = maelstrom::check("unique-ids", Restless::new)
            .options(|all| *all = options(faults))
            .fixed_latency();
        let files = lockstep(faults, seed);
        let (outcome, results) = check.run(seed);
        assert_eq!(outcome.history.to_edn_text(), files[Path::new("history.edn")]);
        let results = maelstrom::edn::pretty(&results.to_edn());
        // The program of a run on disk stands behind what was judged.
        let judged = results.trim().strip_suffix('}').unwrap();
        assert!(files[Path::new("results.edn")].starts_with(&format!("{judged},\n :run ")));
        let (again, _) = check.run(seed);
        assert_eq!(outcome.history, again.history);
    }
}

fn main() -> ExitCode {
    if std::env::var_os("MAELSTROM_LOCKSTEP").is_some() {
        return gyre::run(Restless::new);
    }
    let tests: [(&str, fn()); 4] = [
        ("memory_makes_no_difference", memory_makes_no_difference),
        ("lockstep_twice_gives_the_same_files", lockstep_twice_gives_the_same_files),
        ("another_seed_gives_another_run", another_seed_gives_another_run),
        (
            "lockstep_and_in_process_give_the_same_history",
            lockstep_and_in_process_give_the_same_history,
        ),
    ];
    // A test that fails panics, and that ends the program with a status that says so.
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("{} passed, 0 failed", tests.len());
    ExitCode::SUCCESS
}

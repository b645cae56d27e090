//! Nodes in real time, on simulated disks that the bench can harm.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use maelstrom::checker::Validity;
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::recorder::LogOptions;
use maelstrom::run::{Clock, Terminal, Test};
use maelstrom::{Fault, workload};
use serde_json::json;

use super::running::{Running, signal};
use super::{found_in, subject};

/// The subject in real time, on a disk that the bench can harm.
fn on_simulated_disk(seed: &str, directory: &Path) -> Command {
    let mut command = subject();
    command.env("MAELSTROM_SIMULATED_DISK", seed).arg("--data-dir").arg(directory);
    command
}

/// In real time, too, a kill then takes unsynced records, and an operation that it interrupted has
/// not happened.
pub fn on_a_simulated_disk_a_kill_is_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut found = BTreeSet::new();
    for seed in 0..12 {
        let mut node = Running::init(&mut on_simulated_disk(&seed.to_string(), directory.path()));
        found.insert(found_in(&node.ask(&json!({"type": "store", "sync": seed == 0}))));
        signal(&node.child, "-KILL");
        node.end();
        let record = directory.path().join(gyre::SIMULATED_DISK_FILE);
        let mut record = File::options().append(true).open(record).expect("the record is there");
        record.write_all(b"append log-0 99\nab").expect("it can be written");
    }
    found.remove(&0);
    assert!(!found.is_empty(), "what was synced was found");
    assert!(found.len() < 11, "some of the others were lost: {found:?}");
    assert!(found.len() > 1, "and some were not: {found:?}");
    let command = &mut on_simulated_disk("x", directory.path());
    let (status, _, stderr) = Running::start(command).end();
    assert_eq!(status.code(), Some(1));
    assert_eq!(stderr, ["MAELSTROM_SIMULATED_DISK must be a number, but is \"x\""]);
}

/// Nodes whose power is cut, whose disks are full, slow or rotten, in the bench and in real time.
pub fn in_real_time_the_bench_harms_disks() {
    let store = tempfile::tempdir().expect("a directory");
    let options = TestOptions {
        nodes: numbered_nodes(3),
        concurrency: 3,
        rate: 30.0,
        time_limit_secs: 5.0,
        faults: [Fault::Disk].into(),
        nemesis_interval_secs: 0.5,
        calm_secs: 0.0,
        ..TestOptions::default()
    };
    let test = Test {
        workload: workload::by_name("g-set").expect("it is known"),
        options: &options,
        bin: super::G_SET.into(),
        args: Vec::new(),
        clock: Clock::Wall,
        has_data_dirs: true,
        argv: Vec::new(),
        bench: "maelstrom".into(),
        challenge: None,
        store: store.path().into(),
        log: LogOptions::default(),
        watchdog: None,
        memory_bytes: maelstrom::spool::SPOOL_BYTES,
    };
    let report = test.run(Terminal::nobody()).expect("the bench runs");
    let results = report.results.to_edn();
    assert_eq!((report.failure, report.results.verdict), (None, Validity::True), "{results}");
    let read = |file: &str| std::fs::read(report.folder.join(file)).expect("a file");
    let history = String::from_utf8(read("history.edn")).expect("text");
    let harmed = history.matches(":start-disk").count();
    assert!(harmed > 1, "disks were harmed {harmed} times");
    assert!(!read("node-data/n0/simulated-disk").is_empty(), "the disk is a simulated one");
}

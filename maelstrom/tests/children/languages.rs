//! The nodes of `node-in-your-language/`, by both clocks: what they answer, and that a seed
//! decides all of it. A language that is not installed is not tested, which is said.
//!
//! `SEEDS=1000 cargo test -p maelstrom --test all children::languages` runs so many seeds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use maelstrom::options::TestOptions;
use maelstrom::run::LockstepBench;
use maelstrom::seeds::Seeds;
use maelstrom::shrink::{Bench, Trial};
use maelstrom::workload;
use tempfile::TempDir;

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../node-in-your-language").join(file)
}

/// Whether this command works; where it does not, that is said even if the tests are quiet.
fn has(language: &str, command: &[&str]) -> bool {
    let ran = Command::new(command[0]).args(&command[1..]).output();
    let is_there = ran.is_ok_and(|ran| ran.status.success());
    if !is_there {
        let said = format!("NOT TESTED: {language} is not installed ({})\n", command.join(" "));
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
    }
    is_there
}

/// The echo nodes that can run here. `folder` is for those that must be built.
fn echo_nodes(folder: &Path) -> Vec<PathBuf> {
    let mut nodes = Vec::new();
    if has("Python", &["python3", "--version"]) {
        nodes.push(source("echo.py"));
    }
    if has("JavaScript", &["node", "--version"]) {
        nodes.push(source("echo.js"));
    }
    if has("Go", &["go", "version"]) {
        let node = folder.join("echo-go");
        let files = ["echo.go", "node.go", "shim.go"].map(source);
        let built = Command::new("go").args(["build", "-o"]).arg(&node).args(files).output();
        let built = built.unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        nodes.push(node);
    }
    nodes
}

/// One run of a second of virtual time, all of its messages included.
fn run(bench: &LockstepBench, options: &TestOptions, seed: u64) -> Trial {
    let trial = bench.run(options, Seeds::new(seed).into(), true);
    assert_eq!(trial.bench_failure, None, "seed {seed}");
    assert!(trial.kinds.is_empty(), "seed {seed} fails by {:?}", trial.kinds);
    trial
}

#[test]
fn in_each_language_a_seed_decides_every_byte() {
    let folder = TempDir::new().unwrap();
    let seeds = std::env::var("SEEDS").map_or(2, |seeds| seeds.parse().unwrap());
    let options = TestOptions {
        nodes: vec![gyre::NodeId::from("n1")],
        concurrency: 2,
        rate: 20.0,
        time_limit_secs: 1.0,
        ..TestOptions::default()
    };
    for bin in echo_nodes(folder.path()) {
        let echo = workload::by_name("echo").unwrap();
        let bench = LockstepBench::new(
            echo,
            (&bin, &[]),
            false,
            folder.path().join("nodes"),
            None,
            Arc::default(),
        );
        let bench = bench.unwrap();
        let mut before: Option<Trial> = None;
        for seed in 0..seeds {
            let (once, again) = (run(&bench, &options, seed), run(&bench, &options, seed));
            assert!(once.operations > 0, "{}: nothing happened", bin.display());
            let difference = |other: &Trial| once.transcript.difference(&other.transcript);
            assert_eq!(difference(&again), None, "{}, seed {seed}", bin.display());
            let is_new = before.as_ref().is_none_or(|before| difference(before).is_some());
            assert!(is_new, "{}: seed {seed} gives the run before it", bin.display());
            before = Some(once);
        }
    }
}

#[test]
fn in_each_language_a_node_runs_by_the_real_clock_too() {
    let folder = TempDir::new().unwrap();
    for bin in echo_nodes(folder.path()) {
        let ran = Command::new(super::BENCH)
            .args(["test", "-w", "echo", "--time-limit", "1", "--rate", "20"])
            .args(["--node-count", "1", "--bin"])
            .arg(&bin)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}

#[test]
fn each_file_has_fifty_lines_at_most() {
    for file in std::fs::read_dir(source("")).unwrap().map(|file| file.unwrap().path()) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        let is_code = file.extension().is_some_and(|ending| ending != "md");
        assert!(!is_code || lines <= 50, "{} has {lines} lines", file.display());
    }
}

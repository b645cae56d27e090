//! Sweeps as their user meets them: in pieces and in one, cut off and started again, with nodes in
//! lockstep and inside their test program, which this program is itself.
//!
//! The simulated tests below are what is swept. Their nodes go wrong on some seeds, and what they
//! do there would end a process. `cargo test` runs them on seeds on which they do not.
#![allow(clippy::disallowed_methods, reason = "these tests run the bench's own program")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a node does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    Aborts,
    Hangs,
    Grows,
    /// It says something that an assertion does not like.
    Asserts,
    /// It answers with what is not a function of its seed.
    Differs,
}

struct Echo {
    wrong: Wrong,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Echo { echo: Json },
    Chat {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Json },
    ChatOk {},
}

impl Echo {
    fn new(ctx: &Ctx, wrong: Wrong) -> Echo {
        // On one seed in eight or so; a node of every other seed is well.
        let is_wrong = ctx.id().as_str() == "n0" && ctx.rng().random_range(0..8) == 0;
        Echo { wrong: if is_wrong { wrong } else { Wrong::Nothing } }
    }
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request else { return Ok(Response::ChatOk {}) };
        match self.wrong {
            Wrong::Nothing => {}
            Wrong::Aborts => std::process::abort(),
            Wrong::Hangs => loop {
                std::thread::park();
            },
            Wrong::Grows => {
                let much = vec![1u8; 1 << 30];
                std::hint::black_box(&much);
                loop {
                    std::thread::park();
                }
            }
            Wrong::Asserts => panic!("it likes another echo"),
            Wrong::Differs => {
                let place = Box::new(0u8);
                let number = std::ptr::from_ref(&*place) as u64;
                std::mem::forget(place);
                let body = serde_json::json!({"type": "chat", "number": number});
                ctx.send(&NodeId::from("n1"), &body)?;
            }
        }
        Ok(Response::EchoOk { echo })
    }
}

/// The order replaces the seeds. Without one there are none on which a node goes wrong.
fn simulate(wrong: Wrong) {
    let is_swept = std::env::var_os("MAELSTROM_SWEEP").is_some();
    let wrong = if is_swept { wrong } else { Wrong::Nothing };
    let check: Check = maelstrom::check("echo", move |ctx| Echo::new(ctx, wrong));
    check.nodes(2).time_limit_secs(2.0).options(|options| options.calm_secs = 0.0).seeds(0..4);
}

#[test]
fn sim() {
    simulate(Wrong::Nothing);
}

#[test]
fn sim_aborts() {
    simulate(Wrong::Aborts);
}

#[test]
fn sim_hangs() {
    simulate(Wrong::Hangs);
}

#[test]
fn sim_grows() {
    simulate(Wrong::Grows);
}

#[test]
fn sim_asserts() {
    simulate(Wrong::Asserts);
}

#[test]
fn sim_differs() {
    simulate(Wrong::Differs);
}

/// Runs `maelstrom sweep`; gives the exit status and what was printed.
fn sweep(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .arg("sweep")
        .args(arguments)
        .output()
        .unwrap();
    let output = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.code(), output.concat())
}

/// Sweeps a simulation of this program.
fn in_process(simulation: &str, out: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let program = std::env::current_exe().unwrap();
    let (program, out) = (program.to_str().unwrap(), out.to_str().unwrap());
    let head = ["--in-process", program, "--simulation", simulation, "--out", out];
    sweep(&[&head[..], arguments].concat())
}

fn merged(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("merged.json")).unwrap()).unwrap()
}

fn failed(folder: &Path) -> Vec<(u64, String)> {
    let merged = merged(folder);
    let failures = merged["cases"][0]["failures"].as_array().unwrap().clone();
    let failure = |it: &Value| (it["seed"].as_u64().unwrap(), it["kind"].as_str().unwrap().into());
    failures.iter().map(failure).collect()
}

#[test]
fn shards_on_any_number_of_cores_are_the_sweep_in_one_piece() {
    let (one, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let seeds = ["--seeds", "0..300", "--nemesis", "loss,duplicate", "--rate", "30"];
    let (status, output) = in_process("sim_asserts", one.path(), &seeds);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("it likes another echo"), "{output}");
    assert!(output.contains("replay:  make sim-"), "{output}");
    for (shard, jobs) in [("2/3", "1"), ("0/3", "3"), ("1/3", "2")] {
        let more = ["--shard", shard, "--jobs", jobs];
        let (status, output) =
            in_process("sim_asserts", parts.path(), &[&seeds[..], &more].concat());
        assert_eq!(status, Some(0), "{output}");
    }
    let (status, output) = sweep(&["merge", parts.path().to_str().unwrap()]);
    assert_eq!(status, Some(1), "{output}");
    let bytes = |folder: &Path| std::fs::read_to_string(folder.join("merged.json")).unwrap();
    assert_eq!(bytes(parts.path()), bytes(one.path()));
    let page = std::fs::read_to_string(parts.path().join("index.html")).unwrap();
    assert!(page.contains("it likes another echo") && page.contains("echo"), "{page}");
    // Each of the first failures has a tape, which is one.
    let tapes = std::fs::read_dir(one.path()).unwrap().map(|entry| entry.unwrap().path());
    let tapes: Vec<_> =
        tapes.filter(|path| path.extension().is_some_and(|it| it == "edn")).collect();
    assert_eq!(tapes.len(), 10, "{tapes:?}");
    let tape = std::fs::read_to_string(&tapes[0]).unwrap();
    maelstrom::tape::TapeFile::parse(&tape).unwrap();
}

#[test]
fn a_sweep_that_is_done_is_not_done_again_and_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (status, output) = in_process("sim", folder.path(), &["--seeds", "0..40"]);
    assert_eq!(status, Some(0), "{output}");
    let before = merged(folder.path());
    let (status, output) = in_process("sim", folder.path(), &["--seeds", "0..40"]);
    assert_eq!(status, Some(0), "{output}");
    assert_eq!(merged(folder.path()), before);
    let (status, output) = in_process("sim", folder.path(), &["--seeds", "0..50"]);
    assert_eq!(status, Some(255), "{output}");
    assert!(output.contains("the range of seeds is 0..50 in one and 0..40"), "{output}");
}

#[test]
fn a_seed_that_ends_its_process_is_a_failure_and_the_sweep_goes_on() {
    for (simulation, kind, more) in [
        ("sim_aborts", "crashes", &[][..]),
        // Every other seed takes a thousandth of that.
        ("sim_hangs", "hangs", &["--seed-limit", "3"][..]),
        ("sim_grows", "grows", &["--memory", "900"][..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let seeds = ["--seeds", "1..12", "--jobs", "2"];
        let (status, output) = in_process(simulation, folder.path(), &[&seeds[..], more].concat());
        assert_eq!(status, Some(1), "{simulation}: {output}");
        let failed = failed(folder.path());
        assert!(!failed.is_empty() && failed.len() < 11, "{failed:?}");
        assert!(failed.iter().all(|(_, found)| found == kind), "{failed:?}");
        assert_eq!(merged(folder.path())["cases"][0]["tally"]["seeds"], 11, "{output}");
    }
}

#[test]
fn a_kind_of_failure_may_be_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = ["--seeds", "1..30", "--allow", "run: it likes another echo"];
    let (status, output) = in_process("sim_asserts", folder.path(), &seeds);
    assert_eq!(status, Some(0), "{output}");
}

#[test]
fn a_node_that_is_not_deterministic_is_found() {
    let folder = tempfile::tempdir().unwrap();
    // Every thousandth seed is run twice: some of these are wrong.
    let mut found = String::new();
    for thousand in 0..40 {
        let seeds = format!("{}..{}", thousand * 1000, thousand * 1000 + 1);
        let out = folder.path().join(&seeds);
        let (_, output) = in_process("sim_differs", &out, &["--seeds", &seeds]);
        found = output;
        if found.contains("not deterministic") {
            break;
        }
    }
    assert!(found.contains("two runs of seed"), "{found}");
    assert!(found.contains("is another in the second run"), "{found}");
}

#[test]
fn what_a_sweep_cannot_do_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["--bin", "x", "--seeds", "5..5", "--out", out], "the range 5..5 is empty"),
        (&["--bin", "x", "--seeds", "9", "--out", out], "a range of seeds such as 0..1000"),
        (
            &["--bin", "x", "--seeds", "0..3", "--shard", "3/3", "--out", out],
            "there is no shard 3 of 3",
        ),
        (
            &["--bin", "x", "--seeds", "0..3", "--shard", "1/9", "--out", out],
            "3 seeds cannot be divided",
        ),
        (&["--bin", "x", "--seeds", "0..3", "--out", out], "there is no program x"),
        (&["--bin", "/bin/cat", "--seeds", "0..3", "--out", out, "--tape", "y"], "a single run"),
        (&["--in-process", "/bin/true", "--seeds", "0..3", "--out", out], "is no test program"),
        (&["--seeds", "0..3", "--out", out], "--bin"),
        (&["merge", out], "there is no shard of a sweep"),
    ];
    for (arguments, part) in cases {
        let (status, output) = sweep(arguments);
        assert_eq!(status, Some(254), "{arguments:?}: {output}");
        assert!(output.contains(part), "{arguments:?}: {output}");
    }
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok()
}

#[test]
fn any_program_in_lockstep_is_swept() {
    if !has_python() {
        return;
    }
    let node = format!("{}/tests/nodes/lockstep.py", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let flags = ["-w", "echo", "--bin", &node, "--node-count", "1", "--time-limit", "1"];
    let more = ["--seeds", "1..5", "--out", out, "--rate", "20"];
    let (status, output) = sweep(&[&flags[..], &more].concat());
    assert_eq!(status, Some(0), "{output}");
    let merged = merged(folder.path());
    assert_eq!(merged["cases"][0]["plan"]["case"], "lockstep_py.echo");
    assert_eq!(merged["cases"][0]["tally"]["seeds"], 4);
    // Nothing of the nodes is left.
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["index.html", "lockstep_py.echo.0-of-1.jsonl", "merged.json", "report.txt"]);
    // As a workload that it does not know, it fails on every seed, and is not lost in that.
    let flags = ["-w", "unique-ids", "--bin", &node, "--node-count", "1", "--time-limit", "1"];
    let (status, output) = sweep(&[&flags[..], &more].concat());
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("4 of 8 seeds of 2 cases failed"), "{output}");
    assert!(output.contains("--seed 1"), "{output}");
}

//! From a run that fails, a small run that fails in the same way: nodes in the bench's own
//! process against an exhaustive search, and programs in other languages as their user does it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "these tests run the bench's own program"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use maelstrom::shrink::{Bench, Kind, Unwatched, Watch};
use maelstrom::simulation::Check;
use maelstrom::tape::{Tape, TapeFile};
use serde::{Deserialize, Serialize};

/// A set that loses an element when it comes after so many reads and additions since the last
/// loss, as a buffer that is written out too late would.
struct Forgetful {
    reads: u32,
    elements: RefCell<BTreeSet<i64>>,
    reads_left: Cell<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: BTreeSet<i64> },
}

#[async_trait(?Send)]
impl Node for Forgetful {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Add { .. } if self.reads_left.get() == 0 => {
                self.reads_left.set(self.reads);
                Response::AddOk {}
            }
            Request::Add { element } => {
                self.elements.borrow_mut().insert(element);
                Response::AddOk {}
            }
            Request::Read {} => {
                self.reads_left.set(self.reads_left.get().saturating_sub(1));
                Response::ReadOk { value: self.elements.borrow().clone() }
            }
        })
    }
}

/// One node, two clients, and about ten operations.
fn forgetful(reads: u32) -> Check {
    maelstrom::check("g-set", move |_: &Ctx| Forgetful {
        reads,
        elements: RefCell::default(),
        reads_left: Cell::new(reads),
    })
    .nodes(1)
    .rate(2.0)
    .time_limit_secs(5.0)
    .options(|options| options.concurrency = 2)
}

/// How many operations the smallest part of this tape has that fails by this kind.
fn optimum(check: &Check, tape: &TapeFile, kind: &Kind) -> Option<usize> {
    let all: Vec<_> = tape.tracks.operations.iter().cloned().collect();
    let options = check.options_for(tape.seed);
    let fails = |bits: u32| {
        let mut part = tape.clone();
        let kept = (0..all.len()).filter(|place| bits & (1 << place) != 0);
        part.tracks.operations = kept.map(|place| all[place].clone()).collect();
        Bench::run(check, &options, Tape::from(part), false).kinds.contains(kind)
    };
    let failing = (0..1u32 << all.len()).filter(|bits| fails(*bits));
    failing.map(|bits| bits.count_ones() as usize).min()
}

/// Against every part of the tape there is. The final reads are not on it.
#[test]
fn what_is_left_is_close_to_the_optimum() {
    let mut compared = 0;
    for (reads, seed) in [1, 2, 3].into_iter().flat_map(|reads| (0..4).map(move |s| (reads, s))) {
        let check = forgetful(reads);
        let (_, judgement, tape) = check.record(seed);
        let count = tape.tracks.operations.len();
        let Ok(shrunk) = check.shrink(seed, Some("lost"), &Unwatched) else {
            assert!(!judgement.to_string().contains("lost"), "seed {seed}: {judgement}");
            continue;
        };
        if count > 10 {
            continue;
        }
        compared += 1;
        let best = optimum(&check, &tape, &shrunk.kind).expect("the whole tape fails");
        let found = shrunk.case.tape.tracks.operations.len();
        assert!(2 * found <= 3 * best, "seed {seed}: {found} operations, and {best} are enough");
        assert_eq!(best, reads as usize + 1);
        assert_eq!(shrunk.left.nodes, 1);
    }
    assert!(compared >= 3, "{compared} were small enough");
}

#[test]
fn the_result_is_the_same_with_any_number_of_threads() {
    let check = forgetful(2);
    let seed = check.seeds_that_fail(Some("lost"), 0..100, 1)[0];
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| check.shrink(seed, None, &Unwatched).unwrap().case.tape.to_text())
    };
    assert_eq!(on(1), on(3));
}

/// Ends the search after this many questions whether it is to end.
struct Impatient(AtomicUsize);

impl Watch for Impatient {
    fn is_over(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

#[test]
fn a_search_that_is_ended_before_its_first_try_says_so() {
    let check = forgetful(2);
    let seed = check.seeds_that_fail(Some("lost"), 0..100, 1)[0];
    for asked in 0..2 {
        let watch = Impatient(AtomicUsize::new(asked));
        let sentence = check.shrink(seed, None, &watch).unwrap_err();
        assert!(sentence.contains("ended before it had tried"), "{asked}: {sentence}");
    }
}

#[test]
fn the_smallest_run_is_a_test_that_fails_until_the_node_is_mended() {
    let check = forgetful(2);
    let seed = check.seeds_that_fail(Some("lost"), 0..100, 1)[0];
    let shrunk = check.shrink(seed, None, &Unwatched).unwrap();
    let tape = shrunk.case.tape.to_text();
    let as_shrunk = |check: Check| check.options(|options| *options = shrunk.case.options.clone());
    let broken = as_shrunk(forgetful(2));
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| broken.passes(&tape)));
    let sentence = *failed.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(sentence, "it fails by lost");
    // Nobody reads so often.
    as_shrunk(forgetful(u32::MAX)).passes(&tape);
    let test = maelstrom::shrink::in_process_test(&shrunk.case, &shrunk.kind, "x::Forgetful");
    assert!(test.contains(&tape) && test.contains("fn does_not_fail_by_lost()"), "{test}");
}

/// Runs `maelstrom` with these arguments in this folder; gives the status and what it printed.
fn maelstrom(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let output = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.code(), output.concat())
}

/// The path of a node in `tests/nodes`.
fn node(name: &str) -> String {
    format!("{}/tests/nodes/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether a program can run here at all.
fn has(program: &str, arguments: &[&str]) -> bool {
    let found = Command::new(program).args(arguments).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: this test needs {program}, which is not installed");
    }
    found
}

/// The interpreter itself, and not what chooses one each time it is started.
fn python() -> Option<String> {
    if !has("python3", &["--version"]) {
        return None;
    }
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    Some(String::from_utf8(asked.ok()?.stdout).ok()?.trim().to_owned())
}

/// The words of the command that a shrunk run printed, after the program's name.
fn printed_command(output: &str) -> Vec<String> {
    let line = output.lines().find_map(|line| line.trim().strip_prefix("run it: ")).unwrap();
    let words = line.split_whitespace().skip(1);
    // What is quoted is the tape, and it is the only word with spaces.
    let mut command: Vec<String> = Vec::new();
    let mut quoted: Option<String> = None;
    for word in words {
        match (&mut quoted, word.strip_prefix('\'')) {
            (Some(text), _) => {
                text.push(' ');
                text.push_str(word.trim_end_matches('\''));
                if word.ends_with('\'') {
                    command.extend(quoted.take());
                }
            }
            (None, Some(first)) => quoted = Some(first.to_owned()),
            (None, None) => command.push(word.to_owned()),
        }
    }
    command
}

const OWN_STATE: [&str; 11] = [
    "-w",
    "lin-kv",
    "--node-count",
    "3",
    "--concurrency",
    "2n",
    "--rate",
    "30",
    "--time-limit",
    "4",
    "--bin",
];

/// A store that keeps its own state at every node, in Python: nobody planted a bug in it.
#[test]
fn a_naive_store_in_python_comes_down_to_a_few_operations() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = node("own_state.py");
    let flags = [&["shrink"], &OWN_STATE[..], &[&python, "--seed", "1", &script]].concat();
    let (status, output) = maelstrom(folder.path(), &flags);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains("Shrunk by: not-linearizable"), "{output}");
    let latest = folder.path().join("store/latest");
    for file in ["index.html", "results.edn", "tape.edn", "test.rs", "test.edn"] {
        assert!(latest.join(file).exists(), "{file} is missing");
    }
    let tape = std::fs::read_to_string(latest.join("tape.edn")).unwrap();
    let tape = TapeFile::parse(&tape).unwrap();
    // A write, another one elsewhere, and a read that has not heard of it.
    assert_eq!(tape.tracks.operations.len(), 3, "{}", tape.to_text());
    assert!(output.contains("after:  3 operations, 2 clients, 2 nodes, 0 faults"), "{output}");
    // What it leaves behind is the run, and nothing else.
    let hidden = std::fs::read_dir(folder.path().join("store")).unwrap();
    let hidden = hidden.filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".shrink")
    });
    assert_eq!(hidden.count(), 0);
    let command = printed_command(&output);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let history = std::fs::read_to_string(latest.join("history.edn")).unwrap();
    let (status, again) = maelstrom(folder.path(), &words);
    assert_eq!(status, Some(1), "{again}");
    assert_eq!(std::fs::read_to_string(latest.join("history.edn")).unwrap(), history);
    // A small run can be shrunk by its folder, and is as small as it gets.
    let (status, output) = maelstrom(folder.path(), &["shrink", "store/latest"]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains("after:  3 operations"), "{output}");
}

/// A broadcast without retries, in Perl, and `--shrink` of a test.
#[test]
fn a_broadcast_without_retries_in_perl_comes_down_to_one_lost_message() {
    if !has("perl", &["-MJSON::PP", "-e", "1"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bin = node("told_once.pl");
    let flags = ["test", "-w", "broadcast", "--bin", &bin, "--rate", "10", "--time-limit", "5"];
    let more = ["--nemesis", "loss", "--nemesis-interval", "1", "--seed", "3", "--shrink"];
    let (status, output) = maelstrom(folder.path(), &[&flags[..], &more].concat());
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("Shrunk by: lost"), "{output}");
    let tape = std::fs::read_to_string(folder.path().join("store/latest/tape.edn")).unwrap();
    let tape = TapeFile::parse(&tape).unwrap();
    assert_eq!(tape.tracks.operations.len(), 1, "{}", tape.to_text());
    assert_eq!(tape.tracks.fates.values().flatten().count(), 1, "{}", tape.to_text());
    assert!(tape.to_line().len() <= 200, "{}", tape.to_line());
    assert!(output.contains("2 nodes, 0 faults, 1 message lost"), "{output}");
}

#[test]
fn what_cannot_be_shrunk_is_a_sentence_and_leaves_nothing() {
    let Some(python) = python() else { return };
    let script = node("own_state.py");
    let good = node("lockstep.py");
    let short = ["--time-limit", "1", "--rate", "10", "--node-count", "1", &good];
    let echo = [&["shrink", "-w", "echo", "--bin", &python], &short[..]].concat();
    let store = [&["shrink"], &OWN_STATE[..]].concat();
    let cases: [(Vec<&str>, i32, &str); 9] = [
        ([&echo[..], &["--seed", "1"]].concat(), 255, "the run does not fail, so there is nothing"),
        (echo.clone(), 254, "only a run in virtual time can be run again"),
        (
            [&store[..], &[&python, "--seed", "1", &script, "random"]].concat(),
            255,
            "the node is not deterministic, so its runs cannot be compared: message 4 is another",
        ),
        ([&echo[..], &["--tape", "{:tape 1}"]].concat(), 254, "reads version 2 of tapes, not 1"),
        (
            [&echo[..], &["--tape", "{:tape 2, :workload \"g-set\", :seed 1}"]].concat(),
            254,
            "this is a tape of g-set: run it with -w g-set, not echo",
        ),
        (vec!["shrink", "no-such-folder"], 254, "there is no run no-such-folder"),
        (vec!["shrink", "."], 254, "Give the flags of the run instead"),
        ([&store[..], &["./no-such-node", "--seed", "1"]].concat(), 255, "no-such-node"),
        (
            [&["shrink", "--anomaly", "G0"], &store[1..], &[&python, "--seed", "1", &script]]
                .concat(),
            255,
            "the run does not fail by G0, but by not-linearizable",
        ),
    ];
    for (arguments, expected, sentence) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (status, output) = maelstrom(folder.path(), &arguments);
        assert_eq!(status, Some(expected), "{arguments:?}: {output}");
        assert!(output.contains(sentence), "{arguments:?}: {output}");
        let left = std::fs::read_dir(folder.path().join("store"));
        assert!(left.map_or(0, Iterator::count) == 0, "{arguments:?} leaves something");
    }
}

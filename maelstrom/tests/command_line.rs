//! The bench as its user meets it: real nodes, wrong nodes and wrong flags. Whatever happens,
//! it ends with a sentence and the right exit status, and what was recorded is on disk.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "these tests run the bench's own program"
)]

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maelstrom::edn::{self, Edn};
use maelstrom::history::History;

/// What a run of the bench came to.
struct Run {
    status: Option<i32>,
    output: String,
    store: tempfile::TempDir,
}

impl Run {
    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.store.path().join("store/current").join(file)).ok()
    }

    fn history(&self) -> History {
        History::parse(&self.read("history.edn").expect("a run leaves its history")).unwrap()
    }

    fn results(&self) -> Edn {
        edn::read_one(&self.read("results.edn").expect("a run leaves its results")).unwrap()
    }
}

/// Runs `maelstrom` with these arguments in an empty folder.
fn maelstrom(arguments: &[&str]) -> Run {
    let store = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(arguments)
        .current_dir(store.path())
        .output()
        .unwrap();
    let output = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Run { status: status.code(), output: output.concat(), store }
}

/// The path of a node in `tests/nodes`.
fn node(name: &str) -> String {
    format!("{}/tests/nodes/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether the nodes of these tests can run at all.
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        println!("skipped: the nodes of this test need python3, which is not installed");
    }
    found
}

/// Tests a node in `tests/nodes`.
fn echo_test(name: &str, arguments: &[&str]) -> Run {
    maelstrom(&[&["test", "-w", "echo", "--bin", &node(name)], arguments].concat())
}

/// Tests a cluster of two nodes that do something wrong, for a second.
fn misbehave(fault: &str) -> Run {
    let limits = ["--time-limit", "1", "--rate", "40", "--node-count", "2"];
    echo_test("misbehave.py", &[&limits[..], &[fault]].concat())
}

#[test]
fn a_node_in_another_language_passes() {
    if !has_python() {
        return;
    }
    let bin = node("echo.py");
    let run = maelstrom(&["test", "-w", "echo", "--bin", &bin, "--time-limit", "1"]);
    assert_eq!(run.status, Some(0), "{}", run.output);
}

#[test]
fn a_well_behaved_node_leaves_every_file() {
    if !has_python() {
        return;
    }
    let run = misbehave("not at all");
    assert_eq!(run.status, Some(0), "{}", run.output);
    assert!(run.output.contains("Everything looks good!"), "{}", run.output);
    assert_eq!(run.results().get("valid?"), Some(&Edn::Bool(true)));
    assert!(run.history().ops.len() > 20);
    for file in ["history.txt", "jepsen.log", "node-logs/n0.log", "node-logs/n1.log"] {
        assert!(run.read(file).is_some(), "{file} is missing");
    }
    let store = run.store.path().join("store");
    for link in ["latest", "current", "echo/latest"] {
        assert!(store.join(link).join("results.edn").exists(), "{link} leads nowhere");
    }
}

#[test]
fn what_a_node_does_wrong_ends_the_run_with_a_sentence() {
    if !has_python() {
        return;
    }
    for (fault, sentence) in [
        ("garbage", "wrote a line on stdout that is not a message"),
        ("exits", "exited on its own, with exit status: 7"),
        ("to-nobody", "sent a message to n99, and there is nobody of that name"),
        ("as-another", "sent a message in the name of n"),
        ("wrong-init", "expected init_ok from node"),
    ] {
        let run = misbehave(fault);
        assert_eq!(run.status, Some(255), "{fault}: {}", run.output);
        assert!(run.output.contains(sentence), "{fault}: {}", run.output);
        assert!(run.read("results.edn").is_none(), "{fault}: a broken run has no results");
        assert!(run.read("jepsen.log").unwrap().contains(sentence), "{fault}");
        assert!(run.read("history.edn").is_some(), "{fault}");
    }
}

#[test]
fn the_last_words_of_a_node_that_exits_are_shown() {
    if !has_python() {
        return;
    }
    let run = misbehave("exits");
    assert!(run.output.contains("I give up"), "{}", run.output);
    // The history up to that moment is there, and it is not empty.
    assert!(run.history().ops.len() >= 4);
}

#[test]
fn an_unexpected_key_makes_the_operation_indeterminate() {
    if !has_python() {
        return;
    }
    let run = misbehave("extra-key");
    assert_eq!(run.status, Some(1), "{}", run.output);
    let history = run.history();
    let infos: Vec<_> = history.ops.iter().filter(|op| op.extra("exception").is_some()).collect();
    assert!(!infos.is_empty());
    assert!(infos[0].extra("exception").unwrap().to_string().contains("surprise"));
}

#[test]
fn a_lost_reply_is_a_timeout_and_noise_on_stderr_is_kept() {
    if !has_python() {
        return;
    }
    let run = misbehave("late");
    assert!(run.history().to_edn_text().contains(":error :net-timeout"), "{}", run.output);
    let run = misbehave("floods-stderr");
    assert_eq!(run.status, Some(0), "{}", run.output);
    assert!(run.read("node-logs/n0.log").unwrap().lines().count() >= 20_000);
}

#[test]
fn a_node_that_does_not_answer_init_fails_the_run() {
    if !has_python() {
        return;
    }
    for fault in ["no-init-ok", "never-reads"] {
        let run = misbehave(fault);
        assert_eq!(run.status, Some(255), "{}", run.output);
        assert!(run.output.contains("did not answer init with init_ok"), "{}", run.output);
    }
}

#[test]
fn the_node_of_the_book_runs_under_both_clocks() {
    if !has_python() {
        return;
    }
    let bin = node("lockstep.py");
    for clock in [["--rate", "20"], ["--seed", "1"]] {
        let arguments = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "1"];
        let run = maelstrom(&[&arguments[..], &clock].concat());
        assert_eq!(run.status, Some(0), "{}", run.output);
    }
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/lockstep.md");
    let node = std::fs::read_to_string(&bin).unwrap();
    let program = node.split_once("import").expect("the program begins with an import").1;
    assert!(std::fs::read_to_string(book).unwrap().contains(program), "the book differs");
}

#[test]
fn a_node_that_does_not_speak_lockstep_is_told_so() {
    if !has_python() {
        return;
    }
    let run = maelstrom(&["test", "-w", "echo", "--bin", &node("echo.py"), "--seed", "1"]);
    assert_eq!(run.status, Some(255), "{}", run.output);
    assert!(run.output.contains("without --seed"), "{}", run.output);
}

#[test]
fn wrong_arguments_are_254() {
    for (arguments, sentence) in [
        (&["test", "-w", "echo"][..], "--bin"),
        (&["test", "-w", "nothing", "--bin", "/bin/cat"], "there is no workload nothing"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--rate", "fast"], "--rate"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--nemesis", "fire"], "partition"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--nodes", "a,a"], "two nodes"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--nodes", "cat"], "clients' names"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--nemesis", "skew"], "--seed"),
        (&["test", "--bin", "/bin/cat", "--nemesis", "membership", "--nodes", "a"], "two members"),
        (&["test", "--bin", "/bin/cat", "--member-count", "6"], "of 5 nodes"),
        (&["test", "--bin", "/bin/cat", "--member-count", "0"], "whole number"),
        (&["test", "--bin", "/bin/cat", "--administrators", "2"], "--nemesis membership"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--nodes", "a,.."], "names its log file"),
        (
            &["test", "-w", "echo", "--bin", "/bin/cat", "--node-count", "9999999"],
            "from 1 to 10000",
        ),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--latency=-1"], "whole number"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--timelimit", "5"], "--timelimit"),
        (&["test", "--bin", "/bin/cat", "--rate", "-5"], "from 0 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--rate", "2e6"], "from 0 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--time-limit", "-1"], "from 0 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--time-limit", "1e9"], "from 0 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--nemesis-interval", "0.000001"], "from 0.001 to"),
        (&["test", "--bin", "/bin/cat", "--nemesis-interval", "-3"], "from 0.001 to"),
        (&["test", "--bin", "/bin/cat", "--concurrency", "-2"], "from 1 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--concurrency", "2000000"], "from 1 to 1000000"),
        (&["test", "--bin", "/bin/cat", "--concurrency", "500000n"], "so 200000n at most"),
        (&["test", "-w", "echo", "--bin", "/bin/cat", "--consistency-models", "x"], "x"),
        (&["check", "-w", "echo", "--model", "register", "file"], "--model"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let run = maelstrom(arguments);
        assert_eq!(run.status, Some(254), "{arguments:?}: {}", run.output);
        assert!(run.output.contains(sentence), "{arguments:?}: {}", run.output);
        assert!(!Path::new(&run.store.path().join("store")).exists());
    }
}

#[test]
fn a_tape_gives_the_history_of_its_seed() {
    if !has_python() {
        return;
    }
    let bin = node("lockstep.py");
    let flags = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "2", "--rate", "20"];
    let run = maelstrom(&[&flags[..], &["--seed", "7", "--write-tape"]].concat());
    assert_eq!(run.status, Some(0), "{}", run.output);
    let tape = run.store.path().join("store/echo/latest/tape.edn");
    let tape = tape.to_str().unwrap();
    let again = maelstrom(&[&flags[..], &["--tape", tape]].concat());
    assert_eq!(again.status, Some(0), "{}", again.output);
    assert_eq!(again.read("history.edn"), run.read("history.edn"));
    assert!(maelstrom(&[&flags[..], &["--seed", "7"]].concat()).read("tape.edn").is_none());

    let wrong = run.store.path().join("wrong.edn");
    std::fs::write(&wrong, "{:tape 2, :workload \"echo\", :seed 7}\n{:at 3}\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    for (workload, tape, sentence) in [
        ("g-set", tape, "this is a tape of echo: run it with -w echo"),
        ("echo", wrong, "line 2 of the tape"),
        ("echo", "missing.edn", "the tape missing.edn cannot be read"),
    ] {
        let run = maelstrom(&["test", "-w", workload, "--bin", &bin, "--tape", tape]);
        assert_eq!(run.status, Some(254), "{}", run.output);
        assert!(run.output.contains(sentence), "{}", run.output);
    }
}

/// Two programs, and two settings of one, keep their files apart though the seed is the same; the
/// same command replaces them. What ran is in every file that says something of the run.
#[test]
fn runs_of_one_seed_have_folders_of_their_own_and_say_what_ran() {
    if !has_python() {
        return;
    }
    let store = tempfile::tempdir().unwrap();
    let bin = node("lockstep.py");
    std::os::unix::fs::symlink(&bin, store.path().join("other.py")).unwrap();
    let test = |bin: &str, more: &[&str]| {
        let flags = ["test", "-w", "echo", "--bin", bin, "--time-limit", "1", "--seed", "7"];
        let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args([&flags[..], more].concat())
            .current_dir(store.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    test(&bin, &[]);
    test("./other.py", &[]);
    test(&bin, &["--rate", "20"]);
    let again = ["--challenge", "1", "--test-count", "1", "--rate", "20"];
    let printed = test(&bin, &[&again[..], &["--", "an", "argument"]].concat());
    test(&bin, &[]);
    let folders = std::fs::read_dir(store.path().join("store/echo")).unwrap();
    let mut names: Vec<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "latest");
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.ends_with("-seed-7")), "{names:?}");

    assert!(printed.contains("Challenge 1, every echo comes back: its goal is met."), "{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    let [.., report, repeat] = lines[..] else { panic!("{printed}") };
    let page = report.strip_prefix("  report:  ").unwrap();
    let repeat = repeat.strip_prefix("  repeat:  ").unwrap();
    assert!(repeat.ends_with("--challenge 1 --rate 20 --seed 7 -- an argument"), "{repeat}");
    assert!(repeat.starts_with(env!("CARGO_BIN_EXE_maelstrom")), "{repeat}");
    let folder = store.path().join(page).parent().unwrap().to_owned();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for file in ["results.edn", "test.edn"] {
        let run = edn::read_one(&read(file)).unwrap().get("run").unwrap().clone();
        assert_eq!(run.get("again").and_then(Edn::as_str), Some(repeat), "{file}");
        assert_eq!(run.get("arguments").unwrap().to_string(), "[\"an\" \"argument\"]");
        let flags = run.get("flags").unwrap().to_string();
        assert!(flags.contains("\"--rate\" \"20\"") && !flags.contains("seed"), "{flags}");
    }
    let text = without_tags(&read("index.html"));
    for shown in ["an argument", "--rate 20 --time-limit 1", repeat, "lockstep.py"] {
        assert!(text.contains(shown), "{shown} is not on the page");
    }
}

/// What a page says, with nothing of how it is set.
fn without_tags(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect()
}

/// What is printed fits, whatever the results are; and where nobody watches there is no line for
/// each operation, unless that is asked for.
#[test]
fn what_is_printed_is_read_at_a_glance() {
    if !has_python() {
        return;
    }
    let bin = node("lockstep.py");
    let flags = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "9", "--rate", "90"];
    let flags = [&flags[..], &["--seed", "7"]].concat();
    let quiet = maelstrom(&flags).output;
    assert!(quiet.contains("operations did what they should"), "{quiet}");
    assert!(quiet.contains("\n  latency        ") && quiet.lines().count() < 60, "{quiet}");
    let verbose = maelstrom(&[&flags[..], &["--verbose"]].concat()).output;
    assert!(verbose.matches(":invoke").count() > 500, "{verbose}");
}

/// A verdict that nobody could read is not a success.
#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_printed_is_not_0() {
    if !has_python() {
        return;
    }
    let store = tempfile::tempdir().unwrap();
    let bin = node("echo.py");
    let test = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "0.5"];
    for arguments in [&test[..], &["--help"], &["test", "--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args(arguments)
            .current_dir(store.path())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(status.code(), Some(255), "{arguments:?}");
        if arguments == test {
            let said = String::from_utf8_lossy(&stderr);
            assert!(said.contains("could not be printed"), "{said}");
        }
    }
}

/// Words among the flags, and everything after `--`, are for the node, as in the original.
#[test]
fn a_node_gets_its_own_arguments() {
    if !has_python() {
        return;
    }
    let run = echo_test("arguments.py", &["one", "--time-limit", "0.1", "two", "--", "--three"]);
    assert!(run.output.contains("['one', 'two', '--three']"), "{}", run.output);
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    for (bin, sentence) in [
        ("./missing", "there is no program ./missing"),
        ("/etc/passwd", "is not executable"),
        ("/", "is not a file"),
    ] {
        let run = maelstrom(&["test", "-w", "echo", "--bin", bin]);
        assert_eq!(run.status, Some(255), "{}", run.output);
        assert!(run.output.contains(sentence), "{}", run.output);
    }
}

#[test]
fn a_run_without_operations_is_valid_only_if_none_was_asked_for() {
    if !has_python() {
        return;
    }
    let run = echo_test("misbehave.py", &["--rate", "0", "--time-limit", "1", "fine"]);
    assert_eq!(run.status, Some(0), "{}", run.output);
    assert!(run.output.contains(":count 0"), "{}", run.output);
    assert!(run.output.contains("so nothing was judged"), "{}", run.output);
    // Operations are asked for, but the time is over before the first begins.
    let run = echo_test("misbehave.py", &["--rate", "1", "--time-limit", "0", "fine"]);
    assert_eq!(run.status, Some(2), "{}", run.output);
    assert!(!run.output.contains("so nothing was judged"), "{}", run.output);
}

#[test]
fn an_interrupt_ends_the_run_and_keeps_the_history() {
    if !has_python() {
        return;
    }
    let store = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(["test", "-w", "echo", "--rate", "50", "--bin", &node("misbehave.py"), "forks"])
        .current_dir(store.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let history = store.path().join("store/current/history.edn");
    // The history is flushed every second; then there is something to keep.
    while std::fs::read_to_string(&history).unwrap_or_default().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let process = rustix::process::Pid::from_child(&bench);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(255));
    let history = History::parse(&std::fs::read_to_string(history).unwrap()).unwrap();
    assert!(!history.ops.is_empty());
}

#[test]
fn a_server_that_cannot_serve_says_why() {
    let run = maelstrom(&["serve", "--port", "0", "--store", "nowhere"]);
    assert_eq!(run.status, Some(255));
    assert!(run.output.contains("there is no folder nowhere"), "{}", run.output);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = maelstrom(&["serve", "--port", &port]);
    assert_eq!(run.status, Some(255));
    assert!(run.output.contains("try another --port"), "{}", run.output);
}

#[test]
fn a_seeded_run_leaves_the_same_files_at_any_number_of_threads() {
    if !has_python() {
        return;
    }
    let run = |threads: &str| {
        let store = tempfile::tempdir().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args(["test", "-w", "echo", "--bin", &node("lockstep.py"), "--seed", "3"])
            .args(["--time-limit", "3", "--rate", "20"])
            .env("RAYON_NUM_THREADS", threads)
            .current_dir(store.path())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0));
        ["index.html", "timeline.html", "messages.svg", "rate.png", "results.edn"]
            .map(|file| std::fs::read(store.path().join("store/current").join(file)).unwrap())
    };
    assert!(run("1") == run("4"), "one thread and four make different files");
}

#[test]
fn the_page_of_a_run_links_to_the_playground_where_that_knows_the_node() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    std::fs::create_dir(path("release")).unwrap();
    std::os::unix::fs::symlink(node("lockstep.py"), path("release/echo")).unwrap();
    let bin = path("release/echo").display().to_string();
    let link = |more: &[&str]| {
        let test = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "1", "--rate", "20"];
        let page = maelstrom(&[&test, more].concat()).read("index.html")?;
        let (_, rest) = page.split_once("href=\"http://localhost:8090/#1.")?;
        Some(rest.split_once("\">open in the playground<")?.0.to_owned())
    };
    assert_eq!(link(&["--seed", "7"]), None, "it was never built");
    std::fs::create_dir(path("playground")).unwrap();
    std::fs::write(path("playground/nodes"), "lin-kv\necho --loud\n").unwrap();
    assert_eq!(link(&["--seed", "7"]), None, "it has no such node");
    assert_eq!(link(&["--", "--loud"]), None, "a run in real time has no seed");
    let packed = link(&["--seed", "7", "--", "--loud"]).unwrap();
    let packed = URL_SAFE_NO_PAD.decode(packed).unwrap();
    let asked: serde_json::Value =
        serde_json::from_reader(flate2::read::ZlibDecoder::new(&packed[..])).unwrap();
    let flags = [["--rate", "20"], ["--time-limit", "1"]];
    let expected = serde_json::json!({ "scene": "echo --loud", "workload": "echo", "seed": "7",
        "flags": flags, "tape": null });
    assert_eq!(asked, expected);
}

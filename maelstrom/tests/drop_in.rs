//! What the original's command line takes, this one takes: flags, commands, exit statuses, files.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "these tests run the bench's own program"
)]

use std::path::Path;
use std::process::{Command, Output};

use maelstrom::edn::{self, Edn};

/// A folder in which the bench is used.
struct Place(tempfile::TempDir);

/// What a command came to.
struct Ran {
    status: Option<i32>,
    output: String,
}

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn maelstrom(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let output = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ran { status: status.code(), output: output.concat() }
    }

    /// Tests `lockstep.py` for a second of virtual time, however slow this machine is.
    fn echo(&self, arguments: &[&str]) -> Ran {
        let bin = node("lockstep.py");
        let test = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "1", "--rate", "40"];
        let test = [&test[..], &["--seed", "1"]].concat();
        self.maelstrom(&[&test[..], arguments].concat())
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path(path), text).unwrap();
    }
}

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

#[test]
fn nodes_are_named_by_three_flags_together() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    place.write("nodes", "first\n\n  second  \n");
    let names = ["--nodes-file", "nodes", "--nodes", "a, b", "-n", "n7", "--node", "n8"];
    let ran = place.echo(&names);
    assert_eq!(ran.status, Some(0), "{}", ran.output);
    for name in ["first", "second", "a", "b", "n7", "n8"] {
        assert!(place.path(&format!("store/latest/node-logs/{name}.log")).exists(), "{name}");
    }
    assert!(!place.path("store/latest/node-logs/n1.log").exists());
}

#[test]
fn flags_of_the_original_for_other_machines_are_taken_and_it_is_said_once() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let ran = place.echo(&[
        "--no-ssh",
        "--username",
        "root",
        "--password=x",
        "--ssh-private-key",
        "/nonexistent",
        "--strict-host-key-checking",
        "--leave-db-running",
        "--test-count",
        "2",
        "--nemesis-interval",
        "1/2",
        "--availability",
        "1/2",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.output);
    assert_eq!(ran.output.matches("without SSH").count(), 1, "{}", ran.output);
    assert_eq!(ran.output.matches("--leave-db-running does nothing").count(), 1, "{}", ran.output);
}

#[test]
fn the_log_is_as_the_original_writes_it() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let ran = place.echo(&["-v", "--log-net-send", "--log-net-recv", "--log-stderr", "-n", "n1"]);
    assert_eq!(ran.status, Some(0), "{}", ran.output);
    let log = place.read("store/latest/jepsen.log");
    for part in [
        "{GMT}\tINFO\t[jepsen test runner] jepsen.core: Command line:\nmaelstrom test -w echo ",
        "\tINFO\t[jepsen worker 0] jepsen.util: 0\t:invoke\t:echo\t\"Please echo ",
        "\tINFO\t[n1] maelstrom.net: :recv #maelstrom.net.message.Message{:id 0, :src \"c0\", \
         :dest \"n1\", :body {",
        "\tINFO\t[n1] maelstrom.net: :send #maelstrom.net.message.Message{:id 1, :src \"n1\"",
    ] {
        assert!(log.contains(part), "{part} is not in:\n{log}");
    }
    let ran = place.echo(&["--logging-json"]);
    assert_eq!(ran.status, Some(0), "{}", ran.output);
    for line in place.read("store/latest/jepsen.log").lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["thread_name"].is_string() && line["message"].is_string(), "{line}");
    }
}

/// The node says where its folder is; see `data_dir.py`.
#[test]
fn without_data_folders_a_node_is_told_of_none() {
    if !has_python() {
        return;
    }
    let (place, bin) = (Place::new(), node("data_dir.py"));
    for (flags, expected) in [(&[][..], "store/echo/"), (&["--no-data-dir"], "no folder")] {
        let test = ["test", "-w", "echo", "--bin", &bin, "--time-limit", "0.2", "-n", "n1"];
        let ran = place.maelstrom(&[&test[..], flags].concat());
        assert!(ran.status.is_some(), "{}", ran.output);
        let said = place.read("store/latest/node-logs/n1.log");
        assert!(said.contains(expected), "{said}");
        assert_eq!(place.path("store/latest/node-data").exists(), flags.is_empty());
    }
}

#[test]
fn a_stored_run_is_judged_again() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let ran = place.echo(&["--availability", "total"]);
    assert_eq!(ran.status, Some(0), "{}", ran.output);
    let folder = place.path("store/latest").canonicalize().unwrap();
    let results = place.read("store/latest/results.edn");
    std::fs::remove_file(folder.join("results.edn")).unwrap();
    let path = folder.to_str().unwrap();
    let file = folder.join("history.edn");
    for run in [&[][..], &["-t", "-1"], &["--test", "0"], &["-t", path]] {
        let ran = place.maelstrom(&[&["analyze"], run].concat());
        assert_eq!(ran.status, Some(0), "{run:?}: {}", ran.output);
        assert!(ran.output.contains("Everything looks good!"), "{}", ran.output);
        assert_eq!(place.read("store/latest/results.edn"), results);
    }

    // What is judged is the history, and with the flags of the run.
    let history = place.read("store/latest/history.edn");
    let (rest, last) = history.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&file, format!("{rest}\n{}\n", last.replace("Please", "Plead"))).unwrap();
    assert_eq!(place.maelstrom(&["analyze", "-t", file.to_str().unwrap()]).status, Some(1));
    let failed = last.replace(":type :ok", ":type :fail");
    std::fs::write(&file, format!("{rest}\n{failed}\n")).unwrap();
    let ran = place.maelstrom(&["analyze"]);
    assert_eq!(ran.status, Some(1), "a share of less than all is not enough: {}", ran.output);
    let results = edn::read_one(&place.read("store/latest/results.edn")).unwrap();
    let availability = results.get("availability").unwrap().get("valid?");
    assert_eq!(availability, Some(&Edn::Bool(false)));

    // A run that was ended early is never valid.
    std::fs::write(&file, &history).unwrap();
    let command = place.read("store/latest/test.edn").replace(":ended :complete", ":ended nil");
    std::fs::write(folder.join("test.edn"), command).unwrap();
    assert_eq!(place.maelstrom(&["analyze"]).status, Some(2));

    for (run, status, sentence) in [
        ("-2", 254, "there is no run -2: store holds 1 run"),
        ("5", 254, "there is no run 5"),
        ("nowhere", 254, "there is no run nowhere"),
        ("store", 255, "maelstrom check -w"),
    ] {
        let ran = place.maelstrom(&["analyze", "-t", run]);
        assert_eq!(ran.status, Some(status), "{run}: {}", ran.output);
        assert!(ran.output.contains(sentence), "{run}: {}", ran.output);
    }
    std::fs::write(folder.join("test.edn"), "{:name \"echo\"}").unwrap();
    let ran = place.maelstrom(&["analyze"]);
    assert_eq!(ran.status, Some(255));
    assert!(ran.output.contains("test.edn is damaged"), "{}", ran.output);
}

#[test]
fn the_documents_are_written() {
    let place = Place::new();
    assert_eq!(place.maelstrom(&["doc"]).status, Some(0));
    assert!(place.read("doc/workloads.md").contains("## Workload: lin-kv"));
    assert!(place.read("doc/protocol.md").contains("key-does-not-exist"));
    assert_eq!(place.maelstrom(&["doc", "--out", "a/b"]).status, Some(0));
    assert_eq!(place.read("a/b/workloads.md"), place.read("doc/workloads.md"));
    place.write("file", "");
    let ran = place.maelstrom(&["doc", "--out", "file"]);
    assert_eq!(ran.status, Some(255));
    assert!(ran.output.contains("file/workloads.md cannot be written"), "{}", ran.output);
}

/// Of the demonstrations' programs only two are nodes here; the others cannot even be run.
#[test]
fn the_demonstrations_are_all_run_and_summed_up() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let ran = place.maelstrom(&["demo", "--nodes-in", "."]);
    assert_eq!(ran.status, Some(254), "{}", ran.output);
    assert!(ran.output.contains("build the nodes first"), "{}", ran.output);

    let names = "echo unique-ids broadcast g-set g-counter g-counter-kv pn-counter kafka \
                 kafka-single kafka-kv lin-kv lin-kv-single lin-kv-proxy txn-list-append \
                 txn-list-append-datomic txn-rw-register txn-rw-register-raft";
    for name in names.split_whitespace() {
        match name {
            "echo" | "unique-ids" => {
                std::os::unix::fs::symlink(node("lockstep.py"), place.path(name)).unwrap();
            }
            _ => place.write(name, ""),
        }
    }
    let flags = ["demo", "--nodes-in", ".", "--seed", "1", "--time-limit", "1/4", "--rate", "9"];
    let ran = place.maelstrom(&flags);
    assert_eq!(ran.status, Some(255), "{}", ran.output);
    let (_, summary) = ran.output.split_once("# Successful tests").unwrap();
    assert!(summary.contains("./echo: store/echo/echo-"), "{summary}");
    assert!(summary.contains("./kafka-kv: no folder"), "{summary}");
    let number = |line: &str| line.split_once(' ')?.0.parse::<usize>().ok();
    assert_eq!(summary.lines().filter_map(number).sum::<usize>(), 17, "{summary}");
    // What a demonstration needs comes after the user's flags, and counts.
    let argv = place.read("store/unique-ids/latest/test.edn");
    assert!(argv.contains("\"9\"") && argv.contains("\"1000\""), "{argv}");
    let history = place.read("store/unique-ids/latest/history.txt");
    assert!(history.matches(":invoke").count() > 50, "{history}");
}

/// `make` asks another bench which faults it knows. These two answer as the original did before
/// and after it learnt to kill and to pause.
#[test]
fn another_bench_is_asked_for_the_faults_that_it_knows() {
    if Command::new("make").arg("--version").output().is_err() {
        println!("skipped: there is no make");
        return;
    }
    let place = Place::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let asked = |bench: &str, target: &str| {
        let make = Command::new("make")
            .args(["--dry-run", "--directory", root, target, &format!("MAELSTROM={bench}")])
            .output()
            .unwrap();
        String::from_utf8(make.stdout).unwrap()
    };
    for (name, known, faults) in [
        ("old", "partition", "--nemesis partition --nemesis-interval"),
        ("new", "kill, partition, pause", "--nemesis kill,partition,pause --nemesis-interval"),
        ("broken", "", "--nemesis partition --nemesis-interval"),
    ] {
        let bench = place.path(name);
        let answer = format!("Failed to validate \"--nemesis x\": Must be one of {known}");
        let answer = if known.is_empty() { "no java" } else { &answer };
        place.write(name, &format!("#!/bin/sh\necho '{answer}'\nexit 254\n"));
        let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&bench, runnable).unwrap();
        let line = asked(bench.to_str().unwrap(), "test-broadcast");
        assert!(line.contains(faults), "{name}: {line}");
        // What is ours alone it is not asked for.
        let line = asked(bench.to_str().unwrap(), "challenge-3b");
        assert!(!line.contains("--no-data-dir"), "{name}: {line}");
    }
    let own = asked("target/release/maelstrom", "test-broadcast");
    assert!(own.contains("--nemesis partition,kill,pause "), "{own}");
    let own = asked("target/release/maelstrom", "challenge-3b");
    assert!(own.contains("--no-data-dir"), "{own}");
}

#[test]
fn wrong_values_are_one_sentence_and_254() {
    let place = Place::new();
    place.write("empty", " \n\n");
    place.write("twice", "n1\nn1\n");
    let test = ["test", "-w", "echo", "--bin", "/bin/cat"];
    for (flags, sentence) in [
        (&["-n", "cat"][..], "clients' names"),
        (&["-n"], "--node"),
        (&["-n", "n1", "--nodes", "n1"], "two nodes are called n1"),
        (&["--nodes-file", "missing"], "--nodes-file missing cannot be read"),
        (&["--nodes-file", "empty"], "names no node"),
        (&["--nodes-file", "twice"], "two nodes are called n1"),
        (&["--nodes-file", "."], "cannot be read"),
        (&["--username"], "--username"),
        (&["--no-ssh=yes"], "--no-ssh"),
        (&["--availability", "1/0"], "neither"),
        (&["--availability", "3/2"], "neither"),
        (&["--nemesis-interval", "0/5"], "from 0.001"),
        (&["--rate", "1/x"], "from 0 to"),
        (&["--no-data-dir", "--data-dir"], "--data-dir"),
    ] {
        let ran = place.maelstrom(&[&test[..], flags].concat());
        assert_eq!(ran.status, Some(254), "{flags:?}: {}", ran.output);
        assert!(ran.output.contains(sentence), "{flags:?}: {}", ran.output);
        assert!(!Path::new(&place.path("store")).exists(), "{flags:?}");
    }
    for (arguments, sentence) in [
        (&["serve", "-b", "nowhere"][..], "an IP address"),
        (&["serve", "-b"], "--host"),
        (&["analyze", "--test"], "--test"),
        (&["analyze", "extra"], "extra"),
        (&["analyze"], "store holds 0 runs"),
        (&["doc", "extra"], "extra"),
        (&["demo", "--rate", "fast"], "from 0 to"),
        (&["demo", "-w", "echo"], "-w"),
        (&["demo", "--nodes-in", "/nonexistent"], "there is no program /nonexistent/echo"),
    ] {
        let ran = place.maelstrom(arguments);
        assert_eq!(ran.status, Some(254), "{arguments:?}: {}", ran.output);
        assert!(ran.output.contains(sentence), "{arguments:?}: {}", ran.output);
    }
}

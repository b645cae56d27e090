//! `maelstrom check`, as a user runs it.

#![expect(clippy::disallowed_methods, reason = "the test runs the program and writes files")]

use std::path::Path;
use std::process::Command;

const INVOKE: &str = "{:process 0, :type :invoke, :f :generate, :value nil}";

/// A history in which these ids were given out.
fn history(ids: &[&str]) -> String {
    let pair = |id: &&str| format!("{INVOKE}{{:process 0, :type :ok, :f :generate, :value {id}}}");
    ids.iter().map(pair).collect::<Vec<_>>().join("\n")
}

/// Writes files with these names and contents, runs the command on them, and gives its exit
/// status, its output and its complaints.
fn check(workload: &str, files: &[(&str, &str)]) -> (i32, String, String) {
    check_with(&["-w", workload], files)
}

fn check_with(flags: &[&str], files: &[(&str, &str)]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        std::fs::write(folder.path().join(name), contents).unwrap();
    }
    let names = files.iter().map(|(name, _)| Path::new(name));
    let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .current_dir(folder.path())
        .arg("check")
        .args(flags)
        .args(names)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_status_is_that_of_the_worst_file() {
    let (good, bad) = (history(&["1", "2"]), history(&["1", "1"]));
    let cut = &good[..good.len() - 5];
    let verdicts = |output: &str| -> Vec<String> {
        let first_two = |line: &str| line.splitn(3, '\t').take(2).collect::<Vec<_>>().join(" ");
        output.lines().map(first_two).collect()
    };
    for (files, status, expected) in [
        (vec![("a", &*good)], 0, vec!["a true"]),
        (vec![("a", &*good), ("b", cut)], 254, vec!["a true", "b unknown"]),
        (vec![("a", ""), ("b", &*bad), ("c", &*good)], 1, vec!["a unknown", "b false", "c true"]),
    ] {
        let (code, output, complaints) = check("unique-ids", &files);
        assert_eq!(
            (code, verdicts(&output)),
            (status, expected.iter().map(|&s| s.into()).collect())
        );
        assert_eq!(complaints, "");
    }
}

#[test]
fn a_line_is_path_verdict_and_result() {
    let (_, output, _) = check("unique-ids", &[("run.edn", &history(&["7", "7"]))]);
    assert_eq!(
        output,
        "run.edn\tfalse\t{:valid? false, :attempted-count 2, :acknowledged-count 2, \
         :duplicated-count 1, :duplicated {7 2}, :range [7 7]}\n"
    );
}

#[test]
fn an_unknown_workload_is_a_bad_argument() {
    let (code, output, complaints) = check("unique-idz", &[("a", "")]);
    assert_eq!((code, &*output), (254, ""));
    assert!(complaints.contains("unique-idz") && complaints.contains("unique-ids"), "{complaints}");
}

/// The order of a map's keys says nothing, in values and in keys of objects.
#[test]
fn values_are_compared_as_edn() {
    let run = |f: &str, sent: &str, got: &str| {
        format!(
            "{{:process 0, :type :invoke, :f :{f}, :value {sent}}}\n\
             {{:process 0, :type :ok, :f :{f}, :value {got}}}\n"
        )
    };
    let write = |value: &str| run("write", value, value);
    let read = |value: &str| run("read", value, value);
    let same = write("[0 {:a 1, :b (2)}]") + &read("[0 {:b [2], :a 1}]");
    let other_key =
        write("[{:a 1, :b 2} 7]") + &write("[{:b 2, :a 1} 8]") + &read("[{:a 1, :b 2} 7]");
    let (_, output, _) = check("lin-kv", &[("same", &same), ("other", &other_key)]);
    let verdicts: Vec<&str> = output.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
    assert_eq!(verdicts, ["true", "false"], "{output}");
}

/// Nothing is left out in silence: what is no operation of a client, and not the nemesis, is an
/// error that names its line.
#[test]
fn what_cannot_be_placed_is_unknown_and_its_line_is_named() {
    let good = "{:process 7, :type :invoke, :f :read, :value [0 nil]}\n\
                {:process 7, :type :ok, :f :read, :value [0 nil]}\n";
    let invoke = "{:process 0, :type :invoke, :f :write, :value [0 1]}\n";
    for (lines, line, reason) in [
        ("{:process \"a\", :type :invoke, :f :write, :value [0 1]}", 3, ":process is \\\"a\\\""),
        ("{:process :a, :type :invoke, :f :write, :value [0 1]}", 3, ":process is :a"),
        ("{:process nil, :type :invoke, :f :write, :value [0 1]}", 3, ":process is nil"),
        ("{:process 0, :type :ok, :f :write, :value [0 1]}", 3, "without having begun"),
        (&format!("{invoke}{{:process 0, :type :ok, :f :read, :value [0 1]}}"), 4, "as :read"),
        (&format!("{invoke}{{:process 0, :type :ok, :f :write, :value [1 1]}}"), 4, "as [1 1]"),
        (&format!("{invoke}{invoke}"), 4, "before its operation 2 has ended"),
        ("{:process 0, :type :invoke, :f :write, :value [0 1], :f :read}", 3, ":f twice"),
    ] {
        let (status, output, _) = check("lin-kv", &[("a", &format!("{good}{lines}"))]);
        assert_eq!(status, 254, "{output}");
        assert!(output.contains(&format!("line {line}, column 1: ")), "{output}");
        assert!(output.contains(reason), "{reason}: {output}");
    }
    let nemesis = format!("{good}{{:process :nemesis, :type :info, :f :kill, :value nil}}");
    assert_eq!(check("lin-kv", &[("a", &nemesis)]).0, 0);
}

#[test]
fn histories_in_json_are_judged_too_and_numbers_keep_their_digits() {
    let json = |ids: &[&str]| {
        let pair = |id: &&str| {
            format!(
                "{{\"process\":0,\"type\":\"invoke\",\"f\":\"generate\",\"value\":null}},\n\
                 {{\"process\":0,\"type\":\"ok\",\"f\":\"generate\",\"value\":{id}}}"
            )
        };
        format!("[{}]\n", ids.iter().map(pair).collect::<Vec<_>>().join(",\n"))
    };
    let large =
        ["340282366920938463463374607431768211455", "340282366920938463463374607431768211454"];
    let twice = [large[0], large[0]];
    for (text, status) in [
        (json(&["1", "\"1\"", "{\"a\":1.5}"]), 0),
        (json(&large), 0),
        (json(&twice), 1),
        (history(&large), 0),
        (history(&twice), 1),
    ] {
        let (found, output, _) = check("unique-ids", &[("a", &text)]);
        assert_eq!(found, status, "{text}: {output}");
    }
}

/// Whether a read of an old value is an anomaly depends on what the versions are ordered by.
#[test]
fn what_versions_are_ordered_by_is_a_flag() {
    let mut text = String::new();
    for (process, step) in [(0, "[:w 1 1]"), (1, "[:w 1 2]"), (2, "[:r 1 1]")] {
        for kind in ["invoke", "ok"] {
            text += &format!("{{:process {process}, :type :{kind}, :f :txn, :value [{step}]}}\n");
        }
    }
    let run = |flags: &str| {
        let flags: Vec<&str> =
            ["-w", "txn-rw-register"].into_iter().chain(flags.split_whitespace()).collect();
        check_with(&flags, &[("a", &text)])
    };
    for (flags, status) in [
        ("", 0),
        ("--wfr-keys", 0),
        ("--wfr-keys=false --initial-state=false", 0),
        ("--sequential-keys", 0),
        ("--linearizable-keys", 1),
    ] {
        let (found, output, complaints) = run(flags);
        assert_eq!(found, status, "{flags}: {output}{complaints}");
    }
    assert!(run("--linearizable-keys").1.contains(":cyclic-versions"));
    assert_eq!(run("--wfr-keys=maybe").0, 254);
}

/// T3 misses what T2 wrote to x, if that is the later one of two writes, and sees the rest of T2.
#[test]
fn a_database_may_say_in_which_order_its_transactions_were() {
    let history = |orders: [&str; 2]| {
        let txn = |process: u8, steps: &str, order: &str| {
            ["invoke", "ok"].map(|kind| {
                format!(
                    "{{:process {process}, :type :{kind}, :f :txn, :value {steps}, \
                     :transaction-order {order}}}\n"
                )
            })
        };
        let txns = [
            txn(0, "[[:w 1 1]]", orders[0]),
            txn(1, "[[:w 1 2] [:w 2 1]]", orders[1]),
            txn(2, "[[:r 1 1] [:r 2 1]]", "9"),
        ];
        txns.concat().concat()
    };
    let flags = ["--model", "rw-register", "-c", "serializable"];
    let run = |orders, more: &[&str]| {
        check_with(&[&flags[..], more].concat(), &[("a", &history(orders))])
    };
    assert_eq!(run(["1", "2"], &[]).0, 0);
    let (status, output, _) = run(["1", "2"], &["--transaction-order"]);
    assert!(status == 1 && output.contains(":G-single-item"), "{output}");
    assert_eq!(run(["2", "1"], &["--transaction-order"]).0, 0);
    assert_eq!(run(["2", "2"], &["--transaction-order"]).0, 0);
    let (status, output, _) = run(["2", ":x"], &["--transaction-order"]);
    assert!(status == 254 && output.contains("line 4, column 1: "), "{output}");
}

/// T1 and T2 each write x and y, and the database's numbers put them in both orders; in the first
/// history the number of T2's x is known from a read alone.
#[test]
fn a_database_may_number_its_versions() {
    let txn = |process: u8, asked: &str, done: &str| {
        [("invoke", asked), ("ok", done)].map(|(kind, steps)| {
            format!("{{:process {process}, :type :{kind}, :f :txn, :value {steps}}}\n")
        })
    };
    let writes = |value: u8| format!("[[:w :x {value}] [:w :y {value}]]");
    let history = |[x1, x2, y1, y2]: [&str; 4]| {
        let first = txn(0, &writes(1), &format!("[[:w :x 1 {x1}] [:w :y 1 {y1}]]"));
        let second = txn(1, &writes(2), &format!("[[:w :x 2] [:w :y 2 {y2}]]"));
        let read = txn(2, "[[:r :x nil]]", &format!("[[:r :x 2 {x2}]]"));
        [first, second, read].concat().concat()
    };
    let flags = ["--model", "rw-register", "-c", "read-committed"];
    let run = |numbers, more: &[&str]| {
        check_with(&[&flags[..], more].concat(), &[("a", &history(numbers))])
    };
    let (status, output, _) = run(["1", "2", "4", "3"], &[]);
    assert!(status == 1 && output.contains(":G0"), "{output}");
    assert_eq!(run(["1", "2", "4", "3"], &["--explicit-versions=false"]).0, 0);
    assert_eq!(run(["1", "2", "3", "4"], &[]).0, 0);
    assert_eq!(run(["1", "nil", "4", "3"], &[]).0, 0);
    // A transaction that reads its own write may be told the number of the version before.
    let own = [
        txn(0, "[[:w :x 1]]", "[[:w :x 1 1]]"),
        txn(1, "[[:w :x 2] [:r :x nil]]", "[[:w :x 2] [:r :x 2 1]]"),
        txn(2, "[[:r :x nil]]", "[[:r :x 2]]"),
    ];
    assert_eq!(check_with(&flags, &[("a", &own.concat().concat())]).0, 0);
    // One number for two versions.
    let (status, output, _) = run(["2", "2", "3", "4"], &[]);
    assert!(status == 1 && output.contains(":cyclic-versions"), "{output}");
    let (status, output, _) = run(["1", ":x", "3", "4"], &[]);
    assert!(status == 254 && output.contains("line 6, column 1: "), "{output}");
    assert!(output.contains("gives :x as the number of a version"), "{output}");
    let json = r#"{"process": 0, "type": "invoke", "f": "txn", "value": [["w", "x", 1]]}
                  {"process": 0, "type": "ok", "f": "txn", "value": [["w", "x", 1, 7]]}
                  {"process": 1, "type": "invoke", "f": "txn", "value": [["r", "x", null]]}
                  {"process": 1, "type": "ok", "f": "txn", "value": [["r", "x", 1, 7]]}"#;
    assert_eq!(check_with(&flags, &[("a", json)]).0, 0);
}

#[test]
fn what_is_wrong_is_explained_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let txn = |process: u8, micro_ops: &str| {
        format!(
            "{{:process {process}, :type :invoke, :f :txn, :value {micro_ops}}}\n\
             {{:process {process}, :type :ok, :f :txn, :value {micro_ops}}}\n"
        )
    };
    let skew = txn(0, "[[:append 1 1] [:append 2 1]]")
        + &txn(1, "[[:r 1 [1]] [:r 2 nil]]")
        + &txn(2, "[[:r 1 [1]] [:r 2 [1]]]");
    std::fs::write(folder.path().join("history.edn"), skew).unwrap();
    let check = |out: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .current_dir(folder.path())
            .args(["check", "-w", "txn-list-append", "--out", out, "history.edn"])
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check("out"), (1, String::new()));
    let read = |path: &str| std::fs::read_to_string(folder.path().join("out").join(path)).unwrap();
    assert!(read("results.edn").starts_with("{:valid? false"));
    assert!(read("elle/G-single-item.txt").contains("The transactions:\n  T1 = "));
    let drawing = read("elle/G-single-item/0.svg");
    assert!(drawing.starts_with("<svg ") && drawing.contains("../../index.html"), "{drawing}");
    let page = read("index.html");
    assert!(page.contains("✗ txn-list-append<") && !page.contains("node-logs"), "{page}");
    assert_eq!(read("history.edn").lines().count(), 6);
    for file in ["timeline.html", "history.txt", "latency-raw.png", "rate.png"] {
        assert!(folder.path().join("out").join(file).exists(), "{file}");
    }

    let (status, complaint) = check("history.edn/out");
    assert_eq!(status, 255);
    assert!(complaint.contains("history.edn/out"), "{complaint}");
}

/// What a file should not be, and a part of the sentence about it.
#[test]
fn bad_input_is_one_sentence_and_never_true() {
    let set = "{:process 0, :type :invoke, :f :add, :value 1}
               {:process 0, :type :ok, :f :add, :value 1}
               {:process 0, :type :invoke, :f :read, :value nil}
               {:process 0, :type :ok, :f :read, :value #{1}}";
    let bank = "{:process 0, :type :invoke, :f :read, :value nil}
                {:process 0, :type :ok, :f :read, :value {0 10}}";
    let txn = "{:process 0, :type :invoke, :f :txn, :value [[:append 1 1]]}
                {:process 0, :type :ok, :f :txn, :value [[:append 1]]}";
    let mixed = "{:type :ok, :f :read, :value {0 10}} {:type :ok, :f :read, :value 7}";
    for (model, text, words) in [
        ("bank", "", "The file is empty"),
        ("bank", ";", "no operation in this history"),
        ("bank", "{:process :nemesis, :type :info, :f :kill}", "no operation in this history"),
        ("bank", &bank[..bank.len() - 1], "line 2, column 17: "),
        ("bank", "<html>", "line 1, column 1: "),
        ("bank", set, "looks like one of set, set-full"),
        ("total-queue", set, "looks like one of set, set-full"),
        ("unique-ids", bank, "looks like one of bank"),
        ("counter", set, "looks like one of set"),
        ("list-append", bank, "looks like one of bank"),
        ("register", set, "looks like one of set"),
        ("bank", mixed, "line 1, column 38: The operation at index 1"),
        ("list-append", txn, "line 2, column 17: "),
        ("bank", "PK\u{3}\u{4}", "zip archive"),
        ("bank", "{:process 0, :tpye :ok, :f :read}", "its keys are :process, :tpye, :f"),
        ("bank", "\u{7f}ELF\0\0", "line 1, column 1: expected an operation"),
    ] {
        let (status, output, complaints) = check_with(&["--model", model], &[("a", text)]);
        assert_eq!((status, &*complaints), (254, ""), "{model} {text}: {output}");
        assert!(output.starts_with("a\tunknown\t") && output.contains(words), "{text}: {output}");
        assert_eq!(output.lines().count(), 1, "{output}");
    }
    let (status, _, complaints) = check_with(&["--model", "abacus"], &[("a", set)]);
    assert!(status == 254 && complaints.contains("adya-g2, bank, "), "{complaints}");
    let (status, output, _) = check_with(&["--model", "bank"], &[]);
    assert!(status == 254, "{output}");
}

#[test]
fn standard_input_is_a_file_too() {
    use std::io::Write;
    use std::process::Stdio;

    let mut child = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(["check", "--json", "-w", "unique-ids", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(history(&["7", "7"]).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        line.starts_with("{\"file\":\"-\"") && line.contains("\"kind\":\"duplicated\""),
        "{line}"
    );
}

#[test]
fn a_model_of_ones_own_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("latch.edn");
    let latch = "{:model latch :state {:left 2} :operations \
                 {:down {:then {:left (- left 1)}} :wait {:when (<= left 0)}}}";
    std::fs::write(&model, latch).unwrap();
    let model = model.to_str().unwrap();
    let line = |f: &str, value: &str| {
        ["invoke", "ok"]
            .map(|kind| format!("{{:process 0, :type :{kind}, :f :{f}, :value {value}}}\n"))
            .concat()
    };
    let (early, late) = (line("down", "nil") + &line("wait", "nil"), line("down", "nil").repeat(2));
    let late = late + &line("wait", "nil");
    let check = |flags: &[&str], text: &str| {
        let flags = [&["--model-file", model][..], flags].concat();
        check_with(&flags, &[("a", text)])
    };
    assert_eq!(check(&[], &late).0, 0);
    let (status, output, _) = check(&["--junit", "j.xml"], &early);
    assert!(status == 1 && output.contains(":states [{:left 1}]"), "{output}");
    assert_eq!(check(&["--init", "{:left 1}"], &early).0, 0);
    let keyed = line("down", "[:x nil]") + &line("wait", "[:y nil]");
    assert_eq!(check(&["--init", "{:left 1}", "--per-key"], &keyed).0, 1);
    let (status, output, _) = check(&[], &line("up", "nil"));
    assert!(status == 254 && output.contains("latch has no :up; it has :down, :wait"), "{output}");
    let (status, _, complaint) = check(&["--init", "{:right 1}"], &early);
    assert!(status == 254 && complaint.contains("latch has no field :right"), "{complaint}");

    std::fs::write(model, "{:model latch\n :stat {}}").unwrap();
    let (status, _, complaint) = check(&[], &early);
    assert!(status == 254 && complaint.contains("A model has no :stat"), "{complaint}");
    std::fs::write(model, "{:model latch\n ]").unwrap();
    assert!(check(&[], &early).2.contains("line 2, column 2: a closing bracket"));
}

/// A FIFO without a writer, and a file without an end: neither keeps the command waiting.
#[test]
fn what_has_no_beginning_or_no_end_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let check = |path: &str, flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args(["check", "--model", "bank"])
            .args(flags)
            .arg(path)
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, output) = check(fifo.to_str().unwrap(), &[]);
    assert!(status == 254 && output.contains("nobody writes into it"), "{output}");
    let (status, output) = check("/dev/zero", &[]);
    assert!(status == 254 && output.contains("line 1, column 1: "), "{output}");

    let writer = {
        let fifo = fifo.clone();
        std::thread::spawn(move || std::fs::write(fifo, history(&["1"])).unwrap())
    };
    let (status, output) = check(fifo.to_str().unwrap(), &["-w", "unique-ids"]);
    assert_eq!(status, 254, "a model and a workload: {output}");
    let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(["check", "-w", "unique-ids"])
        .arg(&fifo)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    writer.join().unwrap();
}

#[test]
fn limits_hold_for_every_judge() {
    let ids: Vec<String> = (0..60_000).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    let text = history(&ids);
    let run = |flags: &[&str]| {
        check_with(&[&["-w", "unique-ids"][..], flags].concat(), &[("a", &text), ("b", &text)])
    };
    let (status, output, _) = run(&["--memory", "1"]);
    assert_eq!(status, 2, "{output}");
    assert_eq!(output.matches("would have held more than 1 MiB").count(), 2, "{output}");
    assert_eq!(run(&["--memory", "2000", "--timeout", "1000"]).0, 0);
    assert_eq!(run(&["--check-memory", "2000", "--check-timeout", "1000"]).0, 0);
}

/// A folder, what is no UTF-8, and a file that is not there: a sentence each.
#[test]
fn what_is_no_text_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::create_dir(path("run")).unwrap();
    std::fs::write(path("run/history.edn"), history(&["1"])).unwrap();
    let line = b"{:process 0, :type :invoke, :f :generate, :value nil}\n";
    std::fs::write(path("bytes"), [&line[..], b"{:process 0, :type :ok, :f \xff}"].concat())
        .unwrap();
    for (name, words) in [
        ("folder", "This is a folder; name the history file in it."),
        ("run", "run/history.edn."),
        ("bytes", "line 2, column 28: "),
        ("nothing", "No such file"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .current_dir(folder.path())
            .args(["check", "-w", "unique-ids", name])
            .output()
            .unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(254), "{line}");
        assert!(line.contains(words) && line.lines().count() == 1, "{name}: {line}");
        assert!(line.starts_with(&format!("{name}\tunknown\t")), "{line}");
    }
}

/// A history without an end is given up, and it is said how far it was read.
#[test]
fn an_endless_history_is_unknown_when_its_time_is_over() {
    use std::process::Stdio;

    let mut endless = Command::new("yes")
        .arg("{:type :ok, :f :read, :value {0 10}}")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
        .args(["check", "--model", "bank", "--timeout", "1", "-"])
        .stdin(endless.stdout.take().unwrap())
        .output()
        .unwrap();
    endless.kill().unwrap();
    endless.wait().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(
        line.contains("It had taken 1 s. Until then, ") && line.contains("had been read"),
        "{line}"
    );
}

/// Checkers that look at a history as a whole, and at logs.
#[test]
fn anything_has_a_model() {
    let read = "{:process 0, :type :invoke, :f :read, :value nil}\n\
                {:process 0, :type :ok, :f :read, :value 1}\n";
    let write = "{:process 1, :type :invoke, :f :write, :value 1}\n\
                 {:process 1, :type :fail, :f :write, :value 1}\n";
    let crash = "{:process 2, :type :invoke, :f :read, :value nil}\n\
                 {:process 2, :type :info, :f :read, :exception {:via [{:type :timeout}]}}\n";
    let all = [read, write, crash].concat();
    for (model, text, status, words) in [
        ("noop", &*all, 0, "{:valid? true}"),
        ("noop", &read[..40], 254, ""),
        ("noop", "", 254, "empty"),
        ("stats", &all, 1, ":write {:valid? false, :count 1"),
        ("stats", read, 0, ":ok-count 1"),
        ("unhandled-exceptions", &all, 0, ":class :timeout"),
        ("unhandled-exceptions", ";", 254, "no operation"),
    ] {
        let (found, output, _) = check_with(&["--model", model], &[("a", text)]);
        let is_right = found == status && (output.contains(words) || status == 254);
        assert!(is_right, "{model}: {output}");
    }
    let skew = ["{:x 0, :y 0}", "[[:rp [:= 1] {}] [:w :x 1]]", "[[:rp [:= 1] {}] [:w :y 1]]"];
    let entry = |kind: &str| {
        let line = |(process, value): (usize, &&str)| {
            let f = if process == 0 { "init" } else { "txn" };
            format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
        };
        skew.iter().enumerate().map(line).collect::<String>()
    };
    let text = entry("invoke") + &entry("ok");
    let closed = |model: &str| {
        check_with(&["--model", "closed-predicate", "-c", model, "--out", "out"], &[("a", &text)])
    };
    let (status, output, _) = closed("serializable");
    assert!(status == 1 && output.contains(":anomaly-types (:G2)"), "{output}");
    assert_eq!(closed("repeatable-read").0, 0);

    let logs = [("n1.log", "started\n"), ("n2.log", "started\npanic: no disk\n")];
    let flags = ["--model", "log-file-pattern", "--pattern", "^(panic|fatal)"];
    let (status, output, _) = check_with(&flags, &logs);
    assert_eq!(status, 1);
    assert!(output.starts_with("n1.log\ttrue\t{:valid? true, :count 0"), "{output}");
    assert!(output.contains("{:line-number 2, :line \"panic: no disk\"}"), "{output}");
    for flags in [&flags[..2], &["--model", "noop", "--pattern", "x"], &["--pattern", "("]] {
        let (status, _, complaint) = check_with(flags, &logs);
        assert!(status == 254 && complaint.contains("--pattern"), "{complaint}");
    }
}

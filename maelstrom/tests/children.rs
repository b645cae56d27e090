//! The child-process driver against real processes: small shell scripts that behave as badly as
//! a node can. Waits are for events, with a generous limit that only a failure reaches.

#![expect(clippy::disallowed_methods, reason = "real processes run by a real clock")]

mod languages;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gyre::NodeId;
use maelstrom::child::{ChildEvent, ChildOptions, Children, LockstepChild, Watchdog};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// Far beyond what any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

/// The bench itself, for its watchdog.
const BENCH: &str = env!("CARGO_BIN_EXE_maelstrom");

fn n1() -> NodeId {
    NodeId::from("n1")
}

/// Nodes that run `script` in a shell.
fn options(dir: &Path, script: &str) -> ChildOptions {
    ChildOptions {
        bin: "/bin/sh".into(),
        args: vec!["-c".to_owned(), script.to_owned()],
        log_dir: dir.join("node-logs"),
        data_dir: Some(dir.join("data")),
        watchdog: Some(BENCH.into()),
        asks_for_states: true,
        memory_bytes: None,
    }
}

/// One node, n1, that runs `script`.
struct One {
    children: Children,
    dir: TempDir,
    events: Vec<ChildEvent>,
}

impl One {
    fn start(script: &str) -> One {
        let dir = TempDir::new().unwrap();
        let mut children = Children::new(options(dir.path(), script)).unwrap();
        children.start(&n1()).unwrap();
        One { children, dir, events: Vec::new() }
    }

    /// The same node once more, all events forgotten.
    fn start_again(&mut self) {
        self.events.clear();
        self.children.start(&n1()).unwrap();
    }

    /// Waits until `done` holds of all events so far.
    fn wait_until(&mut self, done: impl Fn(&[ChildEvent]) -> bool) -> &[ChildEvent] {
        let started = Instant::now();
        while !done(&self.events) {
            assert!(started.elapsed() < LIMIT, "still waiting after {:?}", self.shown());
            self.children.wait(Some(Duration::from_secs(1)), &mut self.events).unwrap();
        }
        &self.events
    }

    /// Runs until the node has ended; gives all that happened, as text.
    fn run(&mut self) -> Vec<String> {
        self.wait_until(|events| {
            matches!(events.last(), Some(ChildEvent::Exited { .. } | ChildEvent::Failed { .. }))
        });
        self.shown()
    }

    fn shown(&self) -> Vec<String> {
        self.events.iter().map(show).collect()
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("node-logs/n1.log")).unwrap()
    }
}

fn show(event: &ChildEvent) -> String {
    match event {
        ChildEvent::Line { node, line } => format!("{node} out {line}"),
        ChildEvent::Stderr { node, line } => format!("{node} err {line}"),
        ChildEvent::State { node, state } => format!("{node} is {state}"),
        ChildEvent::Exited { node, status } => format!("{node} {status}"),
        ChildEvent::Failed { reason, .. } => reason.clone(),
        ChildEvent::NotReading { node, .. } => format!("{node} does not read"),
        ChildEvent::Watched => "watched".to_owned(),
    }
}

#[test]
fn what_a_node_says_and_how_it_ends_is_told_in_order() {
    // A script, and what happens on stdout and at the end.
    let cases: &[(&str, &[&str])] = &[
        ("exit 3", &["n1 exit status: 3"]),
        ("echo hello; exit 0", &["n1 out hello", "n1 exit status: 0"]),
        (
            "printf 'a\\n\\nno line feed'",
            &["n1 out a", "n1 out ", "n1 out no line feed", "n1 exit status: 0"],
        ),
        ("printf 'a\\377b\\n'", &["n1 out a\u{fffd}b", "n1 exit status: 0"]),
        ("kill -TERM $$", &["n1 signal: 15 (SIGTERM)"]),
        // SIGPIPE must do in a node what it does anywhere: Rust programs ignore it, and
        // children would inherit that.
        ("kill -PIPE $$; sleep 1000", &["n1 signal: 13 (SIGPIPE)"]),
        // Stdout is closed, and the node lives on for a while.
        ("echo x; exec 1>&-; sleep 0.05; exit 4", &["n1 out x", "n1 exit status: 4"]),
    ];
    for (script, expected) in cases {
        assert_eq!(One::start(script).run(), *expected, "{script}");
    }
}

#[test]
fn what_a_node_says_of_itself_is_told_and_stays_out_of_its_log() {
    let script = "echo $MAELSTROM_STATE >&2; echo 'state: {\"a\":1}' >&2; echo 'state: ?' >&2; \
                  printf 'state: {' >&2; exit 1";
    let mut one = One::start(script);
    let mut shown = one.run();
    shown.sort_unstable();
    let expected =
        ["n1 err 1", "n1 err state: ?", "n1 err state: {", "n1 exit status: 1", "n1 is {\"a\":1}"];
    assert_eq!(shown, expected);
    assert_eq!(one.log(), b"1\nstate: ?\nstate: {");
    // One that was not asked writes what it likes.
    let dir = TempDir::new().unwrap();
    let asked = ChildOptions { asks_for_states: false, ..options(dir.path(), script) };
    let mut children = Children::new(asked).unwrap();
    children.start(&n1()).unwrap();
    let mut one = One { children, dir, events: Vec::new() };
    assert!(one.run().contains(&"n1 err state: {\"a\":1}".to_owned()));
    assert_eq!(one.log(), b"\nstate: {\"a\":1}\nstate: ?\nstate: {");
}

#[test]
fn stderr_goes_to_the_log_as_it_comes_and_is_told() {
    let mut one = One::start("echo first >&2; printf 'raw\\377' >&2; exit 1");
    assert_eq!(one.run(), ["n1 err first", "n1 err raw\u{fffd}", "n1 exit status: 1"]);
    assert_eq!(one.log(), b"first\nraw\xff");
    // A second life goes on in the same file.
    one.start_again();
    one.run();
    assert_eq!(one.log(), b"first\nraw\xfffirst\nraw\xff");
}

#[test]
fn lines_go_there_and_back() {
    let mut one = One::start("exec cat");
    let lines: Vec<String> = (0..50_000).map(|i| format!("line {i} ü")).collect();
    for line in &lines {
        one.children.send(&n1(), line);
    }
    assert_eq!(one.children.backlog(&n1()), lines.len());
    let events = one.wait_until(|events| events.len() == 50_000);
    for (event, line) in events.iter().zip(&lines) {
        assert!(matches!(event, ChildEvent::Line { line: back, .. } if back == line));
    }
    assert_eq!(one.children.backlog(&n1()), 0);
    assert_eq!(one.children.recent_output(&n1()), (lines[50_000 - 32..].to_vec(), vec![]));
}

#[test]
fn a_program_that_cannot_run_is_refused_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    let no_shebang = dir.path().join("no-shebang");
    fs::write(&no_shebang, "echo hello\n").unwrap();
    fs::set_permissions(&no_shebang, fs::Permissions::from_mode(0o755)).unwrap();
    let no_interpreter = dir.path().join("no-interpreter");
    fs::write(&no_interpreter, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&no_interpreter, fs::Permissions::from_mode(0o755)).unwrap();
    let start = |bin: &Path, node: &str| {
        let mut children =
            Children::new(ChildOptions { bin: bin.into(), ..options(dir.path(), "") })?;
        children.start(&node.into())
    };
    // A program, the node's name, and a part of the sentence.
    let cases = [
        (dir.path().join("missing"), "n1", "build it first"),
        (dir.path().to_owned(), "n1", "is not a file"),
        (plain, "n1", "chmod +x"),
        (no_shebang, "n1", "whose first line is #!"),
        (no_interpreter, "n1", "whose first line is #! and an interpreter that is there"),
        ("/bin/sh".into(), "../n1", "cannot be called ../n1"),
    ];
    for (bin, node, expected) in cases {
        let error = format!("{:#}", start(&bin, node).unwrap_err());
        assert!(error.contains(expected), "{}: {error}", bin.display());
    }
}

#[test]
fn a_node_runs_in_the_temporary_directory_and_has_a_folder_that_outlives_it() {
    let mut one =
        One::start("pwd -P; cd \"$MAELSTROM_DATA_DIR\"; cat x 2>/dev/null; echo kept > x");
    let temp_dir = std::env::temp_dir().canonicalize().unwrap();
    let at = format!("n1 out {}", temp_dir.display());
    assert_eq!(one.run(), [&*at, "n1 exit status: 0"]);
    one.start_again();
    assert_eq!(one.run(), [&*at, "n1 out kept", "n1 exit status: 0"]);
}

#[test]
fn a_long_line_goes_there_and_back() {
    let mut one = One::start("exec cat");
    let long = "ü".repeat(3 << 20);
    one.children.send(&n1(), &long);
    one.children.send(&n1(), "short");
    let events = one.wait_until(|events| events.len() == 2);
    assert!(matches!(&events[0], ChildEvent::Line { line, .. } if *line == long));
    assert_eq!(show(&events[1]), "n1 out short");
}

#[test]
fn a_line_without_end_ends_the_node() {
    let mut one = One::start("head -c 68000000 /dev/zero; sleep 1000");
    let told = one.run();
    assert!(told[0].starts_with("node n1 wrote a line of more than 64 MiB"), "{}", told[0]);
    assert_eq!(told.len(), 1);
    // On stderr it is only long.
    let mut one = One::start("head -c 1000000 /dev/zero >&2; exit 1");
    assert_eq!(one.run().last().unwrap(), "n1 exit status: 1");
    assert_eq!(one.log(), vec![0; 1_000_000]);
}

#[test]
fn floods_come_in_portions() {
    for script in ["exec yes", "exec yes >&2", "yes & yes >&2"] {
        let mut one = One::start(script);
        for _ in 0..100 {
            let before = one.events.len();
            one.children.wait(Some(LIMIT), &mut one.events).unwrap();
            // Two pipes, each read once, of lines of two bytes.
            assert!(one.events.len() - before <= 2 * (1 << 20), "{script}");
        }
        one.children.kill(&n1());
        one.events.clear();
        one.children.wait(Some(Duration::ZERO), &mut one.events).unwrap();
        assert_eq!(one.shown(), [""; 0], "{script}");
    }
}

#[test]
fn a_node_that_does_not_read_costs_no_more_than_64_mib() {
    // The second cannot read any more.
    for script in ["echo ready; exec sleep 1000", "exec 0<&-; echo ready; exec sleep 1000"] {
        let mut one = One::start(script);
        one.wait_until(|events| !events.is_empty());
        let line = "x".repeat((1 << 20) - 1);
        for _ in 0..70 {
            one.children.send(&n1(), &line);
        }
        one.children.wait(Some(LIMIT), &mut one.events).unwrap();
        assert_eq!(one.shown(), ["n1 out ready", "n1 does not read"], "{script}");
        assert_eq!(one.children.backlog(&n1()), 64);
        // It is told once.
        one.children.send(&n1(), &line);
        one.children.send(&n1(), &line);
        one.children.wait(Some(Duration::from_millis(1)), &mut one.events).unwrap();
        assert_eq!(one.events.len(), 2, "{script}");
    }
}

#[test]
fn closed_pipes_do_not_keep_the_bench_busy() {
    let mut quiet = One::start("echo ready; exec 0<&- 1>&- 2>&-; exec sleep 1000");
    quiet.wait_until(|events| !events.is_empty());
    quiet.children.send(&n1(), "x");
    // The three pipes close some time during these waits, and each takes one of them at most.
    let started = Instant::now();
    for _ in 0..10 {
        quiet.children.wait(Some(Duration::from_millis(20)), &mut quiet.events).unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(6 * 20));
    assert_eq!(quiet.events.len(), 1);
}

#[test]
fn the_end_is_told_though_others_hold_the_pipes() {
    let mut one = One::start("sleep 1000 & echo $!; exit 5");
    let told = one.run();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1], "n1 exit status: 5");
    wait_until_gone(told[0].strip_prefix("n1 out ").unwrap());
    // They may even go on writing.
    let mut one = One::start("yes & exit 6");
    assert_eq!(one.run().last().unwrap(), "n1 exit status: 6");
}

#[test]
fn a_killed_node_leaves_nothing_behind_and_can_start_again() {
    let mut one = One::start("sleep 1000 & echo $! $$; read line; echo got $line; wait");
    let kill = |one: &mut One| {
        let told = show(&one.wait_until(|events| !events.is_empty())[0]);
        one.children.send(&n1(), "lost");
        one.children.kill(&n1());
        assert_eq!(one.children.backlog(&n1()), 0);
        told.strip_prefix("n1 out ").unwrap().split(' ').for_each(wait_until_gone);
    };
    kill(&mut one);
    one.start_again();
    kill(&mut one);
    one.events.clear();
    one.children.send(&n1(), "nobody there");
    one.children.wait(Some(Duration::from_millis(1)), &mut one.events).unwrap();
    assert_eq!(one.shown(), [""; 0]);
}

#[test]
fn a_paused_node_does_nothing_until_it_is_resumed() {
    let mut one = One::start("while read -r line; do echo $line; done");
    one.children.send(&n1(), "before");
    one.wait_until(|events| events.len() == 1);
    one.children.pause(&n1());
    one.children.send(&n1(), "meanwhile");
    one.children.wait(Some(Duration::from_millis(50)), &mut one.events).unwrap();
    one.children.wait(Some(Duration::from_millis(50)), &mut one.events).unwrap();
    assert_eq!(one.shown(), ["n1 out before"]);
    one.children.resume(&n1());
    one.wait_until(|events| events.len() == 2);
    assert_eq!(one.shown()[1], "n1 out meanwhile");
    // A paused node can be killed.
    one.children.pause(&n1());
    one.children.kill(&n1());
}

#[test]
fn several_nodes_are_told_apart() {
    let dir = TempDir::new().unwrap();
    let mut children = Children::new(options(dir.path(), "read x; echo $x; exit 0")).unwrap();
    let nodes: Vec<NodeId> = (0..20).map(|number| format!("n{number}").into()).collect();
    for node in &nodes {
        children.start(node).unwrap();
        children.send(node, &format!("I am {node}"));
    }
    let mut events = Vec::new();
    let started = Instant::now();
    while events.len() < 40 {
        assert!(started.elapsed() < LIMIT);
        children.wait(Some(LIMIT), &mut events).unwrap();
    }
    let mut told: Vec<String> = events.iter().map(show).collect();
    let mut expected: Vec<String> = nodes
        .iter()
        .flat_map(|node| [format!("{node} out I am {node}"), format!("{node} exit status: 0")])
        .collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn a_watched_descriptor_wakes_the_wait() {
    let mut one = One::start("exec sleep 1000");
    let (reader, mut writer) = std::io::pipe().unwrap();
    one.children.watch(reader.into());
    for _ in 0..2 {
        writer.write_all(b"x").unwrap();
        one.events.clear();
        one.wait_until(|events| matches!(events, [ChildEvent::Watched]));
    }
    // When the other end is gone it is told once more, and then forgotten.
    drop(writer);
    one.events.clear();
    one.wait_until(|events| matches!(events, [ChildEvent::Watched]));
    one.children.wait(Some(Duration::from_millis(1)), &mut one.events).unwrap();
    assert_eq!(one.events.len(), 1);
}

#[test]
fn without_a_watchdog_children_die_with_their_holder() {
    let dir = TempDir::new().unwrap();
    let script = "sleep 1000 & echo $! $$; wait";
    let options = ChildOptions { watchdog: None, ..options(dir.path(), script) };
    let mut children = Children::new(options).unwrap();
    children.start(&n1()).unwrap();
    let mut events = Vec::new();
    while events.is_empty() {
        children.wait(Some(LIMIT), &mut events).unwrap();
    }
    drop(children);
    show(&events[0]).strip_prefix("n1 out ").unwrap().split(' ').for_each(wait_until_gone);
}

/// Nodes with a child in their group, and one that has left it, as daemons do. All processes
/// write their numbers into the node's folder.
const FAMILY: &str = r#"
    cd "$MAELSTROM_DATA_DIR"
    echo $$ > leader
    sleep 1000 &
    echo $! > member
    if command -v setsid > /dev/null; then setsid sh -c 'echo $$ > daemon; exec sleep 1000' & fi
    wait
"#;

#[test]
fn nothing_outlives_a_bench_that_is_killed() {
    const NODES: usize = 10;
    // This test runs itself once more as the bench that is to be killed.
    if let Some(dir) = std::env::var_os("CHILDREN_TEST_DIR") {
        let options = options(dir.as_ref(), FAMILY);
        let watchdog = Watchdog::start(BENCH.as_ref()).unwrap();
        let (node, log) = ("n99".into(), options.open_log(&"n99".into()).unwrap());
        let _lockstep = LockstepChild::start(&options, &node, log, 7, Some(&watchdog)).unwrap();
        let mut children = Children::new(options).unwrap();
        for number in 0..NODES {
            children.start(&format!("n{number}").into()).unwrap();
            // Being paused must not save it.
            children.pause(&"n3".into());
            println!("\nstarted");
        }
        children.wait(None, &mut Vec::new()).unwrap();
        unreachable!("the nodes say nothing");
    }
    // Killed in the middle of starting the nodes, and when all are there.
    for started in [1, 2, 5, NODES] {
        let dir = TempDir::new().unwrap();
        let mut bench = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "children::nothing_outlives_a_bench_that_is_killed", "--nocapture"])
            .env("CHILDREN_TEST_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(bench.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.filter(|line| line == "started").take(started).count(), started);
        bench.kill().unwrap();
        bench.wait().unwrap();
        wait_until_all_gone(dir.path());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn not_even_a_daemon_outlives_an_orderly_end() {
    let mut one = One::start(FAMILY);
    let daemon = one.dir.path().join("data/n1/daemon");
    let started = Instant::now();
    while !fs::read_to_string(&daemon).is_ok_and(|text| text.ends_with('\n')) {
        assert!(started.elapsed() < LIMIT, "is there a `setsid` here?");
        one.children.wait(Some(Duration::from_millis(1)), &mut one.events).unwrap();
    }
    drop(one.children);
    wait_until_all_gone(one.dir.path());
}

/// Waits until no process of the [`FAMILY`]s in this folder is left.
fn wait_until_all_gone(dir: &Path) {
    // Twice: one that was missed may be about to write its number.
    for _ in 0..2 {
        for entry in fs::read_dir(dir.join("data")).into_iter().flatten() {
            for file in fs::read_dir(entry.unwrap().path()).unwrap() {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                if text.ends_with('\n') {
                    wait_until_gone(text.trim());
                }
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn wait_until_gone(pid: &str) {
    let started = Instant::now();
    while is_running(pid) {
        assert!(started.elapsed() < LIMIT, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether there is such a process, and it is not merely waiting to be noticed as dead.
fn is_running(pid: &str) -> bool {
    let id = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state comes after the name, which is in parentheses and may hold anything.
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
    test_kill_process(id).is_ok() && !matches!(state, Some('Z' | 'X'))
}

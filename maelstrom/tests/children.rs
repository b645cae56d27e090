//! The child-process driver against real processes: small shell scripts that behave as badly as
//! a node can. Waits are for events, with a generous limit that only a failure reaches.

#![expect(clippy::disallowed_methods, reason = "real processes run by a real clock")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gyre::NodeId;
use maelstrom::child::{ChildEvent, ChildOptions, Children};
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
        data_dir: dir.join("data"),
        watchdog: Some(BENCH.into()),
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
        ("exec 1>&-; sh -c 'kill -PIPE $$'; exit $?", &["n1 exit status: 141"]),
        // Stdout is closed, and the node lives on for a while.
        ("echo x; exec 1>&-; sleep 0.05; exit 4", &["n1 out x", "n1 exit status: 4"]),
    ];
    for (script, expected) in cases {
        assert_eq!(One::start(script).run(), *expected, "{script}");
    }
}

#[test]
fn stderr_goes_to_the_log_as_it_comes_and_is_told() {
    let mut one = One::start("echo first >&2; printf 'raw\\377' >&2; exit 1");
    assert_eq!(one.run(), ["n1 err first", "n1 err raw\u{fffd}", "n1 exit status: 1"]);
    assert_eq!(one.log(), b"first\nraw\xff");
    // A second life goes on in the same file.
    one.events.clear();
    one.children.start(&n1()).unwrap();
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

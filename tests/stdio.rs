//! Nodes as programs: how they begin, read, write and end.
//!
//! Started with `GYRE_TEST_NODE` set, this program is a node itself, one that can be made to
//! panic and to store things; else it is the test.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this test is about processes, files and signals, and has no harness"
)]

#[path = "stdio/disks.rs"]
mod disks;
#[path = "stdio/running.rs"]
mod running;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use gyre::{Ctx, Error, Node, NodeId, Storage, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::json;

use disks::{in_real_time_the_bench_harms_disks, on_a_simulated_disk_a_kill_is_a_crash};
use running::{INIT, INIT_OK, PATIENCE, Running, lines, request, signal, wait};

const ECHO: &str = env!("CARGO_BIN_EXE_echo");
const G_SET: &str = env!("CARGO_BIN_EXE_g-set");
const UNIQUE_IDS: &str = env!("CARGO_BIN_EXE_unique-ids");

/// The node that this program can be.
struct Subject {
    storage: Storage,
    /// What earlier lives have stored.
    found: usize,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    /// Stores one more record, syncs it if asked to, and replies with how many were found.
    Store {
        sync: bool,
    },
    Sleep {
        ms: u64,
    },
    Panic {},
    PanicLater {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    StoreOk { found: usize },
    SleepOk {},
}

impl Subject {
    fn new(ctx: &Ctx) -> Subject {
        let storage = ctx.storage();
        let found = storage.load().expect("the storage can be read").records.len();
        Subject { storage, found }
    }
}

#[async_trait(?Send)]
impl Node for Subject {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Store { sync } => {
                self.storage.append(b"record")?;
                if sync {
                    self.storage.sync()?;
                }
                Ok(Response::StoreOk { found: self.found })
            }
            Request::Sleep { ms } => {
                ctx.sleep(Duration::from_millis(ms)).await;
                Ok(Response::SleepOk {})
            }
            Request::Panic {} => panic!("a planted panic"),
            Request::PanicLater {} => {
                let own = ctx.clone();
                ctx.spawn(async move {
                    own.sleep(Duration::from_millis(5)).await;
                    panic!("a planted panic");
                });
                Ok(Response::SleepOk {})
            }
        }
    }
}

/// This program as a node.
fn subject() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env("GYRE_TEST_NODE", "1");
    command
}

fn echo(payload: &str) -> String {
    request(&json!({"type": "echo", "echo": payload}))
}

fn echo_ok(payload: &str) -> String {
    let payload = json!(payload);
    format!(
        r#"{{"src":"n1","dest":"c1","body":{{"in_reply_to":2,"type":"echo_ok","echo":{payload}}}}}"#
    )
}

fn it_ends_at_the_end_of_its_input() {
    let mut node = Running::init(&mut Command::new(ECHO));
    // The last line need not have a line feed.
    node.say_bytes(format!("{}\n{}", echo("one"), echo("two")).as_bytes());
    drop(node.child.stdin.take());
    let (stdout, stderr) = node.end_cleanly();
    assert_eq!(stdout, [echo_ok("one"), echo_ok("two")]);
    assert_eq!(stderr, [""; 0]);
    // Without any input at all, too.
    let mut node = Running::start(&mut Command::new(ECHO));
    drop(node.child.stdin.take());
    node.end_cleanly();
}

fn it_ends_at_sigterm() {
    let node = Running::init(&mut Command::new(ECHO));
    signal(&node.child, "-TERM");
    node.end_cleanly();
}

fn it_ends_at_sigterm_when_nobody_reads_it() {
    let mut child = Command::new(ECHO)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the node starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || {
        let flood = format!("{INIT}\n{}", format!("{}\n", echo("x")).repeat(1_000));
        // Until the pipe closes, as the node has ended.
        while stdin.write_all(flood.as_bytes()).is_ok() {}
    });
    // Time for both pipes to fill. If they are not full yet, the node must end all the same.
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "-TERM");
    assert_eq!(wait(&mut child).code(), Some(0));
    writer.join().expect("the writer ends");
}

fn it_ends_at_sigterm_in_a_flood() {
    let mut child = Command::new(ECHO)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the node starts");
    let stdout = lines(child.stdout.take().expect("it is piped"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || {
        let flood = format!("{INIT}\n{}", format!("{}\n", echo("x")).repeat(10_000));
        while stdin.write_all(flood.as_bytes()).is_ok() {}
    });
    for _ in 0..20_000 {
        stdout.recv_timeout(PATIENCE).expect("the node answers");
    }
    signal(&child, "-TERM");
    let reader = std::thread::spawn(move || stdout.iter().count());
    assert_eq!(wait(&mut child).code(), Some(0));
    writer.join().expect("the writer ends");
    reader.join().expect("the reader ends");
}

fn it_ends_when_its_output_is_closed() {
    let mut child = Command::new(ECHO)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the node starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(format!("{INIT}\n").as_bytes()).expect("the node reads");
    assert_eq!(wait(&mut child).code(), Some(0), "its stdin is still open");
}

/// Under the original, a late answer to a client that has gone would silence the node for good.
fn after_a_pause_it_withholds_what_is_too_late() {
    let mut node = Running::init(&mut Command::new(ECHO));
    signal(&node.child, "-STOP");
    node.say(&echo("late"));
    std::thread::sleep(Duration::from_millis(5_500));
    signal(&node.child, "-CONT");
    let withheld = node.hear_log();
    assert!(withheld.starts_with("withheld a reply to c1"), "{withheld}");
    // It answers again once it has found nothing more to read. What comes before that may have
    // waited as long as the rest, so on a busy machine it may take more than one question.
    let answer = (0..100).find_map(|_| {
        node.say(&echo("in time"));
        node.hear_within(Duration::from_millis(500))
    });
    assert_eq!(answer, Some(echo_ok("in time")));
}

fn it_skips_what_is_no_message() {
    let mut node = Running::init(&mut Command::new(ECHO));
    let long = "x".repeat(10_000);
    let garbage: [&[u8]; 7] = [
        b"",
        b"hello",
        b"\xff\xfe",
        b"{}",
        b"[1]",
        br#"{"src":"a","dest":"b","body":{}}"#,
        long.as_bytes(),
    ];
    for line in garbage {
        node.say_bytes(&[line, b"\n"].concat());
    }
    node.say(&echo("still there"));
    assert_eq!(node.hear(), echo_ok("still there"));
    drop(node.child.stdin.take());
    let (stdout, stderr) = node.end_cleanly();
    assert_eq!(stdout, [""; 0]);
    assert_eq!(stderr.len(), garbage.len(), "{stderr:?}");
    for line in stderr {
        assert!(
            line.starts_with("skipped a line that is no message") && line.len() < 400,
            "{line}"
        );
    }
}

fn it_takes_lines_of_any_length() {
    let mut node = Running::init(&mut Command::new(ECHO));
    for length in [1, 65_535, 65_536, 65_537, 1_000_000, 5_000_000] {
        let payload = "ü".repeat(length / 2);
        node.say(&echo(&payload));
        assert_eq!(node.hear(), echo_ok(&payload));
    }
    // A line that comes in parts, with time in between to be seen as a part.
    for part in echo("in parts").as_bytes().chunks(7) {
        node.say_bytes(part);
        std::thread::sleep(Duration::from_millis(1));
    }
    node.say("");
    assert_eq!(node.hear(), echo_ok("in parts"));
}

fn a_panic_ends_it_with_a_message_and_a_failure() {
    for body in [json!({"type": "panic"}), json!({"type": "panic_later"})] {
        let mut node = Running::init(&mut subject());
        node.say(&request(&body));
        let (status, _, stderr) = node.end();
        assert_eq!(status.code(), Some(101));
        assert!(stderr.iter().any(|line| line.contains("a planted panic")), "{stderr:?}");
    }
}

fn it_answers_when_a_timer_is_due() {
    let mut node = Running::init(&mut subject());
    assert!(node.ask(&json!({"type": "sleep", "ms": 20})).contains("sleep_ok"));
}

fn it_reads_and_writes_what_is_no_pipe() {
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("in"), directory.path().join("out"));
    std::fs::write(&input, format!("{INIT}\n{}\n", echo("file"))).expect("a file");
    let mut child = Command::new(ECHO)
        .stdin(File::open(&input).expect("a file"))
        .stdout(File::create(&output).expect("a file"))
        .spawn()
        .expect("the node starts");
    assert_eq!(wait(&mut child).code(), Some(0));
    let written = std::fs::read_to_string(&output).expect("a file");
    assert_eq!(written, format!("{INIT_OK}\n{}\n", echo_ok("file")));
    let mut child = Command::new(ECHO).stdin(Stdio::null()).spawn().expect("the node starts");
    assert_eq!(wait(&mut child).code(), Some(0));
}

/// The other end of our pipes may be shared with programs that expect them to block.
fn it_leaves_the_pipes_that_it_inherits_as_they_were() {
    let (stdin, mut to_node) = std::io::pipe().expect("a pipe");
    let (from_node, stdout) = std::io::pipe().expect("a pipe");
    let (kept_stdin, kept_stdout) =
        (stdin.try_clone().expect("a pipe"), stdout.try_clone().expect("a pipe"));
    let mut child =
        Command::new(ECHO).stdin(stdin).stdout(stdout).spawn().expect("the node starts");
    to_node.write_all(format!("{INIT}\n").as_bytes()).expect("the node reads");
    let mut line = String::new();
    BufReader::new(from_node).read_line(&mut line).expect("the node answers");
    assert_eq!(line.trim_end(), INIT_OK);
    for number in [kept_stdin.as_raw_fd(), kept_stdout.as_raw_fd()] {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
        let Ok(info) = info else { continue };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
        let flags = u32::from_str_radix(flags.trim(), 8).expect("an octal number");
        assert_eq!(flags & 0o4000, 0, "the pipe is non-blocking for everybody");
    }
    drop((to_node, kept_stdin));
    assert_eq!(wait(&mut child).code(), Some(0));
}

fn two_starts_never_give_the_same_id() {
    let first_id = || {
        let mut node = Running::init(&mut Command::new(UNIQUE_IDS));
        node.ask(&json!({"type": "generate"}))
    };
    assert_ne!(first_id(), first_id());
}

/// Has a node of this command store something, and kills it. Gives what it had found.
fn store_and_kill(command: &mut Command) -> usize {
    let mut node = Running::init(command);
    let reply = node.ask(&json!({"type": "store", "sync": true}));
    signal(&node.child, "-KILL");
    node.end();
    found_in(&reply)
}

/// How many records had been found, says a `store_ok`.
fn found_in(reply: &str) -> usize {
    let (_, count) = reply.rsplit_once(':').expect("it ends with the count");
    count.trim_end_matches('}').parse().expect("a number")
}

fn what_it_stores_is_there_after_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("new");
    let path = path.display();
    for (count, arguments) in [
        vec!["--data-dir".to_owned(), path.to_string()],
        vec![format!("--data-dir={path}")],
        vec!["--other".to_owned(), "argument".to_owned(), format!("--data-dir={path}")],
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(store_and_kill(subject().args(arguments)), count);
    }
    // The environment's directory, which `Running` takes away, so through a shell.
    let mut command = Command::new("sh");
    let script = format!("MAELSTROM_DATA_DIR={path} exec {}", this_program());
    command.env("GYRE_TEST_NODE", "1").args(["-c", &script]);
    assert_eq!(store_and_kill(&mut command), 3);
}

fn this_program() -> String {
    std::env::current_exe().expect("this program has a path").display().to_string()
}

fn without_a_directory_it_says_so_once() {
    let mut node = Running::init(&mut subject());
    for _ in 0..3 {
        node.ask(&json!({"type": "store", "sync": true}));
    }
    drop(node.child.stdin.take());
    let (_, stderr) = node.end_cleanly();
    assert!(stderr.len() == 1 && stderr[0].contains("memory only"), "{stderr:?}");
}

fn bad_arguments_are_a_failure_with_a_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    for (arguments, expected) in [
        (vec!["--data-dir".into()], "--data-dir needs a directory after it"),
        (vec!["--data-dir".into(), file.into_os_string()], "could not open the data directory"),
    ] {
        let node = Running::start(subject().args(arguments));
        let (status, _, stderr) = node.end();
        assert_eq!(status.code(), Some(1));
        assert!(stderr.len() == 1 && stderr[0].starts_with(expected), "{stderr:?}");
    }
}

/// A process that has a data directory for itself. Two nodes that wrote to one log would each
/// destroy what the other one has promised to keep.
fn a_second_process_on_a_data_directory_is_told_who_has_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let with_directory = || {
        let mut command = subject();
        command.arg("--data-dir").arg(directory.path());
        command
    };
    let mut first = Running::init(&mut with_directory());
    first.ask(&json!({"type": "store", "sync": true}));
    let (status, _, stderr) = Running::start(&mut with_directory()).end();
    assert_eq!(status.code(), Some(1));
    let holder = format!("process {} uses it", first.child.id());
    assert!(stderr.len() == 1 && stderr[0].contains(&holder), "{stderr:?}");
    // The lock ends with its process, however that ends.
    signal(&first.child, "-KILL");
    first.end();
    let mut third = Running::init(&mut with_directory());
    assert!(third.ask(&json!({"type": "store", "sync": true})).contains(r#""found":1"#));
}

/// One sentence and status 1: no panic, no backtrace.
fn a_damaged_or_unreadable_data_directory_ends_it_with_a_sentence() {
    type Damage = fn(&Path);
    let damage: [(&str, Damage, &str); 3] = [
        ("damaged", |path| std::fs::write(path.join("log-1"), b"").expect("a file"), "damaged"),
        ("missing", |path| std::fs::remove_file(path.join("log-1")).expect("a file"), "damaged"),
        (
            "unreadable",
            |path| {
                std::fs::remove_file(path.join("log-1")).expect("a file");
                std::fs::create_dir(path.join("log-1")).expect("a directory");
            },
            "could not read the node's log-1 file",
        ),
    ];
    for (what, damage, expected) in damage {
        let directory = tempfile::tempdir().expect("a directory");
        let command = || {
            let mut command = Command::new(G_SET);
            command.arg("--data-dir").arg(directory.path());
            command
        };
        let mut node = Running::init(&mut command());
        node.ask(&json!({"type": "add", "element": 1}));
        signal(&node.child, "-KILL");
        node.end();
        damage(directory.path());
        let mut node = Running::start(&mut command());
        node.say(INIT);
        let (status, _, stderr) = node.end();
        assert_eq!(status.code(), Some(1), "{what}: {stderr:?}");
        let is_sentence = stderr.len() == 1 && stderr[0].starts_with("this node cannot go on: ");
        assert!(is_sentence && stderr[0].contains(expected), "{what}: {stderr:?}");
    }
}

/// A file may have one block and no more: for the node it is as if the disk were full.
fn a_full_disk_ends_it_with_a_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {G_SET} --data-dir \"$0\"");
    command.args(["-c", &script]).arg(directory.path());
    let mut node = Running::init(&mut command);
    for element in 0..100 {
        let add = json!({"type": "add", "element": format!("{element:0>100}")});
        // It ends somewhere here.
        let line = format!("{}\n", request(&add));
        let _ = node.child.stdin.as_mut().expect("stdin is open").write_all(line.as_bytes());
    }
    let (status, stdout, stderr) = node.end();
    assert_eq!(status.code(), Some(1), "{stderr:?}");
    assert!(stdout.len() < 100, "not all were acknowledged");
    assert!(stderr.len() == 1 && stderr[0].starts_with("this node cannot go on: "), "{stderr:?}");
}

/// The subject in lockstep.
fn in_lockstep(seed: &str, data_dir: Option<&Path>) -> Running {
    let mut command = subject();
    command.env("MAELSTROM_LOCKSTEP", "1").env("MAELSTROM_SEED", seed);
    if let Some(directory) = data_dir {
        command.arg("--data-dir").arg(directory);
    }
    Running::start(&mut command)
}

fn step(at: u64, message: &str) -> String {
    format!(r#"{{"at":{at},"message":{message}}}"#)
}

fn in_lockstep_the_bench_decides_the_time() {
    let mut node = in_lockstep("1", None);
    node.say(&step(1_000, INIT));
    assert_eq!([node.hear(), node.hear()], [INIT_OK, r#"{"idle":null}"#]);
    // An hour's sleep takes no time.
    node.say(&step(2_000, &request(&json!({"type": "sleep", "ms": 3_600_000}))));
    assert_eq!(node.hear(), r#"{"idle":3600000002000}"#);
    node.say(r#"{"at":3600000001999}"#);
    assert_eq!(node.hear(), r#"{"idle":3600000002000}"#);
    // The reply would be too late for a client.
    node.say(r#"{"at": 3600000002000}"#);
    assert_eq!(node.hear(), r#"{"idle":null}"#);
    drop(node.child.stdin.take());
    let (_, stderr) = node.end_cleanly();
    assert!(stderr.iter().any(|line| line.contains("withheld a reply to c1")), "{stderr:?}");
}

fn in_lockstep_what_is_no_step_is_a_failure() {
    for (seed, line, expected) in [
        ("1", "hello", "MAELSTROM_LOCKSTEP is set, so each line must be a step"),
        ("1", INIT, "MAELSTROM_LOCKSTEP is set, so each line must be a step"),
        ("x", "", "MAELSTROM_SEED must be a number, but is \"x\""),
    ] {
        let mut node = in_lockstep(seed, None);
        // It may have ended already.
        let _ = node
            .child
            .stdin
            .as_mut()
            .expect("stdin is open")
            .write_all(format!("{line}\n").as_bytes());
        let (status, _, stderr) = node.end();
        assert_eq!(status.code(), Some(1));
        assert!(stderr.len() == 1 && stderr[0].starts_with(expected), "{stderr:?}");
    }
}

/// A kill takes unsynced records from a node in lockstep, and it is the seed that says which.
fn in_lockstep_a_kill_is_a_crash_of_the_disk() {
    let lives = |sync: bool| {
        let directory = tempfile::tempdir().expect("a directory");
        let mut found = Vec::new();
        for seed in 0..12 {
            let mut node = in_lockstep(&seed.to_string(), Some(directory.path()));
            node.say(&step(1, INIT));
            assert_eq!([node.hear(), node.hear()], [INIT_OK, r#"{"idle":null}"#]);
            node.say(&step(2, &request(&json!({"type": "store", "sync": sync}))));
            found.push(found_in(&node.hear()));
            signal(&node.child, "-KILL");
            node.end();
        }
        found
    };
    assert_eq!(lives(true), (0..12).collect::<Vec<_>>());
    let unsynced = lives(false);
    assert!(*unsynced.last().expect("there were lives") < 11, "some were lost: {unsynced:?}");
    assert!(unsynced.iter().any(|&count| count > 0), "and some were not: {unsynced:?}");
    assert_eq!(unsynced, lives(false), "the same seeds");
}

fn main() -> ExitCode {
    if std::env::var_os("GYRE_TEST_NODE").is_some() {
        return gyre::run(Subject::new);
    }
    macro_rules! tests {
        ($($name:ident)*) => { [$((stringify!($name), $name as fn())),*] };
    }
    let tests = tests! {
        it_ends_at_the_end_of_its_input
        it_ends_at_sigterm
        it_ends_at_sigterm_when_nobody_reads_it
        it_ends_at_sigterm_in_a_flood
        it_ends_when_its_output_is_closed
        after_a_pause_it_withholds_what_is_too_late
        it_skips_what_is_no_message
        it_takes_lines_of_any_length
        a_panic_ends_it_with_a_message_and_a_failure
        it_answers_when_a_timer_is_due
        it_reads_and_writes_what_is_no_pipe
        it_leaves_the_pipes_that_it_inherits_as_they_were
        two_starts_never_give_the_same_id
        what_it_stores_is_there_after_a_kill
        without_a_directory_it_says_so_once
        bad_arguments_are_a_failure_with_a_sentence
        a_second_process_on_a_data_directory_is_told_who_has_it
        a_damaged_or_unreadable_data_directory_ends_it_with_a_sentence
        a_full_disk_ends_it_with_a_sentence
        in_lockstep_the_bench_decides_the_time
        in_lockstep_what_is_no_step_is_a_failure
        in_lockstep_a_kill_is_a_crash_of_the_disk
        on_a_simulated_disk_a_kill_is_a_crash
        in_real_time_the_bench_harms_disks
    };
    // A test that fails panics, and that ends the program with a status that says so.
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("{} passed, 0 failed", tests.len());
    ExitCode::SUCCESS
}

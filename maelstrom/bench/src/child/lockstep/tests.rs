use super::*;
use crate::child::pin_to_one_core;

/// A node that runs `script` in a shell, and the folder that it lives in.
fn start(script: &str) -> (LockstepChild, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = ChildOptions {
        bin: "/bin/sh".into(),
        args: vec!["-c".to_owned(), script.to_owned()],
        log_dir: dir.path().join("node-logs"),
        data_dir: Some(dir.path().join("data")),
        watchdog: None,
        asks_for_states: true,
        memory_bytes: None,
    };
    (start_with(&options), dir)
}

fn start_with(options: &ChildOptions) -> LockstepChild {
    let node = NodeId::from("n1");
    let log = options.open_log(&node).unwrap();
    LockstepChild::start(options, &node, log, 7, None).unwrap()
}

fn message() -> Message {
    Message::parse(r#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":1}}"#).unwrap()
}

#[test]
fn what_a_node_says_of_itself_belongs_to_the_step_in_which_it_says_it() {
    let (mut child, dir) = start(
        "for n in 1 2 3; do read step; echo log $n >&2; echo 'state: {\"n\":0}' >&2; \
         echo \"state: {\\\"n\\\":$n}\" >&2; echo '{\"idle\":null}'; done",
    );
    for n in 1..=3 {
        child.handle_timeout(Time::ZERO);
        assert_eq!(child.failure(), None);
        assert_eq!(child.take_state(), Some(format!("{{\"n\":{n}}}")));
        assert_eq!(child.take_state(), None);
    }
    drop(child);
    let log = std::fs::read_to_string(dir.path().join("node-logs/n1.log")).unwrap();
    assert_eq!(log, "log 1\nlog 2\nlog 3\n");
}

#[test]
fn a_step_is_a_line_and_its_answer_is_up_to_idle() {
    // Sends back what it is sent, twice, after a message that shows what it was asked.
    let (mut child, dir) = start(
        r#"while read -r line; do
            echo "$line" >&2
            message=${line#*'"message":'}
            if [ "$message" != "$line" ]; then printf '%s\n%s\n' "${message%?}" "${message%?}"; fi
            echo " { \"idle\" : $MAELSTROM_SEED$MAELSTROM_LOCKSTEP }"
        done"#,
    );
    child.handle_message(Time::from_nanos(5), message());
    assert_eq!(child.failure(), None);
    assert_eq!(child.poll_timeout(), Some(Time::from_nanos(71)));
    assert_eq!(child.poll_transmit(), Some(message()));
    assert_eq!(child.poll_transmit(), Some(message()));
    assert_eq!(child.poll_transmit(), None);
    child.handle_timeout(Time::from_nanos(71));
    assert_eq!(child.failure(), None);
    assert_eq!(child.poll_transmit(), None);
    let asked = format!("{{\"at\":5,\"message\":{}}}\n{{\"at\":71}}\n", message().to_line());
    drop(child);
    assert_eq!(std::fs::read_to_string(dir.path().join("node-logs/n1.log")).unwrap(), asked);
}

#[test]
fn a_long_message_goes_there_and_back() {
    let (mut child, _dir) = start(
        r#"while read -r line; do
            line=${line#*'"message":'}
            echo "${line%?}"
            echo '{"idle":null}'
        done"#,
    );
    let long = format!(r#"{{"type":"echo","echo":"{}"}}"#, "x".repeat(1 << 20));
    let message = Message { body: gyre::Body::parse(&long).unwrap(), ..message() };
    child.handle_message(Time::ZERO, message.clone());
    assert_eq!(child.failure(), None);
    assert!(child.poll_transmit() == Some(message));
}

#[test]
fn a_failure_says_what_happened() {
    // A script, and how the failure begins.
    let cases = [
        ("exit 3", "node n1 exited on its own, with exit status: 3"),
        ("read x; exit 0", "node n1 exited on its own, with exit status: 0"),
        ("kill -9 $$", "node n1 exited on its own, with signal: 9 (SIGKILL)"),
        (
            "echo hi there; read x",
            "node n1 wrote a line that is neither a message nor idle: hi there (",
        ),
        ("read x; echo {}; read x", "node n1 wrote a line that is neither a message nor idle"),
        (
            r#"read x; echo '{"idle":-1}'; read x"#,
            r#"node n1 wrote a line that is neither a message nor idle: {"idle":-1} ("#,
        ),
        (
            r#"read x; printf '{"idle":null}\nmore\n'; read x"#,
            "node n1 wrote more after it said idle: more",
        ),
        (
            "yes '{\"src\":\"n1\",\"dest\":\"c1\",\"body\":{\"type\":\"echo\"}}'",
            "node n1 answered one step with more than 64 MiB",
        ),
    ];
    for (script, expected) in cases {
        let (mut child, _dir) = start(script);
        // However long it takes to read 64 MiB.
        child.step_limit = Duration::from_secs(600);
        child.handle_message(Time::ZERO, message());
        let failure = child.failure().expect(script).to_owned();
        assert!(failure.starts_with(expected), "{script}: {failure}");
        assert!(failure.contains("run it without --seed"), "{script}: {failure}");
        // It stays failed, and silent.
        child.handle_timeout(Time::ZERO);
        assert_eq!(child.failure(), Some(&*failure));
        assert_eq!((child.poll_transmit(), child.poll_timeout()), (None, None));
    }
}

#[test]
fn a_failure_shows_the_last_lines_of_this_life() {
    let (mut child, dir) = start("echo old >&2; exit 1");
    child.handle_timeout(Time::ZERO);
    let options = ChildOptions {
        bin: "/bin/sh".into(),
        args: vec!["-c".into(), "read x; echo '{\"idle\":null}'; read x; seq 100 >&2".into()],
        log_dir: dir.path().join("node-logs"),
        data_dir: Some(dir.path().join("data")),
        watchdog: None,
        asks_for_states: true,
        memory_bytes: None,
    };
    let mut child = start_with(&options);
    child.handle_timeout(Time::ZERO);
    assert_eq!(child.failure(), None);
    child.handle_timeout(Time::ZERO);
    let lines: Vec<String> = (69..=100).map(|number: u8| number.to_string()).collect();
    // It has answered before, so it knows lockstep.
    let expected = format!(
        "node n1 exited on its own, with exit status: 0\nits last lines on stderr:\n  {}",
        lines.join("\n  ")
    );
    assert_eq!(child.failure(), Some(&*expected));
}

#[test]
#[cfg(target_os = "linux")]
fn pinning_leaves_one_processor_for_as_long_as_it_lasts() {
    let count = || rustix::thread::sched_getaffinity(None).unwrap().count();
    let counts = std::thread::spawn(move || {
        let before = count();
        let pinned = pin_to_one_core().unwrap();
        let meanwhile = count();
        drop(pinned);
        (before, meanwhile, count())
    });
    let (before, meanwhile, after) = counts.join().unwrap();
    assert_eq!((meanwhile, after), (1, before));
}

#[test]
fn a_silent_node_fails_and_so_does_one_that_reads_nothing() {
    let long = format!(r#"{{"type":"echo","echo":"{}"}}"#, "x".repeat(1 << 20));
    let long = Message { body: gyre::Body::parse(&long).unwrap(), ..message() };
    for message in [message(), long] {
        let (mut child, _dir) = start("exec sleep 1000");
        child.step_limit = Duration::from_millis(20);
        child.handle_message(Time::ZERO, message);
        let failure = child.failure().unwrap();
        assert!(failure.starts_with("node n1 did not answer a step within 20ms"), "{failure}");
    }
}

#[test]
fn a_node_may_write_to_stderr_what_it_likes() {
    // More than a pipe holds, before each answer.
    let (mut child, dir) =
        start(r#"while read -r line; do seq 100000 >&2; echo '{"idle":null}'; done"#);
    let all: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    for _ in 0..2 {
        child.handle_message(Time::ZERO, message());
        assert_eq!(child.failure(), None);
    }
    drop(child);
    let log = std::fs::read_to_string(dir.path().join("node-logs/n1.log")).unwrap();
    assert!(log == all.repeat(2), "{} bytes", log.len());
}

#[test]
fn a_node_that_only_logs_fails_in_time_and_leaves_a_log_of_bounded_size() {
    let (mut child, dir) = start("yes 'I am still here' >&2; true");
    child.step_limit = Duration::from_millis(300);
    child.handle_message(Time::ZERO, message());
    let failure = child.failure().unwrap();
    assert!(failure.starts_with("node n1 did not answer a step within 300ms"), "{failure}");
    assert!(failure.ends_with("I am still here"), "{failure}");
    drop(child);
    let log = std::fs::metadata(dir.path().join("node-logs/n1.log")).unwrap();
    assert!(log.len() < super::super::MOST_LOG_BYTES as u64 + 1000, "{} bytes", log.len());
}

#[test]
fn a_node_that_closes_its_stdout_fails() {
    let (mut child, _dir) = start("exec 1>&-; exec sleep 1000");
    child.handle_message(Time::ZERO, message());
    let failure = child.failure().unwrap();
    assert!(failure.starts_with("node n1 closed its stdin or stdout"), "{failure}");
}

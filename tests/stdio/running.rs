//! A node that runs as a program, with a test at the other end of its pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;

/// Nothing here should take a second; this is for a machine that is very busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running node. Lines that it writes are gathered by threads.
pub struct Running {
    pub child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let mut child = command
            .env_remove("MAELSTROM_DATA_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let stderr = lines(child.stderr.take().expect("it is piped"));
        Running { child, stdout, stderr }
    }

    /// Starts it, and sends it its init.
    pub fn init(command: &mut Command) -> Running {
        let mut node = Running::start(command);
        node.say(INIT);
        assert_eq!(node.hear(), INIT_OK);
        node
    }

    pub fn say(&mut self, line: &str) {
        self.say_bytes(format!("{line}\n").as_bytes());
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().expect("stdin is open").write_all(bytes).expect("it reads");
    }

    /// The next line on its stdout.
    pub fn hear(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("the node answers")
    }

    /// The next line on its stdout, if it comes in that time.
    pub fn hear_within(&self, time: Duration) -> Option<String> {
        self.stdout.recv_timeout(time).ok()
    }

    /// The next line on its stderr.
    pub fn hear_log(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("the node says something")
    }

    pub fn ask(&mut self, body: &serde_json::Value) -> String {
        self.say(&request(body));
        self.hear()
    }

    /// Waits for its end, and gives the rest of its output.
    pub fn end(self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let Running { mut child, stdout, stderr } = self;
        let status = wait(&mut child);
        (status, stdout.iter().collect(), stderr.iter().collect())
    }

    /// Waits for its end, which must be a clean one.
    pub fn end_cleanly(self) -> (Vec<String>, Vec<String>) {
        let (status, stdout, stderr) = self.end();
        assert_eq!(status.code(), Some(0), "{stderr:?}");
        (stdout, stderr)
    }
}

/// Waits, but not for ever, and without closing the child's stdin.
pub fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().expect("the child can be killed");
            panic!("the node did not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn lines(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let line = line.expect("a pipe can be read");
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(status.expect("there is a kill command").success());
}

pub const INIT: &str = concat!(
    r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","#,
    r#""node_ids":["n1"]}}"#,
);
pub const INIT_OK: &str = r#"{"src":"n1","dest":"c0","body":{"in_reply_to":1,"type":"init_ok"}}"#;

/// A request from a client, with `msg_id` 2.
pub fn request(body: &serde_json::Value) -> String {
    let mut body = body.clone();
    body["msg_id"] = 2.into();
    json!({"src": "c1", "dest": "n1", "body": body}).to_string()
}

//! A cluster of programs in lockstep: real processes with real files, in virtual time, with the
//! services of the bench.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use gyre::{Message, Time};
use maelstrom::service::{self, Service};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

/// How long a message between nodes takes, or between a node and a service.
const LATENCY: Duration = Duration::from_millis(5);
/// How long a client waits for a reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// The nodes `n0`, `n1`, … and the messages between them.
pub struct Cluster {
    program: &'static str,
    directory: tempfile::TempDir,
    /// `None` is a node that is down.
    nodes: Vec<Option<Node>>,
    now: Time,
    /// By the time at which they arrive, and a number that keeps their order.
    on_their_way: BTreeMap<(Time, u64), Message>,
    /// Every node's life has a seed of its own, and every message a number of its own.
    count: u64,
    replies: Vec<Message>,
    /// In the order of [`service::NAMES`].
    services: Vec<Box<dyn Service>>,
    /// The chance of the services.
    rng: ChaCha8Rng,
}

struct Node {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// When it wants to be woken.
    wake_at: Option<Time>,
}

#[derive(Deserialize)]
struct Idle {
    idle: Option<u64>,
}

impl Cluster {
    pub fn start(program: &'static str, size: usize) -> Cluster {
        let mut cluster = Cluster {
            program,
            directory: tempfile::tempdir().expect("a directory"),
            nodes: (0..size).map(|_| None).collect(),
            now: Time::ZERO,
            on_their_way: BTreeMap::new(),
            count: 0,
            replies: Vec::new(),
            services: service::all(),
            rng: ChaCha8Rng::seed_from_u64(0),
        };
        (0..size).for_each(|node| cluster.spawn(node));
        cluster.run_for(Duration::from_secs(2));
        cluster
    }

    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Starts a node with what its former life has left.
    pub fn spawn(&mut self, node: usize) {
        let folder: PathBuf = self.directory.path().join(format!("n{node}"));
        let mut child = Command::new(self.program)
            .arg("--data-dir")
            .arg(folder)
            .env("MAELSTROM_LOCKSTEP", "1")
            .env("MAELSTROM_SEED", self.next_number().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        self.nodes[node] = Some(Node { child, stdin, stdout, wake_at: None });
        let names: Vec<String> = (0..self.size()).map(|node| format!("n{node}")).collect();
        let init = serde_json::json!({"type": "init", "node_id": names[node], "node_ids": names});
        let reply = self.ask(node, &init.to_string());
        assert!(reply.contains("init_ok"), "{}: {reply}", self.program);
    }

    /// Kills a node as `kill -9` does.
    pub fn kill(&mut self, node: usize) {
        let mut node = self.nodes[node].take().expect("the node is up");
        node.child.kill().expect("the node can be killed");
        node.child.wait().expect("the node ends");
    }

    /// Sends a body without `msg_id` to a node as a client's request, and gives the body of the
    /// reply. A node that knows no leader yet is asked again.
    pub fn ask(&mut self, node: usize, body: &str) -> String {
        let give_up_at = self.now + 10 * PATIENCE;
        loop {
            let reply = self.ask_once(node, body);
            if self.now >= give_up_at || !reply.contains(r#""code":11"#) {
                return reply;
            }
            self.run_for(Duration::from_millis(100));
        }
    }

    fn ask_once(&mut self, node: usize, body: &str) -> String {
        let msg_id = self.next_number();
        let line = format!(
            r#"{{"src":"c{msg_id}","dest":"n{node}","body":{{"msg_id":{msg_id},{}}}"#,
            &body[1..]
        );
        let request = Message::parse(&line).expect("a request is a message");
        let client = request.src.clone();
        self.replies.clear();
        self.on_their_way.insert((self.now, msg_id), request);
        let give_up_at = self.now + PATIENCE;
        while self.step(give_up_at) {
            if let Some(reply) = self.replies.iter().find(|reply| reply.dest == client) {
                return reply.body.as_json().to_owned();
            }
        }
        panic!("{}: n{node} does not answer {body}", self.program);
    }

    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Does what is due next, if that is before `end`: messages first.
    fn step(&mut self, end: Time) -> bool {
        let message = self.on_their_way.first_key_value().map(|((at, _), _)| (*at, 0));
        let wakes = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(index, node)| Some((node.as_ref()?.wake_at?, index + 1)));
        let Some((at, what)) = wakes.chain(message).min() else { return false };
        if at >= end {
            return false;
        }
        self.now = self.now.max(at);
        if what > 0 {
            self.drive(what - 1, None);
            return true;
        }
        let (_, message) = self.on_their_way.pop_first().expect("there is a message");
        let dest = message.dest.as_str();
        if let Some(service) = service::NAMES.iter().position(|name| *name == dest) {
            self.serve(service, message);
        } else if let Some(rank) = dest.strip_prefix('n').and_then(|rank| rank.parse().ok()) {
            self.drive(rank, Some(message));
        } else {
            self.replies.push(message);
        }
        true
    }

    /// Has a service answer a node.
    fn serve(&mut self, service: usize, Message { src, dest, body }: Message) {
        let reply = self.services[service].handle(&mut self.rng, &src, &body);
        let msg_id = body.msg_id().expect("nodes want an answer of a service");
        let reply = Message { src: dest, dest: src, body: reply.with_in_reply_to(msg_id) };
        let number = self.next_number();
        self.on_their_way.insert((self.now + LATENCY, number), reply);
    }

    /// One step of one node, if it is up.
    fn drive(&mut self, rank: usize, message: Option<Message>) {
        let Some(node) = &mut self.nodes[rank] else { return };
        let at = self.now.as_nanos();
        let step = match message {
            Some(message) => format!("{{\"at\":{at},\"message\":{}}}\n", message.to_line()),
            None => format!("{{\"at\":{at}}}\n"),
        };
        node.stdin.write_all(step.as_bytes()).expect("the node reads");
        loop {
            let mut line = String::new();
            let length = node.stdout.read_line(&mut line).expect("a pipe can be read");
            assert!(length > 0, "{}: n{rank} ended at {step}", self.program);
            if line.starts_with("{\"idle\"") {
                let Idle { idle } = serde_json::from_str(&line).expect("it ends its step");
                node.wake_at = idle.map(Time::from_nanos);
                return;
            }
            let message = Message::parse(&line).expect("a node writes messages");
            self.count += 1;
            let takes = if message.dest.is_client() { Duration::ZERO } else { LATENCY };
            self.on_their_way.insert((self.now + takes, self.count), message);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes.iter_mut().flatten() {
            // It may have ended already.
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}

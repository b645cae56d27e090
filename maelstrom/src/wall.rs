//! A cluster under the wall clock: child processes that run freely, and a real clock.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the wall clock is real: this is the one place where the engine meets it"
)]

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use gyre::{Message, NodeId, Time};
use rand::TryRng;
use rand::rngs::SysRng;
use rustc_hash::FxHashMap;

use crate::child::{ChildEvent, ChildOptions, Children};
use crate::engine::cluster::{Cluster, INTERRUPTED, Output};
use crate::wire::parse_line;

/// A seed that nobody chose, for a run that nobody can repeat anyway.
///
/// # Errors
/// When the system has no randomness to give.
pub fn entropy() -> anyhow::Result<u64> {
    SysRng.try_next_u64().context("the system gave no randomness")
}

/// Nodes that are child processes, under the wall clock.
pub struct WallCluster {
    children: Children,
    names: Vec<NodeId>,
    numbers: FxHashMap<NodeId, usize>,
    paused: Vec<bool>,
    started_at: Instant,
    /// Reused for every wait.
    events: Vec<ChildEvent>,
    /// Reused for every message.
    line: String,
}

impl WallCluster {
    /// A cluster of nodes with these names, none of them started. The run ends when something
    /// can be read from `interrupt`.
    ///
    /// # Errors
    /// When the node's program cannot be run.
    pub fn new(
        names: &[NodeId],
        options: ChildOptions,
        interrupt: Option<OwnedFd>,
    ) -> anyhow::Result<WallCluster> {
        let mut children = Children::new(options)?;
        if let Some(interrupt) = interrupt {
            children.watch(interrupt);
        }
        Ok(WallCluster {
            children,
            names: names.to_vec(),
            numbers: names.iter().cloned().zip(0..).collect(),
            paused: vec![false; names.len()],
            started_at: Instant::now(),
            events: Vec::new(),
            line: String::new(),
        })
    }

    fn now(&self) -> Time {
        Time::ZERO + self.started_at.elapsed()
    }

    fn output(&self, event: ChildEvent) -> Output {
        match event {
            ChildEvent::Line { node, line } => match parse_line(&line) {
                Ok(message) => Output::Message { node: self.numbers[&node], message },
                Err(error) => Output::Failure(not_a_message(&node, &line, &error)),
            },
            ChildEvent::Stderr { node, line } => Output::Log { node: self.numbers[&node], line },
            ChildEvent::State { node, state } => Output::State { node: self.numbers[&node], state },
            ChildEvent::Exited { node, status } => {
                let output = self.describe_output(self.numbers[&node]);
                Output::Failure(format!("node {node} exited on its own, with {status}{output}"))
            }
            ChildEvent::Failed { reason, .. } => Output::Failure(reason),
            ChildEvent::NotReading { node, dropped_lines } => Output::Say(format!(
                "node {node} does not read its stdin: 64 MiB wait for it, and {dropped_lines} \
                 messages were dropped so far"
            )),
            ChildEvent::Watched => Output::Failure(INTERRUPTED.into()),
        }
    }
}

fn not_a_message(node: &NodeId, line: &str, error: &serde_json::Error) -> String {
    let shown: String = line.chars().take(200).collect();
    let cut = if shown.len() < line.len() { "…" } else { "" };
    format!(
        "node {node} wrote a line on stdout that is not a message ({error}):\n{shown}{cut}\n\
         stdout is for messages only; a node's own log goes to stderr"
    )
}

impl Cluster for WallCluster {
    fn start(&mut self, node: usize, _seed: u64, _now: Time) -> Result<(), String> {
        self.paused[node] = false;
        self.children.start(&self.names[node]).map_err(|error| format!("{error:#}"))
    }

    fn is_real_time(&self) -> bool {
        true
    }

    fn advance(&mut self, until: Time, outputs: &mut Vec<Output>) -> Time {
        let timeout = until.since(self.now());
        let mut events = std::mem::take(&mut self.events);
        if let Err(error) = self.children.wait(Some(timeout), &mut events) {
            outputs.push(Output::Failure(format!("could not wait for the nodes: {error:#}")));
        }
        outputs.extend(events.drain(..).map(|event| self.output(event)));
        self.events = events;
        self.now()
    }

    fn deliver(
        &mut self,
        node: usize,
        id: u64,
        message: Message,
        _now: Time,
        _outputs: &mut Vec<Output>,
    ) {
        self.line.clear();
        self.line.push_str("{\"id\":");
        self.line.push_str(itoa::Buffer::new().format(id));
        self.line.push(',');
        let start = self.line.len();
        message.write_line(&mut self.line);
        // The message's own opening brace: the id stands before its first key.
        self.line.remove(start);
        self.children.send(&self.names[node], &self.line);
    }

    fn wake(&mut self, _node: usize, _at: Time, _now: Time, _outputs: &mut Vec<Output>) {
        unreachable!("a free process keeps its own timers");
    }

    fn kill(&mut self, node: usize, _now: Time) {
        self.paused[node] = false;
        self.children.kill(&self.names[node]);
    }

    fn pause(&mut self, node: usize) {
        self.paused[node] = true;
        self.children.pause(&self.names[node]);
    }

    fn resume(&mut self, node: usize, _now: Time, _outputs: &mut Vec<Output>) {
        if self.paused[node] {
            self.paused[node] = false;
            self.children.resume(&self.names[node]);
        }
    }

    fn is_paused(&self, node: usize) -> bool {
        self.paused[node]
    }

    fn skew(
        &mut self,
        _node: usize,
        _rate_per_mille: u64,
        _jump: Duration,
        _now: Time,
        outputs: &mut Vec<Output>,
    ) {
        outputs.push(Output::Failure("clocks can only be skewed in virtual time".into()));
    }

    fn describe_output(&self, node: usize) -> String {
        let (stdout, stderr) = self.children.recent_output(&self.names[node]);
        let mut text = String::new();
        for (name, lines) in [("stdout", stdout), ("stderr", stderr)] {
            if lines.is_empty() {
                text.push_str(&format!("\nit wrote nothing on {name}"));
            } else {
                text.push_str(&format!("\nits last lines on {name}:\n  {}", lines.join("\n  ")));
            }
        }
        text
    }
}

//! A cluster under the wall clock: child processes that run freely, and a real clock.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the wall clock is real: this is the one place where the engine meets it"
)]

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use gyre::{DiskTrouble, Message, NodeId, Time};
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

/// The exit status of a node that cannot go on.
const GAVE_UP: i32 = 1;

/// A node that meets what is wrong with its disk just before that is mended is gone so much later.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);

/// Nodes that are child processes, under the wall clock.
pub struct WallCluster {
    children: Children,
    names: Vec<NodeId>,
    numbers: FxHashMap<NodeId, usize>,
    paused: Vec<bool>,
    /// Whether nodes run on simulated disks, which can be harmed.
    simulates_disks: bool,
    /// Until when each node may end by itself because of its disk.
    may_give_up_until: Vec<Option<Time>>,
    started_at: Instant,
    /// Reused for every wait.
    events: Vec<ChildEvent>,
    /// Reused for every message.
    line: String,
}

impl WallCluster {
    /// A cluster of nodes with these names, none of them started. Where disks are to be harmed,
    /// they are simulated. The run ends when something can be read from `interrupt`.
    ///
    /// # Errors
    /// When the node's program cannot be run.
    pub fn new(
        names: &[NodeId],
        options: ChildOptions,
        simulates_disks: bool,
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
            simulates_disks,
            may_give_up_until: vec![None; names.len()],
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
                let number = self.numbers[&node];
                let may_give_up = self.may_give_up_until[number] > Some(self.now());
                if may_give_up && status.code() == Some(GAVE_UP) {
                    let (_, stderr) = self.children.recent_output(&node);
                    let sentence = stderr.last().cloned().unwrap_or_else(|| status.to_string());
                    return Output::GaveUp { node: number, sentence };
                }
                let output = self.describe_output(number);
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
    fn start(&mut self, node: usize, seed: u64, _now: Time) -> Result<(), String> {
        self.paused[node] = false;
        let name = &self.names[node];
        let started = match self.simulates_disks {
            true => self.children.start_on_simulated_disk(name, seed),
            false => self.children.start(name),
        };
        started.map_err(|error| format!("{error:#}"))
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

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        let now = self.now();
        self.may_give_up_until[node] = match trouble {
            Some(DiskTrouble::Slow(_)) => None,
            Some(DiskTrouble::Full | DiskTrouble::Rot(_)) => Some(now + FOR_EVER),
            None => self.may_give_up_until[node].map(|until| until.min(now + LAST_WORDS)),
        };
        self.children.options().set_disk_trouble(&self.names[node], trouble)
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

//! All nodes of a run under the wall clock: real processes that run freely.
//!
//! One thread, one `poll`. Each call of [`Children::wait`] writes what the nodes' pipes take,
//! waits, and reads each pipe that has something once, so that a node that floods one pipe
//! gets no more than its turn. Lines go in and come out in batches as large as the pipes made
//! them; that is what makes it fast, and it needs no tuning.
//!
//! A node may do anything: die, hang, close its ends, write without end, read nothing, leave
//! behind processes that hold its pipes open. None of it blocks the bench or makes it grow
//! without bound.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context;
use gyre::NodeId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::node::{Node, Running};
use super::{ChildOptions, Watchdog};

/// How often to ask whether a node has ended, where the system cannot say so by itself.
const ASK_FOR_END_EVERY: Duration = Duration::from_millis(10);

/// What happened to a node.
#[derive(Debug)]
pub enum ChildEvent {
    /// It wrote a line on stdout, given without its line feed.
    Line {
        /// Which node.
        node: NodeId,
        /// The line; invalid UTF-8 is replaced.
        line: String,
    },
    /// It wrote a line on stderr. The log file has it already.
    Stderr {
        /// Which node.
        node: NodeId,
        /// The line; invalid UTF-8 is replaced.
        line: String,
    },
    /// It said what it is, on stderr. This is not in the log file.
    State {
        /// Which node.
        node: NodeId,
        /// The text of a JSON object.
        state: String,
    },
    /// It ended by itself, or was killed by someone else. All that it wrote was given before.
    Exited {
        /// Which node.
        node: NodeId,
        /// How it ended.
        status: ExitStatus,
    },
    /// It did what no node may do, and was killed for it; no `Exited` follows.
    Failed {
        /// Which node.
        node: NodeId,
        /// One sentence that names the node and says what it did.
        reason: String,
    },
    /// It does not read its stdin: more than 64 MiB wait, and lines are dropped from now on
    /// until it reads. Told once in the life of a process.
    NotReading {
        /// Which node.
        node: NodeId,
        /// How many lines were dropped so far.
        dropped_lines: usize,
    },
    /// A descriptor given to [`Children::watch`] was readable, and has been read.
    Watched,
}

/// The nodes of a run. Dropping it kills them.
pub struct Children {
    options: ChildOptions,
    watchdog: Option<Watchdog>,
    /// Where each node is in `nodes`: nodes are named often and never go away.
    index: BTreeMap<NodeId, usize>,
    nodes: Vec<Node>,
    /// `None` for those that were closed at the other end.
    watched: Vec<Option<OwnedFd>>,
}

/// What a descriptor in the poll set belongs to.
#[derive(Clone, Copy)]
enum Source {
    Stdin(usize),
    Stdout(usize),
    Stderr(usize),
    End(usize),
    Watched(usize),
}

impl Children {
    /// No nodes yet, but all that they need: checks the program and starts the watchdog.
    ///
    /// # Errors
    /// When the program is missing or not executable, or the watchdog does not start.
    pub fn new(options: ChildOptions) -> anyhow::Result<Children> {
        let options = options.resolved()?;
        let watchdog = options.watchdog.as_deref().map(Watchdog::start).transpose()?;
        Ok(Children {
            options,
            watchdog,
            index: BTreeMap::new(),
            nodes: Vec::new(),
            watched: Vec::new(),
        })
    }

    /// Starts a node, or starts it again; one that still runs is killed first. Its stderr is
    /// appended to its log.
    ///
    /// # Errors
    /// When its folder or its log cannot be made, or the program does not start.
    pub fn start(&mut self, node: &NodeId) -> anyhow::Result<()> {
        self.start_with(node, None)
    }

    /// The same, with a disk that [`ChildOptions::set_disk_trouble`] can harm, if the node is
    /// built on gyre's storage. The seed decides what the end of its last life took from there.
    ///
    /// # Errors
    /// As [`Children::start`].
    pub fn start_on_simulated_disk(&mut self, node: &NodeId, seed: u64) -> anyhow::Result<()> {
        self.start_with(node, Some(seed))
    }

    fn start_with(&mut self, node: &NodeId, disk_seed: Option<u64>) -> anyhow::Result<()> {
        self.kill(node);
        let index = *self.index.entry(node.clone()).or_insert_with(|| {
            self.nodes.push(Node::new(node.clone()));
            self.nodes.len() - 1
        });
        self.nodes[index].start(&self.options, self.watchdog.as_ref(), disk_seed)
    }

    /// How nodes are started.
    pub fn options(&self) -> &ChildOptions {
        &self.options
    }

    /// Queues a line, given without its line feed, for a node's stdin. [`Children::wait`]
    /// writes it. A line to a node that does not run is dropped.
    ///
    /// # Panics
    /// When `line` has a line feed in it: it would be two.
    pub fn send(&mut self, node: &NodeId, line: &str) {
        if let Some(running) = self.running(node) {
            running.input.push(line);
        }
    }

    /// Writes what the nodes take, waits until something happens or `timeout` has passed (`None`
    /// waits for ever), and appends what happened to `events`.
    ///
    /// It may come back early and without events; the caller knows how long it wants to wait.
    ///
    /// # Errors
    /// When a log cannot be written, or the system does not answer as it should. What happened
    /// before is in `events`.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<ChildEvent>,
    ) -> anyhow::Result<()> {
        let events_before = events.len();
        for node in &mut self.nodes {
            node.write(events);
        }
        let timeout = if events.len() > events_before {
            Some(Duration::ZERO)
        } else if self.nodes.iter().any(Node::must_be_asked) {
            Some(timeout.map_or(ASK_FOR_END_EVERY, |timeout| timeout.min(ASK_FOR_END_EVERY)))
        } else {
            timeout
        };
        for source in self.poll(timeout)? {
            match source {
                Source::Stdin(node) => self.nodes[node].write_on(),
                Source::Stdout(node) => _ = self.nodes[node].read_stdout(events),
                Source::Stderr(node) => _ = self.nodes[node].read_stderr(events)?,
                Source::End(node) => self.nodes[node].end(events)?,
                Source::Watched(index) => {
                    self.read_watched(index);
                    events.push(ChildEvent::Watched);
                }
            }
        }
        for node in self.nodes.iter_mut().filter(|node| node.must_be_asked()) {
            if node.running.as_ref().is_some_and(|running| running.group.has_ended()) {
                node.end(events)?;
            }
        }
        Ok(())
    }

    /// Kills a node and all that it forked, and waits for its end. What it has not read and
    /// what was not read of it is lost; no [`ChildEvent::Exited`] follows.
    pub fn kill(&mut self, node: &NodeId) {
        if let Some(&index) = self.index.get(node) {
            self.nodes[index].running = None;
        }
    }

    /// Stops a node and all that it forked in their tracks (SIGSTOP).
    pub fn pause(&mut self, node: &NodeId) {
        if let Some(running) = self.running(node) {
            running.group.signal(Signal::STOP);
        }
    }

    /// Lets a paused node go on (SIGCONT).
    pub fn resume(&mut self, node: &NodeId) {
        if let Some(running) = self.running(node) {
            running.group.signal(Signal::CONT);
        }
    }

    /// How many lines wait to be written to a node's stdin.
    pub fn backlog(&self, node: &NodeId) -> usize {
        let running = self.node(node).and_then(|node| node.running.as_ref());
        running.map_or(0, |running| running.input.backlog())
    }

    /// The last 32 lines that a node wrote on stdout, and on stderr, in all its lives; long ones
    /// are cut short.
    pub fn recent_output(&self, node: &NodeId) -> (Vec<String>, Vec<String>) {
        self.node(node).map_or_else(Default::default, |node| {
            (node.recent_stdout.to_vec(), node.recent_stderr.to_vec())
        })
    }

    /// Makes [`Children::wait`] come back with [`ChildEvent::Watched`] when `fd`, the reading
    /// end of a pipe or a socket, becomes readable. What can be read is then thrown away.
    pub fn watch(&mut self, fd: OwnedFd) {
        self.watched.push(Some(fd));
    }

    /// Kills every node and all that they forked, and waits for them.
    pub fn stop(&mut self) {
        // All are signalled before the first is waited for, so that they end side by side.
        for running in self.nodes.iter().filter_map(|node| node.running.as_ref()) {
            running.group.signal(Signal::KILL);
        }
        for node in &mut self.nodes {
            node.running = None;
        }
    }

    fn node(&self, node: &NodeId) -> Option<&Node> {
        self.index.get(node).map(|&index| &self.nodes[index])
    }

    fn running(&mut self, node: &NodeId) -> Option<&mut Running> {
        self.index.get(node).and_then(|&index| self.nodes[index].running.as_mut())
    }

    /// Waits until something can be read or written, and says what, each node's end last.
    fn poll(&self, timeout: Option<Duration>) -> anyhow::Result<Vec<Source>> {
        let mut sources = Vec::with_capacity(4 * self.nodes.len() + self.watched.len());
        let mut fds = Vec::with_capacity(sources.capacity());
        let mut add = |fd, flags, source| {
            fds.push(PollFd::from_borrowed_fd(fd, flags));
            sources.push(source);
        };
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(running) = &node.running else { continue };
            if let Some(pipe) = running.input.waiting_pipe() {
                add(pipe, PollFlags::OUT, Source::Stdin(index));
            }
            if let Some(pipe) = &running.stdout.pipe {
                add(pipe.as_fd(), PollFlags::IN, Source::Stdout(index));
            }
            if let Some(pipe) = &running.stderr.pipe {
                add(pipe.as_fd(), PollFlags::IN, Source::Stderr(index));
            }
            if let Some(end) = &running.group.end {
                add(end.as_fd(), PollFlags::IN, Source::End(index));
            }
        }
        for (index, fd) in self.watched.iter().enumerate() {
            if let Some(fd) = fd {
                add(fd.as_fd(), PollFlags::IN, Source::Watched(index));
            }
        }
        // Longer than the system can express is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            // A signal came: the caller may want to know.
            Err(Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(error).context("could not wait for the nodes"),
        }
        let ready = fds.iter().map(|fd| !fd.revents().is_empty());
        Ok(sources
            .into_iter()
            .zip(ready)
            .filter_map(|(from, ready)| ready.then_some(from))
            .collect())
    }

    fn read_watched(&mut self, index: usize) {
        let Some(fd) = &self.watched[index] else { return };
        match rustix::io::read(fd, &mut [0; 64]) {
            Ok(1..) | Err(Errno::AGAIN | Errno::INTR) => {}
            // It would be readable for ever.
            Ok(0) | Err(_) => self.watched[index] = None,
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_found_by_asking_where_the_system_does_not_tell_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut children = Children::new(ChildOptions {
            bin: "/bin/sh".into(),
            args: vec!["-c".into(), "exec 0<&- 1>&- 2>&-; exit 3".into()],
            log_dir: dir.path().join("node-logs"),
            data_dir: Some(dir.path().join("data")),
            watchdog: None,
            asks_for_states: true,
            memory_bytes: None,
        })
        .unwrap();
        children.start(&"n1".into()).unwrap();
        children.nodes[0].running.as_mut().unwrap().group.end = None;
        let mut events = Vec::new();
        while events.is_empty() {
            children.wait(None, &mut events).unwrap();
        }
        let [ChildEvent::Exited { status, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!(status.code(), Some(3));
    }
}

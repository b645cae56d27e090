//! One node under the wall clock: its process, our ends of its pipes, and what waits in them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::Context;
use gyre::NodeId;
use memchr::{memchr, memchr_iter};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::Signal;

use super::group::Group;
use super::lines::{LineBuffer, RecentLines};
use super::state::{StateLines, state_of};
use super::{ChildEvent, ChildOptions, MOST_BYTES, NodeLog, SIMULATED_DISK, Watchdog};

/// A log line without an end is handed out in pieces of this size.
const LONGEST_LOG_LINE_BYTES: usize = 64 << 10;

/// What a node that has ended may have left in a pipe: the most that Linux lets an ordinary
/// user make a pipe hold. More comes from processes that it left behind.
pub(super) const MOST_LEFT_IN_PIPE_BYTES: usize = 1 << 20;

/// A node, running or not.
pub(super) struct Node {
    id: NodeId,
    pub(super) running: Option<Running>,
    pub(super) recent_stdout: RecentLines,
    pub(super) recent_stderr: RecentLines,
    /// Opened when it is first started, and for all its lives.
    log: Option<NodeLog>,
}

/// One life of a node. Dropping it kills it.
pub(super) struct Running {
    pub(super) group: Group,
    pub(super) input: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    log: NodeLog,
    /// `None` for a node that was not asked for its state: its lines are all of the log.
    states: Option<StateLines>,
}

/// Our end of a node's stdin, and what waits for it.
pub(super) struct Input {
    /// `None` once the node has closed its end. Lines still queue up then: a node that cannot
    /// read is treated, and reported, like one that does not.
    pipe: Option<OwnedFd>,
    /// Whether the pipe was full when last written to: `poll` says when to try again.
    full: bool,
    bytes: Vec<u8>,
    /// So many bytes at the front are written.
    written: usize,
    /// Lines not yet written to their end.
    lines: usize,
    dropped_lines: usize,
    /// Whether the dropped lines have been reported.
    told: bool,
}

/// Our end of a node's stdout or stderr.
pub(super) struct Output {
    /// `None` at the end of the stream.
    pub(super) pipe: Option<OwnedFd>,
    lines: LineBuffer,
}

impl Node {
    pub(super) fn new(id: NodeId) -> Node {
        Node {
            id,
            running: None,
            recent_stdout: RecentLines::default(),
            recent_stderr: RecentLines::default(),
            log: None,
        }
    }

    pub(super) fn start(
        &mut self,
        options: &ChildOptions,
        watchdog: Option<&Watchdog>,
        disk_seed: Option<u64>,
    ) -> anyhow::Result<()> {
        let log = match &self.log {
            Some(log) => log.clone(),
            None => self.log.insert(options.open_log(&self.id)?).clone(),
        };
        self.running = Some(Running::start(options, &self.id, log, watchdog, disk_seed)?);
        Ok(())
    }

    /// Whether nothing but asking tells that this node has ended.
    pub(super) fn must_be_asked(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.group.end.is_none())
    }

    /// Tries to write what was queued since the pipe was last seen full.
    pub(super) fn write(&mut self, events: &mut Vec<ChildEvent>) {
        let Some(Running { input, .. }) = &mut self.running else { return };
        if !input.full {
            input.write();
        }
        if input.dropped_lines > 0 && !input.told {
            input.told = true;
            let dropped_lines = input.dropped_lines;
            events.push(ChildEvent::NotReading { node: self.id.clone(), dropped_lines });
        }
    }

    /// Writes after `poll` found room in the pipe.
    pub(super) fn write_on(&mut self) {
        if let Some(Running { input, .. }) = &mut self.running {
            input.write();
        }
    }

    /// Reads stdout once. Gives the number of bytes.
    pub(super) fn read_stdout(&mut self, events: &mut Vec<ChildEvent>) -> usize {
        let Some(Running { stdout, .. }) = &mut self.running else { return 0 };
        let count = stdout.read().len();
        let events_before = events.len();
        while let Some(line) = stdout.lines.next_line() {
            let line = line.into_owned();
            events.push(ChildEvent::Line { node: self.id.clone(), line });
        }
        // Of a big batch, only the last few lines are worth a copy.
        let first_recent = events_before.max(events.len().saturating_sub(RecentLines::COUNT));
        for event in &events[first_recent..] {
            if let ChildEvent::Line { line, .. } = event {
                self.recent_stdout.push(line);
            }
        }
        if stdout.lines.left_bytes() > MOST_BYTES {
            self.running = None;
            let node = self.id.clone();
            let reason = format!(
                "node {node} wrote a line of more than 64 MiB on stdout; a message must end \
                 with a line feed"
            );
            events.push(ChildEvent::Failed { node, reason });
        }
        count
    }

    /// Reads stderr once and appends it to the log. Gives the number of bytes.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub(super) fn read_stderr(&mut self, events: &mut Vec<ChildEvent>) -> anyhow::Result<usize> {
        let Some(Running { stderr, log, states, .. }) = &mut self.running else { return Ok(0) };
        let bytes = stderr.read();
        let count = bytes.len();
        let (mut rest, mut said) = (Vec::new(), Vec::new());
        let logged = match states {
            Some(states) => {
                states.split(bytes, &mut rest, &mut said);
                &rest
            }
            None => bytes,
        };
        log.write(logged)
            .with_context(|| format!("could not write the log of node {}", self.id))?;
        let is_asked = states.is_some();
        events.extend(said.into_iter().map(|state| {
            let node = self.id.clone();
            ChildEvent::State { node, state }
        }));
        let mut tell = |line: String| {
            if is_asked && state_of(&line).is_some() {
                return;
            }
            self.recent_stderr.push(&line);
            events.push(ChildEvent::Stderr { node: self.id.clone(), line });
        };
        while let Some(line) = stderr.lines.next_line() {
            tell(line.into_owned());
        }
        if stderr.lines.left_bytes() > LONGEST_LOG_LINE_BYTES {
            stderr.lines.take_rest().into_iter().for_each(tell);
        }
        Ok(count)
    }

    /// Reports the end of a node that has ended, after all that it wrote.
    ///
    /// # Errors
    /// When the log cannot be written, or the system does not tell how the node ended.
    pub(super) fn end(&mut self, events: &mut Vec<ChildEvent>) -> anyhow::Result<()> {
        let Some(running) = &self.running else { return Ok(()) };
        // Before reading what is left, so that whoever it left behind stops writing.
        running.group.signal(Signal::KILL);
        read_all(|| Ok(self.read_stdout(events)))?;
        read_all(|| self.read_stderr(events))?;
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let node = self.id.clone();
        if let Some(line) = running.stdout.lines.take_rest() {
            self.recent_stdout.push(&line);
            events.push(ChildEvent::Line { node: node.clone(), line });
        }
        if let Some(line) = running.stderr.lines.take_rest() {
            self.recent_stderr.push(&line);
            events.push(ChildEvent::Stderr { node: node.clone(), line });
        }
        let status =
            running.group.finish().with_context(|| format!("could not learn how {node} ended"))?;
        events.push(ChildEvent::Exited { node, status });
        Ok(())
    }
}

/// Calls `read` until it finds nothing, or has found all that a pipe can have held.
fn read_all(mut read: impl FnMut() -> anyhow::Result<usize>) -> anyhow::Result<()> {
    let mut bytes = 0;
    while bytes < MOST_LEFT_IN_PIPE_BYTES {
        match read()? {
            0 => break,
            count => bytes += count,
        }
    }
    Ok(())
}

/// What had come of a last line that may be a state is one of the log.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(states) = &mut self.states {
            // Where the disk is full the log lacks its end, and the run says elsewhere that it is.
            self.log.write(&states.take_rest()).ok();
        }
    }
}

impl Running {
    fn start(
        options: &ChildOptions,
        node: &NodeId,
        log: NodeLog,
        watchdog: Option<&Watchdog>,
        disk_seed: Option<u64>,
    ) -> anyhow::Result<Running> {
        let mut command = options.command(node)?;
        // A bench that itself runs in lockstep must not pass that on.
        command.env_remove("MAELSTROM_LOCKSTEP").env_remove("MAELSTROM_SEED");
        match disk_seed {
            Some(seed) => command.env(SIMULATED_DISK, seed.to_string()),
            None => command.env_remove(SIMULATED_DISK),
        };
        let mut group = options.spawn(node, &mut command, watchdog)?;
        let stdin = OwnedFd::from(group.take_stdin());
        let stdout = OwnedFd::from(group.take_stdout());
        let stderr = OwnedFd::from(group.take_stderr());
        for pipe in [&stdin, &stdout, &stderr] {
            // This is a property of our end alone; the node's ends still block, as they should.
            ioctl_fionbio(pipe, true).context("could not prepare a pipe")?;
        }
        Ok(Running {
            group,
            input: Input::new(stdin),
            stdout: Output::new(stdout),
            stderr: Output::new(stderr),
            log,
            states: options.asks_for_states.then(StateLines::default),
        })
    }
}

impl Input {
    fn new(pipe: OwnedFd) -> Input {
        Input {
            pipe: Some(pipe),
            full: false,
            bytes: Vec::new(),
            written: 0,
            lines: 0,
            dropped_lines: 0,
            told: false,
        }
    }

    /// Queues a line, or drops it when too much waits already.
    pub(super) fn push(&mut self, line: &str) {
        assert!(memchr(b'\n', line.as_bytes()).is_none(), "a line feed inside of a line");
        if self.bytes.len() - self.written + line.len() >= MOST_BYTES {
            self.dropped_lines += 1;
            return;
        }
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
        self.lines += 1;
    }

    /// Lines not yet written to their end.
    pub(super) fn backlog(&self) -> usize {
        self.lines
    }

    /// The pipe, if there is something to write to it.
    pub(super) fn waiting_pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().filter(|_| !self.bytes.is_empty()).map(AsFd::as_fd)
    }

    /// Writes as much as the pipe takes.
    fn write(&mut self) {
        let Some(pipe) = self.waiting_pipe() else { return };
        let waiting = &self.bytes[self.written..];
        match rustix::io::write(pipe, waiting) {
            Ok(count) => {
                self.lines -= memchr_iter(b'\n', &waiting[..count]).count();
                self.full = count < waiting.len();
                self.written += count;
            }
            Err(Errno::AGAIN | Errno::INTR) => self.full = true,
            // The node has closed its end, or is gone; then that is found out soon enough.
            Err(_) => self.pipe = None,
        }
        if self.written == self.bytes.len() {
            self.written = 0;
            self.bytes.clear();
            self.bytes.shrink_to(1 << 20);
        } else if self.written > self.bytes.len() / 2 {
            // Each byte is moved at most once for each byte that was written.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

impl Output {
    fn new(pipe: OwnedFd) -> Output {
        Output { pipe: Some(pipe), lines: LineBuffer::default() }
    }

    /// Reads once, and gives what was read.
    fn read(&mut self) -> &[u8] {
        let Some(pipe) = &self.pipe else { return &[] };
        match self.lines.read_from(pipe) {
            Ok(bytes) => {
                if bytes.is_empty() {
                    self.pipe = None;
                }
                bytes
            }
            Err(Errno::AGAIN | Errno::INTR) => &[],
            Err(_) => {
                self.pipe = None;
                &[]
            }
        }
    }
}

//! A node as a child process in virtual time: it runs only while it is asked, one step at a
//! time.
//!
//! Each step is one line to the node, `{"at": nanoseconds, "message": {…}}`, or without
//! `message` when its timer is due. The node answers with the messages that it sends, one a
//! line, and then `{"idle": nanoseconds-or-null}`: when it next wants waking; with `"busy":
//! nanoseconds` behind that, what it sent leaves it only so much later. It does nothing between
//! lines. So its clock is ours, and the same seed gives the same run.
//!
//! Real time shows in one place only: a node that does not answer within ten seconds has
//! failed. A failed node says why in [`LockstepChild::failure`] and does nothing any more.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use gyre::{Message, NodeId, Process, Time};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::Signal;
use serde::Deserialize;

use super::group::Group;
use super::lines::{LineBuffer, RecentLines, shortened};
use super::node::MOST_LEFT_IN_PIPE_BYTES;
use super::state::StateLines;
use super::{ChildOptions, MOST_BYTES, NodeLog, Watchdog};
use crate::wire::parse_line;

/// The real time that a node has for one step.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// The real time that a node which closed its stdout has to end, so that we can say how.
const END_LIMIT: Duration = Duration::from_secs(1);

/// What every failure before the first answer suggests.
const HINT: &str = " (if it was not written for lockstep, run it without --seed)";

/// After so many steps it is looked at how much memory a node holds.
const STEPS_BETWEEN_LOOKS: u64 = 200;

/// So much is read at once.
const PIPE_BYTES: usize = 64 << 10;

/// A node in lockstep. Dropping it kills it.
pub struct LockstepChild {
    node: NodeId,
    group: Group,
    stdin: OwnedFd,
    stdout: OwnedFd,
    /// `None` once the node has closed its end.
    stderr: Option<OwnedFd>,
    /// The line of the current step; kept to be used again.
    request: String,
    lines: LineBuffer,
    transmit: VecDeque<Message>,
    wake: Option<Time>,
    /// Whether it has ever answered a step: then it knows lockstep.
    has_answered: bool,
    /// [`STEP_LIMIT`], but for tests.
    step_limit: Duration,
    failure: Option<String>,
    /// Whether it ended with status 1, as a node does that cannot go on.
    has_ended_by_itself: bool,
    /// How long its disk took in the last step.
    disk_time: Duration,
    log: NodeLog,
    /// `None` for a node that was not asked for its state: its lines are all of the log.
    states: Option<StateLines>,
    stderr_bytes: Vec<u8>,
    /// What it said last of itself, until that is taken.
    state: Option<String>,
    /// How much the node wrote to its log in the lives before this one.
    log_start_bytes: u64,
    /// How much memory it may hold.
    memory_bytes: Option<u64>,
    steps: u64,
}

/// How an exchange with the node went wrong.
enum Trouble {
    /// It ended, or closed its stdout, which is as good.
    Closed,
    /// It does not keep to the rules; the end of a sentence that begins with its name.
    Wrong(String),
}

impl LockstepChild {
    /// Starts a node with `MAELSTROM_LOCKSTEP=1` and `MAELSTROM_SEED=<seed>` in its environment.
    /// Its stderr goes to `log`, which is that of all its lives.
    ///
    /// # Errors
    /// When the program is missing or not executable, its folder cannot be made, or it does not
    /// start.
    pub fn start(
        options: &ChildOptions,
        node: &NodeId,
        log: NodeLog,
        seed: u64,
        watchdog: Option<&Watchdog>,
    ) -> anyhow::Result<LockstepChild> {
        let options = options.clone().resolved()?;
        let mut command = options.command(node)?;
        let log_start_bytes = log.written_bytes();
        command.env("MAELSTROM_LOCKSTEP", "1").env("MAELSTROM_SEED", seed.to_string());
        let mut group = options.spawn(node, &mut command, watchdog)?;
        let stdin = OwnedFd::from(group.take_stdin());
        let stdout = OwnedFd::from(group.take_stdout());
        let stderr = OwnedFd::from(group.take_stderr());
        for pipe in [&stdin, &stdout, &stderr] {
            ioctl_fionbio(pipe, true).context("could not prepare a pipe")?;
        }
        Ok(LockstepChild {
            node: node.clone(),
            group,
            stdin,
            stdout,
            stderr: Some(stderr),
            request: String::new(),
            lines: LineBuffer::default(),
            transmit: VecDeque::new(),
            wake: None,
            has_answered: false,
            step_limit: STEP_LIMIT,
            failure: None,
            has_ended_by_itself: false,
            disk_time: Duration::ZERO,
            log,
            states: options.asks_for_states.then(StateLines::default),
            stderr_bytes: Vec::new(),
            state: None,
            log_start_bytes,
            memory_bytes: options.memory_bytes,
            steps: 0,
        })
    }

    /// What went wrong, if something did: a sentence that names the node, with the last lines
    /// that it wrote on stderr.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether its failure is that it has ended with status 1: so does a program that cannot do
    /// what it has promised.
    pub fn has_ended_by_itself(&self) -> bool {
        self.has_ended_by_itself
    }

    /// How long its disk took since this was last asked.
    pub fn take_disk_time(&mut self) -> Duration {
        std::mem::take(&mut self.disk_time)
    }

    /// One step: `message`, or the timer when there is none.
    fn step(&mut self, now: Time, message: Option<&Message>) {
        if self.failure.is_some() {
            return;
        }
        self.request.clear();
        write!(self.request, "{{\"at\":{}", now.as_nanos()).expect("a String takes everything");
        if let Some(message) = message {
            self.request.push_str(",\"message\":");
            message.write_line(&mut self.request);
        }
        self.request.push_str("}\n");
        match self.exchange().and_then(|wake| self.check_memory().map(|()| wake)) {
            Ok(wake) => {
                self.has_answered = true;
                self.wake = wake;
                // What it said in this step is in the pipe by now.
                if self.states.is_some() {
                    self.read_last_stderr();
                }
            }
            Err(trouble) => self.fail(&trouble),
        }
    }

    /// Looks now and then whether the node holds more than it may.
    fn check_memory(&mut self) -> Result<(), Trouble> {
        self.steps += 1;
        let Some(most) = self.memory_bytes else { return Ok(()) };
        if !self.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) || self.group.resident_bytes() <= most {
            return Ok(());
        }
        let mebibytes = most >> 20;
        Err(Trouble::Wrong(format!("grew: it holds more than the {mebibytes} MiB that it may")))
    }

    /// Sends the request and takes the whole answer. Gives when the node wants waking.
    fn exchange(&mut self) -> Result<Option<Time>, Trouble> {
        let deadline = Instant::now() + self.step_limit;
        let mut sent_bytes = 0;
        let mut answer_bytes = 0;
        loop {
            let unsent = &self.request.as_bytes()[sent_bytes..];
            if !unsent.is_empty() {
                match rustix::io::write(&self.stdin, unsent) {
                    Ok(count) => sent_bytes += count,
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return Err(Trouble::Closed),
                }
            }
            // On one core the node often runs, and answers, before our write returns. So the
            // first thing to try is a read, and waiting comes after.
            match self.lines.read_from(&self.stdout) {
                Ok([]) => return Err(Trouble::Closed),
                Ok(bytes) => answer_bytes += bytes.len(),
                Err(Errno::AGAIN | Errno::INTR) => {
                    self.wait(deadline, sent_bytes < self.request.len())?;
                    continue;
                }
                Err(_) => return Err(Trouble::Closed),
            }
            if let Some(wake) = self.take_answer()? {
                return Ok(wake);
            }
            if answer_bytes > MOST_BYTES {
                return Err(Trouble::Wrong("answered one step with more than 64 MiB".to_owned()));
            }
        }
    }

    /// Waits until the node has written something, or also, with `unsent`, until it reads. What
    /// it has written on stderr goes to its log: it would wait for that for ever.
    fn wait(&mut self, deadline: Instant, unsent: bool) -> Result<(), Trouble> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("ten seconds can be expressed");
        let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        if unsent {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        let steps_on = fds.len();
        fds.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        match poll(&mut fds, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Trouble::Wrong(format!("could not be waited for: {error}"))),
        }
        // A node that only logs does not answer, however much that is.
        if fds[..steps_on].iter().all(|fd| fd.revents().is_empty()) && Instant::now() >= deadline {
            let limit = self.step_limit;
            let what = format!("did not answer a step within {limit:?} of real time");
            return Err(Trouble::Wrong(what));
        }
        self.read_stderr().map(drop)
    }

    /// What the node said of itself since this was last asked, the last thing only.
    pub fn take_state(&mut self) -> Option<String> {
        self.state.take()
    }

    /// Moves what can be read of stderr now to the log: at most what a pipe holds. Gives how many
    /// bytes that was, states included.
    fn read_stderr(&mut self) -> Result<usize, Trouble> {
        let Some(pipe) = &self.stderr else { return Ok(0) };
        // Kept, because this is done after every step.
        let mut bytes = std::mem::take(&mut self.stderr_bytes);
        bytes.reserve(PIPE_BYTES);
        let read = rustix::io::read(pipe, spare_capacity(&mut bytes));
        let taken = self.take_stderr(&bytes);
        bytes.clear();
        self.stderr_bytes = bytes;
        match read {
            Ok(0) => self.stderr = None,
            Ok(count) => {
                taken.map_err(|error| {
                    Trouble::Wrong(format!("has a log that cannot be written: {error}"))
                })?;
                return Ok(count);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.stderr = None,
        }
        Ok(0)
    }

    fn take_stderr(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(states) = &mut self.states else { return self.log.write(bytes) };
        let (mut log, mut said) = (Vec::new(), Vec::new());
        states.split(bytes, &mut log, &mut said);
        self.state = said.pop().or(self.state.take());
        if log.is_empty() { Ok(()) } else { self.log.write(&log) }
    }

    /// Moves all that the node has left on stderr to the log; of what processes that it left
    /// behind go on writing, so much as a pipe can hold.
    fn read_last_stderr(&mut self) {
        let mut left = MOST_LEFT_IN_PIPE_BYTES;
        // Whoever cannot write the log here has failed already, or is being dropped.
        while let Ok(count @ 1..) = self.read_stderr() {
            left = left.saturating_sub(count);
            // A pipe that is not full has been emptied.
            if left == 0 || count < PIPE_BYTES {
                return;
            }
        }
    }

    /// What had come of a last line that may be a state is one of the log.
    fn end_log(&mut self) {
        if let Some(states) = &mut self.states {
            // Where the disk is full the log lacks its end, and the run says elsewhere that it is.
            self.log.write(&states.take_rest()).ok();
        }
    }

    /// Takes the lines that have come. Gives the end of the answer, if it has come.
    fn take_answer(&mut self) -> Result<Option<Option<Time>>, Trouble> {
        while let Some(line) = self.lines.next_line() {
            let answer = Answer::parse(&line).map_err(|error| {
                let line = shortened(&line);
                let what = format!("wrote a line that is neither a message nor idle: {line}");
                Trouble::Wrong(format!("{what} ({error})"))
            })?;
            match answer {
                Answer::Message(message) => self.transmit.push_back(message),
                Answer::Idle(..) if self.lines.left_bytes() > 0 => {
                    let more = self.lines.next_line().unwrap_or_default();
                    let more = shortened(&more);
                    return Err(Trouble::Wrong(format!("wrote more after it said idle: {more}")));
                }
                Answer::Idle(wake, disk_time) => {
                    self.disk_time += disk_time;
                    return Ok(Some(wake));
                }
            }
        }
        Ok(None)
    }

    /// Ends the node and says why.
    fn fail(&mut self, trouble: &Trouble) {
        let node = &self.node;
        let what = match trouble {
            Trouble::Wrong(what) => format!("node {node} {what}"),
            Trouble::Closed => self.how_it_ended(),
        };
        // It may have ended by itself; then this changes nothing.
        let _ = self.group.finish();
        self.read_last_stderr();
        self.end_log();
        let hint = if self.has_answered { "" } else { HINT };
        let mut failure = format!("{what}{hint}");
        let last_lines = self.last_log_lines();
        if !last_lines.is_empty() {
            write!(failure, "\nits last lines on stderr:\n  {}", last_lines.join("\n  "))
                .expect("a String takes everything");
        }
        self.failure = Some(failure);
        self.transmit.clear();
        self.wake = None;
    }

    /// How a node ended that closed its stdout or its stdin.
    fn how_it_ended(&mut self) -> String {
        let started = Instant::now();
        while !self.group.has_ended() {
            if started.elapsed() > END_LIMIT {
                let node = &self.node;
                return format!("node {node} closed its stdin or stdout and went on running");
            }
            std::thread::sleep(Duration::from_millis(1));
            // It may wait for room there, and end then.
            self.read_last_stderr();
        }
        let node = &self.node;
        match self.group.finish() {
            Ok(status) => {
                self.has_ended_by_itself = status.code() == Some(1);
                format!("node {node} exited on its own, with {status}")
            }
            Err(error) => format!("node {node} exited on its own ({error})"),
        }
    }

    /// What the node wrote on stderr at the end of its life. Empty when it cannot be read: the
    /// failure is then told without it.
    fn last_log_lines(&self) -> Vec<String> {
        let tail = self.log.last_bytes(self.log_start_bytes, RecentLines::COUNT * 1024);
        let tail = tail.unwrap_or_default();
        let tail = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = tail.lines().collect();
        let first = lines.len().saturating_sub(RecentLines::COUNT);
        lines[first..].iter().map(|&line| line.to_owned()).collect()
    }
}

impl Drop for LockstepChild {
    fn drop(&mut self) {
        self.group.signal(Signal::KILL);
        self.read_last_stderr();
        self.end_log();
    }
}

impl Process for LockstepChild {
    fn handle_message(&mut self, now: Time, message: Message) {
        self.step(now, Some(&message));
    }

    fn handle_timeout(&mut self, now: Time) {
        self.step(now, None);
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.wake
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.transmit.pop_front()
    }
}

/// A line from the node.
enum Answer {
    Message(Message),
    /// The end of an answer: when the node wants waking, and how long its disk took.
    Idle(Option<Time>, Duration),
}

impl Answer {
    fn parse(line: &str) -> Result<Answer, serde_json::Error> {
        /// The first key is required: without `deserialize_with`, serde would take a missing
        /// option for `null`, and `{}` for idle.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Idle {
            #[serde(deserialize_with = "Option::deserialize")]
            idle: Option<u64>,
            #[serde(default)]
            busy: u64,
        }
        // No message has this key, so as the first one it tells idle from a message.
        let first_key = line.trim_start().strip_prefix('{').map(str::trim_start);
        if first_key.is_some_and(|key| key.starts_with("\"idle\"")) {
            let Idle { idle, busy } = serde_json::from_str(line)?;
            Ok(Answer::Idle(idle.map(Time::from_nanos), Duration::from_nanos(busy)))
        } else {
            parse_line(line).map(Answer::Message)
        }
    }
}

#[cfg(test)]
mod tests;

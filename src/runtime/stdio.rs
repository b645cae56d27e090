//! Runs a node as a program: messages on stdin and stdout, the log on stderr.
//!
//! This is the only file of the crate that reads a clock, asks the operating system for
//! randomness, or looks at the environment. Everything else is told.
//!
//! Input is read in bulk, and output is written in bulk when no more input waits: a flood
//! costs two system calls for hundreds of messages, and a single message still gets its reply
//! at once. Where stdin and stdout are pipes, the loop opens them anew by their names in
//! `/proc`, non-blocking: that is faster than a reader thread, and the non-blocking flag stays
//! our own. Set on the inherited pipe or terminal it would be set for every program that
//! shares it, and stay when we are gone. Whatever is no pipe gets a reader thread.
//!
//! At SIGTERM the node learns that it is about to be stopped, and has a moment to hand over what
//! it does for others. A second SIGTERM ends it at once.
//!
//! A [`Failure`] ends the process with one sentence on stderr and status 1. A panic in a node is
//! not caught: it ends the process, with its message on stderr. A node that went on without one
//! of its tasks would be worse than none.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the shell: the one place where a node meets the outside"
)]

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Interval;

use crate::runtime::ctx::Ctx;
use crate::runtime::state::StateLines;
use crate::runtime::{Failure, Node, Process, Runtime, lockstep};
use crate::storage::RecordedDisk;
use crate::storage::{Disk, FileDisk, MemoryDisk, SimDisk};
use crate::types::{Message, Time};

/// How much is read, or gathered for writing, at once.
const CHUNK: usize = 64 * 1024;

/// After so many chunks in a row the loop looks for signals, which a flood would hide.
const CHUNKS_BETWEEN_SIGNALS: u32 = 64;

/// How often the loop looks for input when nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A loop that has not looked for so long was stopped, or kept from running.
const ABSENCE: Duration = Duration::from_millis(400);

/// How long a node that is about to be stopped has to hand over what it does for others.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// How much of a line that is no message is shown.
const SHOWN_MAX: usize = 200;

/// Runs the node that `make` makes as this program, until stdin ends, stdout is closed, or
/// SIGTERM arrives.
///
/// Its durable storage is the directory given by `--data-dir DIR` or the environment's
/// `MAELSTROM_DATA_DIR`, and memory if there is neither. Other arguments are the node's own.
/// With `MAELSTROM_LOCKSTEP=1` it runs in the bench's virtual time instead. With
/// `MAELSTROM_SIMULATED_DISK=SEED` its directory holds a simulated disk that the bench can harm.
///
/// ```no_run
/// # use gyre::*;
/// # struct Echo;
/// # #[async_trait(?Send)]
/// # impl Node for Echo {
/// #     type Request = ();
/// #     type Response = ();
/// #     async fn handle(&self, _: &Ctx, _: (), _: NodeId) -> Result<(), Error> { Ok(()) }
/// # }
/// fn main() -> std::process::ExitCode {
///     gyre::run(|_| Echo)
/// }
/// ```
pub fn run<N: Node>(make: impl FnOnce(&Ctx) -> N + 'static) -> ExitCode {
    match Failure::catch(|| try_run(make)).unwrap_or_else(|failure| Err(failure.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn try_run<N: Node>(make: impl FnOnce(&Ctx) -> N + 'static) -> anyhow::Result<()> {
    if std::env::var_os("MAELSTROM_LOCKSTEP").is_some_and(|value| value == "1") {
        let Some(seed) = number_from_environment("MAELSTROM_SEED")? else {
            bail!("MAELSTROM_LOCKSTEP is set, so MAELSTROM_SEED must be a number");
        };
        let mut simulated = None;
        let disk = open_disk(|directory| {
            let disk = RecordedDisk::open(directory, seed)?;
            simulated = Some(disk.simulated());
            Ok(Box::new(disk))
        })?;
        let time_taken = || simulated.as_ref().map_or(Duration::ZERO, SimDisk::take_time);
        let states = states_from_environment();
        let mut process = Runtime::new(seed, disk, make);
        let input = io::BufReader::with_capacity(CHUNK, own(io::stdin())?);
        let output = own(io::stdout())?;
        let driven = lockstep::drive(&mut process, input, output, log, states, time_taken);
        return clean_end(driven);
    }
    let seed = SysRng.try_next_u64().context("the system gave no randomness")?;
    let simulated_disk_seed = number_from_environment("MAELSTROM_SIMULATED_DISK")?;
    let disk = open_disk(|directory| match simulated_disk_seed {
        Some(seed) => Ok(Box::new(RecordedDisk::open(directory, seed)?.in_real_time())),
        None => Ok(Box::new(FileDisk::open(directory)?)),
    })?;
    let process = Runtime::new(seed, disk, make);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shell = async { Shell::new(process)?.drive().await };
    // Unconstrained: a node may use tokio's channels, and outside a tokio task of their own
    // these would, now and then, refuse to be ready until we return to tokio.
    clean_end(runtime.block_on(tokio::task::unconstrained(shell)))
}

/// That nobody reads stdout any more is a way to end, and no failure.
fn clean_end(result: anyhow::Result<()>) -> anyhow::Result<()> {
    result.or_else(|error| match error.downcast_ref::<io::Error>() {
        Some(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// A line on stderr. That nobody reads it must not end a node.
fn log(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The disk that `open` makes of the data directory, or memory if none was given.
fn open_disk(
    open: impl FnOnce(&Path) -> io::Result<Box<dyn Disk>>,
) -> anyhow::Result<Box<dyn Disk>> {
    let Some(directory) = data_dir()? else { return Ok(Box::new(MemoryDisk::default())) };
    open(&directory)
        .with_context(|| format!("could not open the data directory {}", directory.display()))
}

/// The directory for durable storage, if one was given.
fn data_dir() -> anyhow::Result<Option<PathBuf>> {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--data-dir" {
            let Some(directory) = arguments.next() else {
                bail!("--data-dir needs a directory after it");
            };
            return Ok(Some(directory.into()));
        }
        if let Some(directory) = argument.to_str().and_then(|a| a.strip_prefix("--data-dir=")) {
            return Ok(Some(directory.into()));
        }
    }
    Ok(std::env::var_os("MAELSTROM_DATA_DIR").filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn number_from_environment(name: &str) -> anyhow::Result<Option<u64>> {
    let Some(text) = std::env::var_os(name) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.map(Some).with_context(|| format!("{name} must be a number, but is {text:?}"))
}

/// What the node says of itself on stderr: nothing, unless the environment asks for it.
fn states_from_environment() -> StateLines {
    StateLines::new(std::env::var_os("MAELSTROM_STATE").is_some_and(|value| value == "1"))
}

/// One of the standard streams as a file, without the standard library's buffer.
fn own(stream: impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

/// The loop between a process and the outside.
struct Shell<P> {
    process: P,
    started: Instant,
    /// Has the loop look for input even when nothing happens.
    look_up: Interval,
    /// When it last looked.
    looked_at: Time,
    /// Set when it then was stopped (SIGSTOP): what is read next may have waited since.
    absent_since: Option<Time>,
    input: Input,
    output: Output,
    terminate: Signal,
    /// When to end, once SIGTERM has come.
    stop_by: Option<Time>,
    /// What was read and not yet taken in: at most one incomplete line, between chunks.
    unread: Vec<u8>,
    /// How much of `unread` is known to hold no line feed.
    searched: usize,
    unwritten: String,
    states: StateLines,
}

enum Input {
    Pipe(pipe::Receiver),
    Thread(mpsc::Receiver<io::Result<Vec<u8>>>),
}

enum Output {
    Pipe(pipe::Sender),
    Blocking(File),
}

enum Event {
    /// So many bytes came in; none means that there will be no more.
    Input(io::Result<usize>),
    Due,
    Terminate,
    /// Nothing has happened yet.
    Nothing,
}

impl<P: Process> Shell<P> {
    fn new(process: P) -> anyhow::Result<Shell<P>> {
        Ok(Shell {
            process,
            started: Instant::now(),
            look_up: tokio::time::interval(LOOK_EVERY),
            looked_at: Time::ZERO,
            absent_since: None,
            input: Input::open()?,
            output: Output::open()?,
            terminate: signal(SignalKind::terminate())?,
            stop_by: None,
            unread: Vec::with_capacity(2 * CHUNK),
            searched: 0,
            unwritten: String::with_capacity(2 * CHUNK),
            states: states_from_environment(),
        })
    }

    async fn drive(mut self) -> anyhow::Result<()> {
        let mut chunks = 0;
        loop {
            chunks += 1;
            if chunks % CHUNKS_BETWEEN_SIGNALS == 0 {
                tokio::task::yield_now().await;
            }
            let mut event = self.next_event(false).await;
            if self.absent_since.is_some() && matches!(event, Event::Nothing) {
                // What has come meanwhile shows only when the system is asked.
                tokio::task::yield_now().await;
                event = self.next_event(false).await;
            }
            if let Event::Nothing = event {
                self.absent_since = None;
                if !self.flush().await? {
                    return Ok(());
                }
                event = self.next_event(true).await;
            }
            match event {
                Event::Input(count) => {
                    if count.context("could not read stdin")? == 0 {
                        self.take_rest();
                        self.flush().await?;
                        return Ok(());
                    }
                    self.take_lines();
                }
                Event::Due => {
                    let now = self.now();
                    self.process.handle_timeout(now);
                    self.collect();
                }
                Event::Terminate if self.stop_by.is_some() => return Ok(()),
                Event::Terminate => {
                    let now = self.now();
                    self.stop_by = Some(now + STOP_PATIENCE);
                    self.process.handle_stop(now);
                    self.collect();
                }
                Event::Nothing => {}
            }
            if self.stop_by.is_some_and(|by| by <= self.now() || self.process.may_stop()) {
                self.flush().await?;
                return Ok(());
            }
            if self.unwritten.len() >= CHUNK && !self.flush().await? {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    /// The next thing that happens. Unless it may `wait`, only what has happened already.
    async fn next_event(&mut self, wait: bool) -> Event {
        let due = self.process.poll_timeout().into_iter().chain(self.stop_by).min();
        let due = due.filter(|_| wait).map(|at| at - self.now());
        let mut sleep = pin!(due.map(tokio::time::sleep));
        poll_fn(|context| {
            self.notice_absence();
            if self.terminate.poll_recv(context).is_ready() {
                return Poll::Ready(Event::Terminate);
            }
            if let Poll::Ready(count) = self.input.poll_read(context, &mut self.unread) {
                return Poll::Ready(Event::Input(count));
            }
            if let Some(sleep) = sleep.as_mut().as_pin_mut()
                && sleep.poll(context).is_ready()
            {
                return Poll::Ready(Event::Due);
            }
            if wait && self.look_up.poll_tick(context).is_pending() {
                return Poll::Pending;
            }
            Poll::Ready(Event::Nothing)
        })
        .await
    }

    /// Called whenever the loop looks for input, which it does again and again.
    fn notice_absence(&mut self) {
        let now = self.now();
        if now - self.looked_at > ABSENCE {
            self.absent_since.get_or_insert(self.looked_at);
        }
        self.looked_at = now;
    }

    /// Takes in every complete line that was read.
    fn take_lines(&mut self) {
        let unread = std::mem::take(&mut self.unread);
        let mut start = 0;
        let mut search_from = self.searched;
        while let Some(length) = memchr::memchr(b'\n', &unread[search_from..]) {
            let end = search_from + length;
            self.take_line(&unread[start..end]);
            start = end + 1;
            search_from = start;
        }
        self.unread = unread;
        self.unread.drain(..start);
        self.searched = self.unread.len();
        // What tasks have put off until this was taken in. Even in a flood it waits no longer.
        let now = self.now();
        if self.process.poll_timeout().is_some_and(|due| due <= now) {
            self.process.handle_timeout(now);
            self.collect();
        }
    }

    /// Takes in the last line, which has no line feed.
    fn take_rest(&mut self) {
        let rest = std::mem::take(&mut self.unread);
        if !rest.is_empty() {
            self.take_line(&rest);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        match parse(line) {
            Ok(message) => {
                let now = self.now();
                let since = self.absent_since.unwrap_or(now);
                self.process.handle_late_message(now, since, message);
                self.collect();
            }
            Err(error) => {
                let text = String::from_utf8_lossy(line);
                let shown: String = text.chars().take(SHOWN_MAX).collect();
                log(format_args!("skipped a line that is no message ({error}): {shown}"));
            }
        }
    }

    /// Gathers what the process has to say.
    fn collect(&mut self) {
        while let Some(line) = self.process.poll_log() {
            log(line);
        }
        if let Some(line) = self.states.next(&self.process) {
            log(line);
        }
        while let Some(message) = self.process.poll_transmit() {
            message.write_line(&mut self.unwritten);
            self.unwritten.push('\n');
        }
    }

    /// Writes everything that was gathered. False when the node had to end, by SIGTERM, before
    /// the pipe took it.
    async fn flush(&mut self) -> anyhow::Result<bool> {
        if self.unwritten.is_empty() {
            return Ok(true);
        }
        let stop_in = self.stop_by.map(|by| by - self.now());
        let mut stop = pin!(stop_in.map(tokio::time::sleep));
        let bytes = self.unwritten.as_bytes();
        let goes_on = match &mut self.output {
            Output::Blocking(file) => file.write_all(bytes).map(|()| true),
            Output::Pipe(pipe) => {
                let mut write = pin!(pipe.write_all(bytes));
                poll_fn(|context| {
                    if let Poll::Ready(result) = write.as_mut().poll(context) {
                        return Poll::Ready(result.map(|()| true));
                    }
                    let stop = stop.as_mut().as_pin_mut();
                    let is_time = stop.is_some_and(|stop| stop.poll(context).is_ready());
                    if is_time || self.terminate.poll_recv(context).is_ready() {
                        return Poll::Ready(Ok(false));
                    }
                    Poll::Pending
                })
                .await
            }
        };
        self.unwritten.clear();
        goes_on.context("could not write to stdout")
    }
}

fn parse(line: &[u8]) -> anyhow::Result<Message> {
    Ok(Message::parse(std::str::from_utf8(line)?)?)
}

impl Input {
    fn open() -> io::Result<Input> {
        match pipe::OpenOptions::new().open_receiver("/proc/self/fd/0") {
            Ok(pipe) => Ok(Input::Pipe(pipe)),
            Err(_) => Ok(Input::Thread(read_in_thread(own(io::stdin())?))),
        }
    }

    /// Adds to `buffer` what there is to read, and gives its length: 0 at the end.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Input::Pipe(pipe) => {
                buffer.reserve(CHUNK);
                pin!(pipe.read_buf(buffer)).poll(context)
            }
            Input::Thread(chunks) => chunks.poll_recv(context).map(|chunk| {
                let chunk = chunk.unwrap_or_else(|| Ok(Vec::new()))?;
                buffer.extend_from_slice(&chunk);
                Ok(chunk.len())
            }),
        }
    }
}

/// Reads a file that cannot be polled, chunk by chunk, in a thread that ends with the process.
fn read_in_thread(mut file: File) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(2);
    std::thread::spawn(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let result = file.read(&mut chunk).map(|count| {
                chunk.truncate(count);
                chunk
            });
            let is_last = result.as_ref().map_or(true, Vec::is_empty);
            if sender.blocking_send(result).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

impl Output {
    fn open() -> io::Result<Output> {
        match pipe::OpenOptions::new().open_sender("/proc/self/fd/1") {
            Ok(pipe) => Ok(Output::Pipe(pipe)),
            Err(_) => Ok(Output::Blocking(own(io::stdout())?)),
        }
    }
}

//! The terminal: log lines, one live line about the run, and Ctrl-C.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "this is where the bench meets its user"
)]

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::CRASH;
use crate::engine::Progress;
use crate::run::Terminal;

/// Prints a line for the user, or for whatever reads what the bench prints.
///
/// # Errors
/// When it cannot be printed, on a full disk for instance. A reader that has gone away
/// (`| head`) is no error: it must not turn a verdict into a crash.
pub fn print(text: &str) -> std::io::Result<()> {
    unless_gone(writeln!(std::io::stdout(), "{text}"))
}

/// Nobody reads any further, and that is fine.
pub fn unless_gone(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Where a command prints what it was asked for.
pub fn output() -> impl std::io::Write {
    std::io::stdout()
}

/// Prints what went wrong.
pub fn print_error(sentence: &str) {
    writeln!(std::io::stderr(), "error: {sentence}").ok();
}

/// Prints what the user should know, though nothing is wrong.
pub fn print_note(sentence: &str) {
    writeln!(std::io::stderr(), "note: {sentence}").ok();
}

/// Prints how far something is, where there is no live line.
pub fn print_progress(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// The folder in which the bench's own program is.
pub fn own_folder() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.to_owned())
}

/// How the bench was called: for a command to be called again.
pub fn called_as() -> String {
    std::env::args().next().unwrap_or_else(|| "maelstrom".into())
}

/// The bench's own program, for its watchdog.
pub fn own_program() -> Option<PathBuf> {
    // Where there is this link it leads to the program even after it was built anew.
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Some(link) } else { std::env::current_exe().ok() }
}

/// Prepares the terminal for a run with this time limit.
///
/// # Errors
/// When signals cannot be waited for.
pub fn open(time_limit_secs: f64) -> anyhow::Result<Terminal> {
    let (reader, writer) = std::os::unix::net::UnixStream::pair().context("no pipe")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let writer = writer.try_clone().context("no pipe")?;
        signal_hook::low_level::pipe::register(signal, writer).context("no signals")?;
        signal_hook::flag::register(signal, interrupted.clone()).context("no signals")?;
    }
    let is_terminal = std::io::stderr().is_terminal();
    let line = live()?;
    let lines = Lines { waiting: String::new(), shown: Instant::now(), live: line.clone() };
    let lines = Rc::new(RefCell::new(lines));
    let log = lines.clone();
    let mut told = Told { phase: "", at: Instant::now() };
    Ok(Terminal {
        console: Some(Box::new(move |text| log.borrow_mut().push(text))),
        progress: Box::new(move |progress| {
            let mut lines = lines.borrow_mut();
            if is_terminal {
                line.set_message(describe(progress, time_limit_secs));
            } else if told.is_due(progress) {
                lines.push(&describe(progress, time_limit_secs));
            }
            lines.show();
        }),
        interrupt: Some(OwnedFd::from(reader)),
        interrupted: Box::new(move || interrupted.load(Ordering::Relaxed)),
        analysing: end_analysis_on_signal()?,
    })
}

/// Becomes true when the user wants the work to end: for work that then gives the best so far.
///
/// # Errors
/// When signals cannot be waited for.
pub fn interrupted() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone()).context("no signals")?;
    }
    Ok(interrupted)
}

/// A live line, if there is a terminal.
///
/// # Errors
/// When it cannot be made.
pub fn live() -> anyhow::Result<ProgressBar> {
    if std::io::stderr().is_terminal() { live_line() } else { Ok(ProgressBar::hidden()) }
}

/// Once the running is over, a signal ends the analysis and the report at once: nothing of them
/// waits for events any more, and the history is on disk. The function that this gives is told
/// the sentence to end with.
fn end_analysis_on_signal() -> anyhow::Result<Box<dyn Fn(String)>> {
    let sentence: Arc<Mutex<Option<String>>> = Arc::default();
    let shown = sentence.clone();
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("no signals")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if let Some(sentence) = &*shown.lock().unwrap_or_else(PoisonError::into_inner) {
                print_error(sentence);
                std::process::exit(CRASH.into());
            }
        }
    });
    Ok(Box::new(move |text| {
        *sentence.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }))
}

/// Where there is no live line, one of its states is printed now and then.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What was printed last of how far a run is.
struct Told {
    phase: &'static str,
    at: Instant,
}

impl Told {
    /// Whether it is time to print how far the run is: after a while, and before the checkers
    /// begin, which may take long.
    fn is_due(&mut self, progress: &Progress) -> bool {
        let is_new = self.phase != progress.phase && progress.phase == "checking";
        let is_due = is_new || self.at.elapsed() >= TOLD_EVERY;
        self.phase = progress.phase;
        if is_due {
            self.at = Instant::now();
        }
        is_due
    }
}

fn live_line() -> anyhow::Result<ProgressBar> {
    let line = ProgressBar::new_spinner();
    line.set_style(ProgressStyle::with_template("{spinner} {wide_msg}")?);
    // It turns while a long history is checked, too.
    line.enable_steady_tick(Duration::from_millis(100));
    Ok(line)
}

/// How long a line of the log waits for others at most, as long as others come.
const LINES_TOGETHER: Duration = Duration::from_millis(10);

/// Lines of the log that wait to be shown, above the live line if there is one. A line each
/// time would cost more than all the rest of a run in virtual time.
struct Lines {
    waiting: String,
    /// When lines were last shown.
    shown: Instant,
    live: ProgressBar,
}

impl Lines {
    fn push(&mut self, text: &str) {
        self.waiting.push_str(text);
        self.waiting.push('\n');
        if self.shown.elapsed() > LINES_TOGETHER {
            self.show();
        }
    }

    fn show(&mut self) {
        let show = || std::io::stderr().write_all(self.waiting.as_bytes()).ok();
        if self.live.is_hidden() {
            show()
        } else {
            self.live.suspend(show)
        };
        self.waiting.clear();
        self.shown = Instant::now();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.show();
    }
}

fn describe(progress: &Progress, time_limit_secs: f64) -> String {
    let elapsed_secs = progress.elapsed.as_secs_f64();
    let [ok, fail, info] = progress.outcomes;
    let messages_a_second = progress.messages as f64 / elapsed_secs.max(0.1);
    let faults = match progress.faults.as_slice() {
        [] => String::new(),
        faults => format!("  faults: {}", faults.join(", ")),
    };
    let of =
        if progress.phase == "running" { format!("/{time_limit_secs}") } else { String::new() };
    format!(
        "{} {elapsed_secs:.1}{of} s  ok {ok}  fail {fail}  info {info}  \
         {messages_a_second:.0} messages/s{faults}",
        progress.phase
    )
}

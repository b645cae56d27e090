//! The terminal: log lines, one live line about the run, and Ctrl-C.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "this is where the bench meets its user"
)]

use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::engine::Progress;
use crate::run::Terminal;

/// Prints a line for the user, or for whatever reads what the bench prints.
pub fn print(text: &str) {
    use std::io::Write;
    // A reader that has gone away (`| head`) must not turn a verdict into a crash.
    writeln!(std::io::stdout(), "{text}").ok();
}

/// Where a command prints what it was asked for.
pub fn output() -> impl std::io::Write {
    std::io::stdout()
}

/// Prints what went wrong.
pub fn print_error(sentence: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "error: {sentence}").ok();
}

/// The bench's own program, for its watchdog.
pub fn own_program() -> Option<PathBuf> {
    std::env::current_exe().ok()
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
    let line = if std::io::stderr().is_terminal() { live_line()? } else { ProgressBar::hidden() };
    let above = line.clone();
    Ok(Terminal {
        console: Some(Box::new(move |text| show(&above, text))),
        progress: Box::new(move |progress| line.set_message(describe(progress, time_limit_secs))),
        interrupt: Some(OwnedFd::from(reader)),
        interrupted: Box::new(move || interrupted.load(Ordering::Relaxed)),
    })
}

fn live_line() -> anyhow::Result<ProgressBar> {
    let line = ProgressBar::new_spinner();
    line.set_style(ProgressStyle::with_template("{spinner} {wide_msg}")?);
    Ok(line)
}

/// Prints a line of the log above the live line, if there is one.
fn show(line: &ProgressBar, text: &str) {
    use std::io::Write;
    if line.is_hidden() {
        writeln!(std::io::stderr(), "{text}").ok();
    } else {
        line.suspend(|| writeln!(std::io::stderr(), "{text}").ok());
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
    format!(
        "{} {elapsed_secs:.1}/{time_limit_secs} s  ok {ok}  fail {fail}  info {info}  \
         {messages_a_second:.0} messages/s{faults}",
        progress.phase
    )
}

//! The watchdog: a process that outlives the bench by a moment, to kill what it left.
//!
//! A bench that is killed with SIGKILL cannot clean up. So it starts its own executable once
//! more with a hidden argument, and tells it through a pipe which process groups run. The
//! system closes the pipe when the bench dies, however it dies; the watchdog then kills the
//! groups that are still on its list.
//!
//! Two kinds of process are on no list: one that was started in the bench's last microseconds,
//! and one that left its group (`setsid`, as daemons do). Children therefore also carry a mark
//! in their environment, which their descendants inherit, and where there is a `/proc` the
//! watchdog looks for the mark. It does so after an orderly end, too.
//!
//! Deliberately absent: a wait between SIGTERM and SIGKILL. A node must survive a crash anyhow.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

/// The first argument that makes the bench's executable a watchdog. Not for users.
pub const WATCHDOG_ARGUMENT: &str = "__watchdog";

/// The environment variable by which the watchdog knows the processes of its bench.
const MARK: &str = "MAELSTROM_WATCHDOG";

/// A running watchdog. Clones are the same one; when the last is dropped it looks once more
/// for processes left behind, kills them, and ends.
#[derive(Clone, Debug)]
pub struct Watchdog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    process: Child,
    mark: String,
}

impl Watchdog {
    /// Starts `executable` as the watchdog of this process.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(executable: &Path) -> anyhow::Result<Watchdog> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mark = format!("{}-{}", std::process::id(), since_1970.as_nanos());
        let process = Command::new(std::path::absolute(executable)?)
            .args([WATCHDOG_ARGUMENT, &mark])
            .stdin(Stdio::piped())
            // Else whoever reads the bench's output to its end would wait for the watchdog too.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Ctrl-C must not end it before the bench.
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!("could not start the bench's watchdog, {}", executable.display())
            })?;
        Ok(Watchdog(Arc::new(Inner { process, mark })))
    }

    /// Marks what `command` will start as belonging to this bench.
    pub(super) fn mark(&self, command: &mut Command) {
        command.env(MARK, &self.0.mark);
    }

    /// Puts a process group on the list of those to be killed.
    pub(super) fn remember(&self, group: Pid) -> io::Result<()> {
        self.tell('+', group)
    }

    /// Takes a process group off the list. Without a watchdog there is no list to be on.
    pub(super) fn forget(&self, group: Pid) {
        let _ = self.tell('-', group);
    }

    fn tell(&self, what: char, group: Pid) -> io::Result<()> {
        let mut pipe = self.0.process.stdin.as_ref().expect("stdin is a pipe until the end");
        // In one write: a bench that dies in the middle must not leave half a number.
        pipe.write_all(format!("{what}{}\n", group.as_raw_nonzero()).as_bytes())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closes the pipe first. How the watchdog ended changes nothing.
        let _ = self.process.wait();
    }
}

/// What the bench's executable does when its first argument is [`WATCHDOG_ARGUMENT`]: reads
/// the list of process groups from stdin until that is closed, then kills them.
pub fn watchdog_main() -> ExitCode {
    let mut groups = BTreeSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let (what, id) = line.split_at_checked(1).unwrap_or_default();
        match (what, id.parse().ok().and_then(Pid::from_raw)) {
            ("+", Some(id)) => groups.insert(id.as_raw_nonzero()),
            ("-", Some(id)) => groups.remove(&id.as_raw_nonzero()),
            _ => continue,
        };
    }
    for id in groups.into_iter().filter_map(|id| Pid::from_raw(id.get())) {
        let _ = kill_process_group(id, Signal::KILL);
    }
    if let Some(mark) = std::env::args().nth(2) {
        sweep(&format!("{MARK}={mark}"));
    }
    ExitCode::SUCCESS
}

/// Kills every process whose environment has this entry.
#[cfg(target_os = "linux")]
fn sweep(entry: &str) {
    use std::thread::sleep;
    use std::time::Duration;

    // A process that was being started holds the bench's end of the pipe until it becomes its
    // own program, and gets its environment a moment after that.
    sleep(Duration::from_millis(5));
    // One that is killed may have forked just before. A bound, because a process that cannot
    // be killed at once (in the middle of a disk write, say) is found again and again.
    for _ in 0..100 {
        if sweep_once(entry.as_bytes()) == 0 {
            return;
        }
        sleep(Duration::from_millis(1));
    }
}

#[cfg(not(target_os = "linux"))]
fn sweep(_entry: &str) {}

/// Gives the number of processes that were found.
#[cfg(target_os = "linux")]
fn sweep_once(entry: &[u8]) -> usize {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let mut found = 0;
    for process in processes.filter_map(Result::ok) {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Opened before the look, so that the signal cannot reach a later bearer of the number.
        let Some(handle) =
            Pid::from_raw(id).and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok())
        else {
            continue;
        };
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|&byte| byte == 0).any(|variable| variable == entry) {
            found += 1;
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        }
    }
    found
}

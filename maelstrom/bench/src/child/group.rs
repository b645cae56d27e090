//! A process group: a node and whatever it forked.
//!
//! A process id is free for reuse once its process has been waited for, and a signal sent
//! after that may hit a stranger. So the order is always: see that the leader has ended, *not*
//! waiting for it; kill the rest of the group, whose id is still held by the ended leader; take
//! it off the watchdog's list; only then wait.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Watchdog;

/// A running process group. Dropping it kills it.
pub(super) struct Group {
    leader: Child,
    /// Also the id of the group.
    id: Pid,
    /// Becomes readable when the leader ends. `None` where the system has no such thing (Linux
    /// before 5.3, other systems): there [`Group::has_ended`] must be asked.
    pub(super) end: Option<OwnedFd>,
    watchdog: Option<Watchdog>,
    /// Whether the group was killed: then its id may belong to somebody else by now.
    is_finished: bool,
}

impl Group {
    /// Starts `command` as the leader of a new group.
    ///
    /// # Errors
    /// When it does not start, or the watchdog is gone.
    pub(super) fn spawn(
        command: &mut Command,
        watchdog: Option<&Watchdog>,
    ) -> anyhow::Result<Group> {
        if let Some(watchdog) = watchdog {
            watchdog.mark(command);
        }
        let leader = command
            .process_group(0)
            .spawn()
            .map_err(|error| explain(error, &command.get_program().to_string_lossy()))?;
        let id = Pid::from_child(&leader);
        let group = Group {
            leader,
            id,
            end: open_end(id),
            watchdog: watchdog.cloned(),
            is_finished: false,
        };
        if let Some(watchdog) = watchdog {
            watchdog.remember(id).context("the bench's watchdog process is gone")?;
        }
        Ok(group)
    }

    /// Our end of the leader's stdin. The ends can be taken once.
    pub(super) fn take_stdin(&mut self) -> ChildStdin {
        self.leader.stdin.take().expect("stdin is a pipe and not taken yet")
    }

    /// Our end of the leader's stdout.
    pub(super) fn take_stdout(&mut self) -> ChildStdout {
        self.leader.stdout.take().expect("stdout is a pipe and not taken yet")
    }

    /// Our end of the leader's stderr.
    pub(super) fn take_stderr(&mut self) -> ChildStderr {
        self.leader.stderr.take().expect("stderr is a pipe and not taken yet")
    }

    /// How much memory the leader holds; 0 where nobody says.
    pub(super) fn resident_bytes(&self) -> u64 {
        super::resident_bytes(&self.id.as_raw_nonzero().to_string())
    }

    /// Sends a signal to every process of the group.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.is_finished {
            // It fails only when all have ended: then there is nobody to be signalled.
            let _ = kill_process_group(self.id, signal);
        }
    }

    /// Whether the leader has ended. Does not wait for it in either sense.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id), options) {
            Ok(state) => state.is_some(),
            // Somebody made this process ignore SIGCHLD, and the system waited for it.
            Err(error) => error == Errno::CHILD,
        }
    }

    /// Kills what is still running and waits for the leader. Called again, it tells again.
    ///
    /// # Errors
    /// When the system does not tell how the leader ended.
    pub(super) fn finish(&mut self) -> io::Result<ExitStatus> {
        if !self.is_finished {
            self.signal(Signal::KILL);
            self.is_finished = true;
            if let Some(watchdog) = &self.watchdog {
                watchdog.forget(self.id);
            }
        }
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody is left to be told how it ended.
        let _ = self.finish();
    }
}

/// Why a program did not start that is there and executable.
fn explain(error: io::Error, program: &str) -> anyhow::Error {
    let is_unknown_format = error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error());
    // What was not found is what the program itself needs.
    let help = is_unknown_format || error.kind() == io::ErrorKind::NotFound;
    let error = anyhow::Error::from(error);
    if help {
        error.context(format!(
            "{program} must be a program for this machine, or a script whose first line is #! \
             and an interpreter that is there"
        ))
    } else {
        error
    }
}

#[cfg(target_os = "linux")]
fn open_end(id: Pid) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    pidfd_open(id, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_end(_id: Pid) -> Option<OwnedFd> {
    None
}

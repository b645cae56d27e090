//! Limits that hold whichever judge is at work: of the time that a file may take, and of the memory
//! that the program may hold.
//!
//! The search for a linearization counts what it does, and stops by itself. Other judges go
//! through a history once and need neither; but a history may have ten thousand million entries.
//! So where a limit was asked for, the judge works on a thread of its own, and is left behind when
//! the limit is reached: the answer is then `unknown`, and says how far it had come. What was left
//! behind ends with the program, which is soon: memory stays what it is until then.

#![expect(clippy::disallowed_methods, reason = "limits need a clock and a thread")]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::child::resident_bytes;
use crate::report::count;

/// So often it is looked at what a judge has taken.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The limits; without any, judges work as they are.
#[derive(Clone, Default, Debug)]
pub struct Limits {
    /// How long reading and judging one file may take.
    pub timeout: Option<Duration>,
    /// How much memory the program may hold.
    pub memory_bytes: Option<usize>,
    /// Set once there is no memory left, for all files.
    is_full: Arc<AtomicBool>,
}

/// How far a judgement has come.
#[derive(Default, Debug)]
pub struct Progress {
    /// How many entries were read.
    pub entries: AtomicUsize,
    /// Whether these are all.
    pub is_read: AtomicBool,
}

impl Limits {
    /// These limits.
    pub fn new(timeout: Option<Duration>, memory_bytes: Option<usize>) -> Limits {
        Limits { timeout, memory_bytes, is_full: Arc::default() }
    }

    /// What `judge` gives, if it does so within the limits.
    ///
    /// # Errors
    /// A sentence, when it does not: which limit it was, and how far it had come.
    pub fn guard<T: Send + 'static>(
        &self,
        judge: impl FnOnce(&Progress) -> T + Send + 'static,
    ) -> Result<T, String> {
        if self.timeout.is_none() && self.memory_bytes.is_none() {
            return Ok(judge(&Progress::default()));
        }
        if self.is_full.load(Ordering::Relaxed) {
            return Err(self.no_memory());
        }
        let progress = Arc::new(Progress::default());
        let (sender, receiver) = sync_channel(1);
        let (start, seen) = (Instant::now(), progress.clone());
        let thread = thread::spawn(move || drop(sender.send(judge(&seen))));
        loop {
            match receiver.recv_timeout(LOOK_EVERY) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => self.check(start, &progress)?,
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Err(panic) => resume_unwind(panic),
                    Ok(()) => unreachable!("it has sent what it gives"),
                },
            }
        }
    }

    fn check(&self, start: Instant, progress: &Progress) -> Result<(), String> {
        // A search stops at its own limit, and knows more to say then.
        let late = |limit: Duration| limit + limit / 10 + Duration::from_millis(200);
        let is_over = self.timeout.is_some_and(|limit| start.elapsed() > late(limit));
        let is_full =
            self.memory_bytes.is_some_and(|limit| resident_bytes("self") as usize > limit);
        self.is_full.fetch_or(is_full, Ordering::Relaxed);
        let reason = match self.timeout {
            _ if is_full => self.no_memory(),
            Some(limit) if is_over => format!("It had taken {} s.", limit.as_secs_f64()),
            _ => return Ok(()),
        };
        let entries = count(progress.entries.load(Ordering::Relaxed), "line");
        let far = match progress.is_read.load(Ordering::Relaxed) {
            true => format!("All {entries} of the history had been read, and were being judged"),
            false => format!("{entries} of the history had been read"),
        };
        Err(format!("{reason} Until then, {far}."))
    }

    fn no_memory(&self) -> String {
        let limit = self.memory_bytes.unwrap_or_default() >> 20;
        format!("The program would have held more than {limit} MiB.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_left_behind() {
        let limits = Limits::new(Some(Duration::from_millis(1)), None);
        let sentence = limits.guard(|progress| {
            progress.entries.store(1, Ordering::Relaxed);
            loop {
                thread::park();
            }
        });
        let sentence: Result<(), String> = sentence;
        let expected = "It had taken 0.001 s. Until then, 1 line of the history had been read.";
        assert_eq!(sentence, Err(expected.to_owned()));
        assert_eq!(Limits::default().guard(|_| 7), Ok(7));
        assert_eq!(Limits::new(Some(Duration::from_secs(60)), None).guard(|_| 7), Ok(7));
    }

    #[test]
    fn without_memory_no_other_file_is_begun() {
        let limits = Limits::new(None, Some(1));
        let sentence: Result<(), String> = limits.guard(|_| {
            loop {
                thread::park();
            }
        });
        if resident_bytes("self") == 0 {
            return;
        }
        assert!(sentence.unwrap_err().starts_with("The program would have held more than 0 MiB."));
        assert!(limits.clone().guard(|_| panic!("it is not begun")).is_err_and(|_: String| true));
    }
}

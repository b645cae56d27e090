//! The one seam of the project: a participant of a cluster, seen from outside.
//!
//! A [`Process`] has no I/O, no clock, no thread and no randomness of its own. Time goes in,
//! messages go in, messages come out. So the same node runs behind real pipes, inside the
//! bench in virtual time, or as a child process driven one step at a time.
//!
//! Dropping a process is a crash. Not polling it is a pause. Passing it a different `now` is
//! clock skew.
//!
//! A process may be told that it is about to be stopped, so that it can hand over what it does
//! for others. It must not depend on that: a crash comes without notice.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use crate::types::{Message, Time};

/// A participant, seen from outside.
///
/// After every `handle_*` call the driver takes all of `poll_transmit` and then asks
/// `poll_timeout` when to call again; neither changes before the next `handle_*`.
///
/// The smallest one sends back whatever it is sent:
///
/// ```
/// use gyre::{Message, Process, Time};
///
/// struct Mirror(Vec<Message>);
///
/// impl Process for Mirror {
///     fn handle_message(&mut self, _now: Time, Message { src, dest, body }: Message) {
///         self.0.push(Message { src: dest, dest: src, body });
///     }
///     fn handle_timeout(&mut self, _now: Time) {}
///     fn poll_timeout(&self) -> Option<Time> { None }
///     fn poll_transmit(&mut self) -> Option<Message> { self.0.pop() }
/// }
///
/// let mut mirror = Mirror(Vec::new());
/// let line = r#"{"src":"c1","dest":"n1","body":{"type":"hello"}}"#;
/// mirror.handle_message(Time::ZERO, Message::parse(line)?);
/// assert_eq!(mirror.poll_transmit().unwrap().dest, "c1");
/// assert_eq!(mirror.poll_transmit(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Process {
    /// Takes one message that is addressed to this process.
    fn handle_message(&mut self, now: Time, message: Message);

    /// Takes one message that may have waited since an earlier time, when the process could not
    /// take it: it was paused, say.
    fn handle_late_message(&mut self, now: Time, _since: Time, message: Message) {
        self.handle_message(now, message);
    }

    /// Does what was due at `poll_timeout`. Calling it early is harmless.
    fn handle_timeout(&mut self, now: Time);

    /// Learns that it is about to be stopped. It goes on until [`may_stop`](Process::may_stop),
    /// or until whoever stops it has waited long enough.
    fn handle_stop(&mut self, _now: Time) {}

    /// Whether it may be stopped now: nobody else would miss it.
    fn may_stop(&self) -> bool {
        true
    }

    /// When it next wants [`handle_timeout`](Process::handle_timeout); `None` is never.
    fn poll_timeout(&self) -> Option<Time>;

    /// The next message it wants sent, in the order in which it was sent.
    fn poll_transmit(&mut self) -> Option<Message>;

    /// The next line it wrote to its log. A real process has stderr; this is the same, kept
    /// inside the seam so that a simulated node has a log file too.
    fn poll_log(&mut self) -> Option<String> {
        None
    }

    /// What it is at this moment, as a small JSON object, if it says so: its role and term, say,
    /// or what it holds. Looking changes nothing.
    fn inspect(&self) -> Option<serde_json::Value> {
        None
    }
}

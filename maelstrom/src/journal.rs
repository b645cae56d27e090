//! The journal: what the network carried, and how much of it.
//!
//! Counting and keeping are apart. The statistics of a run are six counters, kept as the
//! messages go by, so that a test of a hundred million messages costs no memory. The first
//! events are kept as well, up to a limit, for the diagram of messages in the report.
//!
//! Deliberately absent: a file. The original writes every message to disk and counts them
//! afterwards; nothing but its own diagram ever reads that file.

use std::sync::Arc;

use gyre::{Message, Time};
use rustc_hash::FxHashMap;

/// Whether a message entered the network or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalKind {
    /// The sender gave it to the network.
    Send,
    /// The receiver took it from the network.
    Recv,
}

/// One message entering or leaving the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEvent {
    /// When.
    pub time: Time,
    /// Whether it entered or left.
    pub kind: JournalKind,
    /// The message's number. A message has the same one when it is sent and whenever it is
    /// received, even if the network delivers it twice.
    pub id: u64,
    /// The message itself.
    pub message: Arc<Message>,
}

/// How many messages went in and came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCount {
    /// Messages sent. Each is sent once, so this also counts the distinct messages.
    pub send_count: u64,
    /// Messages received: fewer than were sent when some were lost, more when some were
    /// delivered twice.
    pub recv_count: u64,
}

impl MessageCount {
    fn record(&mut self, kind: JournalKind) {
        match kind {
            JournalKind::Send => self.send_count += 1,
            JournalKind::Recv => self.recv_count += 1,
        }
    }
}

/// The statistics of a run's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetStats {
    /// Messages from or to a client, those that set up the test included.
    pub clients: MessageCount,
    /// Messages between nodes and services.
    pub servers: MessageCount,
}

impl NetStats {
    /// Counts one event.
    pub fn record(&mut self, kind: JournalKind, message: &Message) {
        if message.src.is_client() || message.dest.is_client() {
            self.clients.record(kind);
        } else {
            self.servers.record(kind);
        }
    }

    /// The statistics of events that were kept.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a JournalEvent>) -> NetStats {
        let mut stats = NetStats::default();
        for event in events {
            stats.record(event.kind, &event.message);
        }
        stats
    }

    /// All messages together.
    pub fn all(&self) -> MessageCount {
        MessageCount {
            send_count: self.clients.send_count + self.servers.send_count,
            recv_count: self.clients.recv_count + self.servers.recv_count,
        }
    }
}

/// What the network carried.
#[derive(Clone, Debug)]
pub struct Journal {
    stats: NetStats,
    events: Vec<JournalEvent>,
    keep: usize,
    main_start: Time,
    requests: Vec<(u64, usize)>,
    /// The messages among `events` that were sent, so that their receipt shares them instead
    /// of copying their text.
    sent: FxHashMap<u64, Arc<Message>>,
}

impl Journal {
    /// An empty journal that keeps the first `keep` events; 0 only counts.
    pub fn new(keep: usize) -> Journal {
        Journal {
            stats: NetStats::default(),
            events: Vec::new(),
            keep,
            main_start: Time::ZERO,
            requests: Vec::new(),
            sent: FxHashMap::default(),
        }
    }

    /// Notes that the main phase begins: the history's times count from here.
    pub fn begin_main_phase(&mut self, now: Time) {
        self.main_start = now;
    }

    /// Notes that the message of this `id`, which is about to be sent, is a request of the
    /// operation whose invocation has this place in the history.
    pub fn record_request(&mut self, id: u64, invocation: usize) {
        if self.events.len() < self.keep {
            self.requests.push((id, invocation));
        }
    }

    /// Notes that the message entered the network, once for each `id`.
    pub fn record_send(&mut self, time: Time, id: u64, message: &Message) {
        self.stats.record(JournalKind::Send, message);
        if self.events.len() < self.keep {
            let message = Arc::new(message.clone());
            self.sent.insert(id, message.clone());
            self.events.push(JournalEvent { time, kind: JournalKind::Send, id, message });
        }
    }

    /// Notes that the message was delivered, as often as it is.
    pub fn record_recv(&mut self, time: Time, id: u64, message: &Message) {
        self.stats.record(JournalKind::Recv, message);
        if self.events.len() < self.keep {
            let sent = self.sent.get(&id).cloned();
            let message = sent.unwrap_or_else(|| Arc::new(message.clone()));
            self.events.push(JournalEvent { time, kind: JournalKind::Recv, id, message });
        }
    }

    /// The statistics of everything so far.
    pub fn stats(&self) -> &NetStats {
        &self.stats
    }

    /// The events that were kept, in order.
    pub fn events(&self) -> &[JournalEvent] {
        &self.events
    }

    /// When the main phase began, on the clock of the events.
    pub fn main_start(&self) -> Time {
        self.main_start
    }

    /// The requests of clients' operations, by `id`, each with the place in the history of the
    /// operation's invocation.
    pub fn requests(&self) -> &[(u64, usize)] {
        &self.requests
    }

    /// Whether there were more events than are kept.
    pub fn is_truncated(&self) -> bool {
        let all = self.stats.all();
        all.send_count + all.recv_count > self.events.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(src: &str, dest: &str) -> Message {
        Message::parse(&format!(r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"x"}}}}"#))
            .unwrap()
    }

    #[test]
    fn clients_and_servers_are_counted_apart() {
        let mut journal = Journal::new(usize::MAX);
        let traffic =
            [("c1", "n1"), ("n1", "c1"), ("n1", "n2"), ("n1", "lin-kv"), ("c2", "seq-kv")];
        for (id, (src, dest)) in traffic.into_iter().enumerate() {
            journal.record_send(Time::from_millis(id as u64), id as u64, &message(src, dest));
        }
        journal.record_recv(Time::from_millis(9), 2, &message("n1", "n2"));
        journal.record_recv(Time::from_millis(9), 2, &message("n1", "n2"));
        let count = |send_count, recv_count| MessageCount { send_count, recv_count };
        assert_eq!(journal.stats().clients, count(3, 0));
        assert_eq!(journal.stats().servers, count(2, 2));
        assert_eq!(journal.stats().all(), count(5, 2));
        assert_eq!(NetStats::of(journal.events()), *journal.stats());
        assert!(!journal.is_truncated());
    }

    #[test]
    fn only_the_first_events_are_kept() {
        let mut journal = Journal::new(3);
        for id in 0..10 {
            journal.record_send(Time::ZERO, id, &message("n1", "n2"));
            journal.record_recv(Time::ZERO, id, &message("n1", "n2"));
        }
        assert_eq!(journal.stats().all().send_count, 10);
        assert_eq!(journal.events().len(), 3);
        assert!(journal.is_truncated());
        let [sent, received, _] = journal.events() else { panic!("three events") };
        assert!(Arc::ptr_eq(&sent.message, &received.message), "a receipt shares its message");
    }
}

//! Which message caused which, and so what an operation set in motion.
//!
//! A node does not say why it sends a message, so this is inferred, by two rules:
//!
//! - A reply was caused by the request that it answers: `in_reply_to` names it.
//! - Whatever else a node sends within a millisecond of hearing something was caused by the
//!   last thing that it heard. (In virtual time a node acts at the very moment at which it
//!   hears; a real one needs a little.)
//!
//! What a node sends on a timer, gossip for instance, has no cause. That is Lamport's
//! happened-before relation ("Time, Clocks, and the Ordering of Events in a Distributed
//! System", 1978) with most of it left out: what happened before is much more than what was
//! the reason.

use gyre::NodeId;
use rustc_hash::FxHashMap;

use crate::journal::{Journal, JournalEvent, JournalKind};

/// How long after it heard something a node may still be acting on it.
const REACTION_NANOS: u128 = 1_000_000;

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Flight<'a> {
    /// Its entry in the network.
    pub sent: &'a JournalEvent,
    /// When it arrived, in nanoseconds since the main phase began; `None` if it was lost.
    pub received: Option<i64>,
    /// The flight that caused it: always an earlier one.
    pub cause: Option<usize>,
    /// The place in the history of the invocation behind it all.
    pub operation: Option<usize>,
    /// Whether this is a further delivery of a message that has already arrived.
    pub is_duplicate: bool,
}

impl Flight<'_> {
    /// When it was sent, in nanoseconds since the main phase began.
    pub fn sent_at(&self, journal: &Journal) -> i64 {
        since_main(journal, self.sent)
    }
}

fn since_main(journal: &Journal, event: &JournalEvent) -> i64 {
    let nanos = |time: gyre::Time| time.since(gyre::Time::ZERO).as_nanos() as i64;
    nanos(event.time) - nanos(journal.main_start())
}

/// Every message that was kept, in the order in which they were sent; a further delivery of
/// one stands where it arrived.
pub fn flights(journal: &Journal) -> Vec<Flight<'_>> {
    let mut tracker = Tracker::new(journal);
    for event in journal.events() {
        match event.kind {
            JournalKind::Send => tracker.send(event),
            JournalKind::Recv => tracker.receive(event),
        }
    }
    tracker.flights
}

struct Tracker<'a> {
    journal: &'a Journal,
    flights: Vec<Flight<'a>>,
    /// By the message's id.
    by_id: FxHashMap<u64, usize>,
    /// By who asked whom, and the request's own number.
    by_request: FxHashMap<(&'a NodeId, &'a NodeId, i64), usize>,
    /// What each last heard.
    heard: FxHashMap<&'a NodeId, (&'a JournalEvent, usize)>,
    /// Invocations by message id.
    operations: FxHashMap<u64, usize>,
}

impl<'a> Tracker<'a> {
    fn new(journal: &'a Journal) -> Tracker<'a> {
        Tracker {
            journal,
            flights: Vec::with_capacity(journal.events().len() / 2),
            by_id: FxHashMap::default(),
            by_request: FxHashMap::default(),
            heard: FxHashMap::default(),
            operations: journal.requests().iter().copied().collect(),
        }
    }

    fn send(&mut self, event: &'a JournalEvent) {
        let message = &*event.message;
        let cause = self.cause(event);
        let own = self.operations.get(&event.id).copied();
        let operation = own.or_else(|| cause.and_then(|cause| self.flights[cause].operation));
        let number = self.flights.len();
        self.by_id.insert(event.id, number);
        if let Some(msg_id) = message.body.msg_id() {
            self.by_request.insert((&message.src, &message.dest, msg_id), number);
        }
        let flight = Flight { sent: event, received: None, cause, operation, is_duplicate: false };
        self.flights.push(flight);
    }

    fn cause(&self, event: &JournalEvent) -> Option<usize> {
        let message = &*event.message;
        let request = message.body.in_reply_to().and_then(|msg_id| {
            self.by_request.get(&(&message.dest, &message.src, msg_id)).copied()
        });
        if request.is_some() || message.src.is_client() {
            return request;
        }
        let (heard, flight) = self.heard.get(&message.src)?;
        (event.time.since(heard.time).as_nanos() <= REACTION_NANOS).then_some(*flight)
    }

    fn receive(&mut self, event: &'a JournalEvent) {
        let Some(&number) = self.by_id.get(&event.id) else { return };
        self.heard.insert(&event.message.dest, (event, number));
        let received = Some(since_main(self.journal, event));
        let flight = &mut self.flights[number];
        if flight.received.is_none() {
            flight.received = received;
        } else {
            let copy = Flight { received, is_duplicate: true, ..*flight };
            self.flights.push(copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use gyre::{Message, Time};

    use super::*;

    fn message(src: &str, dest: &str, body: &str) -> Message {
        let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"x"{body}}}}}"#);
        Message::parse(&line).unwrap()
    }

    #[test]
    fn an_operation_owns_what_its_request_set_in_motion() {
        let mut journal = Journal::new(100);
        let traffic = [
            (0, message("c1", "n1", r#","msg_id":1"#)),
            (0, message("n1", "n2", r#","msg_id":7"#)),
            (5, message("n2", "n1", r#","in_reply_to":7"#)),
            // n1 waited for that answer before it gave its own, long after it heard the request.
            (5, message("n1", "c1", r#","in_reply_to":1"#)),
            // On a timer.
            (900, message("n1", "n2", "")),
        ];
        for (id, (millis, message)) in traffic.iter().enumerate() {
            if id == 0 {
                journal.record_request(0, 40);
            }
            journal.record_send(Time::from_millis(*millis), id as u64, message);
            journal.record_recv(Time::from_millis(*millis), id as u64, message);
        }
        journal.record_recv(Time::from_millis(901), 4, &traffic[4].1);
        let flights = flights(&journal);
        let causes: Vec<Option<usize>> = flights.iter().map(|flight| flight.cause).collect();
        assert_eq!(causes, [None, Some(0), Some(1), Some(0), None, None]);
        let owned: Vec<bool> = flights.iter().map(|f| f.operation == Some(40)).collect();
        assert_eq!(owned, [true, true, true, true, false, false]);
        assert!(flights[5].is_duplicate);
        assert_eq!(flights[5].received, Some(901_000_000));
    }
}

//! The journal: what the network carried, and how much of it.
//!
//! Counting and keeping are apart. The statistics of a run are six counters, kept as the
//! messages go by, so that a test of a hundred million messages costs no memory. The first
//! events, up to a limit, are kept as well, for the diagrams of the report: each message as one
//! [`Flight`] with the beginning of its body, in [`spool`](crate::spool)s, which a run with a
//! folder keeps on disk. What caused a flight is found when it is sent (`cause`).
//!
//! Deliberately absent: a file for others. The original writes every message to disk and counts
//! them afterwards; nothing but its own diagram ever reads that file.

mod cause;
mod peer;
mod states;

use std::ops::Range;

use gyre::{Message, NodeId, Time};
use rustc_hash::FxHashMap;

use crate::spool::{MakeSpool, Spool, Table, row};

use cause::{Causes, Heard};
pub use peer::said_to_peer;

pub use states::{StateChange, States};

/// Of a body so many characters are kept.
pub const BODY_CHARACTERS: usize = 240;

/// So many of the first events are kept with whole messages, but for those of `init`.
pub const WHOLE_MESSAGES: usize = 10_000;

/// So many types of messages are told apart, by so many characters each. A node may make up
/// another for every message, and then all further ones are [`OTHER_KIND`].
const KINDS: usize = 1000;
const KIND_CHARACTERS: usize = 100;
const OTHER_KIND: &str = "other";

/// Whether a message entered the network or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalKind {
    /// The sender gave it to the network.
    Send,
    /// The receiver took it from the network.
    Recv,
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

    /// All messages together.
    pub fn all(&self) -> MessageCount {
        MessageCount {
            send_count: self.clients.send_count + self.servers.send_count,
            recv_count: self.clients.recv_count + self.servers.recv_count,
        }
    }
}

/// The number of a name, or of a type of messages, in a journal.
pub type Number = u32;

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// When it was sent, in nanoseconds since the main phase began.
    pub sent: i64,
    /// When it arrived, likewise; `None` if it was lost.
    pub received: Option<i64>,
    /// Who sent it.
    pub src: Number,
    /// To whom.
    pub dest: Number,
    /// Its type.
    pub kind: Number,
    /// The flight that caused it: always an earlier one.
    pub cause: Option<usize>,
    /// The index in the history of the invocation behind it all.
    pub operation: Option<usize>,
    /// Whether this is a further delivery of a message that has already arrived.
    pub is_duplicate: bool,
    /// The bytes of its body that are shown: [`BODY_CHARACTERS`] at most.
    pub body_bytes: usize,
    body: (u64, u16),
}

row! {
    /// A flight on disk. What there is none of is the greatest number of its type.
    struct FlightRow {
        sent: u64,
        received: u64,
        src: u32,
        dest: u32,
        kind: u32,
        cause: u32,
        operation: u32,
        is_duplicate: u8,
        body_bytes: u8,
        body_length: u16,
        body_place: u64,
    }
}

/// One of the first events.
#[derive(Clone, Copy, Debug)]
pub struct FirstEvent {
    /// Whether the message was sent or received.
    pub kind: JournalKind,
    /// The message's number, the same when it is sent and whenever it is received.
    pub id: u64,
    message: (u64, usize),
}

/// Gives numbers to names.
#[derive(Default)]
struct Numbers<T> {
    numbers: FxHashMap<T, Number>,
    all: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Numbers<T> {
    fn of<Q>(&mut self, name: &Q) -> Number
    where
        Q: ?Sized + Eq + std::hash::Hash + ToOwned<Owned = T>,
        T: std::borrow::Borrow<Q>,
    {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = Number::try_from(self.all.len()).expect("more names than can be numbered");
        self.numbers.insert(name.to_owned(), number);
        self.all.push(name.to_owned());
        number
    }
}

/// What the network carried.
pub struct Journal {
    stats: NetStats,
    keep: usize,
    kept: usize,
    main_start: Time,
    flights: Table<FlightRow>,
    texts: Spool,
    states: States,
    names: Numbers<NodeId>,
    kinds: Numbers<String>,
    causes: Causes,
    /// The request that is about to be sent, with the operation that it is for.
    request: Option<(u64, usize)>,
    /// The number of the flight of each message that was kept, by its id.
    by_id: Vec<u32>,
    first: Vec<FirstEvent>,
    is_first_truncated: bool,
}

/// What stands for no number.
const NONE: u32 = u32::MAX;

impl From<usize> for Journal {
    fn from(keep: usize) -> Journal {
        Journal::new(keep)
    }
}

impl Journal {
    /// An empty journal that keeps the first `keep` events, in memory; 0 only counts.
    pub fn new(keep: usize) -> Journal {
        let made = Journal::spooled(keep, &mut || Ok(Spool::in_memory()));
        made.expect("memory is there")
    }

    /// The same, in spools that `make` makes.
    ///
    /// # Errors
    /// What `make` answers.
    pub fn spooled(keep: usize, make: &mut MakeSpool) -> anyhow::Result<Journal> {
        Ok(Journal {
            stats: NetStats::default(),
            keep,
            kept: 0,
            main_start: Time::ZERO,
            flights: Table::new(make()?),
            texts: make()?,
            states: States::spooled(keep, make)?,
            names: Numbers { numbers: FxHashMap::default(), all: Vec::new() },
            kinds: Numbers { numbers: FxHashMap::default(), all: Vec::new() },
            causes: Causes::default(),
            request: None,
            by_id: Vec::new(),
            first: Vec::new(),
            is_first_truncated: false,
        })
    }

    /// Notes that the main phase begins: the history's times count from here.
    pub fn begin_main_phase(&mut self, now: Time) {
        self.main_start = now;
    }

    /// Notes that the message of this `id`, which is about to be sent, is a request of the
    /// operation whose invocation has this index in the history.
    pub fn record_request(&mut self, id: u64, invocation: usize) {
        self.request = Some((id, invocation));
    }

    /// Notes that the message entered the network, once for each `id`.
    pub fn record_send(&mut self, time: Time, id: u64, message: &Message) {
        self.stats.record(JournalKind::Send, message);
        if self.kept >= self.keep {
            return;
        }
        self.kept += 1;
        let (src, dest) = (self.names.of(&message.src), self.names.of(&message.dest));
        let kind = self.kind_of(message);
        let cause = self.causes.of(time, (src, dest), message);
        let own = self.request.take().filter(|(request, _)| *request == id);
        let operation = match own {
            Some((_, invocation)) => number(invocation),
            None => cause.map_or(NONE, |cause| self.flights.get(cause as usize).operation),
        };
        let body = message.body.as_json();
        let shown = start(body, BODY_CHARACTERS + 1);
        let flight = self.flights.push(FlightRow {
            sent: time.as_nanos(),
            received: u64::MAX,
            src,
            dest,
            kind,
            cause: cause.unwrap_or(NONE),
            operation,
            is_duplicate: 0,
            body_bytes: body.len().min(BODY_CHARACTERS) as u8,
            body_length: shown.len() as u16,
            body_place: self.texts.push(shown.as_bytes()),
        });
        let flight = number(flight);
        let index = id as usize;
        if self.by_id.len() <= index {
            self.by_id.resize(index + 1, NONE);
        }
        self.by_id[index] = flight;
        self.causes.sent((src, dest), message, flight);
        self.keep_whole(JournalKind::Send, id, message);
    }

    /// Notes that the message was delivered, as often as it is.
    pub fn record_recv(&mut self, time: Time, id: u64, message: &Message) {
        self.stats.record(JournalKind::Recv, message);
        if self.kept >= self.keep {
            return;
        }
        self.kept += 1;
        self.keep_whole(JournalKind::Recv, id, message);
        let number = self.by_id.get(id as usize).copied().unwrap_or(NONE);
        if number == NONE {
            return;
        }
        let mut flight = self.flights.get(number as usize);
        self.causes.heard(flight.dest, Heard { time, flight: number });
        let is_first = flight.received == u64::MAX;
        flight.received = time.as_nanos();
        if is_first {
            self.flights.set(number as usize, flight);
        } else {
            self.flights.push(FlightRow { is_duplicate: 1, ..flight });
        }
    }

    /// Whether anything is kept but statistics.
    pub fn keeps_events(&self) -> bool {
        self.keep > 0
    }

    /// Notes what a node says of itself: the text of a JSON object.
    pub fn record_state(&mut self, time: Time, node: &NodeId, state: &str) {
        if self.keep > 0 {
            let node = self.names.of(node);
            self.states.record(time, node, state, number(self.flights.len()));
        }
    }

    /// Notes that a node was killed: it has no state any more.
    pub fn record_kill(&mut self, time: Time, node: &NodeId) {
        if self.keep > 0 {
            let node = self.names.of(node);
            self.states.record_end(time, node, number(self.flights.len()));
        }
    }

    fn kind_of(&mut self, message: &Message) -> Number {
        let inner = said_to_peer(message).map(|(kind, _)| kind);
        let kind = start(inner.as_deref().unwrap_or(message.body.kind()), KIND_CHARACTERS);
        let is_full = self.kinds.all.len() >= KINDS && !self.kinds.numbers.contains_key(kind);
        self.kinds.of(if is_full { OTHER_KIND } else { kind })
    }

    fn keep_whole(&mut self, kind: JournalKind, id: u64, message: &Message) {
        if matches!(message.body.kind(), "init" | "init_ok") {
            return;
        }
        if self.first.len() == WHOLE_MESSAGES {
            self.is_first_truncated = true;
            return;
        }
        let message = match kind {
            JournalKind::Send => {
                let line = message.to_line();
                (self.texts.push(line.as_bytes()), line.len())
            }
            JournalKind::Recv => (0, 0),
        };
        self.first.push(FirstEvent { kind, id, message });
    }

    /// The statistics of everything so far.
    pub fn stats(&self) -> &NetStats {
        &self.stats
    }

    /// Every message that was kept, in the order in which they were sent; a further delivery of
    /// one stands where it arrived.
    pub fn flights(&self) -> impl Iterator<Item = Flight> + '_ {
        self.flights.iter().map(|row| self.flight(row))
    }

    /// Every change of a node's state that was kept, in order.
    pub fn state_changes(&self) -> impl Iterator<Item = StateChange> + '_ {
        self.states.changes(self.main_start)
    }

    /// What nodes said of themselves.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// The changes with these numbers, in that order.
    pub fn state_changes_in(&self, range: Range<usize>) -> impl Iterator<Item = StateChange> + '_ {
        self.states.changes_in(range, self.main_start)
    }

    /// The flights with these numbers, in the order of [`flights`](Journal::flights).
    ///
    /// # Panics
    /// When there are not so many.
    pub fn flights_in(&self, range: Range<usize>) -> impl Iterator<Item = Flight> + '_ {
        self.flights.iter_in(range).map(|row| self.flight(row))
    }

    /// How many flights there are.
    pub fn flight_count(&self) -> usize {
        self.flights.len()
    }

    fn flight(&self, row: FlightRow) -> Flight {
        let some = |number: u32| (number != NONE).then_some(number as usize);
        let since_main = |nanos: u64| nanos as i64 - self.main_start.as_nanos() as i64;
        Flight {
            sent: since_main(row.sent),
            received: (row.received != u64::MAX).then(|| since_main(row.received)),
            src: row.src,
            dest: row.dest,
            kind: row.kind,
            cause: some(row.cause),
            operation: some(row.operation),
            is_duplicate: row.is_duplicate > 0,
            body_bytes: row.body_bytes.into(),
            body: (row.body_place, row.body_length),
        }
    }

    /// A flight's body, or more of its beginning than is shown.
    pub fn body(&self, flight: &Flight) -> String {
        let (place, length) = flight.body;
        self.texts.text(place, length.into())
    }

    /// Those who sent or received, by number.
    pub fn names(&self) -> &[NodeId] {
        &self.names.all
    }

    /// The types of messages, by number.
    pub fn kinds(&self) -> &[String] {
        &self.kinds.all
    }

    /// The first events but for those of `init`, in order.
    pub fn first(&self) -> &[FirstEvent] {
        &self.first
    }

    /// Whether there were more than these.
    pub fn is_first_truncated(&self) -> bool {
        self.is_first_truncated || self.is_truncated()
    }

    /// The message of a first event; `None` for one that was received, or if it cannot be read.
    pub fn message(&self, event: &FirstEvent) -> Option<Message> {
        let (place, length) = event.message;
        Message::parse(&self.texts.text(place, length)).ok()
    }

    /// Whether there were more events than are kept.
    pub fn is_truncated(&self) -> bool {
        let all = self.stats.all();
        all.send_count + all.recv_count > self.kept as u64
    }

    /// Why what was kept is not whole, if it is not: a sentence.
    pub fn failure(&self) -> Option<&str> {
        self.flights.failure().or(self.texts.failure()).or(self.states.failure())
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).ok().filter(|&n| n != NONE).expect("fewer events than can be numbered")
}

/// The first so many characters.
fn start(text: &str, characters: usize) -> &str {
    // Nearly every text is short, and then nobody counts its characters.
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(src: &str, dest: &str, body: &str) -> Message {
        let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"x"{body}}}}}"#);
        Message::parse(&line).unwrap()
    }

    #[test]
    fn clients_and_servers_are_counted_apart() {
        let mut journal = Journal::new(usize::MAX);
        let traffic =
            [("c1", "n1"), ("n1", "c1"), ("n1", "n2"), ("n1", "lin-kv"), ("c2", "seq-kv")];
        for (id, (src, dest)) in traffic.into_iter().enumerate() {
            journal.record_send(Time::from_millis(id as u64), id as u64, &message(src, dest, ""));
        }
        journal.record_recv(Time::from_millis(9), 2, &message("n1", "n2", ""));
        journal.record_recv(Time::from_millis(9), 2, &message("n1", "n2", ""));
        let count = |send_count, recv_count| MessageCount { send_count, recv_count };
        assert_eq!(journal.stats().clients, count(3, 0));
        assert_eq!(journal.stats().servers, count(2, 2));
        assert_eq!(journal.stats().all(), count(5, 2));
        assert!(!journal.is_truncated());
    }

    #[test]
    fn only_the_first_events_are_kept() {
        let mut journal = Journal::new(3);
        for id in 0..10 {
            journal.record_send(Time::ZERO, id, &message("n1", "n2", ""));
            journal.record_recv(Time::ZERO, id, &message("n1", "n2", ""));
        }
        assert_eq!(journal.stats().all().send_count, 10);
        let received: Vec<bool> = journal.flights().map(|f| f.received.is_some()).collect();
        assert_eq!(received, [true, false]);
        assert!(journal.is_truncated() && journal.is_first_truncated());
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
        let flights: Vec<Flight> = journal.flights().collect();
        let causes: Vec<Option<usize>> = flights.iter().map(|flight| flight.cause).collect();
        assert_eq!(causes, [None, Some(0), Some(1), Some(0), None, None]);
        let owned: Vec<bool> = flights.iter().map(|f| f.operation == Some(40)).collect();
        assert_eq!(owned, [true, true, true, true, false, false]);
        assert!(flights[5].is_duplicate);
        assert_eq!(flights[5].received, Some(901_000_000));
        let kinds: Vec<JournalKind> = journal.first().iter().map(|event| event.kind).collect();
        assert_eq!(kinds[..3], [JournalKind::Send, JournalKind::Recv, JournalKind::Send]);
        assert_eq!(journal.message(&journal.first()[2]), Some(traffic[1].1.clone()));
    }

    #[test]
    fn a_node_that_makes_up_types_fills_nothing() {
        let mut journal = Journal::new(100_000);
        for id in 0..5000u64 {
            let kind = format!("{id}{}", "x".repeat(1000));
            let line = format!(r#"{{"src":"n1","dest":"n2","body":{{"type":"{kind}"}}}}"#);
            journal.record_send(Time::ZERO, id, &Message::parse(&line).unwrap());
        }
        assert_eq!(journal.kinds().len(), KINDS + 1);
        assert_eq!(journal.kinds()[KINDS], OTHER_KIND);
        assert!(journal.kinds().iter().all(|kind| kind.len() <= KIND_CHARACTERS));
        let last = journal.flights().last().unwrap();
        assert_eq!(journal.kinds()[last.kind as usize], OTHER_KIND);
    }

    #[test]
    fn of_a_long_body_the_beginning_is_kept() {
        let mut journal = Journal::new(100);
        for (id, characters) in [10, 1000].into_iter().enumerate() {
            let body = format!(r#","text":"{}""#, "ü".repeat(characters));
            journal.record_send(Time::ZERO, id as u64, &message("n1", "n2", &body));
        }
        let flights: Vec<Flight> = journal.flights().collect();
        let bodies: Vec<String> = flights.iter().map(|flight| journal.body(flight)).collect();
        assert_eq!(bodies[0], format!(r#"{{"type":"x","text":"{}"}}"#, "ü".repeat(10)));
        assert_eq!(bodies[1].chars().count(), BODY_CHARACTERS + 1);
        assert_eq!(flights[1].body_bytes, BODY_CHARACTERS);
    }
}

//! Coverage: what faults did to which messages, and what never happened.
//!
//! A thousand seeds without a failure say little about a retry that no seed ever needed. So for
//! each type of message between servers is counted how often it was lost, doubled, late, or on
//! its way while a crash happened; for each fault how often it struck; and for each operation of
//! clients how it ended.
//!
//! Absent: coverage of a node's code. What a node did with a message only the node could say.

use std::collections::BTreeMap;

use gyre::{Message, NodeId, Time};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::engine::{Direction, Mishap, Observer};
use crate::history::{Op, OpType, ProcessId};
use crate::nemesis::Fault;

/// So many types of messages are told apart: a node may make up another for every message.
const KINDS: usize = 200;

/// What all others are called.
const OTHER_KIND: &str = "other types";

/// A type that is longer is one of those, too.
const KIND_CHARACTERS: usize = 100;

/// What became of the messages of one type. A message may be counted in several places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fates {
    /// Sent.
    pub sent: u64,
    /// Arrived, each copy.
    pub arrived: u64,
    /// Lost by the network.
    pub lost: u64,
    /// Not let through by a link that was cut.
    pub cut: u64,
    /// Brought twice.
    pub doubled: u64,
    /// Arrived after a message that was sent later over the same link.
    pub late: u64,
    /// Arrived, though its sender or its receiver was killed since it was sent.
    pub crossed_crash: u64,
    /// Lost because its receiver was down.
    pub unheard: u64,
}

impl Fates {
    /// What there is to be exercised, by the faults of which one must be at work: the name, the
    /// count and the faults.
    pub fn exercised(&self) -> [(&'static str, u64, &'static [Fault]); 5] {
        [
            ("lost", self.lost, &[Fault::Loss]),
            ("cut off", self.cut, &[Fault::Partition, Fault::OneWay]),
            ("doubled", self.doubled, &[Fault::Duplicate]),
            // Copies come late, and so does what waits for a node that stands still.
            ("late", self.late, &[Fault::Duplicate]),
            ("in flight during a crash", self.crossed_crash, &[Fault::Kill]),
        ]
    }

    fn add(&mut self, other: &Fates) {
        self.sent += other.sent;
        self.arrived += other.arrived;
        self.lost += other.lost;
        self.cut += other.cut;
        self.doubled += other.doubled;
        self.late += other.late;
        self.crossed_crash += other.crossed_crash;
        self.unheard += other.unheard;
    }
}

/// How often a fault struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strikes {
    /// How often it started.
    pub strikes: u64,
    /// In how many seeds it did.
    pub seeds: u64,
}

/// How the operations of clients ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// They happened.
    pub ok: u64,
    /// They did not.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
}

/// What happened in some seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By the type of messages between servers.
    pub messages: BTreeMap<String, Fates>,
    /// By the name of the fault.
    pub faults: BTreeMap<String, Strikes>,
    /// By what clients do.
    pub operations: BTreeMap<String, Ends>,
}

impl Coverage {
    /// Counts what happened in other seeds, too.
    pub fn add(&mut self, other: &Coverage) {
        for (kind, fates) in &other.messages {
            entry(&mut self.messages, kind).add(fates);
        }
        for (fault, strikes) in &other.faults {
            let all = entry(&mut self.faults, fault);
            all.strikes += strikes.strikes;
            all.seeds += strikes.seeds;
        }
        for (f, ends) in &other.operations {
            let all = entry(&mut self.operations, f);
            all.ok += ends.ok;
            all.fail += ends.fail;
            all.info += ends.info;
        }
    }

    /// What never happened though one of these faults was to make it happen: a sentence each.
    pub fn never(&self, asked: &[Fault]) -> Vec<String> {
        let mut never = Vec::new();
        for fault in asked {
            if !self.faults.contains_key(fault.name()) {
                never.push(format!("{} never struck.", fault.name()));
            }
        }
        never.extend(self.spared(asked));
        for (f, ends) in &self.operations {
            if ends.ok == 0 {
                never.push(format!("No {f} of a client ever succeeded."));
            }
        }
        never
    }

    /// What these faults never did to messages: a sentence for all types that were spared the same.
    fn spared(&self, asked: &[Fault]) -> Vec<String> {
        let mut spared: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for (kind, fates) in &self.messages {
            let mut fates = fates.exercised().to_vec();
            fates.retain(|(_, count, faults)| {
                *count == 0 && faults.iter().any(|fault| asked.contains(fault))
            });
            if !fates.is_empty() {
                let fates = fates.into_iter().map(|(what, ..)| what).collect();
                spared.entry(fates).or_default().push(kind);
            }
        }
        let sentence = |(fates, kinds): (Vec<&str>, Vec<&str>)| {
            let were = if kinds.len() == 1 { "was" } else { "were" };
            format!("{} {were} never {}.", listed(&kinds, "and"), listed(&fates, "or"))
        };
        spared.into_iter().map(sentence).collect()
    }
}

/// Words as one says them: `lost, late or doubled`.
fn listed(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [words @ .., word] => format!("{} {last} {word}", words.join(", ")),
    }
}

/// The entry of this name; a name that is there already costs nothing.
fn entry<'a, T: Default>(all: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !all.contains_key(name) {
        all.insert(name.to_owned(), T::default());
    }
    all.get_mut(name).expect("it was put there")
}

/// Watches one run.
#[derive(Default)]
pub struct Watcher {
    messages: BTreeMap<String, Fates>,
    /// Of each fault: its entries in the history, one before and one after each strike.
    faults: BTreeMap<&'static str, u64>,
    operations: BTreeMap<std::sync::Arc<str>, Ends>,
    /// How many messages were sent.
    sent: u64,
    /// Of each link between servers: the last message sent of those that have arrived.
    last_arrived: FxHashMap<(NodeId, NodeId), u64>,
    /// Of each node that was killed: how many messages had been sent then.
    killed_at: FxHashMap<NodeId, u64>,
}

impl Watcher {
    /// What it has seen.
    pub fn finish(self) -> Coverage {
        let strikes = |entries: u64| Strikes { strikes: entries.div_ceil(2), seeds: 1 };
        let faults = self.faults.into_iter();
        let operations = self.operations.into_iter();
        Coverage {
            messages: self.messages,
            faults: faults.map(|(name, entries)| (name.into(), strikes(entries))).collect(),
            operations: operations.map(|(f, ends)| (f.to_string(), ends)).collect(),
        }
    }

    fn fates(&mut self, message: &Message) -> &mut Fates {
        let kind = message.body.kind();
        let is_known = self.messages.contains_key(kind);
        let kind = if is_known || (self.messages.len() < KINDS && kind.len() <= KIND_CHARACTERS) {
            kind
        } else {
            OTHER_KIND
        };
        entry(&mut self.messages, kind)
    }

    fn on_arrival(&mut self, id: u64, message: &Message) {
        let killed = |node| self.killed_at.get(node).is_some_and(|&sent| id < sent);
        let has_crossed = killed(&message.src) || killed(&message.dest);
        let link = (message.src.clone(), message.dest.clone());
        let last = self.last_arrived.entry(link).or_insert(id);
        let is_late = id < *last;
        *last = id.max(*last);
        let fates = self.fates(message);
        fates.arrived += 1;
        fates.late += u64::from(is_late);
        fates.crossed_crash += u64::from(has_crossed);
    }
}

fn is_between_servers(message: &Message) -> bool {
    !message.src.is_client() && !message.dest.is_client()
}

impl Observer for Watcher {
    fn operation(&mut self, op: &Op) {
        if op.process == ProcessId::Nemesis {
            let started = Fault::ALL.iter().find(|fault| fault.operations().0 == &*op.f);
            if let Some(fault) = started {
                *self.faults.entry(fault.name()).or_default() += 1;
            }
            return;
        }
        if op.kind == OpType::Invoke {
            return;
        }
        let ends = self.operations.entry(op.f.clone()).or_default();
        match op.kind {
            OpType::Ok => ends.ok += 1,
            OpType::Fail => ends.fail += 1,
            _ => ends.info += 1,
        }
    }

    fn message(&mut self, _now: Time, direction: Direction, id: u64, message: &Message) {
        if direction == Direction::Send {
            self.sent = id + 1;
        }
        if !is_between_servers(message) {
            return;
        }
        match direction {
            Direction::Send => self.fates(message).sent += 1,
            Direction::Receive => self.on_arrival(id, message),
        }
    }

    fn mishap(&mut self, message: &Message, mishap: Mishap) {
        if !is_between_servers(message) {
            return;
        }
        let fates = self.fates(message);
        match mishap {
            Mishap::Lost => fates.lost += 1,
            Mishap::Doubled => fates.doubled += 1,
            Mishap::Cut => fates.cut += 1,
            Mishap::Unheard => fates.unheard += 1,
        }
    }

    fn killed(&mut self, node: &NodeId) {
        self.killed_at.insert(node.clone(), self.sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(src: &str, dest: &str, kind: &str) -> Message {
        let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"{kind}"}}}}"#);
        Message::parse(&line).unwrap()
    }

    #[test]
    fn what_happens_to_messages_is_counted_by_their_type() {
        let mut watcher = Watcher::default();
        let vote = message("n0", "n1", "vote");
        let at = Time::ZERO;
        for id in 0..4 {
            watcher.message(at, Direction::Send, id, &vote);
        }
        watcher.mishap(&vote, Mishap::Lost);
        watcher.message(at, Direction::Receive, 2, &vote);
        // It was sent before the other one.
        watcher.message(at, Direction::Receive, 1, &vote);
        watcher.killed(&"n1".into());
        watcher.message(at, Direction::Receive, 3, &vote);
        // Sent after the crash.
        watcher.message(at, Direction::Send, 4, &vote);
        watcher.message(at, Direction::Receive, 4, &vote);
        // Clients are beside their node.
        watcher.message(at, Direction::Send, 5, &message("c1", "n1", "read"));
        let coverage = watcher.finish();
        let expected =
            Fates { sent: 5, arrived: 4, lost: 1, late: 1, crossed_crash: 1, ..Fates::default() };
        assert_eq!(coverage.messages, [("vote".to_owned(), expected)].into());
    }

    #[test]
    fn what_never_happened_is_said_of_faults_that_were_asked_for() {
        let mut coverage = Coverage::default();
        let fates = Fates { sent: 9, lost: 1, ..Fates::default() };
        coverage.messages.insert("vote".into(), fates);
        for kind in ["cas", "read", "write"] {
            coverage.messages.insert(kind.into(), Fates { sent: 9, ..Fates::default() });
        }
        coverage.faults.insert("loss".into(), Strikes { strikes: 2, seeds: 1 });
        coverage.operations.insert("cas".into(), Ends { fail: 3, ..Ends::default() });
        assert_eq!(
            coverage.never(&[Fault::Loss, Fault::Kill]),
            [
                "kill never struck.",
                "vote was never in flight during a crash.",
                "cas, read and write were never lost or in flight during a crash.",
                "No cas of a client ever succeeded."
            ]
        );
    }

    #[test]
    fn made_up_types_are_one() {
        let mut watcher = Watcher::default();
        for id in 0..500 {
            let made_up = message("n0", "n1", &format!("type-{id}"));
            watcher.message(Time::ZERO, Direction::Send, id, &made_up);
        }
        let coverage = watcher.finish();
        assert_eq!(coverage.messages.len(), KINDS + 1);
        assert_eq!(coverage.messages[OTHER_KIND].sent, 500 - KINDS as u64);
    }
}

//! Whether what was polled is what was sent.
//!
//! Nobody may see a message whose send failed (G1a), that was never sent, that was not sent
//! yet, or that its own transaction sends (a broker shows nothing before the commit). And
//! somebody must see each message that surely was sent: one that is missing although later
//! ones were seen is lost; one at the end of its log is only unseen.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{Event, Events, KeyId, MessageId};
use super::order::Orders;
use crate::history::OpType;

/// A message that an operation should not have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The operation that polled it.
    pub reader: usize,
    pub message: MessageId,
}

/// An acknowledged message that nobody polled, although somebody polled a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    pub message: MessageId,
    /// The highest index of this log that a client has surely reached.
    pub reached: usize,
    /// The operation that reached it.
    pub reader: usize,
}

/// Everything that is wrong with what was seen and what was not.
#[derive(Default)]
pub struct Visibility {
    /// Messages whose send failed.
    pub aborted: Vec<Sighting>,
    /// Messages that nobody sent; each once, with its first reader.
    pub unwritten: Vec<Sighting>,
    /// Messages whose send had not begun when the poll was over.
    pub future: Vec<Sighting>,
    /// Messages that the operation itself sends.
    pub precommitted: Vec<Sighting>,
    pub lost: Vec<Lost>,
}

/// Compares what was polled with what was sent.
pub fn find(events: &Events, orders: &Orders) -> Visibility {
    let mut found = Visibility::default();
    let mut seen = vec![false; events.messages()];
    for (reader, event) in events.list.iter().enumerate() {
        let own: BTreeSet<MessageId> =
            events.sends(event).iter().map(|send| send.message).collect();
        for read in events.reads(event) {
            let sighting = Sighting { reader, message: read.message };
            let first = !std::mem::replace(&mut seen[read.message as usize], true);
            if own.contains(&read.message) {
                found.precommitted.push(sighting);
            }
            let Some(writer) = orders.known(read.message).writer else {
                if first {
                    found.unwritten.push(sighting);
                }
                continue;
            };
            let writer = &events.list[writer];
            if writer.outcome == OpType::Fail && event.is_ok() {
                found.aborted.push(sighting);
            }
            if event.ended < writer.begun {
                found.future.push(sighting);
            }
        }
    }
    found.lost = lost(events, orders);
    found
}

/// What must have been read, up to the highest index that was, and was not.
///
/// A message may stand in a log more than once. To accuse nobody wrongly, what was read counts
/// from the first place where it was seen, and what was not from the last.
fn lost(events: &Events, orders: &Orders) -> Vec<Lost> {
    let mut reached: Vec<Option<(usize, usize)>> = vec![None; events.keys()];
    for message in 0..events.messages() as MessageId {
        let known = orders.known(message);
        if let (Some(reader), Some((first, _))) = (known.reader, known.seen_at) {
            let reached = &mut reached[events.key_of(message) as usize];
            *reached = (*reached).max(Some((first, reader)));
        }
    }
    let lost = |message: MessageId| {
        let known = orders.known(message);
        let (reached, reader) = reached[events.key_of(message) as usize]?;
        let writer = &events.list[known.writer?];
        let must_be_read = known.seen_at?.1 <= reached && orders.surely_happened(events, writer);
        (known.reader.is_none() && must_be_read).then_some(Lost { message, reached, reader })
    };
    (0..events.messages() as MessageId).filter_map(lost).collect()
}

/// The acknowledged messages of each key that no successful poll has shown to anybody.
pub fn unseen(events: &Events, orders: &Orders) -> BTreeMap<KeyId, Vec<MessageId>> {
    let mut unseen: BTreeMap<KeyId, Vec<MessageId>> = BTreeMap::new();
    for event in events.list.iter().filter(|event: &&Event| event.is_ok()) {
        for send in events.sends(event) {
            if orders.known(send.message).reader.is_none() {
                unseen.entry(send.key).or_default().push(send.message);
            }
        }
    }
    for messages in unseen.values_mut() {
        messages.sort_unstable();
        messages.dedup();
    }
    unseen
}

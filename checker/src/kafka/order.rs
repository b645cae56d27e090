//! The order of each log, put together from all offsets that anybody was told.
//!
//! Offsets need not be dense: a node may leave gaps, and a broker does for what it keeps in
//! its logs for itself. So the checks count *indexes*, the rank of an offset among all that
//! are known, and a gap in the offsets is no gap in the log.
//!
//! Every poll counts, whatever became of its operation: what a node shows to anybody must be
//! in the log. A send counts if it surely happened.

use std::ops::Range;

use super::events::{Event, Events, KeyId, MessageId, Offset, Record};
use crate::history::OpType;

/// One known offset of a log.
pub struct Slot {
    /// The offset.
    pub offset: Offset,
    /// The message there; if there are several, the least of them.
    pub message: MessageId,
    /// The other messages there. There should be none.
    pub others: Vec<MessageId>,
}

impl Slot {
    /// All messages that were seen at this offset.
    pub fn messages(&self) -> impl Iterator<Item = MessageId> + '_ {
        std::iter::once(self.message).chain(self.others.iter().copied())
    }
}

/// What is known of one message.
#[derive(Clone, Copy, Default)]
pub struct Known {
    /// The operation that sent it.
    pub writer: Option<usize>,
    /// The first successful operation that polled it.
    pub reader: Option<usize>,
    /// The last index at which it is the message of its slot.
    pub index: Option<usize>,
    /// The first and the last index at which it was seen.
    pub seen_at: Option<(usize, usize)>,
}

/// The logs of all keys, and what is known of all messages.
pub struct Orders {
    slots: Vec<Slot>,
    /// Where in `slots` the log of each key is.
    logs: Vec<Range<usize>>,
    messages: Vec<Known>,
}

impl Orders {
    /// Puts the logs together.
    pub fn new(events: &Events) -> Orders {
        let mut messages = vec![Known::default(); events.messages()];
        for (number, event) in events.list.iter().enumerate() {
            for send in events.sends(event) {
                messages[send.message as usize].writer.get_or_insert(number);
            }
            for read in events.reads(event).iter().filter(|_| event.is_ok()) {
                messages[read.message as usize].reader.get_or_insert(number);
            }
        }
        let mut orders = Orders { slots: Vec::new(), logs: Vec::new(), messages };
        orders.build(events);
        orders
    }

    fn build(&mut self, events: &Events) {
        // Where each message was seen last: mostly it is where it is seen every time.
        let mut last = vec![None; events.messages()];
        let mut known = |record: &Record| {
            let offset = record.offset()?;
            let is_new = last[record.message as usize].replace(offset) != Some(offset);
            is_new.then_some((record.key, offset, record.message))
        };
        let mut seen: Vec<(KeyId, Offset, MessageId)> = Vec::new();
        for event in &events.list {
            seen.extend(events.reads(event).iter().filter_map(&mut known));
            if self.surely_happened(events, event) {
                seen.extend(events.sends(event).iter().filter_map(&mut known));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        self.logs = vec![0..0; events.keys()];
        for log in seen.chunk_by(|a, b| a.0 == b.0) {
            let start = self.slots.len();
            for (index, same_offset) in log.chunk_by(|a, b| a.1 == b.1).enumerate() {
                self.push_slot(events, index, same_offset);
            }
            self.logs[log[0].0 as usize] = start..self.slots.len();
        }
    }

    fn push_slot(&mut self, events: &Events, index: usize, seen: &[(KeyId, Offset, MessageId)]) {
        for &(_, _, message) in seen {
            let known = &mut self.messages[message as usize];
            known.seen_at.get_or_insert((index, index)).1 = index;
        }
        let messages = seen.iter().map(|&(_, _, message)| message);
        let by_value = |message: &MessageId| events.message(*message);
        let message = messages.clone().min_by_key(by_value).expect("a slot has a message");
        self.messages[message as usize].index = Some(index);
        let others = messages.filter(|other| *other != message).collect();
        self.slots.push(Slot { offset: seen[0].1, message, others });
    }

    /// Whether an operation took effect beyond doubt: it was successful, or something that it
    /// sent was polled successfully.
    pub fn surely_happened(&self, events: &Events, event: &Event) -> bool {
        let was_read = |send: &Record| self.known(send.message).reader.is_some();
        match event.outcome {
            OpType::Ok => true,
            OpType::Info => events.sends(event).iter().any(was_read),
            _ => false,
        }
    }

    /// The log of a key: the position in this list is the index.
    pub fn log(&self, key: KeyId) -> &[Slot] {
        &self.slots[self.logs[key as usize].clone()]
    }

    /// What is known of a message.
    pub fn known(&self, message: MessageId) -> &Known {
        &self.messages[message as usize]
    }

    /// How far it is in the log from one message to another of the same key: 1 if the second
    /// follows the first, and where nothing is known to the contrary.
    pub fn distance(&self, from: MessageId, to: MessageId) -> i64 {
        match (self.known(from).index, self.known(to).index) {
            (Some(from), Some(to)) => to as i64 - from as i64,
            _ => 1,
        }
    }

    /// The messages between these two, in the order of the log.
    pub fn between(
        &self,
        key: KeyId,
        from: MessageId,
        to: MessageId,
    ) -> impl Iterator<Item = MessageId> + '_ {
        let start = self.known(from).index.map_or(0, |from| from + 1);
        let end = self.known(to).index.unwrap_or(0);
        self.log(key)[start.min(end)..end].iter().map(|slot| slot.message)
    }
}

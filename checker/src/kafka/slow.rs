//! What each error is, word for word and in no hurry: the checker is compared with this.
//!
//! It works on the steps of the notation, so that it shares nothing with the checker.

use std::collections::{BTreeMap, BTreeSet};

use super::notation::{Item, Step, begins_after};
use crate::history::OpType;

/// How many errors there are of each type.
pub fn count(steps: &[Step]) -> BTreeMap<&'static str, usize> {
    let all = Steps(steps);
    let mut counts = BTreeMap::from([
        ("duplicate", all.duplicates()),
        ("inconsistent-offsets", all.inconsistent_offsets()),
        ("G1a", all.sightings(|w, r| steps[w].outcome == OpType::Fail && all.is_ok(r))),
        ("G1c-realtime", all.sightings(|w, r| begins_after(steps, w) > r)),
        ("precommitted-read", all.precommitted_reads()),
        ("no-writer-of-value", all.unwritten()),
        ("lost-write", all.lost_writes()),
        ("unseen", all.unseen()),
        ("unprocessed-commit", all.unprocessed_commits()),
        ("nonmonotonic-commit", all.nonmonotonic_commits()),
    ]);
    let skip = |delta: i64| delta > 1;
    let back = |delta: i64| delta < 1;
    counts.insert("int-poll-skip", all.internal(false, skip));
    counts.insert("int-nonmonotonic-poll", all.internal(false, back));
    counts.insert("int-send-skip", all.internal(true, skip));
    counts.insert("int-nonmonotonic-send", all.internal(true, back));
    counts.insert("poll-skip", all.external(false, skip));
    counts.insert("nonmonotonic-poll", all.external(false, back));
    counts.insert("nonmonotonic-send", all.external(true, back));
    counts.retain(|_, count| *count > 0);
    counts
}

struct Steps<'a>(&'a [Step]);

type Name<'a> = (&'a str, i64);

fn name(item: &Item) -> Name<'_> {
    (&item.key, item.message)
}

impl<'a> Steps<'a> {
    fn is_ok(&self, step: usize) -> bool {
        self.0[step].outcome == OpType::Ok
    }

    fn items(&self, is_send: bool) -> impl Iterator<Item = (usize, &'a Item)> + use<'a> {
        let steps = self.0.iter().enumerate().filter(|(_, step)| step.f != "assign");
        let items = steps.flat_map(|(number, step)| step.items.iter().map(move |i| (number, i)));
        items.filter(move |(_, item)| item.is_send == is_send)
    }

    fn names(&self) -> BTreeSet<Name<'a>> {
        self.items(true).chain(self.items(false)).map(|(_, item)| name(item)).collect()
    }

    fn keys(&self) -> BTreeSet<&'a str> {
        self.names().into_iter().map(|(key, _)| key).collect()
    }

    fn writer(&self, message: Name) -> Option<usize> {
        self.items(true).find(|(_, item)| name(item) == message).map(|(step, _)| step)
    }

    fn was_read(&self, message: Name) -> bool {
        self.items(false).any(|(step, item)| self.is_ok(step) && name(item) == message)
    }

    fn happened(&self, step: usize) -> bool {
        let mut sends = self.0[step].items.iter().filter(|item| item.is_send);
        match self.0[step].outcome {
            OpType::Ok => true,
            OpType::Info => sends.any(|item| self.was_read(name(item))),
            _ => false,
        }
    }

    /// The messages at each offset of a key.
    fn log(&self, key: &str) -> BTreeMap<i64, BTreeSet<i64>> {
        let mut log: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let sends = self.items(true).filter(|(step, _)| self.happened(*step));
        for (_, item) in sends.chain(self.items(false)).filter(|(_, item)| item.key == key) {
            if let Some(offset) = item.offset {
                log.entry(offset).or_default().insert(item.message);
            }
        }
        log
    }

    /// The indexes at which a message was seen.
    fn indexes(&self, (key, message): Name) -> Vec<usize> {
        let log = self.log(key);
        let seen = log.values().enumerate().filter(|(_, messages)| messages.contains(&message));
        seen.map(|(index, _)| index).collect()
    }

    /// The last index at which it is the least message.
    fn index(&self, (key, message): Name) -> Option<usize> {
        let log = self.log(key);
        let least: Vec<Option<&i64>> = log.values().map(|messages| messages.first()).collect();
        least.iter().rposition(|first| *first == Some(&message))
    }

    fn delta(&self, from: &Item, to: &Item) -> i64 {
        match (self.index(name(from)), self.index(name(to))) {
            (Some(from), Some(to)) => to as i64 - from as i64,
            _ => 1,
        }
    }

    fn duplicates(&self) -> usize {
        self.names().into_iter().filter(|message| self.indexes(*message).len() > 1).count()
    }

    fn inconsistent_offsets(&self) -> usize {
        let several = |key: &str| self.log(key).values().filter(|at| at.len() > 1).count();
        self.keys().into_iter().map(several).sum()
    }

    fn sightings(&self, is_wrong: impl Fn(usize, usize) -> bool) -> usize {
        let wrong = |reader: usize, item: &Item| {
            self.writer(name(item)).is_some_and(|writer| is_wrong(writer, reader))
        };
        self.items(false).filter(|(reader, item)| wrong(*reader, item)).count()
    }

    fn precommitted_reads(&self) -> usize {
        let own = |reader: usize, read: &Item| {
            let mut items = self.0[reader].items.iter();
            items.any(|item| item.is_send && name(item) == name(read))
        };
        self.items(false).filter(|(reader, item)| own(*reader, item)).count()
    }

    fn unwritten(&self) -> usize {
        let read = |message: &Name| self.items(false).any(|(_, item)| name(item) == *message);
        let messages = self.names().into_iter().filter(read);
        messages.filter(|message| self.writer(*message).is_none()).count()
    }

    fn lost_writes(&self) -> usize {
        let is_lost = |message: &Name| {
            let Some(writer) = self.writer(*message) else { return false };
            let Some(last) = self.indexes(*message).pop() else { return false };
            let beyond = |read: &Name| {
                read.0 == message.0
                    && self.was_read(*read)
                    && self.indexes(*read).first().is_some_and(|first| *first >= last)
            };
            self.happened(writer) && !self.was_read(*message) && self.names().iter().any(beyond)
        };
        self.names().iter().filter(|message| is_lost(message)).count()
    }

    fn unseen(&self) -> usize {
        let sent = self.items(true).filter(|(step, _)| self.is_ok(*step));
        let sent: BTreeSet<Name> = sent.map(|(_, item)| name(item)).collect();
        sent.into_iter().filter(|message| !self.was_read(*message)).count()
    }

    /// The items of one step and key, in order.
    fn of(&self, step: usize, is_send: bool, key: &str) -> Vec<&'a Item> {
        let items = self.items(is_send);
        items.filter(|(s, item)| *s == step && item.key == key).map(|(_, item)| item).collect()
    }

    fn internal(&self, is_send: bool, is_wrong: impl Fn(i64) -> bool) -> usize {
        let mut count = 0;
        for step in 0..self.0.len() {
            for key in self.keys() {
                let items = self.of(step, is_send, key);
                let pairs = items.windows(2);
                count += pairs.filter(|pair| is_wrong(self.delta(pair[0], pair[1]))).count();
            }
        }
        count
    }

    fn external(&self, is_send: bool, is_wrong: impl Fn(i64) -> bool) -> usize {
        let mut count = 0;
        for step in 0..self.0.len() {
            if is_send && self.0[step].outcome == OpType::Fail {
                continue;
            }
            for key in self.keys() {
                let Some(first) = self.of(step, is_send, key).into_iter().next() else { continue };
                let Some(last) = self.last_met(step, is_send, key) else { continue };
                count += usize::from(is_wrong(self.delta(last, first)));
            }
        }
        count
    }

    /// The last message of a key that a step's process had met before, in one go.
    fn last_met(&self, step: usize, is_send: bool, key: &str) -> Option<&'a Item> {
        for earlier in (0..step).rev().filter(|s| self.0[*s].process == self.0[step].process) {
            let Step { f, outcome, items, .. } = &self.0[earlier];
            let has_key = items.iter().any(|item| item.key == key);
            if *f == "assign" && *outcome != OpType::Fail && !has_key {
                return None;
            }
            let counts = *outcome == OpType::Ok || is_send && *outcome == OpType::Info;
            if let Some(last) = self.of(earlier, is_send, key).pop().filter(|_| counts) {
                return Some(last);
            }
        }
        None
    }

    /// The highest offset of a key that these steps polled.
    fn highest_polled(&self, key: &str, counts: impl Fn(usize) -> bool) -> Option<i64> {
        let polled = self.items(false).filter(|(step, item)| counts(*step) && item.key == key);
        polled.filter_map(|(_, item)| item.offset).max()
    }

    fn assigns(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len()).filter(|step| self.0[*step].f == "assign" && self.is_ok(*step))
    }

    fn unprocessed_commits(&self) -> usize {
        let mut count = 0;
        for assign in self.assigns() {
            for told in self.0[assign].items.iter().filter(|item| item.offset.is_some()) {
                let polled =
                    self.highest_polled(&told.key, |step| begins_after(self.0, step) <= assign);
                count += usize::from(told.offset > polled);
            }
        }
        count
    }

    fn nonmonotonic_commits(&self) -> usize {
        let mut count = 0;
        for assign in self.assigns() {
            let before = |step: usize| step < begins_after(self.0, assign) && self.is_ok(step);
            let keys: BTreeSet<&str> =
                self.0[assign].items.iter().map(|item| item.key.as_str()).collect();
            for key in keys {
                let told = |step: usize| {
                    let items = self.0[step].items.iter().filter(|item| item.key == key);
                    items.filter_map(|item| item.offset).next_back()
                };
                let earlier = self.assigns().filter(|step| before(*step)).filter_map(told).max();
                let committed = self.highest_polled(key, before).max(earlier);
                count += usize::from(told(assign) < committed);
            }
        }
        count
    }
}

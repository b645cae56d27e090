//! How far behind the pollers were: the realtime lag.
//!
//! When a poll begins, some message may long be acknowledged that its process still has not
//! seen when the poll is over. The lag is for how long, at least: from the moment at which
//! somebody knew that the process's last message was no longer the end of the log, until the
//! poll began. A process's lag is its worst key's, among the keys assigned to it.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::events::{Action, Events, KeyId, Offset, Record};
use crate::history::{OpType, ProcessId};

/// The lag of one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// When the poll began, in nanoseconds.
    pub time: i64,
    /// Who polled.
    pub process: ProcessId,
    /// The key that was furthest behind.
    pub key: KeyId,
    /// How far, in nanoseconds.
    pub lag: i64,
}

/// For one key: when it was first known that there is an offset at least this high. Both
/// numbers rise along the list.
type Growth = Vec<(Offset, i64)>;

/// Where a process is in each of its keys, and, sorted, since when each is out of date.
#[derive(Default)]
struct Position {
    offsets: BTreeMap<KeyId, Offset>,
    expired: BTreeSet<(i64, KeyId)>,
}

/// The offset of a process that has read nothing yet.
const NOTHING: Offset = -1;

/// The greatest lag of a successful poll of a process that has keys; the first of them, if there
/// are several.
pub fn worst(events: &Events) -> Option<Lag> {
    let growth = growth(events);
    let mut positions: FxHashMap<ProcessId, Position> = FxHashMap::default();
    let mut worst: Option<Lag> = None;
    for event in events.list.iter().filter(|event| event.is_ok()) {
        let process = event.process;
        let position = positions.entry(process).or_default();
        match &event.action {
            Action::Assign(assign) => position.assign(&assign.keys, &growth),
            Action::Subscribe { .. } => *position = Position::default(),
            Action::Data { .. } if !event.only_sends => {
                let (sends, reads) = (events.sends(event), events.reads(event));
                for (key, offset) in highest(sends).chain(highest(reads)) {
                    let before = position.offsets.get(&key).copied().unwrap_or(NOTHING);
                    position.set(key, before.max(offset), &growth);
                }
                let time = event.times.0;
                if let Some(&(since, key)) = position.expired.first() {
                    let lag = time.saturating_sub(since).max(0);
                    if worst.is_none_or(|worst| worst.lag < lag) {
                        worst = Some(Lag { time, process, key, lag });
                    }
                }
            }
            _ => {}
        }
    }
    worst
}

impl Position {
    fn assign(&mut self, keys: &[KeyId], growth: &FxHashMap<KeyId, Growth>) {
        let before = std::mem::take(self);
        for &key in keys {
            let offset = before.offsets.get(&key).copied().unwrap_or(NOTHING);
            self.set(key, offset, growth);
        }
    }

    fn set(&mut self, key: KeyId, offset: Offset, growth: &FxHashMap<KeyId, Growth>) {
        if let Some(before) = self.offsets.insert(key, offset) {
            self.expired.remove(&(expired_at(before, growth.get(&key)), key));
        }
        self.expired.insert((expired_at(offset, growth.get(&key)), key));
    }
}

/// Since when there is an offset higher than this one; the end of time, if there never is.
fn expired_at(offset: Offset, growth: Option<&Growth>) -> i64 {
    let Some(growth) = growth else { return i64::MAX };
    let higher = growth.partition_point(|(known, _)| *known <= offset);
    growth.get(higher).map_or(i64::MAX, |(_, time)| *time)
}

fn growth(events: &Events) -> FxHashMap<KeyId, Growth> {
    let mut growth: FxHashMap<KeyId, Growth> = FxHashMap::default();
    for event in events.list.iter().filter(|event| event.outcome != OpType::Fail) {
        for (key, offset) in highest(events.sends(event)).chain(highest(events.reads(event))) {
            let growth = growth.entry(key).or_default();
            if growth.last().is_none_or(|(known, _)| *known < offset) {
                growth.push((offset, event.times.1));
            }
        }
    }
    growth
}

/// The highest offset of each key.
fn highest(records: &[Record]) -> impl Iterator<Item = (KeyId, Offset)> {
    super::events::by_key(records).filter_map(|records| {
        let highest = records.iter().filter_map(|record| record.offset()).max()?;
        Some((records[0].key, highest))
    })
}

//! Whether committed offsets tell the truth.
//!
//! A client commits, after each poll, the highest offset that it has processed. A client that
//! takes a key over goes on from there. So an offset that was committed before anybody had
//! polled it makes messages disappear without a trace: whoever starts there never sees what
//! lies before. An offset that goes back only costs work twice, which Kafka's consumers must
//! expect, so it is reported but nothing wrong.
//!
//! Jepsen's checker does not see committed offsets. This one does where the history shows
//! them: `:committed` on a completed assign, which this bench writes.

use rustc_hash::FxHashMap;

use super::events::{Action, Event, Events, KeyId, Offset};

/// A committed offset that should have been another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    pub key: KeyId,
    /// The assign that was told.
    pub event: usize,
    /// The offset that it was told; `None` when there was none.
    pub committed: Option<Offset>,
    /// The offset that it should have been: at most, if it ran ahead; at least, if it went
    /// back.
    pub expected: Option<Offset>,
}

/// Every committed offset that is wrong.
#[derive(Default)]
pub struct Commits {
    /// Higher than any offset that had been polled.
    pub unprocessed: Vec<Commit>,
    /// Lower than one that had been committed.
    pub nonmonotonic: Vec<Commit>,
}

/// One end of an operation, at some place in the history.
#[derive(Clone, Copy)]
enum End {
    /// It begins.
    Begin(usize),
    /// It is over.
    Over(usize),
}

/// What is known of the committed offsets at some place in the history.
#[derive(Default)]
struct Known {
    /// No offset above this can have been processed.
    polled: FxHashMap<KeyId, Offset>,
    /// This was committed for certain.
    committed: FxHashMap<KeyId, Offset>,
    /// What was committed for certain when an assign began, which it must not fall short of.
    before: FxHashMap<usize, Vec<(KeyId, Offset)>>,
}

/// Looks for committed offsets that ran ahead or went back.
pub fn find(events: &Events) -> Commits {
    let mut ends: Vec<(usize, End)> = Vec::with_capacity(events.list.len() * 2);
    for (number, event) in events.list.iter().enumerate() {
        ends.push((event.begun, End::Begin(number)));
        ends.push((event.ended, End::Over(number)));
    }
    ends.sort_by_key(|(position, _)| *position);

    let mut found = Commits::default();
    let mut known = Known::default();
    for (_, end) in ends {
        match end {
            End::Begin(number) => known.on_begin(number, events),
            End::Over(number) => known.on_end(number, events, &mut found),
        }
    }
    found
}

impl Known {
    /// What an operation polls it may commit at any moment from now on: that it is over is
    /// learned later, or never.
    fn on_begin(&mut self, number: usize, events: &Events) {
        let event = &events.list[number];
        for (key, offset) in polled(events, event) {
            raise(&mut self.polled, key, offset);
        }
        if let Action::Assign(assign) = &event.action
            && assign.committed.is_some()
        {
            let committed = |key: &KeyId| Some((*key, *self.committed.get(key)?));
            self.before.insert(number, assign.keys.iter().filter_map(committed).collect());
        }
    }

    fn on_end(&mut self, number: usize, events: &Events, found: &mut Commits) {
        let event = &events.list[number];
        if !event.is_ok() {
            return;
        }
        for (key, offset) in polled(events, event) {
            raise(&mut self.committed, key, offset);
        }
        if let Action::Assign(assign) = &event.action
            && let Some(told) = &assign.committed
        {
            let before = self.before.remove(&number).unwrap_or_default();
            judge(number, told, &before, &self.polled, found);
            told.iter().for_each(|(key, offset)| raise(&mut self.committed, *key, *offset));
        }
    }
}

/// The offsets of all that an operation polled.
fn polled<'a>(events: &'a Events, event: &'a Event) -> impl Iterator<Item = (KeyId, Offset)> + 'a {
    events.reads(event).iter().filter_map(|read| Some((read.key, read.offset()?)))
}

fn raise(highest: &mut FxHashMap<KeyId, Offset>, key: KeyId, offset: Offset) {
    let entry = highest.entry(key).or_insert(offset);
    *entry = (*entry).max(offset);
}

fn judge(
    event: usize,
    told: &[(KeyId, Offset)],
    before: &[(KeyId, Offset)],
    polled: &FxHashMap<KeyId, Offset>,
    found: &mut Commits,
) {
    for &(key, committed) in told {
        let expected = polled.get(&key).copied();
        if expected.is_none_or(|polled| committed > polled) {
            let committed = Some(committed);
            found.unprocessed.push(Commit { key, event, committed, expected });
        }
    }
    let told: FxHashMap<KeyId, Offset> = told.iter().copied().collect();
    for &(key, earlier) in before {
        let committed = told.get(&key).copied();
        if committed < Some(earlier) {
            let expected = Some(earlier);
            found.nonmonotonic.push(Commit { key, event, committed, expected });
        }
    }
}

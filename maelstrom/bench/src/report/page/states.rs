//! What nodes said of themselves, for the page: each field whenever it changed.
//!
//! The page has all changes of a run as long as there are few. Of a long run it has of each field
//! the last change in each short time, which is enough to colour a lane; each chunk of messages
//! then has all changes of its own time, after what the nodes were at its beginning.

use std::collections::BTreeMap;
use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::source::{CHANGES, CHUNK, Source, micros, steps};
use crate::journal::{Number, StateChange};

/// Fields that change seldom, as a role does, are not thinned out.
const SELDOM: usize = 150;

/// Changes of fields. A list named `_steps` has differences.
#[derive(Default, Serialize)]
pub struct Changes {
    at_steps: Vec<i64>,
    lane: Vec<usize>,
    /// The number of the field's name; -1 where a node was killed.
    field: Vec<i64>,
    /// The number of the text that is the new value; -1 where there is none any more.
    value: Vec<i64>,
    /// The number of the first message that was sent after it.
    before_steps: Vec<i64>,
    texts: Vec<String>,
    /// How many of them, the first ones, say what was so already.
    known: usize,
}

/// All changes, or as many as the page has room for.
#[derive(Default, Serialize)]
pub struct States<'a> {
    fields: &'a [String],
    /// Whether some are left out here: the chunks have all.
    is_sampled: bool,
    is_truncated: bool,
    /// Lanes, each with the field that its node names first: it colours the lane.
    first: Vec<(usize, Number)>,
    changes: Changes,
}

/// Builds [`Changes`].
#[derive(Default)]
struct Builder {
    changes: Changes,
    at: Vec<i64>,
    before: Vec<i64>,
    texts: FxHashMap<String, i64>,
}

impl Builder {
    fn push(&mut self, source: &Source, change: &StateChange) {
        let value = source.recorded.journal.states().value(change);
        let value = value.map_or(-1, |text| match self.texts.get(&text) {
            Some(number) => *number,
            None => {
                let number = self.texts.len() as i64;
                self.changes.texts.push(text.clone());
                self.texts.insert(text, number);
                number
            }
        });
        self.at.push(micros(change.time));
        self.before.push(change.flights as i64);
        self.changes.lane.push(source.lanes.of_name(change.node));
        self.changes.field.push(change.field.map_or(-1, i64::from));
        self.changes.value.push(value);
    }

    fn finish(mut self) -> Changes {
        self.changes.at_steps = steps(&self.at);
        self.changes.before_steps = steps(&self.before);
        self.changes
    }
}

impl<'a> States<'a> {
    /// Those of this run.
    pub fn new(source: &Source<'a>) -> States<'a> {
        let journal = source.recorded.journal;
        let is_sampled = source.has_many_states;
        let mut first = BTreeMap::new();
        for change in journal.state_changes() {
            if let Some(field) = change.field {
                first.entry(source.lanes.of_name(change.node)).or_insert(field);
            }
        }
        let mut builder = Builder::default();
        if is_sampled {
            sample(source).iter().for_each(|change| builder.push(source, change));
        } else {
            journal.state_changes().for_each(|change| builder.push(source, &change));
        }
        States {
            fields: journal.states().fields(),
            is_sampled,
            is_truncated: journal.states().is_truncated(),
            first: first.into_iter().collect(),
            changes: builder.finish(),
        }
    }
}

/// Of fields that change often, the last change in each short time.
fn sample(source: &Source) -> Vec<StateChange> {
    let journal = source.recorded.journal;
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for change in journal.state_changes() {
        *counts.entry((change.node, change.field)).or_default() += 1;
        first = first.min(change.time);
        last = last.max(change.time);
    }
    let often = counts.values().filter(|count| **count > SELDOM).count().max(1);
    let width = (last - first) / (CHANGES / often).max(20) as i64 + 1;
    let mut kept: BTreeMap<_, (usize, StateChange)> = BTreeMap::new();
    for (place, change) in journal.state_changes().enumerate() {
        let key = (change.node, change.field);
        let time = if counts[&key] > SELDOM { (change.time - first) / width } else { place as i64 };
        kept.insert((key, time), (place, change));
    }
    let mut kept: Vec<(usize, StateChange)> = kept.into_values().collect();
    kept.sort_unstable_by_key(|(place, _)| *place);
    kept.into_iter().map(|(_, change)| change).collect()
}

/// What a chunk has of the states.
#[derive(Clone, Default)]
pub struct OfChunk {
    /// What the nodes were at its beginning.
    known: Vec<StateChange>,
    /// Which changes are of its time.
    range: Range<usize>,
}

/// What each of so many chunks has.
pub fn by_chunk(changes: impl Iterator<Item = StateChange>, chunks: usize) -> Vec<OfChunk> {
    let mut known: BTreeMap<Number, BTreeMap<Number, StateChange>> = BTreeMap::new();
    let mut all: Vec<OfChunk> = Vec::with_capacity(chunks);
    let mut place = 0;
    for change in changes {
        let chunk = (change.flights / CHUNK).min(chunks.saturating_sub(1));
        while all.len() <= chunk {
            let known = known.values().flat_map(BTreeMap::values).copied().collect();
            all.push(OfChunk { known, range: place..place });
        }
        match change.field {
            Some(field) => _ = known.entry(change.node).or_default().insert(field, change),
            None => _ = known.remove(&change.node),
        }
        place += 1;
        if let Some(last) = all.last_mut() {
            last.range.end = place;
        }
    }
    let known: Vec<StateChange> = known.values().flat_map(BTreeMap::values).copied().collect();
    all.resize(chunks, OfChunk { known, range: place..place });
    all
}

/// What the nodes were when a chunk begins, and its own changes.
pub fn of_chunk(source: &Source, chunk: &OfChunk) -> Changes {
    let mut builder = Builder::default();
    chunk.known.iter().for_each(|change| builder.push(source, change));
    let changes = source.recorded.journal.state_changes_in(chunk.range.clone());
    changes.for_each(|change| builder.push(source, &change));
    let mut changes = builder.finish();
    changes.known = chunk.known.len();
    changes
}

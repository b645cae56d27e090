//! Everything a node knows: each source's values in the order of their numbers.
//!
//! A value is found by its source and number, so what somebody lacks is a range, and two nodes
//! compare what they have by comparing version vectors, not values.

use std::collections::{BTreeMap, BTreeSet};

use imbl::Vector;
use serde::{Deserialize, Serialize};

use crate::types::{Incarnation, Json, VersionVector};

/// How many values a batch of [`Archive::all`] has at most.
const BATCH_MAX: usize = 100;

/// Consecutive values of one source.
///
/// ```
/// use gyre::Incarnation;
/// use gyre::gossip::Batch;
///
/// let source = Incarnation::new(&"n1".into(), 17);
/// let batch = Batch { source, first: 3, values: vec![7.into(), "x".into()] };
/// let text = r#"{"source":"n1/0000000000000011","first":3,"values":[7,"x"]}"#;
/// assert_eq!(serde_json::to_string(&batch)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Whose values these are.
    pub source: Incarnation,
    /// The number of the first; a source's values are numbered from 0.
    pub first: u64,
    /// The values themselves.
    pub values: Vec<Json>,
}

impl Batch {
    /// The number after its last.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.values.len() as u64)
    }

    /// The part of it that `known` does not count.
    pub(super) fn beyond(&self, known: &VersionVector) -> Option<Batch> {
        let first = self.first.max(known.get(&self.source));
        let values = self.values.get(usize::try_from(first - self.first).ok()?..)?;
        (!values.is_empty()).then(|| Batch {
            source: self.source.clone(),
            first,
            values: values.to_vec(),
        })
    }
}

/// One source's values.
#[derive(Clone, Debug, Default)]
struct Log {
    /// The values from number 0, without a gap.
    values: Vector<Json>,
    /// Values beyond a gap, by number: they are shown to readers at once, but not counted.
    early: BTreeMap<u64, Json>,
    /// Which of the early values this node has broadcast as its own (see `orphans`).
    adopted: BTreeSet<u64>,
}

/// The values of all sources.
#[derive(Debug, Default)]
pub(super) struct Archive {
    logs: BTreeMap<Incarnation, Log>,
    have: VersionVector,
    /// Every different value, in the order of arrival.
    messages: Vector<Json>,
    /// The same values. A client that did not hear an answer may broadcast
    /// the same message again elsewhere; readers still see it once.
    seen: BTreeSet<Json>,
}

impl Archive {
    /// What is here without a gap.
    pub(super) fn have(&self) -> &VersionVector {
        &self.have
    }

    /// Every different value, in the order of arrival.
    pub(super) fn messages(&self) -> &Vector<Json> {
        &self.messages
    }

    /// Everything that is here now, in batches of which each is small. They are made as they are
    /// asked for, from clones that share their parts with what is here.
    pub(super) fn all(&self) -> impl Iterator<Item = Batch> + use<> {
        self.logs.clone().into_iter().flat_map(|(source, Log { values, early, .. })| {
            let starts = (0..values.len()).step_by(BATCH_MAX);
            let counted = starts.map(move |start| {
                (start as u64, part(&values, start, values.len().min(start + BATCH_MAX)))
            });
            let early = early.into_iter().map(|(number, value)| (number, vec![value]));
            let batch = move |(first, values)| Batch { source: source.clone(), first, values };
            counted.chain(early).map(batch)
        })
    }

    /// Whether some source's value equals this one.
    pub(super) fn contains(&self, value: &Json) -> bool {
        self.seen.contains(value)
    }

    /// Takes in a batch. Returns what of it was new: nothing, or the batch without the values
    /// up to which nothing was missing.
    pub(super) fn insert(&mut self, mut batch: Batch) -> Option<Batch> {
        let log = self.logs.entry(batch.source.clone()).or_default();
        let known = log.values.len() as u64;
        let skip = known.saturating_sub(batch.first).min(batch.values.len() as u64);
        batch.values.drain(..skip as usize);
        batch.first = batch.first.checked_add(skip)?;
        // Numbers that no source could have counted up to come from a peer that is broken.
        batch.first.checked_add(batch.values.len() as u64)?;

        let mut new = false;
        // In this order no number is counted up to that no value has.
        for (value, number) in batch.values.iter().zip(batch.first..) {
            if log.early.contains_key(&number) {
                continue;
            }
            new = true;
            log.early.insert(number, value.clone());
            if self.seen.insert(value.clone()) {
                self.messages.push_back(value.clone());
            }
        }
        while let Some(value) = log.early.remove(&(log.values.len() as u64)) {
            log.values.push_back(value);
        }
        self.have.raise(&batch.source, log.values.len() as u64);
        new.then_some(batch)
    }

    /// The sources of which there is something beyond a gap that was not given out as orphaned.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &Incarnation> {
        let has_gap = |log: &Log| log.early.keys().any(|number| !log.adopted.contains(number));
        self.logs.iter().filter(move |(_, log)| has_gap(log)).map(|(source, _)| source)
    }

    /// The values of `source` beyond a gap that were not given out before: when the source is no
    /// more, nothing fills the gap, and nobody could ask for what is beyond.
    pub(super) fn orphans(&mut self, source: &Incarnation) -> Vec<Json> {
        let Some(log) = self.logs.get_mut(source) else { return Vec::new() };
        let new = log.early.iter().filter(|(number, _)| log.adopted.insert(**number));
        new.map(|(_, value)| value.clone()).collect()
    }

    /// The values of `source` with numbers from `first` up to but without `end`.
    pub(super) fn range(&self, source: &Incarnation, first: u64, end: u64) -> Option<Batch> {
        let values = &self.logs.get(source)?.values;
        let end = usize::try_from(end).unwrap_or(usize::MAX).min(values.len());
        let start = usize::try_from(first).ok().filter(|start| *start < end)?;
        Some(Batch { source: source.clone(), first, values: part(values, start, end) })
    }

    /// What `upto` counts and `known` does not: at most `limit` values, and whether that is all.
    pub(super) fn missing(
        &self,
        upto: &VersionVector,
        known: &VersionVector,
        mut limit: usize,
    ) -> (Vec<Batch>, bool) {
        let mut batches = Vec::new();
        for (source, end) in upto.iter() {
            let first = known.get(source);
            if first >= end {
                continue;
            }
            if limit == 0 {
                return (batches, false);
            }
            let batch = self.range(source, first, end.min(first.saturating_add(limit as u64)));
            let Some(batch) = batch else { continue };
            limit -= batch.values.len();
            let complete = first + batch.values.len() as u64 >= end;
            batches.push(batch);
            if !complete {
                return (batches, false);
            }
        }
        (batches, true)
    }
}

/// The values in these places, the last one not included.
fn part(values: &Vector<Json>, start: usize, end: usize) -> Vec<Json> {
    values.focus().narrow(start..end).into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::NodeId;

    fn source(number: u64) -> Incarnation {
        Incarnation::new(&NodeId::from("n1"), number)
    }

    /// Value `i` of source `s` is the text "s/i", so that every value tells where it belongs.
    fn batch(number: u64, first: u64, count: u64) -> Batch {
        let values =
            (first..first + count).map(|i| Json::from(format!("{number}/{i}").as_str())).collect();
        Batch { source: source(number), first, values }
    }

    #[test]
    fn a_value_beyond_a_gap_is_shown_but_not_counted() {
        let mut archive = Archive::default();
        archive.insert(batch(0, 1, 1));
        assert_eq!(*archive.messages(), Vector::unit(Json::from("0/1")));
        assert_eq!(archive.have().get(&source(0)), 0);
        archive.insert(batch(0, 0, 1));
        assert_eq!(archive.have().get(&source(0)), 2);
    }

    /// What comes while a checkpoint is written is not in it: it is stored behind it.
    #[test]
    fn all_is_what_there_was_when_it_was_asked_for() {
        let mut archive = Archive::default();
        archive.insert(batch(0, 0, 250));
        archive.insert(batch(1, 7, 1));
        let all = archive.all();
        archive.insert(batch(0, 250, 100));
        let all: Vec<Batch> = all.collect();
        let expected = [batch(0, 0, 100), batch(0, 100, 100), batch(0, 200, 50), batch(1, 7, 1)];
        assert_eq!(all, expected);
    }

    #[test]
    fn impossible_numbers_are_ignored() {
        let mut archive = Archive::default();
        for (first, count) in [(u64::MAX, 2), (u64::MAX, 1), (u64::MAX, 0), (u64::MAX - 1, 0)] {
            let values = vec![Json::from(1); count];
            assert!(archive.insert(Batch { source: source(0), first, values }).is_none());
        }
        assert!(archive.messages().is_empty());
        let values = vec![Json::from(1)];
        let batch = Batch { source: source(0), first: u64::MAX - 1, values };
        assert_eq!(archive.insert(batch.clone()), Some(batch));
    }

    proptest! {
        /// Against the obvious: a set of (source, number) pairs.
        #[test]
        fn any_order_with_any_overlap_gives_the_same(
            parts in prop::collection::vec((0..3_u64, 0..12_u64, 1..5_u64), 0..40),
            limit in 1..30_usize,
        ) {
            let mut archive = Archive::default();
            let mut obvious = BTreeSet::new();
            for (number, first, count) in parts {
                let before = obvious.len();
                obvious.extend((first..first + count).map(|i| (number, i)));
                let new = archive.insert(batch(number, first, count));
                prop_assert_eq!(new.is_some(), obvious.len() > before);
            }
            prop_assert_eq!(archive.messages().len(), obvious.len());
            for number in 0..3 {
                let prefix = (0..).take_while(|i| obvious.contains(&(number, *i))).count() as u64;
                prop_assert_eq!(archive.have().get(&source(number)), prefix);
            }
            // Handing over everything, a limited message at a time, makes an equal archive.
            let mut copy = Archive::default();
            loop {
                let (batches, complete) = archive.missing(archive.have(), copy.have(), limit);
                let lengths = batches.iter().map(|batch| batch.values.len());
                prop_assert!(lengths.sum::<usize>() <= limit);
                for batch in batches {
                    copy.insert(batch);
                }
                if complete {
                    break;
                }
            }
            prop_assert_eq!(copy.have(), archive.have());
        }
    }
}

//! The findings as they stand in `results.edn`.

use std::collections::BTreeMap;

use super::Analysis;
use super::commits::Commit;
use super::events::{MessageId, Offset, offset_edn};
use super::order::Slot;
use super::steps::Step;
use super::visibility::Sighting;
use super::{KeyId, lag, visibility};
use crate::edn::Edn;
use crate::history::{OpType, ProcessId};

/// This many errors of a type are shown, or a quarter of it where each shows whole operations
/// and the messages between them.
const SHOWN: usize = 32;

/// `{:count n, :errs [...]}`, or nothing if there are none.
fn condense<T>(errors: &[T], shown: usize, show: impl Fn(&T) -> Edn) -> Option<Edn> {
    if errors.is_empty() {
        return None;
    }
    let shown = errors.iter().take(shown).map(show).collect();
    Some(Edn::map([("count", errors.len().into()), ("errs", Edn::Vector(shown))]))
}

impl Analysis<'_> {
    /// The errors by type.
    pub(super) fn errors(&self) -> BTreeMap<&'static str, Edn> {
        let commits = &self.commits;
        let seen = &self.visibility;
        let sightings = |list: &[Sighting]| condense(list, SHOWN, |s| self.show_sighting(s));
        let found = [
            ("duplicate", self.duplicates()),
            ("inconsistent-offsets", self.inconsistent_offsets()),
            ("G1a", sightings(&seen.aborted)),
            ("no-writer-of-value", sightings(&seen.unwritten)),
            ("G1c-realtime", sightings(&seen.future)),
            ("precommitted-read", sightings(&seen.precommitted)),
            ("lost-write", condense(&seen.lost, SHOWN, |lost| self.show_lost(lost))),
            ("unseen", self.unseen()),
            ("poll-skip", self.skips(&self.steps.polls)),
            ("nonmonotonic-poll", self.nonmonotonic(&self.steps.polls)),
            ("int-poll-skip", self.skips(&self.steps.internal_polls)),
            ("int-nonmonotonic-poll", self.nonmonotonic(&self.steps.internal_polls)),
            ("int-send-skip", self.skips(&self.steps.internal_sends)),
            ("int-nonmonotonic-send", self.nonmonotonic(&self.steps.internal_sends)),
            ("nonmonotonic-send", self.nonmonotonic(&self.steps.sends)),
            ("unprocessed-commit", self.show_commits(&commits.unprocessed, "polled")),
            ("nonmonotonic-commit", self.show_commits(&commits.nonmonotonic, "before")),
        ];
        found.into_iter().filter_map(|(name, error)| Some((name, error?))).collect()
    }

    fn duplicates(&self) -> Option<Edn> {
        let mut offsets: BTreeMap<MessageId, Vec<Offset>> = BTreeMap::new();
        for key in 0..self.events.keys.len() as KeyId {
            let repeated = |message: &MessageId| {
                let seen_at = self.orders.known(*message).seen_at;
                seen_at.is_some_and(|(first, last)| first < last)
            };
            for slot in self.orders.log(key) {
                for message in slot.messages().filter(repeated) {
                    offsets.entry(message).or_default().push(slot.offset);
                }
            }
        }
        let mut duplicates: Vec<(MessageId, Vec<Offset>)> = offsets.into_iter().collect();
        duplicates.sort_by_key(|(_, offsets)| std::cmp::Reverse(offsets.len()));
        condense(&duplicates, SHOWN, |(message, offsets)| {
            let shown = offsets.iter().take(SHOWN).map(|offset| offset_edn(*offset));
            Edn::map([
                ("key", self.events.key(self.events.key_of(*message))),
                ("value", self.events.message(*message)),
                ("count", offsets.len().into()),
                ("offsets", Edn::Vector(shown.collect())),
            ])
        })
    }

    fn inconsistent_offsets(&self) -> Option<Edn> {
        let mut found: Vec<(KeyId, usize, &Slot)> = Vec::new();
        for key in 0..self.events.keys.len() as KeyId {
            let slots = self.orders.log(key).iter().enumerate();
            let several = slots.filter(|(_, slot)| !slot.others.is_empty());
            found.extend(several.map(|(index, slot)| (key, index, slot)));
        }
        condense(&found, SHOWN, |(key, index, slot)| {
            let values = slot.messages().take(SHOWN).map(|message| self.events.message(message));
            Edn::map([
                ("key", self.events.key(*key)),
                ("offset", offset_edn(slot.offset)),
                ("index", (*index).into()),
                ("values", Edn::Set(values.collect())),
            ])
        })
    }

    fn show_sighting(&self, sighting: &Sighting) -> Edn {
        Edn::map([
            ("key", self.events.key(self.events.key_of(sighting.message))),
            ("value", self.events.message(sighting.message)),
            ("writer", self.writer(sighting.message)),
            ("reader", self.op(sighting.reader)),
        ])
    }

    fn show_lost(&self, lost: &visibility::Lost) -> Edn {
        let index = self.orders.known(lost.message).seen_at.map(|(first, _)| first);
        Edn::map([
            ("key", self.events.key(self.events.key_of(lost.message))),
            ("value", self.events.message(lost.message)),
            ("index", index.into()),
            ("max-read-index", lost.reached.into()),
            ("writer", self.writer(lost.message)),
            ("max-read", self.op(lost.reader)),
        ])
    }

    fn unseen(&self) -> Option<Edn> {
        let unseen = visibility::unseen(&self.events, &self.orders);
        if unseen.is_empty() {
            return None;
        }
        let ended = self.events.list.iter().filter(|event| event.is_ok());
        let time = ended.map(|event| event.op.time).next_back();
        let (mut counts, mut messages) = (BTreeMap::new(), BTreeMap::new());
        for (key, unseen) in unseen {
            let key = self.events.key(key);
            counts.insert(key.clone(), Edn::from(unseen.len()));
            let shown = unseen.iter().take(SHOWN).map(|message| self.events.message(*message));
            messages.insert(key, Edn::Vector(shown.collect()));
        }
        Some(Edn::map([
            ("time", time.into()),
            ("unseen", counts.into()),
            ("messages", messages.into()),
        ]))
    }

    /// The widest skips.
    fn skips(&self, steps: &[Step]) -> Option<Edn> {
        let mut skips: Vec<&Step> = steps.iter().filter(|step| step.is_skip()).collect();
        skips.sort_by_key(|step| -step.delta);
        condense(&skips, SHOWN / 4, |step| self.show_step(step))
    }

    /// The longest ways back.
    fn nonmonotonic(&self, steps: &[Step]) -> Option<Edn> {
        let mut backwards: Vec<&Step> = steps.iter().filter(|step| !step.is_skip()).collect();
        backwards.sort_by_key(|step| step.delta);
        condense(&backwards, SHOWN / 4, |step| self.show_step(step))
    }

    fn show_step(&self, step: &Step) -> Edn {
        let message = |message: &MessageId| self.events.message(*message);
        let values = [step.from, step.to].iter().map(message).collect();
        let mut entries = vec![
            (Edn::keyword("key"), self.events.key(step.key)),
            (Edn::keyword("values"), Edn::Vector(values)),
            (Edn::keyword("delta"), step.delta.into()),
        ];
        if step.is_skip() {
            let skipped = self.orders.between(step.key, step.from, step.to);
            let skipped = skipped.take(SHOWN).map(|skipped| message(&skipped)).collect();
            entries.push((Edn::keyword("skipped"), Edn::List(skipped)));
        }
        entries.push(if step.before == step.event {
            (Edn::keyword("op"), self.op(step.event))
        } else {
            let ops = vec![self.op(step.before), self.op(step.event)];
            (Edn::keyword("ops"), Edn::Vector(ops))
        });
        Edn::Map(entries)
    }

    fn show_commits(&self, commits: &[Commit], expected: &str) -> Option<Edn> {
        condense(commits, SHOWN, |commit| {
            let committed = commit.committed.map(offset_edn).unwrap_or(Edn::Nil);
            Edn::map([
                ("key", self.events.key(commit.key)),
                ("committed", committed),
                (expected, commit.expected.map_or(Edn::Nil, offset_edn)),
                ("op", self.op(commit.event)),
            ])
        })
    }

    fn op(&self, event: usize) -> Edn {
        self.events.list[event].op.to_edn()
    }

    fn writer(&self, message: MessageId) -> Edn {
        let writer = self.orders.known(message).writer;
        writer.map_or(Edn::Nil, |writer| self.op(writer))
    }

    /// The poll that was furthest behind, times in seconds.
    pub(super) fn worst_realtime_lag(&self) -> Edn {
        let seconds = |nanos: i64| Edn::from(nanos as f64 / 1e9);
        match lag::worst(&self.lags) {
            None => Edn::map([("time", seconds(0)), ("lag", seconds(0))]),
            Some(worst) => Edn::map([
                ("time", seconds(worst.time)),
                ("process", process(worst.process)),
                ("key", self.events.key(worst.key)),
                ("lag", seconds(worst.lag)),
            ]),
        }
    }

    /// Why operations have an unknown outcome: each reason once.
    pub(super) fn info_causes(&self) -> Edn {
        let mut causes: Vec<&Edn> = Vec::new();
        for event in &self.events.list {
            let is_data = matches!(event.action, super::Action::Data { .. });
            if is_data
                && event.outcome == OpType::Info
                && let Some(error) = event.op.extra("error")
                && causes.len() < SHOWN
                && !causes.contains(&error)
            {
                causes.push(error);
            }
        }
        Edn::Vector(causes.into_iter().cloned().collect())
    }
}

fn process(process: ProcessId) -> Edn {
    match process {
        ProcessId::Client(number) => Edn::Int(number),
        ProcessId::Nemesis => Edn::keyword("nemesis"),
    }
}

//! The findings as they stand in `results.edn`.

use std::collections::BTreeMap;

use super::Analysis;
use super::commits::Commit;
use super::events::{MessageId, Offset, offset_edn};
use super::order::Slot;
use super::steps::Step;
use super::visibility::Sighting;
use super::{KeyId, visibility};
use crate::edn::Edn;
use crate::history::{OpType, ProcessId};
use crate::{Finding, Findings, count};

/// This many errors of a type are shown, or a quarter of it where each shows whole operations
/// and the messages between them.
const SHOWN: usize = 32;

/// The errors of all types.
#[derive(Default)]
pub(super) struct Errors {
    /// What stands in the results under each type.
    pub results: BTreeMap<&'static str, Edn>,
    /// The cases that are shown there.
    pub findings: Findings,
}

/// A case as it stands in the results, and as a finding.
type Shown<const N: usize> = ([(&'static str, Edn); N], Finding);

impl Errors {
    /// Adds the errors of one type, `{:count n, :errs [...]}`, if there are any.
    fn add<T, const N: usize>(
        &mut self,
        name: &'static str,
        errors: &[T],
        shown: usize,
        show: impl Fn(&T) -> Shown<N>,
    ) {
        if errors.is_empty() {
            return;
        }
        let mut cases = Vec::new();
        for error in errors.iter().take(shown) {
            let (entries, finding) = show(error);
            self.findings.add(name, || finding);
            cases.push(Edn::map(entries));
        }
        self.findings.omit(name, errors.len() - cases.len());
        let result = Edn::map([("count", errors.len().into()), ("errs", Edn::Vector(cases))]);
        self.results.insert(name, result);
    }
}

impl Analysis<'_> {
    /// The errors by type.
    pub(super) fn errors(&self) -> Errors {
        let mut errors = Errors::default();
        self.add_duplicates(&mut errors);
        self.add_inconsistent_offsets(&mut errors);
        let seen = &self.visibility;
        for (name, sightings, fault) in [
            ("G1a", &seen.aborted, "although its send failed"),
            ("no-writer-of-value", &seen.unwritten, "although nobody sent it"),
            ("G1c-realtime", &seen.future, "before anybody began to send it"),
            ("precommitted-read", &seen.precommitted, "by the transaction that sends it"),
        ] {
            errors.add(name, sightings, SHOWN, |sighting| self.show_sighting(sighting, fault));
        }
        errors.add("lost-write", &seen.lost, SHOWN, |lost| self.show_lost(lost));
        self.add_unseen(&mut errors);
        let steps = &self.steps;
        self.add_skips("poll-skip", &steps.polls, &mut errors);
        self.add_nonmonotonic("nonmonotonic-poll", &steps.polls, &mut errors);
        self.add_skips("int-poll-skip", &steps.internal_polls, &mut errors);
        self.add_nonmonotonic("int-nonmonotonic-poll", &steps.internal_polls, &mut errors);
        self.add_skips("int-send-skip", &steps.internal_sends, &mut errors);
        self.add_nonmonotonic("int-nonmonotonic-send", &steps.internal_sends, &mut errors);
        self.add_nonmonotonic("nonmonotonic-send", &steps.sends, &mut errors);
        let commits = &self.commits;
        errors.add("unprocessed-commit", &commits.unprocessed, SHOWN, |commit| {
            self.show_commit(commit, "polled", "when the highest that was polled was")
        });
        errors.add("nonmonotonic-commit", &commits.nonmonotonic, SHOWN, |commit| {
            self.show_commit(commit, "before", "after")
        });
        errors
    }

    fn add_duplicates(&self, errors: &mut Errors) {
        let mut offsets: BTreeMap<MessageId, Vec<Offset>> = BTreeMap::new();
        for key in 0..self.events.keys() as KeyId {
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
        errors.add("duplicate", &duplicates, SHOWN, |(message, offsets)| {
            let shown = offsets.iter().take(SHOWN).map(|offset| offset_edn(*offset)).collect();
            let entries = [
                ("key", self.events.key(self.events.key_of(*message))),
                ("value", self.events.message(*message)),
                ("count", offsets.len().into()),
                ("offsets", Edn::Vector(shown)),
            ];
            let places = list(offsets.iter().map(|offset| offset_edn(*offset)));
            let words = format!("{} stands at the offsets {places}.", self.name(*message));
            (entries, self.finding(*message, words))
        });
    }

    fn add_inconsistent_offsets(&self, errors: &mut Errors) {
        let mut found: Vec<(KeyId, usize, &Slot)> = Vec::new();
        for key in 0..self.events.keys() as KeyId {
            let slots = self.orders.log(key).iter().enumerate();
            let several = slots.filter(|(_, slot)| !slot.others.is_empty());
            found.extend(several.map(|(index, slot)| (key, index, slot)));
        }
        errors.add("inconsistent-offsets", &found, SHOWN, |(key, index, slot)| {
            let values = || slot.messages().map(|message| self.events.message(message));
            let (key, offset) = (self.events.key(*key), offset_edn(slot.offset));
            let words = format!("At offset {offset} of log {key} stand {}.", list(values()));
            let mut finding = Finding::new(words).on(key.clone());
            for message in slot.messages().take(4) {
                finding = self.about_writer_and_reader(finding, message);
            }
            let entries = [
                ("key", key),
                ("offset", offset),
                ("index", (*index).into()),
                ("values", Edn::Set(values().take(SHOWN).collect())),
            ];
            (entries, finding)
        });
    }

    fn show_sighting(&self, sighting: &Sighting, fault: &str) -> Shown<4> {
        let message = sighting.message;
        let entries = [
            ("key", self.events.key(self.events.key_of(message))),
            ("value", self.events.message(message)),
            ("writer", self.writer(message)),
            ("reader", self.op(sighting.reader)),
        ];
        let words = format!("{} was polled {fault}.", self.name(message));
        let finding = self.start(message, words).about(self.index(sighting.reader), "polled by");
        (entries, self.about_writer(finding, message))
    }

    fn show_lost(&self, lost: &visibility::Lost) -> Shown<6> {
        let index = self.orders.known(lost.message).seen_at.map(|(first, _)| first);
        let entries = [
            ("key", self.events.key(self.events.key_of(lost.message))),
            ("value", self.events.message(lost.message)),
            ("index", index.into()),
            ("max-read-index", lost.reached.into()),
            ("writer", self.writer(lost.message)),
            ("max-read", self.op(lost.reader)),
        ];
        let name = self.name(lost.message);
        let words = format!("{name} was acknowledged. Nobody polled it, but a later one.");
        let finding = self.about_writer(self.start(lost.message, words), lost.message);
        (entries, finding.about(self.index(lost.reader), "should have been seen by"))
    }

    fn add_unseen(&self, errors: &mut Errors) {
        let unseen = visibility::unseen(&self.events, &self.orders);
        if unseen.is_empty() {
            return;
        }
        let ended = self.events.list.iter().filter(|event| event.is_ok());
        let time = ended.map(|event| event.times.1).next_back();
        let (mut counts, mut messages) = (BTreeMap::new(), BTreeMap::new());
        for (key, unseen) in unseen {
            let key = self.events.key(key);
            counts.insert(key.clone(), Edn::from(unseen.len()));
            let shown = unseen.iter().take(SHOWN).map(|message| self.events.message(*message));
            messages.insert(key, Edn::Vector(shown.collect()));
            for message in unseen {
                errors.findings.add("unseen", || {
                    let name = self.name(message);
                    self.finding(message, format!("{name} was acknowledged. Nobody polled it."))
                });
            }
        }
        let result = Edn::map([
            ("time", time.into()),
            ("unseen", counts.into()),
            ("messages", messages.into()),
        ]);
        errors.results.insert("unseen", result);
    }

    /// The widest skips.
    fn add_skips(&self, name: &'static str, steps: &[Step], errors: &mut Errors) {
        let mut skips: Vec<&Step> = steps.iter().filter(|step| step.is_skip()).collect();
        skips.sort_by_key(|step| -step.delta);
        errors.add(name, &skips, SHOWN / 4, |step| {
            let skipped = self.orders.between(step.key, step.from, step.to).take(SHOWN);
            let skipped = skipped.map(|skipped| self.events.message(skipped)).collect();
            let [key, values, delta, ops] = self.show_step(step);
            let left_out = format!("left out {}", count(step.delta as usize - 1, "message"));
            let entries = [key, values, delta, ("skipped", Edn::List(skipped)), ops];
            (entries, self.step_finding(step, &left_out))
        });
    }

    /// The longest ways back.
    fn add_nonmonotonic(&self, name: &'static str, steps: &[Step], errors: &mut Errors) {
        let mut backwards: Vec<&Step> = steps.iter().filter(|step| !step.is_skip()).collect();
        backwards.sort_by_key(|step| step.delta);
        errors.add(name, &backwards, SHOWN / 4, |step| {
            let fault = match step.delta {
                0 => "stayed where it was".to_owned(),
                delta => format!("went back by {}", delta.unsigned_abs()),
            };
            (self.show_step(step), self.step_finding(step, &fault))
        });
    }

    fn show_step(&self, step: &Step) -> [(&'static str, Edn); 4] {
        let values = [step.from, step.to].map(|message| self.events.message(message));
        let ops = if step.before == step.event {
            ("op", self.op(step.event))
        } else {
            ("ops", Edn::Vector(vec![self.op(step.before), self.op(step.event)]))
        };
        [
            ("key", self.events.key(step.key)),
            ("values", Edn::Vector(values.to_vec())),
            ("delta", step.delta.into()),
            ops,
        ]
    }

    fn step_finding(&self, step: &Step, fault: &str) -> Finding {
        let [from, to] = [step.from, step.to].map(|message| self.events.message(message));
        let (process, key) = (self.events.list[step.event].process, self.events.key(step.key));
        let words = format!("From {from} to {to} process {process} {fault} in log {key}.");
        let finding = Finding::new(words).on(key).about(self.index(step.event), "the step to it");
        if step.before == step.event {
            return finding;
        }
        finding.about(self.index(step.before), "the step from it")
    }

    fn show_commit(&self, commit: &Commit, expected: &'static str, fact: &str) -> Shown<4> {
        let offset = |offset: Option<Offset>| offset.map_or(Edn::Nil, offset_edn);
        let key = self.events.key(commit.key);
        let (committed, known) = (offset(commit.committed), offset(commit.expected));
        let words = format!("In log {key} offset {committed} was committed {fact} {known}.");
        let finding = Finding::new(words).on(key.clone()).about(self.index(commit.event), "told");
        let entries = [
            ("key", key),
            ("committed", committed),
            (expected, known),
            ("op", self.op(commit.event)),
        ];
        (entries, finding)
    }

    /// A finding about a message, with who sent it and who polled it.
    fn finding(&self, message: MessageId, words: String) -> Finding {
        self.about_writer_and_reader(self.start(message, words), message)
    }

    fn start(&self, message: MessageId, words: String) -> Finding {
        Finding::new(words).on(self.events.key(self.events.key_of(message)))
    }

    fn about_writer(&self, finding: Finding, message: MessageId) -> Finding {
        match self.orders.known(message).writer {
            Some(writer) => finding.about(self.index(writer), "sent by"),
            None => finding,
        }
    }

    fn about_writer_and_reader(&self, finding: Finding, message: MessageId) -> Finding {
        let finding = self.about_writer(finding, message);
        match self.orders.known(message).reader {
            Some(reader) => finding.about(self.index(reader), "polled by"),
            None => finding,
        }
    }

    /// `Message 7 of log 1`.
    fn name(&self, message: MessageId) -> String {
        let key = self.events.key(self.events.key_of(message));
        format!("Message {} of log {key}", self.events.message(message))
    }

    fn index(&self, event: usize) -> usize {
        self.operations.head(self.events.list[event].position).index
    }

    fn op(&self, event: usize) -> Edn {
        self.operations.op(self.events.list[event].position).to_record()
    }

    fn writer(&self, message: MessageId) -> Edn {
        let writer = self.orders.known(message).writer;
        writer.map_or(Edn::Nil, |writer| self.op(writer))
    }

    /// The poll that was furthest behind, times in seconds.
    pub(super) fn worst_realtime_lag(&self) -> Edn {
        let seconds = |nanos: i64| Edn::from(nanos as f64 / 1e9);
        match &self.worst_lag {
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
        let mut causes: Vec<Edn> = Vec::new();
        for event in &self.events.list {
            let is_data = matches!(event.action, super::Action::Data { .. });
            if !is_data || event.outcome != OpType::Info || causes.len() == SHOWN {
                continue;
            }
            let op = self.operations.op(event.position);
            causes.extend(op.extra("error").filter(|error| !causes.contains(error)).cloned());
        }
        Edn::List(causes)
    }
}

fn process(process: ProcessId) -> Edn {
    match process {
        ProcessId::Client(number) => Edn::Int(number),
        ProcessId::Nemesis => Edn::keyword("nemesis"),
        ProcessId::Unnamed => Edn::Nil,
    }
}

/// The first few of some values, separated by commas.
fn list(values: impl Iterator<Item = Edn>) -> String {
    let mut words: Vec<String> = values.take(9).map(|value| value.to_string()).collect();
    if words.len() > 8 {
        words[8] = "…".into();
    }
    words.join(", ")
}

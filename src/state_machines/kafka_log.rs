//! Logs by key, and how far their consumers have come: what all of the `kafka` nodes serve.
//!
//! Offsets are dense: the message at offset `n` is the one before which the log had `n`
//! messages. So an offset needs no storage, finding one is an index, and "what comes next" is
//! plain to client and node. The order in which messages are appended is the order of the log.
//!
//! A committed offset says that everything up to it was processed. It never goes back: of two
//! consumers of a key the one that is further has done the work already. And it never goes
//! beyond the log: what is not there yet cannot have been processed, and whoever started from
//! there would miss it.
//!
//! As a state machine, its command is a list of changes, so that one entry of a replicated log
//! carries what many clients ask for at the same time.
//!
//! Pure: no network, no disk, no clock. Deliberately absent: deleting old messages, and groups
//! of consumers.
//!
//! ```
//! use gyre::kafka_log::Logs;
//! use std::collections::BTreeMap;
//!
//! let mut logs = Logs::default();
//! let offsets = ["a", "b"].map(|message| logs.append("k1", message.into()));
//! assert_eq!(offsets, [0, 1]);
//! for offset in [7, 0] {
//!     logs.commit(&BTreeMap::from([("k1".to_owned(), offset)]));
//! }
//! // There is no message 7 yet, and what is committed stays so.
//! assert_eq!(logs.committed(&["k1".to_owned()])["k1"], 1);
//! ```
//!
//! Chapter 11 of the book, `book/11-kafka.md`, reads this.

use std::collections::BTreeMap;

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::state_machines::StateMachine;
use crate::types::Json;

/// A place in a log. Clients may ask for any integer, and so it has a sign.
///
/// ```
/// use gyre::kafka_log::{Logs, Offset};
///
/// let mut logs = Logs::default();
/// let next: Offset = logs.end("k1");
/// assert_eq!(logs.append("k1", "a".into()), next);
/// ```
pub type Offset = i64;

/// Messages of some keys, each with its offset.
///
/// ```
/// use gyre::kafka_log::Batch;
///
/// let batch: Batch = serde_json::from_str(r#"{"k1": [[3, "d"], [4, "e"]]}"#)?;
/// assert_eq!(batch["k1"][1], (4, "e".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Batch = BTreeMap<String, Vec<(Offset, Json)>>;

/// What clients ask.
///
/// ```
/// use gyre::{Body, kafka_log::Request};
///
/// let body = Body::parse(r#"{"type": "poll", "msg_id": 1, "offsets": {"k1": 3}}"#)?;
/// let Request::Poll { offsets } = body.to()? else { panic!("it is a poll") };
/// assert_eq!(offsets["k1"], 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Append a message to the log of a key.
    Send {
        /// The log.
        key: String,
        /// The message.
        msg: Json,
    },
    /// Give messages of these logs, from these offsets on.
    Poll {
        /// Where to begin, by key.
        offsets: BTreeMap<String, Offset>,
    },
    /// Everything up to these offsets was processed.
    CommitOffsets {
        /// The last offset that was processed, by key.
        offsets: BTreeMap<String, Offset>,
    },
    /// Give the committed offsets of these logs.
    ListCommittedOffsets {
        /// The logs.
        keys: Vec<String>,
    },
}

/// What they are answered.
///
/// ```
/// use gyre::{Body, kafka_log::{Batch, Response}};
///
/// let msgs = Batch::from([("k1".to_owned(), vec![(3, "d".into())])]);
/// let body = Body::new(&Response::PollOk { msgs })?;
/// assert_eq!(body.as_json(), r#"{"type":"poll_ok","msgs":{"k1":[[3,"d"]]}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The message is in the log.
    SendOk {
        /// Its offset.
        offset: Offset,
    },
    /// Messages that were asked for.
    PollOk {
        /// As many as fit, by key.
        msgs: Batch,
    },
    /// The offsets are committed.
    CommitOffsetsOk {},
    /// The committed offsets.
    ListCommittedOffsetsOk {
        /// By key; keys without any are left out.
        offsets: BTreeMap<String, Offset>,
    },
}

/// The most messages of one key in a [`Batch`].
const BATCH_OF_KEY_MAX: usize = 256;

/// The most messages in a [`Batch`].
const BATCH_MAX: usize = 4_096;

/// All logs.
///
/// ```
/// use std::collections::BTreeMap;
/// use gyre::Json;
/// use gyre::kafka_log::Logs;
///
/// let [a, b] = ["10", "20"].map(|text| Json::parse(text).unwrap());
/// let mut logs = Logs::default();
/// assert_eq!((logs.append("k1", a), logs.append("k1", b.clone())), (0, 1));
/// let from_1 = BTreeMap::from([("k1".to_owned(), 1)]);
/// assert_eq!(logs.poll(&from_1)["k1"], [(1, b)]);
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Logs {
    logs: OrdMap<String, Log>,
    /// The keys of the logs that changed last, the latest at the end, for whoever watches.
    #[serde(skip)]
    latest: Vec<String>,
}

impl PartialEq for Logs {
    fn eq(&self, other: &Logs) -> bool {
        self.logs == other.logs
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Log {
    messages: Vector<Json>,
    committed: Option<Offset>,
}

impl Logs {
    // ANCHOR: append
    /// Appends a message to the log of a key, and gives its offset.
    pub fn append(&mut self, key: &str, message: Json) -> Offset {
        // Looked up first, so that only a new key is copied.
        if !self.logs.contains_key(key) {
            self.logs.insert(key.to_owned(), Log::default());
        }
        let log = self.logs.get_mut(key).expect("the log is there by now");
        log.messages.push_back(message);
        let offset = log.end() - 1;
        self.note(key);
        offset
    }
    // ANCHOR_END: append

    /// Notes that this log has changed.
    fn note(&mut self, key: &str) {
        if self.latest.last().is_some_and(|last| last == key) {
            return;
        }
        let known = self.latest.iter().position(|one| one == key);
        let key = known.map_or_else(|| key.to_owned(), |place| self.latest.remove(place));
        self.latest.push(key);
        if self.latest.len() > SHOWN_MAX {
            self.latest.remove(0);
        }
    }

    /// The ends of the logs that changed last, by key.
    pub fn ends(&self) -> Map<String, Value> {
        self.shown(|log| Some(log.end()))
    }

    fn shown(&self, which: impl Fn(&Log) -> Option<Offset>) -> Map<String, Value> {
        let of = |key: &String| Some((key.clone(), which(self.logs.get(key)?)?.into()));
        self.latest.iter().filter_map(of).collect()
    }

    // ANCHOR: poll
    /// The messages of each key from an offset on: as many as fit, without a gap. Keys without
    /// any are left out.
    ///
    /// An answer is bounded, so that a consumer that is far behind cannot stop the node for
    /// everybody else. Whoever wants more asks again.
    pub fn poll(&self, offsets: &BTreeMap<String, Offset>) -> Batch {
        let mut room = BATCH_MAX;
        let mut batch = Batch::new();
        for (key, &from) in offsets {
            let Some(log) = self.logs.get(key) else { continue };
            let messages = log.from(from).take(room.min(BATCH_OF_KEY_MAX));
            let messages: Vec<(Offset, Json)> = messages.collect();
            room -= messages.len();
            if !messages.is_empty() {
                batch.insert(key.clone(), messages);
            }
        }
        batch
    }
    // ANCHOR_END: poll

    // ANCHOR: commit
    /// Notes that everything up to an offset was processed, of each of these keys.
    pub fn commit(&mut self, offsets: &BTreeMap<String, Offset>) {
        for (key, &offset) in offsets {
            let Some(log) = self.logs.get_mut(key) else { continue };
            let offset = offset.min(log.end() - 1);
            if offset >= 0 && log.committed < Some(offset) {
                log.committed = Some(offset);
                self.note(key);
            }
        }
    }
    // ANCHOR_END: commit

    /// The committed offset of each of these keys that has one.
    pub fn committed(&self, keys: &[String]) -> BTreeMap<String, Offset> {
        let committed = |key: &String| Some((key.clone(), self.logs.get(key)?.committed?));
        keys.iter().filter_map(committed).collect()
    }

    /// How many messages the log of a key has: the offset that the next one gets.
    pub fn end(&self, key: &str) -> Offset {
        self.logs.get(key).map_or(0, Log::end)
    }
}

/// A change of the logs.
///
/// ```
/// use gyre::kafka_log::{Change, Logs};
/// use gyre::state_machines::StateMachine;
///
/// let [a, b] = ["a", "b"].map(|text| Change::Send { key: "k1".into(), msg: text.into() });
/// let commit = Change::Commit { offsets: [("k1".to_owned(), 0)].into() };
/// assert_eq!(Logs::default().apply(&vec![a, commit, b]), [Some(0), None, Some(1)]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A message for the log of a key.
    Send {
        /// The key.
        key: String,
        /// The message: any JSON.
        msg: Json,
    },
    /// Everything up to these offsets was processed.
    Commit {
        /// An offset by key.
        offsets: BTreeMap<String, Offset>,
    },
}

impl Logs {
    /// Makes a change, and gives the offset of a message that was sent.
    pub fn make(&mut self, change: &Change) -> Option<Offset> {
        match change {
            Change::Send { key, msg } => Some(self.append(key, msg.clone())),
            Change::Commit { offsets } => {
                self.commit(offsets);
                None
            }
        }
    }
}

/// The next messages of the log of a key.
///
/// ```
/// use gyre::kafka_log::Logs;
/// use gyre::state_machines::StateMachine;
///
/// let mut logs = Logs::default();
/// (0..100).for_each(|message| drop(logs.append("k1", message.into())));
/// let mut copy = Logs::default();
/// let parts: Vec<_> = logs.clone().into_parts().collect();
/// assert_eq!(parts.len(), 2); // of at most 64 messages
/// parts.into_iter().for_each(|part| copy.add(part));
/// assert_eq!(copy, logs);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    key: String,
    messages: Vec<Json>,
    committed: Option<Offset>,
}

/// Of so many logs it is shown how far they are: a node may be asked at every step.
const SHOWN_MAX: usize = 8;

/// How many messages are in a part.
const PART_MESSAGES: usize = 64;

impl StateMachine for Logs {
    type Command = Vec<Change>;
    type Reply = Vec<Option<Offset>>;
    type Part = Part;

    fn apply(&mut self, changes: &Vec<Change>) -> Vec<Option<Offset>> {
        changes.iter().map(|change| self.make(change)).collect()
    }

    fn into_parts(self) -> Box<dyn Iterator<Item = Part>> {
        Box::new(self.logs.into_iter().flat_map(|(key, log)| log.into_parts(key)))
    }

    fn add(&mut self, part: Part) {
        let mut log = self.logs.remove(&part.key).unwrap_or_default();
        log.messages.extend(part.messages);
        log.committed = part.committed;
        self.note(&part.key);
        self.logs.insert(part.key, log);
    }

    /// The end and the committed offset of the logs that changed last.
    fn inspect(&self) -> Value {
        json!({ "ends": self.ends(), "committed": self.shown(|log| log.committed) })
    }
}

impl Log {
    fn end(&self) -> Offset {
        self.messages.len() as Offset
    }

    fn from(&self, offset: Offset) -> impl Iterator<Item = (Offset, Json)> + '_ {
        // Clamped, for a client may ask for the largest integer there is.
        let start = offset.clamp(0, self.end());
        (start..self.end()).map(|offset| (offset, self.messages[offset as usize].clone()))
    }

    /// A log without messages is one part, too.
    fn into_parts(self, key: String) -> impl Iterator<Item = Part> {
        let Log { messages, committed } = self;
        let mut rest = Some(messages);
        std::iter::from_fn(move || {
            let mut messages = rest.take()?;
            let later = messages.split_off(messages.len().min(PART_MESSAGES));
            rest = Some(later).filter(|later| !later.is_empty());
            Some(Part { key: key.clone(), messages: messages.into_iter().collect(), committed })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offsets(offsets: &[(&str, Offset)]) -> BTreeMap<String, Offset> {
        offsets.iter().map(|(key, offset)| ((*key).to_owned(), *offset)).collect()
    }

    fn logs(key: &str, count: usize) -> Logs {
        let mut logs = Logs::default();
        for message in 0..count {
            assert_eq!(logs.append(key, message.into()), message as Offset);
        }
        logs
    }

    #[test]
    fn a_poll_begins_where_it_is_told_and_leaves_out_what_is_empty() {
        let logs = logs("a", 3);
        let asked = offsets(&[("a", 1), ("b", 0)]);
        assert_eq!(
            logs.poll(&asked),
            Batch::from([("a".into(), vec![(1, 1.into()), (2, 2.into())])])
        );
        for beyond in [3, Offset::MAX] {
            assert!(logs.poll(&offsets(&[("a", beyond)])).is_empty());
        }
        assert_eq!(logs.poll(&offsets(&[("a", Offset::MIN)]))["a"].len(), 3);
    }

    #[test]
    fn a_batch_is_bounded_and_whoever_asks_again_gets_the_rest() {
        let mut logs = Logs::default();
        let keys: Vec<String> = (0..30).map(|key| format!("{key:02}")).collect();
        for key in &keys {
            for message in 0..300 {
                logs.append(key, message.into());
            }
        }
        let mut next: BTreeMap<String, Offset> = keys.iter().map(|key| (key.clone(), 0)).collect();
        let mut polls = 0;
        loop {
            let batch = logs.poll(&next);
            if batch.is_empty() {
                break;
            }
            polls += 1;
            assert!(batch.values().map(Vec::len).sum::<usize>() <= BATCH_MAX);
            for (key, messages) in batch {
                assert!(messages.len() <= BATCH_OF_KEY_MAX);
                for (offset, _) in messages {
                    let next = next.get_mut(&key).unwrap();
                    assert_eq!(*next, offset);
                    *next += 1;
                }
            }
        }
        assert!(next.values().all(|next| *next == 300), "{next:?}");
        assert_eq!(polls, 3, "9000 messages");
    }

    #[test]
    fn logs_are_made_of_their_parts() {
        let mut logs = logs("a", 3 * PART_MESSAGES + 7);
        logs.append("b", 1.into());
        logs.commit(&offsets(&[("a", 70)]));
        assert_eq!(logs.clone().into_parts().count(), 5);
        let mut copy = Logs::default();
        logs.clone().into_parts().for_each(|part| copy.add(part));
        assert_eq!(copy, logs);
    }

    #[test]
    fn the_logs_are_shown_that_changed_last() {
        let mut logs = Logs::default();
        for number in 0..100 {
            logs.append(&format!("{:02}", number % 50), number.into());
        }
        logs.commit(&offsets(&[("07", 1), ("08", -1)]));
        let shown = logs.inspect();
        let ends: Vec<&String> = shown["ends"].as_object().unwrap().keys().collect();
        assert_eq!(ends, ["07", "43", "44", "45", "46", "47", "48", "49"]);
        assert_eq!(shown["committed"], json!({ "07": 1 }));
        logs.append("43", 1.into());
        logs.append("new", 1.into());
        assert_eq!(logs.ends().keys().next().unwrap(), "07");
        assert!(!logs.ends().contains_key("44") && logs.ends()["43"] == 3);
        let copy: Logs =
            serde_json::from_value(json!({ "a": { "messages": [1], "committed": 0 } })).unwrap();
        assert_eq!(serde_json::to_value(&copy).unwrap()["a"]["committed"], 0);
    }

    #[test]
    fn nothing_is_committed_until_something_is() {
        let mut logs = logs("a", 2);
        let asked = ["a".to_owned(), "b".to_owned()];
        logs.commit(&offsets(&[("a", -1), ("b", 0)]));
        assert!(logs.committed(&asked).is_empty());
        logs.commit(&offsets(&[("a", 7)]));
        assert_eq!(logs.committed(&asked), offsets(&[("a", 1)]), "there is no message 7 yet");
    }

    proptest! {
        /// Whatever is appended and committed: the committed offset is the highest that was
        /// committed while there was such a message.
        #[test]
        fn committed_offsets_only_rise(steps in prop::collection::vec(-3i64..10, 0..40)) {
            let mut logs = Logs::default();
            let mut expected = None;
            for step in steps {
                if step < 0 {
                    logs.append("a", step.into());
                } else {
                    logs.commit(&offsets(&[("a", step)]));
                    let end = logs.end("a");
                    expected = expected.max((end > 0).then(|| step.min(end - 1)));
                }
                prop_assert_eq!(logs.committed(&["a".into()]).get("a").copied(), expected);
            }
        }
    }
}

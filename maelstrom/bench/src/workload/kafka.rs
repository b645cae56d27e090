//! Kafka: logs by key, to which messages are sent, and from which they are polled.
//!
//! A client takes keys (`assign`) and then polls them, each time from where it is, and commits
//! what it has processed. It takes a key up where it was itself; else at the committed offset;
//! else at the beginning. A `crash` throws the client away, with all that it knew, and a fresh
//! one goes on in its place.
//!
//! In the history a send is `[[:send "k" message]]`, and `[[:send "k" [offset message]]]` when
//! it is acknowledged; a poll is `[[:poll]]` and `[[:poll {"k" [[offset message]]}]]`.
//!
//! Source: Maelstrom's `workload/kafka.clj` and Jepsen's `tests/kafka.clj`. Two things differ
//! from that client. It reads the committed offsets from the wrong map, and so never resumes
//! from them. And it moves on before it has committed: if the commit is refused, the poll
//! counts as failed, yet the next one begins behind it, which the checker takes for a skip.
//! Here the client moves on when the operation has succeeded, and the history shows what was
//! polled even if the commit was not.

mod generator;

use std::collections::BTreeMap;

use gyre::{Body, Json};
use serde::Serialize;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{
    Client, Completion, Exact, Operation, ReplyFault, RequestError, Step, classify, read_reply,
    to_json,
};
use crate::edn::Edn;
use crate::generator::Generator;
use crate::history::OpType;
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

use generator::Logs;

/// The kafka workload.
pub struct Kafka;

impl Workload for Kafka {
    fn name(&self) -> &'static str {
        checker::Workload::Kafka.name()
    }

    fn about(&self) -> &'static str {
        "Logs by key. A message that is sent gets an offset in its log; offsets grow, and may have \
         gaps. Who polls gets messages from an offset on, in order, and leaves none out. A \
         committed offset says how far a log has been processed; it is the same for everybody."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let offsets = &Offsets::from([("k1".into(), 1000), ("k2".into(), 2000)]);
        let keys = vec!["k1", "k2"];
        let [send, poll, commit, list] = [
            Request::Send { key: "k1", msg: to_json(&Edn::Int(123)) },
            Request::Poll { offsets },
            Request::CommitOffsets { offsets },
            Request::ListCommittedOffsets { keys },
        ]
        .map(|request| Body::new(&request).expect("a request is an object with a type"));
        vec![
            Rpc::new::<SendOk>("Appends a message to the log of a key.", send),
            Rpc::new::<PollOk>(
                "Asks for messages of each log, from this offset on. How many a node sends at \
                 once is its own decision, and it may leave out a log.",
                poll,
            ),
            Rpc::new::<CommitOffsetsOk>("Says how far each log has been processed.", commit),
            Rpc::new::<ListCommittedOffsetsOk>(
                "Asks how far each log has been processed. A log of which nothing was committed \
                 is left out.",
                list,
            ),
        ]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::Kafka.judge(options)
    }

    fn has_logs(&self) -> bool {
        true
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(KafkaClient::default())
    }

    fn generator(&self, options: &TestOptions) -> Box<dyn Generator> {
        Box::new(Logs::new(options))
    }

    fn has_final_phase(&self) -> bool {
        true
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        let micro_op = || value.as_slice()?.first()?.as_slice();
        let f = match f {
            "crash" => "crash",
            "poll" => "poll",
            "assign" if value.as_slice()?.iter().all(|key| key.as_str().is_some()) => "assign",
            "send" if matches!(micro_op(), Some([_, Edn::Str(_), _])) => "send",
            _ => return None,
        };
        Some(Operation::new(f, value.clone()))
    }
}

/// The protocol allows any integer.
type Offset = i128;
type Offsets = BTreeMap<String, Offset>;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request<'a> {
    Send { key: &'a str, msg: Json },
    Poll { offsets: &'a Offsets },
    CommitOffsets { offsets: &'a Offsets },
    ListCommittedOffsets { keys: Vec<&'a str> },
}

reply! {
    /// Where the message is.
    SendOk = "send_ok" { offset: Offset }
}

reply! {
    /// Messages of each key. As in the original, `null` is an empty list.
    PollOk = "poll_ok" { msgs: BTreeMap<String, Option<Vec<(Offset, Exact)>>> }
}

reply! {
    /// The offsets are committed.
    CommitOffsetsOk = "commit_offsets_ok" {}
}

reply! {
    /// The committed offset of each key that has one.
    ListCommittedOffsetsOk = "list_committed_offsets_ok" { offsets: Offsets }
}

/// A client: where it is in each of its keys.
#[derive(Default)]
struct KafkaClient {
    /// The offset that it wants next, of each assigned key.
    next: Offsets,
    /// What was polled and is being committed.
    polled: Option<PollOk>,
}

impl Client for KafkaClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        self.polled = None;
        match operation.f {
            "assign" if operation.is_final => {
                self.next = keys(operation).map(|key| (key.to_owned(), 0)).collect();
                Step::Done(Completion { kind: OpType::Ok, value: None, extra: Vec::new() })
            }
            "assign" => {
                Step::request(&Request::ListCommittedOffsets { keys: keys(operation).collect() })
            }
            "poll" => Step::request(&Request::Poll { offsets: &self.next }),
            "send" => {
                let (key, message) = message_of(operation);
                Step::request(&Request::Send { key, msg: to_json(message) })
            }
            _ => Step::Done(Completion { kind: OpType::Info, value: None, extra: Vec::new() }),
        }
    }

    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        match operation.f {
            "assign" => {
                let ListCommittedOffsetsOk { offsets, .. } = read_reply(reply)?;
                only_asked_keys(offsets.keys(), |key| keys(operation).any(|asked| asked == key))?;
                Ok(self.assign(operation, &offsets))
            }
            "send" => {
                let SendOk { offset, .. } = read_reply(reply)?;
                let (key, message) = message_of(operation);
                let sent = Edn::Vector(vec![offset_edn(offset), message.clone()]);
                Ok(Step::ok(micro_op("send", [key.into(), sent])))
            }
            _ if self.polled.is_none() => {
                let polled: PollOk = read_reply(reply)?;
                only_asked_keys(polled.msgs.keys(), |key| self.next.contains_key(key))?;
                let highest = highest(&polled);
                let value = polled_edn(&polled);
                self.polled = Some(polled);
                if highest.is_empty() {
                    return Ok(Step::ok(value));
                }
                Ok(Step::request(&Request::CommitOffsets { offsets: &highest }))
            }
            _ => {
                let CommitOffsetsOk { .. } = read_reply(reply)?;
                Ok(self.move_on())
            }
        }
    }

    fn on_error(&mut self, operation: &Operation, error: RequestError) -> Completion {
        let mut completion = classify(error, operation.f == "assign");
        completion.value = self.polled.take().map(|polled| polled_edn(&polled));
        completion
    }
}

impl KafkaClient {
    fn assign(&mut self, operation: &Operation, committed: &Offsets) -> Step {
        let before = std::mem::take(&mut self.next);
        for key in keys(operation) {
            let own = before.get(key).or_else(|| committed.get(key));
            self.next.insert(key.to_owned(), own.copied().unwrap_or(0));
        }
        let committed = committed.iter();
        let committed = committed.map(|(key, offset)| (Edn::from(&**key), offset_edn(*offset)));
        Step::Done(Completion {
            kind: OpType::Ok,
            value: None,
            extra: vec![("committed", Edn::Map(committed.collect()))],
        })
    }

    /// What was polled is committed: the next poll begins behind it.
    fn move_on(&mut self) -> Step {
        let polled = self.polled.take().expect("only what was polled is committed");
        for (key, highest) in highest(&polled) {
            let next = self.next.entry(key).or_insert(0);
            *next = (*next).max(highest.saturating_add(1));
        }
        Step::ok(polled_edn(&polled))
    }
}

/// A reply may leave out keys of which there is nothing to say, but it has no others.
fn only_asked_keys<'a>(
    mut keys: impl Iterator<Item = &'a String>,
    was_asked: impl Fn(&str) -> bool,
) -> Result<(), ReplyFault> {
    match keys.find(|key| !was_asked(key)) {
        Some(key) => Err(ReplyFault::WrongReply(format!(
            "the reply is about key {key}, which was not asked"
        ))),
        None => Ok(()),
    }
}

/// The highest offset of each key that was polled.
fn highest(polled: &PollOk) -> Offsets {
    let highest = polled.msgs.iter().filter_map(|(key, messages)| {
        let offset = messages.iter().flatten().map(|(offset, _)| *offset).max()?;
        Some((key.clone(), offset))
    });
    highest.collect()
}

/// The keys of an assign.
fn keys(operation: &Operation) -> impl Iterator<Item = &str> {
    operation.value.as_slice().unwrap_or_default().iter().filter_map(Edn::as_str)
}

/// The key and the message of a send.
fn message_of(operation: &Operation) -> (&str, &Edn) {
    let micro_op = operation.value.as_slice().and_then(|ops| ops.first()?.as_slice());
    match micro_op {
        Some([_, Edn::Str(key), message]) => (key, message),
        _ => panic!("the generator makes sends of a key and a message: {}", operation.value),
    }
}

/// `[[:f …]]`, an operation of one micro-operation.
fn micro_op<const N: usize>(f: &str, rest: [Edn; N]) -> Edn {
    let micro_op = std::iter::once(Edn::keyword(f)).chain(rest).collect();
    Edn::Vector(vec![Edn::Vector(micro_op)])
}

fn polled_edn(polled: &PollOk) -> Edn {
    let record = |(offset, message): &(Offset, Exact)| {
        Edn::Vector(vec![offset_edn(*offset), message.0.clone()])
    };
    let keys = polled.msgs.iter().map(|(key, messages)| {
        (Edn::from(key.as_str()), Edn::Vector(messages.iter().flatten().map(record).collect()))
    });
    micro_op("poll", [Edn::Map(keys.collect())])
}

fn offset_edn(offset: Offset) -> Edn {
    checker::kafka::offset_edn(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives one operation: what the client says to each of these replies, and the end.
    fn run(client: &mut KafkaClient, operation: &Operation, replies: &[&str]) -> String {
        let mut step = client.invoke(operation);
        let mut said = String::new();
        for reply in replies {
            let Step::Request(body) = &step else { panic!("{step:?} is over") };
            said += &format!("{} ", body.as_json());
            let body = Body::parse(&reply.replacen('{', "{\"in_reply_to\":1,", 1)).unwrap();
            step = match body.kind() {
                "error" => {
                    let error = RequestError::Node(crate::client::error_of(&body));
                    Step::Done(client.on_error(operation, error))
                }
                _ => client.on_reply(operation, &body).unwrap(),
            };
        }
        let Step::Done(end) = step else { panic!("{step:?} is not over") };
        let value = end.value.map_or("-".into(), |value| value.to_string());
        format!("{said}{} {value}", end.kind.name())
    }

    fn assign(keys: &[&str]) -> Operation {
        Operation::new("assign", keys.to_vec().into())
    }

    fn poll() -> Operation {
        Operation::new("poll", micro_op("poll", []))
    }

    #[test]
    fn a_send_is_one_request() {
        let send = Operation::new("send", micro_op("send", ["k".into(), Edn::Int(7)]));
        let replies = [r#"{"type":"send_ok","offset":3}"#];
        assert_eq!(
            run(&mut KafkaClient::default(), &send, &replies),
            r#"{"type":"send","key":"k","msg":7} ok [[:send "k" [3 7]]]"#
        );
    }

    #[test]
    fn a_poll_commits_what_it_brought_and_then_moves_on() {
        let mut client = KafkaClient::default();
        let committed = r#"{"type":"list_committed_offsets_ok","offsets":{"k":4}}"#;
        assert_eq!(
            run(&mut client, &assign(&["k", "l"]), &[committed]),
            r#"{"type":"list_committed_offsets","keys":["k","l"]} ok -"#
        );
        let polled = r#"{"type":"poll_ok","msgs":{"k":[[4,1],[6,2]],"l":[]}}"#;
        let refused = r#"{"type":"error","code":11,"text":"not now"}"#;
        assert_eq!(
            run(&mut client, &poll(), &[polled, refused]),
            r#"{"type":"poll","offsets":{"k":4,"l":0}} "#.to_owned()
                + r#"{"type":"commit_offsets","offsets":{"k":6}} "#
                + r#"fail [[:poll {"k" [[4 1] [6 2]], "l" []}]]"#
        );
        let done = r#"{"type":"commit_offsets_ok"}"#;
        let again = run(&mut client, &poll(), &[polled, done]);
        assert!(again.starts_with(r#"{"type":"poll","offsets":{"k":4,"l":0}}"#), "{again}");
        let nothing = r#"{"type":"poll_ok","msgs":{}}"#;
        assert_eq!(
            run(&mut client, &poll(), &[nothing]),
            r#"{"type":"poll","offsets":{"k":7,"l":0}} ok [[:poll {}]]"#
        );
        // What it knows itself counts more than what is committed, and what is not assigned
        // is forgotten.
        run(&mut client, &assign(&["k", "m"]), &[committed]);
        assert_eq!(client.next, Offsets::from([("k".into(), 7), ("m".into(), 0)]));
    }

    #[test]
    fn a_final_assign_begins_at_the_beginning_and_asks_nobody() {
        let mut client = KafkaClient { next: [("k".into(), 9)].into(), polled: None };
        let operation = Operation { is_final: true, ..assign(&["k"]) };
        assert_eq!(run(&mut client, &operation, &[]), "ok -");
        assert_eq!(client.next["k"], 0);
    }

    #[test]
    fn a_crash_and_an_assign_without_an_answer_are_what_they_are() {
        let crash = Operation::new("crash", Edn::Nil);
        assert_eq!(run(&mut KafkaClient::default(), &crash, &[]), "info -");
        let timeout = KafkaClient::default().on_error(&assign(&["k"]), RequestError::Timeout);
        assert_eq!(timeout.kind, OpType::Fail);
    }

    #[test]
    fn malformed_replies_are_sentences() {
        for reply in [
            r#"{"type":"poll_ok","in_reply_to":1,"msgs":{"k":[[0]]}}"#,
            r#"{"type":"poll_ok","in_reply_to":1,"msgs":{"k":[["0",1]]}}"#,
            r#"{"type":"poll_ok","in_reply_to":1,"msgs":{"k":[[0,1,2]]}}"#,
            r#"{"type":"poll_ok","in_reply_to":1,"msgs":[]}"#,
            r#"{"type":"poll_ok","in_reply_to":1}"#,
            r#"{"type":"send_ok","in_reply_to":1,"offset":1}"#,
        ] {
            let mut client = KafkaClient::default();
            client.invoke(&poll());
            assert!(client.on_reply(&poll(), &Body::parse(reply).unwrap()).is_err(), "{reply}");
        }
    }

    #[test]
    fn a_reply_about_another_key_is_no_answer() {
        let poll_ok = r#"{"type":"poll_ok","in_reply_to":1,"msgs":{"k":[[0,1]],"x":[[0,1]]}}"#;
        let committed = r#"{"type":"list_committed_offsets_ok","in_reply_to":1,"offsets":{"x":1}}"#;
        for (operation, reply) in [(poll(), poll_ok), (assign(&["k"]), committed)] {
            let mut client = KafkaClient { next: [("k".into(), 0)].into(), polled: None };
            client.invoke(&operation);
            let fault = client.on_reply(&operation, &Body::parse(reply).unwrap()).unwrap_err();
            assert!(matches!(&fault, ReplyFault::WrongReply(why) if why.contains("key x")));
        }
    }
}

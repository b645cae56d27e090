//! What happens in a run, told to the page: one JSON array after another. Times are in
//! nanoseconds since the run began.
//!
//! | line | what it says |
//! |---|---|
//! | `["run", {…}]` | what is run: nodes, clients, the command that does the same |
//! | `["refused", sentence]` | the request cannot be run: nothing else follows |
//! | `["main", time]` | the main phase begins: the times of the history count from here |
//! | `["send", id, time, from, to, type, body, taped, due…]` | a message is sent, its type on a tape, and when it is due: twice, if it is doubled; never, if it is lost |
//! | `["receive", id, time]` | it is received |
//! | `["state", time, node, text]` | a node says what it is: the text of a JSON object |
//! | `["operation", time, line, process, type, f, value, error]` | the history has a new entry: its line in `history.edn`, and its parts for people |
//! | `["strike", time, sentence, effect, […]]` | the nemesis makes a move: numbers of nodes, or pairs of them for links |
//! | `["end", time, sentence]` | the run is over; with a sentence, before its time |

use gyre::{Message, NodeId, Time};
use maelstrom::engine::{Direction, Observer, Progress};
use maelstrom::history::Op;
use maelstrom::journal::said_to_peer;
use maelstrom::nemesis::{DiskFault, Effect, Strike};
use maelstrom::net::Verdict;
use serde::Serialize;
use serde_json::{Value, json};

use crate::request::Request;

/// So many messages a page can hold.
const MESSAGES_MAX: u64 = 300_000;

/// Of a long text a page shows the beginning.
const SHOWN_CHARACTERS: usize = 1_000;

/// Tells the page what happens.
pub struct Events<T> {
    tell: T,
    now: Time,
    main_start: Time,
    /// The message that was just sent, until it is known what becomes of it.
    sent: Option<Vec<Value>>,
    messages: u64,
}

impl<T: FnMut(&str)> Events<T> {
    /// Tells nothing so far.
    pub fn new(tell: T) -> Events<T> {
        let (now, main_start) = (Time::ZERO, Time::ZERO);
        Events { tell, now, main_start, sent: None, messages: 0 }
    }

    /// The run begins.
    pub fn begin(&mut self, request: &Request) {
        let Request { scene, options, tape, .. } = request;
        let flags: Vec<(&str, String)> = options.flags();
        let what = json!({
            "scene": scene.name,
            "workload": tape.workload,
            "seed": tape.seed.to_string(),
            "nodes": options.nodes,
            "clients": options.concurrency,
            "flags": flags,
            "command": request.command(),
        });
        self.line(&("run", what));
    }

    /// There is no such run.
    pub fn refuse(&mut self, sentence: &str) {
        self.line(&("refused", sentence));
    }

    /// The run is over.
    pub fn end(&mut self, failure: Option<&str>) {
        self.line(&("end", self.now.as_nanos(), failure));
    }

    /// At once: after a panic nobody could tell what is left.
    fn line(&mut self, line: &impl Serialize) {
        let text = serde_json::to_string(line).expect("what is told is plain data");
        (self.tell)(&text);
    }
}

impl<T: FnMut(&str)> Observer for Events<T> {
    fn main_phase(&mut self, now: Time) {
        self.main_start = now;
        self.line(&("main", now.as_nanos()));
    }

    fn operation(&mut self, op: &Op) {
        let since = std::time::Duration::from_nanos(u64::try_from(op.time).unwrap_or(0));
        let time = (self.main_start + since).as_nanos();
        let mut line = String::new();
        op.write_edn_line(&mut line);
        let (process, kind) = (op.process.to_string(), op.kind.name());
        let value = shown(&op.value.to_string());
        let error = op.extra("error").map(|error| shown(&error.to_string()));
        self.line(&("operation", time, line, process, kind, &*op.f, value, error));
    }

    fn message(&mut self, now: Time, direction: Direction, id: u64, message: &Message) {
        self.now = now;
        if direction == Direction::Receive {
            return self.line(&("receive", id, now.as_nanos()));
        }
        self.messages += 1;
        let said = said_to_peer(message);
        let (kind, says) = match &said {
            Some((kind, says)) => (kind.as_str(), *says),
            None => (message.body.kind(), message.body.as_json()),
        };
        let (src, dest) = (message.src.as_str(), message.dest.as_str());
        let line = json!(["send", id, now.as_nanos(), src, dest, kind, shown(says)]);
        let Value::Array(mut line) = line else { unreachable!("it was made as an array") };
        // By which a tape knows it, if that is something else.
        line.push(message.body.kind().into());
        self.sent = Some(line);
    }

    fn fate(&mut self, _id: u64, fate: Verdict) {
        let Some(mut line) = self.sent.take() else { return };
        let due = |after| Value::from((self.now + after).as_nanos());
        match fate {
            Verdict::Deliver(after) => line.push(due(after)),
            Verdict::Duplicate(first, second) => line.extend([due(first), due(second)]),
            Verdict::Drop => {}
        }
        self.line(&line);
    }

    fn watches_states(&self) -> bool {
        true
    }

    fn state(&mut self, now: Time, node: &NodeId, state: &str) {
        self.now = now;
        self.line(&("state", now.as_nanos(), node, state));
    }

    fn strike(&mut self, now: Time, strike: &Strike) {
        self.now = now;
        let (effect, whom) = match &strike.effect {
            Effect::Cut(links) => ("cut", json!([strike.fault.name(), links])),
            Effect::Mend => ("mend", json!([strike.fault.name()])),
            Effect::Kill(nodes) => ("kill", json!(nodes)),
            Effect::Start(nodes) => ("start", json!(nodes)),
            Effect::Pause(nodes) => ("pause", json!(nodes)),
            Effect::Resume(nodes) => ("resume", json!(nodes)),
            Effect::ChangeMembers { wanted, .. } => ("members", json!(wanted)),
            Effect::KeepMembers => ("keep", json!([])),
            Effect::HarmDisks(disks) => {
                let is_down = disks.iter().all(|(_, fault)| *fault == DiskFault::PowerCut);
                let nodes: Vec<usize> = disks.iter().map(|(node, _)| *node).collect();
                (if is_down { "kill" } else { "disk" }, json!(nodes))
            }
            Effect::MendDisks(nodes) => ("start", json!(nodes)),
            Effect::Loss(per_mille) => ("loss", json!([per_mille])),
            Effect::Duplicate(per_mille) => ("duplicate", json!([per_mille])),
            Effect::Skew(changes) => {
                let nodes: Vec<usize> = changes.iter().map(|(node, ..)| *node).collect();
                ("skew", json!(nodes))
            }
        };
        self.line(&("strike", now.as_nanos(), &strike.sentence, effect, whom));
    }

    fn progress(&mut self, now: Time, _progress: &Progress) {
        self.now = now;
    }

    fn failure(&mut self) -> Option<String> {
        (self.messages > MESSAGES_MAX).then(|| {
            format!(
                "a page can hold {MESSAGES_MAX} messages, and this run has more: choose a lower \
                 rate, fewer nodes or a shorter time"
            )
        })
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

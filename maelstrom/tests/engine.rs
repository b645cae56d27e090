//! The engine's promises, shown with nodes that are scripted rather than real: they answer
//! `init` and `echo`, and everything that reaches them is written down.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use gyre::{Body, Message, NodeId, Process, Time};
use maelstrom::checker::Validity;
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::engine::{Engine, Nobody, Observer, Outcome, Progress};
use maelstrom::history::{Op, OpType};
use maelstrom::nemesis::Fault;
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::results;
use maelstrom::seeds::Seeds;
use maelstrom::workload;
use serde_json::{Value, json};

/// What a node does besides answering at once.
#[derive(Clone, Copy, PartialEq)]
enum Script {
    /// Nothing.
    Answer,
    /// Answers `echo` after six seconds.
    AnswerLate,
    /// Writes to its peer every 10 ms, and counts from zero whenever it is started.
    Chatter,
    /// Sends a message to a name that nobody has.
    WriteToNobody,
    /// Answers every message of its peer with another.
    PingPong,
    /// Sends its messages to its peer in the peer's own name.
    SpeakAsAnother,
    /// Wants to be woken a nanosecond later, for ever.
    WakeAtOnce,
    /// Wants to be woken at the beginning of time, for ever.
    WakeInThePast,
    /// A second after the start writes to everybody, who each answer.
    Flood,
    /// Writes to a service without asking for an answer, and then reads.
    WriteUnasked,
}

/// A message as a node received it: when, at which of its starts, and what.
type Received = Rc<RefCell<Vec<(Time, u32, Message)>>>;

const NANOSECOND: Duration = Duration::from_nanos(1);

/// How many nodes flood: their messages and the answers to them are more than a million.
const FLOODING: usize = 720;

struct Probe {
    script: Script,
    start: u32,
    name: Option<NodeId>,
    received: Received,
    outbox: VecDeque<Message>,
    delayed: VecDeque<(Time, Message)>,
    next_chat: Option<Time>,
    next_wake: Option<Time>,
    chats: u64,
}

impl Probe {
    fn send(&mut self, dest: &NodeId, body: &Value) {
        let src = self.name.clone().expect("a node speaks after init");
        let body = Body::new(body).unwrap();
        self.outbox.push_back(Message { src, dest: dest.clone(), body });
    }

    fn peer(&self) -> NodeId {
        let first = self.name.as_ref().is_some_and(|name| *name == "n0");
        NodeId::from(if first { "n1" } else { "n0" })
    }
}

impl Process for Probe {
    fn handle_message(&mut self, now: Time, message: Message) {
        self.received.borrow_mut().push((now, self.start, message.clone()));
        let body: Value = message.body.to().unwrap();
        match message.body.kind() {
            "init" => {
                self.name = Some(NodeId::from(body["node_id"].as_str().unwrap()));
                let reply = json!({"type": "init_ok", "in_reply_to": body["msg_id"]});
                self.send(&message.src, &reply);
                match self.script {
                    Script::Chatter => self.next_chat = Some(now + Duration::from_millis(10)),
                    Script::SpeakAsAnother => {
                        let body = Body::new(&json!({"type": "hello"})).unwrap();
                        let (src, dest) = (self.peer(), self.peer());
                        self.outbox.push_back(Message { src, dest, body });
                    }
                    Script::WakeAtOnce => self.next_wake = Some(now + NANOSECOND),
                    Script::WakeInThePast => self.next_wake = Some(Time::ZERO),
                    Script::Flood => self.next_wake = Some(Time::from_millis(1000)),
                    Script::PingPong => self.send(&self.peer(), &json!({"type": "ping"})),
                    Script::WriteUnasked => {
                        let service = NodeId::from("lin-kv");
                        self.send(&service, &json!({"type": "write", "key": 1, "value": 5}));
                        self.send(&service, &json!({"type": "read", "key": 1, "msg_id": 1}));
                    }
                    _ => {}
                }
            }
            "echo" => {
                let reply = json!({
                    "type": "echo_ok", "in_reply_to": body["msg_id"], "echo": body["echo"]
                });
                if self.script == Script::WriteToNobody {
                    self.send(&NodeId::from("n7"), &json!({"type": "hello"}));
                }
                self.send(&message.src, &reply);
                if self.script == Script::AnswerLate {
                    let reply = self.outbox.pop_back().unwrap();
                    self.delayed.push_back((now + Duration::from_secs(6), reply));
                }
            }
            "ping" => self.send(&message.src, &json!({"type": "ping"})),
            "flood" => self.send(&message.src, &json!({"type": "flooded"})),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        while self.delayed.front().is_some_and(|(at, _)| *at <= now) {
            let (_, reply) = self.delayed.pop_front().unwrap();
            self.outbox.push_back(reply);
        }
        match self.script {
            Script::WakeAtOnce => self.next_wake = Some(now + NANOSECOND),
            Script::Flood if self.next_wake.take().is_some() => {
                let me = self.name.clone().unwrap();
                for other in numbered_nodes(FLOODING).into_iter().filter(|other| *other != me) {
                    self.send(&other, &json!({"type": "flood"}));
                }
            }
            _ => {}
        }
        if self.next_chat.is_some_and(|at| at <= now) {
            self.next_chat = Some(now + Duration::from_millis(10));
            let chat = json!({"type": "chat", "number": self.chats});
            self.chats += 1;
            self.send(&self.peer(), &chat);
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        let delayed = self.delayed.front().map(|(at, _)| *at);
        [delayed, self.next_chat, self.next_wake].into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }
}

impl SimulatedNode for Probe {}

struct Probes {
    script: Script,
    received: Vec<Received>,
    starts: Vec<u32>,
}

impl NodeFactory for Probes {
    fn start(&mut self, node: usize, _seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        self.starts[node] += 1;
        Ok(Box::new(Probe {
            script: self.script,
            start: self.starts[node],
            name: None,
            received: self.received[node].clone(),
            outbox: VecDeque::new(),
            delayed: VecDeque::new(),
            next_chat: None,
            next_wake: None,
            chats: 0,
        }))
    }
}

fn options(faults: &[Fault]) -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(2),
        concurrency: 2,
        rate: 10.0,
        time_limit_secs: 30.0,
        nemesis_interval_secs: 2.0,
        faults: faults.iter().copied().collect::<BTreeSet<_>>(),
        ..TestOptions::default()
    }
}

struct Run {
    outcome: Outcome,
    valid: Validity,
    received: Vec<Vec<(Time, u32, Message)>>,
    sentences: Vec<(Time, String)>,
    /// How often somebody was told how far the run is.
    reports: usize,
}

#[derive(Default)]
struct Sentences {
    said: Vec<(Time, String)>,
    reports: usize,
}

impl Observer for Sentences {
    fn log(&mut self, now: Time, sentence: &str) {
        self.said.push((now, sentence.to_owned()));
    }

    fn progress(&mut self, _now: Time, _progress: &Progress) {
        self.reports += 1;
    }
}

fn run(script: Script, options: &TestOptions, seed: u64) -> Run {
    let count = options.nodes.len();
    let received: Vec<Received> = (0..count).map(|_| Received::default()).collect();
    let probes = Probes { script, received: received.clone(), starts: vec![0; count] };
    let mut cluster = VirtualCluster::new(count, probes, || false);
    let workload = workload::by_name("echo").unwrap();
    let mut sentences = Sentences::default();
    let seeds = Seeds::new(seed);
    let engine = Engine::new(options, workload, &mut cluster, &mut sentences, seeds, 0);
    let outcome = engine.run();
    let valid = results::check(&outcome, workload, options).verdict;
    let received = received.iter().map(|received| received.borrow().clone()).collect();
    Run { outcome, valid, received, sentences: sentences.said, reports: sentences.reports }
}

/// The times between a fault's start and its stop.
fn spans(run: &Run, start: &str, stop: &str) -> Vec<(Time, Time)> {
    let mut spans = Vec::new();
    let mut begun = None;
    for (at, sentence) in &run.sentences {
        if sentence.starts_with(start) {
            begun = Some(*at);
        } else if sentence.starts_with(stop) {
            spans.extend(begun.take().map(|begun| (begun, *at)));
        }
    }
    spans
}

#[test]
fn operations_come_at_the_rate_and_within_the_time_limit() {
    let run = run(Script::Answer, &options(&[]), 1);
    let invoked = run.outcome.history.ops.iter().filter(|op| op.kind == OpType::Invoke);
    let count = invoked.count();
    assert!((240..360).contains(&count), "{count} operations in 30 s at 10 a second");
    let limit_ns = 30_000_000_000;
    assert!(run.outcome.history.ops.iter().all(|op| op.time <= limit_ns));
    assert_eq!(run.valid, Validity::True);
}

#[test]
fn clients_are_numbered_as_the_original_numbers_them() {
    let run = run(Script::Answer, &options(&[]), 1);
    let clients: BTreeSet<String> = run.received[0]
        .iter()
        .chain(&run.received[1])
        .map(|(_, _, message)| format!("{} {}", message.src, message.body.kind()))
        .collect();
    // c0 and c1 send init, c2 and c3 are for a set-up that echo does not have.
    let expected = ["c0 init", "c1 init", "c4 echo", "c5 echo"].map(str::to_owned);
    assert_eq!(clients, BTreeSet::from(expected));
}

#[test]
fn a_reply_after_the_timeout_finds_nobody_and_is_counted() {
    let run = run(Script::AnswerLate, &options(&[]), 1);
    assert!(run.outcome.late_replies > 0);
    let ends: Vec<_> =
        run.outcome.history.ops.iter().filter(|op| op.kind != OpType::Invoke).collect();
    assert!(ends.iter().all(|op| op.kind == OpType::Info));
    assert_eq!(ends[0].extra("error").unwrap().to_string(), ":net-timeout");
    // The process of an indeterminate operation does nothing more.
    let processes: BTreeSet<_> = ends.iter().map(|op| op.process).collect();
    assert_eq!(processes.len(), ends.len());
}

#[test]
fn a_message_to_nobody_ends_the_run() {
    let run = run(Script::WriteToNobody, &options(&[]), 1);
    let sentence = run.outcome.failure.unwrap();
    assert!(sentence.contains("sent a message to n7"), "{sentence}");
    assert_ne!(run.valid, Validity::True);
}

#[test]
fn a_service_also_does_what_nobody_waits_for() {
    let run = run(Script::WriteUnasked, &options(&[]), 1);
    let from_service = |(_, _, message): &&(Time, u32, Message)| message.src == *"lin-kv";
    let replies: Vec<&str> =
        run.received[0].iter().filter(from_service).map(|(.., m)| m.body.as_json()).collect();
    assert_eq!(replies.len(), 1, "{replies:?}");
    assert!(replies[0].contains("\"value\":5"), "{replies:?}");
}

#[test]
fn an_endless_exchange_without_latency_is_noticed() {
    let run = run(Script::PingPong, &options(&[]), 1);
    let sentence = run.outcome.failure.unwrap();
    assert!(sentence.contains("without end"), "{sentence}");
}

#[test]
fn a_node_that_speaks_in_anothers_name_is_found_out() {
    let run = run(Script::SpeakAsAnother, &options(&[]), 1);
    let sentence = run.outcome.failure.unwrap();
    assert!(sentence.starts_with("node n0 sent a message in the name of n1"), "{sentence}");
    assert_ne!(run.valid, Validity::True);
}

#[test]
fn a_node_that_never_rests_is_told_so() {
    for (script, expected) in [
        (Script::WakeAtOnce, "as soon again"),
        (Script::WakeInThePast, "wants to be woken at 0 ns, which is past"),
    ] {
        let run = run(script, &options(&[]), 1);
        let sentence = run.outcome.failure.unwrap();
        assert!(sentence.starts_with("node n0 never rests"), "{sentence}");
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[test]
fn what_many_nodes_say_at_once_is_not_endless() {
    let options = TestOptions {
        nodes: numbered_nodes(FLOODING),
        rate: 0.0,
        time_limit_secs: 2.0,
        ..options(&[])
    };
    let run = run(Script::Flood, &options, 1);
    assert_eq!(run.outcome.failure, None);
    let messages = (FLOODING * (FLOODING - 1) * 2) as u64;
    assert_eq!(run.outcome.journal.stats().servers.recv_count, messages);
    assert!(messages > 1_000_000);
}

#[test]
fn a_run_in_which_nothing_happens_costs_nothing() {
    let options = TestOptions { rate: 0.0, time_limit_secs: 1e6, ..options(&[]) };
    let run = run(Script::Answer, &options, 1);
    assert_eq!(run.outcome.failure, None);
    assert!(run.reports < 20, "{} reports of nothing", run.reports);
}

#[test]
fn a_partition_drops_what_is_due_while_it_lasts_and_nothing_else() {
    let options = TestOptions { latency_ms: 3, ..options(&[Fault::Partition]) };
    let run = run(Script::Chatter, &options, 1);
    let cuts = spans(&run, "start-partition", "stop-partition");
    assert!(!cuts.is_empty(), "no partition in {:?}", run.sentences);
    let chats: Vec<Time> = run.received[0]
        .iter()
        .filter(|(_, _, message)| message.body.kind() == "chat")
        .map(|(at, ..)| *at)
        .collect();
    for (start, stop) in &cuts {
        let within = chats.iter().filter(|at| *start < **at && **at < *stop).count();
        assert_eq!(within, 0, "messages came through a cut between {start} and {stop}");
    }
    // Outside of the cuts a message comes every ten milliseconds.
    let whole = cuts[0].0;
    let before = chats.iter().filter(|at| **at < whole).count();
    let expected = whole.as_nanos() / 10_000_000;
    assert!(before as u64 + 3 >= expected, "{before} of {expected} before the first cut");
    // Clients are never cut off.
    assert_eq!(run.valid, Validity::True);
}

#[test]
fn a_killed_node_starts_afresh_and_finds_at_most_ten_messages() {
    let run = run(Script::Chatter, &options(&[Fault::Kill]), 3);
    let kills = run.sentences.iter().filter(|(_, sentence)| sentence.starts_with("kill: "));
    assert!(kills.count() > 1);
    for received in &run.received {
        let starts = received.iter().map(|(_, start, _)| *start).max().unwrap();
        assert!(starts > 1, "no node was started again in {:?}", run.sentences);
        for start in 2..=starts {
            let messages: Vec<_> = received.iter().filter(|(_, s, _)| *s == start).collect();
            // Init comes first, and what had waited for the node comes at the same moment.
            assert_eq!(messages[0].2.body.kind(), "init");
            let at_once = messages.iter().filter(|(at, ..)| *at == messages[0].0).count();
            assert!(at_once <= 1 + 10 + 1, "{at_once} messages had waited");
        }
    }
}

#[test]
fn a_paused_node_hears_and_says_nothing_until_it_goes_on() {
    let run = run(Script::Chatter, &options(&[Fault::Pause]), 2);
    let pauses = spans(&run, "pause: paused n0, n1", "resume");
    assert!(!pauses.is_empty(), "{:?}", run.sentences);
    for (start, stop) in pauses {
        for received in &run.received {
            let within = received.iter().filter(|(at, ..)| start < *at && *at < stop).count();
            assert_eq!(within, 0);
        }
    }
    // Nothing is lost: every chat arrives once.
    let numbers = |received: &[(Time, u32, Message)]| -> Vec<i64> {
        let bodies = received.iter().map(|(_, _, message)| message.body.to::<Value>().unwrap());
        bodies.filter_map(|body| body["number"].as_i64()).collect()
    };
    let chats = numbers(&run.received[0]);
    assert!(chats.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn losses_and_duplicates_strike_some_messages_between_nodes() {
    for (fault, more) in [(Fault::Loss, false), (Fault::Duplicate, true)] {
        let run = run(Script::Chatter, &options(&[fault]), 5);
        let stats = run.outcome.journal.stats();
        let (sent, received) = (stats.servers.send_count, stats.servers.recv_count);
        assert_eq!(received > sent, more, "{fault:?}: {sent} sent, {received} received");
        assert_ne!(received, sent);
        assert_eq!(stats.clients.send_count, stats.clients.recv_count);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_whoever_watches() {
    let options = TestOptions { latency_ms: 7, ..options(&Fault::COMMON) };
    let received: Vec<Received> = vec![Received::default(), Received::default()];
    let probes = Probes { script: Script::Chatter, received, starts: vec![0; 2] };
    let mut cluster = VirtualCluster::new(options.nodes.len(), probes, || false);
    let workload = workload::by_name("echo").unwrap();
    let seeds = Seeds::new(9);
    let unwatched = Engine::new(&options, workload, &mut cluster, &mut Nobody, seeds, 1000).run();
    let watched = run(Script::Chatter, &options, 9);
    assert_eq!(unwatched.history, watched.outcome.history);
}

/// Takes a history in and judges it as it comes.
struct Judging(results::Results, usize);

impl Observer for Judging {
    fn operation(&mut self, op: &Op) {
        assert_eq!(op.index, self.1);
        self.1 += 1;
        self.0.push(op);
    }
}

#[test]
fn a_run_that_keeps_no_history_is_judged_alike() {
    let options = TestOptions { latency_ms: 7, ..options(&Fault::COMMON) };
    let kept = run(Script::Answer, &options, 4).outcome;
    let received: Vec<Received> = vec![Received::default(), Received::default()];
    let probes = Probes { script: Script::Answer, received, starts: vec![0; 2] };
    let mut cluster = VirtualCluster::new(options.nodes.len(), probes, || false);
    let workload = workload::by_name("echo").unwrap();
    let mut judging = Judging(results::Results::new(workload, &options), 0);
    let seeds = Seeds::new(4);
    let engine = Engine::new(&options, workload, &mut cluster, &mut judging, seeds, 0);
    let outcome = engine.without_history().run();
    assert_eq!((outcome.history.ops.len(), outcome.entries), (0, kept.history.ops.len()));
    let judged = judging.0.finish(outcome.journal.stats(), false);
    assert_eq!(judged, results::check(&kept, workload, &options));
}

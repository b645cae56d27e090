//! Integers beyond 64 bits are kept to the digit between the wire, the history and the services.

use std::collections::VecDeque;

use gyre::{Body, Message, NodeId, Process, Time};
use maelstrom::checker::{Judgement, Validity};
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::engine::{Engine, Nobody, Outcome};
use maelstrom::history::{History, OpType};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::results;
use maelstrom::seeds::Seeds;
use maelstrom::service;
use maelstrom::tape::{Tape, TapeFile};
use maelstrom::workload;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Two integers that are one and the same float.
const LARGE: [&str; 2] = ["1208925819614629174706177", "1208925819614629174706178"];

/// Answers a request, given its text and how many came before; gives the fields of the reply.
type Answer = fn(&Body, usize) -> String;

struct Node {
    answer: Answer,
    requests: usize,
    outbox: VecDeque<Message>,
}

impl Process for Node {
    fn handle_message(&mut self, _now: Time, message: Message) {
        let (kind, msg_id) = (message.body.kind(), message.body.msg_id().unwrap());
        let is_operation = !["init", "topology"].contains(&kind);
        let fields = match is_operation {
            true => (self.answer)(&message.body, self.requests),
            false => String::new(),
        };
        self.requests += usize::from(is_operation);
        let body = format!(r#"{{"type":"{kind}_ok","in_reply_to":{msg_id}{fields}}}"#);
        let body = Body::parse(&body).unwrap();
        self.outbox.push_back(Message { src: message.dest, dest: message.src, body });
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }
}

impl SimulatedNode for Node {}

struct Nodes(Answer);

impl NodeFactory for Nodes {
    fn start(&mut self, _node: usize, _seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        Ok(Box::new(Node { answer: self.0, requests: 0, outbox: VecDeque::new() }))
    }
}

fn run(name: &str, tape: impl Into<Tape>, answer: Answer) -> (Outcome, Judgement) {
    let workload = workload::by_name(name).unwrap();
    let options = TestOptions {
        nodes: numbered_nodes(1),
        concurrency: 2,
        time_limit_secs: 5.0,
        ..TestOptions::default()
    };
    let mut cluster = VirtualCluster::new(1, Nodes(answer), || false);
    let mut nobody = Nobody;
    let outcome = Engine::new(&options, workload, &mut cluster, &mut nobody, tape, 0).run();
    let results = results::check(&outcome, workload, &options);
    (outcome, results)
}

/// The values of the operations that succeeded.
fn values(outcome: &Outcome) -> Vec<String> {
    // As they are read back from the file.
    let history = History::parse(&outcome.history.to_edn_text()).unwrap();
    let ok = history.ops.iter().filter(|op| op.kind == OpType::Ok);
    ok.map(|op| op.value.to_string()).collect()
}

#[test]
fn ids_of_128_bits_are_unique_when_they_are() {
    let id =
        |number: usize| 170_141_183_460_469_231_731_687_303_715_884_105_000_u128 + number as u128;
    let (outcome, results) = run("unique-ids", Seeds::new(1), |_, number| {
        format!(
            r#","id":{}"#,
            170_141_183_460_469_231_731_687_303_715_884_105_000_u128 + number as u128
        )
    });
    assert_eq!(results.verdict, Validity::True, "{}", results.to_edn());
    let expected: Vec<String> =
        (0..values(&outcome).len()).map(|n| format!("{}N", id(n))).collect();
    assert_eq!(values(&outcome), expected);
    // And one that comes twice is found.
    let (_, results) =
        run("unique-ids", Seeds::new(1), |_, number| format!(r#","id":{}"#, LARGE[number % 2]));
    assert_eq!(results.verdict, Validity::False);
    assert!(results.to_edn().to_string().contains(&format!("{}N", LARGE[1])));
}

#[test]
fn what_a_node_answers_reaches_the_history_to_the_digit() {
    for (name, answer) in [
        ("echo", (|_, _| format!(r#","echo":[{}]"#, LARGE[0])) as Answer),
        ("g-set", |request, _| match request.kind() {
            "read" => format!(r#","value":[1,{}]"#, LARGE[0]),
            _ => String::new(),
        }),
        ("broadcast", |request, _| match request.kind() {
            "read" => format!(r#","messages":[{}]"#, LARGE[0]),
            _ => String::new(),
        }),
        ("g-counter", |request, _| match request.kind() {
            "read" => format!(r#","value":{}"#, LARGE[0]),
            _ => String::new(),
        }),
        ("lin-kv", |request, _| match request.kind() {
            "read" => format!(r#","value":{{"a":{}}}"#, LARGE[0]),
            _ => String::new(),
        }),
        ("kafka", |request, _| match request.kind() {
            "poll" => r#","msgs":{}"#.to_owned(),
            "send" => format!(r#","offset":{}"#, LARGE[0]),
            "list_committed_offsets" => r#","offsets":{}"#.to_owned(),
            _ => String::new(),
        }),
    ] {
        let (outcome, _) = run(name, Seeds::new(1), answer);
        let values = values(&outcome);
        assert!(
            values.iter().any(|value| value.contains(&format!("{}N", LARGE[0]))),
            "{name}: {values:?}"
        );
    }
}

#[test]
fn what_an_operation_says_reaches_the_node_to_the_digit() {
    for (name, operation, field) in [
        ("echo", ":f :echo, :value [0N]", r#""echo":[0]"#),
        ("g-set", ":f :add, :value 0N", r#""element":0"#),
        ("broadcast", ":f :broadcast, :value 0N", r#""message":0"#),
        ("lin-kv", ":f :write, :value [0N 1]", r#""key":0,"type":"write","value":1"#),
        ("lin-kv", ":f :cas, :value [1 [2 0N]]", r#""from":2,"key":1"#),
        ("txn-rw-register", ":f :txn, :value [[:w 0N 3]]", r#""txn":[["w",0,3]]"#),
    ] {
        let operation = operation.replace('0', LARGE[0]);
        let field = field.replace('0', LARGE[0]);
        let tape = format!(
            "{{:tape 2, :workload \"{name}\", :seed 1}}\n{{:at 0, :thread 0, {operation}}}"
        );
        // The node sends back what it was sent, as a malformed reply, which the history quotes.
        let (outcome, _) = run(name, TapeFile::parse(&tape).unwrap(), |request, _| {
            format!(r#","request":{}"#, request.as_json())
        });
        let text = outcome.history.to_edn_text().replace("\\\"", "\"");
        assert!(text.contains(&field), "{field} in {text}");
    }
}

#[test]
fn services_tell_large_integers_apart() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let client = NodeId::from("n1");
    for (name, mut store) in service::NAMES.into_iter().zip(service::all()) {
        if name == "lin-tso" {
            continue;
        }
        let mut ask = |request: String| {
            store.handle(&mut rng, &client, &Body::parse(&request).unwrap()).as_json().to_owned()
        };
        let [one, other] = LARGE;
        ask(format!(r#"{{"type":"write","key":{one},"value":{one}}}"#));
        ask(format!(r#"{{"type":"write","key":{other},"value":{other}}}"#));
        for large in LARGE {
            // An eventual store may not know it yet.
            let read = || format!(r#"{{"type":"read","key":{large}}}"#);
            let reply = (0..50).map(|_| ask(read())).find(|reply| reply.contains("read_ok"));
            assert_eq!(
                reply.unwrap(),
                format!(r#"{{"type":"read_ok","value":{large}}}"#),
                "{name}"
            );
        }
        let cas = format!(r#"{{"type":"cas","key":{one},"from":{other},"to":1}}"#);
        assert!(ask(cas).contains("22"), "{name}");
        let cas = format!(r#"{{"type":"cas","key":{one},"from":{one},"to":1}}"#);
        assert!(ask(cas).contains("cas_ok"), "{name}");
    }
}

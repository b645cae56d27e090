//! A reply that does not answer its request makes a run invalid, in every workload.
//!
//! The nodes here are scripted: one that does everything right, and for each row of a table the
//! same one with its replies changed before they are sent.

use std::collections::{BTreeMap, VecDeque};

use gyre::{Body, Message, Process, Time};
use maelstrom::checker::Validity;
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::engine::{Engine, Nobody, Outcome};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::results;
use maelstrom::seeds::Seeds;
use maelstrom::workload;
use serde_json::{Value, json};

/// Changes a reply before it is sent, given its request. In `nth` the request says how many the
/// node has had, itself included.
type Change = fn(&Value, &mut Value);

/// A node alone, which keeps everything in memory and answers every workload.
struct Alone {
    workload: &'static str,
    change: Change,
    requests: u64,
    outbox: VecDeque<Message>,
    ids: u64,
    elements: Vec<Value>,
    sum: i64,
    /// Registers and lists, by the text of their key.
    values: BTreeMap<String, Value>,
    logs: BTreeMap<String, Vec<Value>>,
    committed: BTreeMap<String, Value>,
}

impl Alone {
    fn answer(&mut self, request: &Value) -> Value {
        match (self.workload, request["type"].as_str().unwrap()) {
            (_, "init" | "topology") => json!({}),
            (_, "echo") => json!({"echo": request["echo"]}),
            (_, "generate") => {
                self.ids += 1;
                json!({"id": self.ids})
            }
            ("broadcast", "read") => json!({"messages": self.elements}),
            ("g-set", "read") => json!({"value": self.elements}),
            ("lin-kv", "read") => match self.values.get(&request["key"].to_string()) {
                Some(value) => json!({"value": value}),
                None => json!({"type": "error", "code": 20, "text": "not found"}),
            },
            (_, "read") => json!({"value": self.sum}),
            (_, "broadcast") => {
                self.elements.push(request["message"].clone());
                json!({})
            }
            ("g-set", "add") => {
                self.elements.push(request["element"].clone());
                json!({})
            }
            (_, "add") => {
                self.sum += request["delta"].as_i64().unwrap();
                json!({})
            }
            (_, "write") => {
                self.values.insert(request["key"].to_string(), request["value"].clone());
                json!({})
            }
            (_, "cas") => match self.values.get_mut(&request["key"].to_string()) {
                Some(value) if *value == request["from"] => {
                    *value = request["to"].clone();
                    json!({})
                }
                Some(_) => json!({"type": "error", "code": 22, "text": "another value"}),
                None => json!({"type": "error", "code": 20, "text": "not found"}),
            },
            (_, "txn") => self.transact(request["txn"].as_array().unwrap()),
            (_, "send") => {
                let log = self.logs.entry(request["key"].as_str().unwrap().into()).or_default();
                log.push(request["msg"].clone());
                json!({"offset": log.len() - 1})
            }
            (_, "poll") => {
                let mut messages = BTreeMap::new();
                for (key, offset) in request["offsets"].as_object().unwrap() {
                    let log = self.logs.get(key).map_or(&[][..], Vec::as_slice);
                    let log = log.iter().enumerate().skip(offset.as_u64().unwrap() as usize);
                    messages.insert(key.clone(), log.map(|(at, m)| json!([at, m])).collect());
                }
                json!({"msgs": messages.into_iter().collect::<BTreeMap<String, Vec<Value>>>()})
            }
            (_, "commit_offsets") => {
                for (key, offset) in request["offsets"].as_object().unwrap() {
                    self.committed.insert(key.clone(), offset.clone());
                }
                json!({})
            }
            (_, "list_committed_offsets") => {
                let keys = request["keys"].as_array().unwrap().iter();
                let keys = keys.filter_map(|key| key.as_str());
                let offsets = keys.filter_map(|key| Some((key, self.committed.get(key)?)));
                json!({"offsets": offsets.collect::<BTreeMap<_, _>>()})
            }
            _ => panic!("{request}"),
        }
    }

    fn transact(&mut self, operations: &[Value]) -> Value {
        let done = operations.iter().map(|operation| {
            let [f, key, value] = &operation.as_array().unwrap()[..] else { panic!() };
            let current = self.values.entry(key.to_string()).or_default();
            match f.as_str().unwrap() {
                "r" => return json!([f, key, current]),
                "w" => *current = value.clone(),
                _ => {
                    let mut list = current.as_array().cloned().unwrap_or_default();
                    list.push(value.clone());
                    *current = list.into();
                }
            }
            operation.clone()
        });
        json!({"txn": done.collect::<Vec<_>>()})
    }
}

impl Process for Alone {
    fn handle_message(&mut self, _now: Time, message: Message) {
        let mut request: Value = message.body.to().unwrap();
        self.requests += 1;
        request["nth"] = json!(self.requests);
        let mut reply = self.answer(&request);
        let kind = format!("{}_ok", request["type"].as_str().unwrap());
        let fields = reply.as_object_mut().unwrap();
        fields.entry("type").or_insert(kind.into());
        fields.insert("in_reply_to".into(), request["msg_id"].clone());
        (self.change)(&request, &mut reply);
        let body = Body::new(&reply).unwrap();
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

impl SimulatedNode for Alone {}

struct Factory {
    workload: &'static str,
    change: Change,
}

impl NodeFactory for Factory {
    fn start(&mut self, _node: usize, _seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        Ok(Box::new(Alone {
            workload: self.workload,
            change: self.change,
            requests: 0,
            outbox: VecDeque::new(),
            ids: 0,
            elements: Vec::new(),
            sum: 0,
            values: BTreeMap::new(),
            logs: BTreeMap::new(),
            committed: BTreeMap::new(),
        }))
    }
}

/// Runs a workload against a node whose replies are changed so; gives the run, the verdict and
/// the results as text.
fn run(name: &'static str, change: Change) -> (Outcome, Validity, String) {
    let workload = workload::by_name(name).unwrap();
    let options = TestOptions {
        nodes: numbered_nodes(1),
        concurrency: 2,
        rate: 20.0,
        time_limit_secs: 20.0,
        ..TestOptions::default()
    };
    let mut cluster = VirtualCluster::new(1, Factory { workload: name, change }, || false);
    let mut nobody = Nobody;
    let outcome =
        Engine::new(&options, workload, &mut cluster, &mut nobody, Seeds::new(1), 0).run();
    let results = results::check(&outcome, workload, &options);
    let text = results.to_edn().to_string();
    (outcome, results.verdict, text)
}

#[test]
fn a_node_that_answers_what_it_is_asked_is_valid() {
    for name in workload::ALL.iter().map(|workload| workload.name()) {
        let (outcome, valid, results) = run(name, |_, _| ());
        assert_eq!(outcome.failure, None, "{name}");
        assert_eq!(valid, Validity::True, "{name}: {results}");
    }
}

/// Changes the reply to one kind of request.
macro_rules! on {
    ($kind:literal, $change:expr) => {
        |request, reply| {
            if request["type"] == $kind && reply["type"] != "error" {
                let change: fn(&mut Value) = $change;
                change(reply);
            }
        }
    };
}

#[test]
fn a_reply_that_answers_something_else_makes_the_run_invalid() {
    let cases: [(&str, Change); 37] = [
        ("echo", on!("echo", |reply| reply["type"] = json!("echo"))),
        ("echo", on!("echo", |reply| drop(reply.as_object_mut().unwrap().remove("echo")))),
        ("unique-ids", on!("generate", |reply| reply["type"] = json!("generated"))),
        ("unique-ids", on!("generate", |reply| drop(reply.as_object_mut().unwrap().remove("id")))),
        ("broadcast", on!("broadcast", |reply| reply["type"] = json!("read_ok"))),
        ("broadcast", on!("read", |reply| reply["messages"] = json!({}))),
        ("broadcast", on!("read", |reply| reply["messages"] = json!(7))),
        ("g-set", on!("add", |reply| reply["type"] = json!("ok"))),
        ("g-set", on!("read", |reply| reply["value"] = json!("[]"))),
        ("g-counter", on!("add", |reply| reply["type"] = json!("read_ok"))),
        ("g-counter", on!("read", |reply| reply["value"] = json!(null))),
        ("pn-counter", on!("read", |reply| reply["value"] = json!("3"))),
        ("pn-counter", on!("read", |reply| reply["value"] = json!([3]))),
        ("lin-kv", on!("read", |reply| reply["type"] = json!("write_ok"))),
        ("lin-kv", on!("read", |reply| drop(reply.as_object_mut().unwrap().remove("value")))),
        ("lin-kv", on!("write", |reply| reply["type"] = json!("cas_ok"))),
        ("lin-kv", on!("cas", |reply| reply["type"] = json!("write_ok"))),
        ("kafka", on!("send", |reply| reply["offset"] = json!("0"))),
        ("kafka", on!("send", |reply| reply["offset"] = json!(null))),
        ("kafka", on!("poll", |reply| reply["msgs"] = json!([]))),
        ("kafka", on!("poll", |reply| reply["msgs"] = json!({"0": [0, 1]}))),
        ("kafka", on!("poll", |reply| reply["msgs"]["another"] = json!([[0, 1]]))),
        ("kafka", on!("commit_offsets", |reply| reply["type"] = json!("commit_ok"))),
        ("kafka", on!("list_committed_offsets", |reply| reply["offsets"]["another"] = json!(3))),
        ("kafka", on!("list_committed_offsets", |reply| reply["offsets"] = json!(null))),
        // A database that stores nothing.
        ("txn-list-append", on!("txn", |reply| reply["txn"] = json!([]))),
        ("txn-list-append", on!("txn", |reply| drop(reply["txn"].as_array_mut().unwrap().pop()))),
        ("txn-list-append", on!("txn", |reply| reply["txn"].as_array_mut().unwrap().reverse())),
        ("txn-list-append", on!("txn", |reply| for_each(reply, |op| op[1] = json!(99_999)))),
        (
            "txn-list-append",
            on!("txn", |reply| for_each(reply, |op| {
                op[1] = op[1].to_string().into();
            })),
        ),
        (
            "txn-list-append",
            on!("txn", |reply| {
                reply["txn"].as_array_mut().unwrap().push(json!(["r", 1, null]));
            }),
        ),
        ("txn-list-append", on!("txn", |reply| for_each(reply, |op| op[0] = json!("r")))),
        ("txn-list-append", on!("txn", |reply| for_each(reply, |op| op[2] = json!([])))),
        ("txn-list-append", on!("txn", |reply| for_each(reply, |op| op[2] = json!(7)))),
        ("txn-rw-register", on!("txn", |reply| for_each(reply, |op| op[2] = json!(null)))),
        ("txn-rw-register", on!("txn", |reply| for_each(reply, |op| op[2] = json!("7")))),
        ("txn-rw-register", on!("txn", |reply| reply["txn"] = json!([]))),
    ];
    for (number, (name, change)) in cases.into_iter().enumerate() {
        let (outcome, valid, results) = run(name, change);
        let case = format!("case {number}, {name}");
        assert_eq!(outcome.failure, None, "{case}");
        assert_eq!(valid, Validity::False, "{case}: {results}");
        assert!(results.contains(":class :wrong-reply"), "{case}: {results}");
        assert!(results.contains("node n0 did not answer"), "{case}: {results}");
    }
}

/// Changes every operation of a transaction.
fn for_each(reply: &mut Value, change: fn(&mut Value)) {
    reply["txn"].as_array_mut().unwrap().iter_mut().for_each(change);
}

/// As under the original: nobody knows what became of the operation, and the rest counts.
#[test]
fn a_key_more_than_the_protocol_names_is_not_the_same_as_no_answer() {
    for name in workload::ALL.iter().map(|workload| workload.name()) {
        let (_, valid, results) = run(name, |request, reply| {
            let is_now = request["nth"].as_u64().is_some_and(|nth| (5..25).contains(&nth));
            if is_now && request["type"] != "read" && reply["type"] != "error" {
                reply["surprise"] = json!(1);
            }
        });
        let fault = results.contains(":wrong-reply");
        assert!(!fault && results.contains(":malformed-rpc-response"), "{name}: {results}");
        // The checker of echo wants every operation to succeed.
        assert_eq!(valid == Validity::True, name != "echo", "{name}: {results}");
    }
}

#[test]
fn what_initialises_and_sets_up_a_node_must_be_answered_too() {
    let cases: [(&str, Change, &str); 3] = [
        ("echo", on!("init", |reply| reply["type"] = json!("ok")), "expected init_ok from node n0"),
        (
            "broadcast",
            on!("topology", |reply| reply["type"] = json!("ok")),
            "node n0 could not be set up: the reply is of type `ok`, and should be `topology_ok`",
        ),
        (
            "broadcast",
            on!("topology", |reply| *reply = json!({
                "type": "error", "in_reply_to": reply["in_reply_to"], "code": 10
            })),
            "node n0 could not be set up: it answered with an error",
        ),
    ];
    for (name, change, sentence) in cases {
        let (outcome, valid, _) = run(name, change);
        let failure = outcome.failure.expect(sentence);
        assert!(failure.starts_with(sentence), "{failure}");
        assert_ne!(valid, Validity::True);
    }
}

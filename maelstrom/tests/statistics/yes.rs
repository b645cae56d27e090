//! Nodes that say yes to everything, at once. What a generator asks hardly depends on what it is
//! told; only the logs are real, because the kafka generator takes up what nobody has polled.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use gyre::{Body, Message, Process, Time};
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode};
use serde_json::{Map, Value, json};

/// Messages by key, which all nodes share.
type Logs = Rc<RefCell<BTreeMap<String, Vec<Value>>>>;

pub struct Nodes {
    workload: &'static str,
    logs: Logs,
    ids: Rc<RefCell<u64>>,
}

impl Nodes {
    /// Nodes for this workload.
    pub fn new(workload: &'static str) -> Nodes {
        Nodes { workload, logs: Logs::default(), ids: Rc::default() }
    }
}

impl NodeFactory for Nodes {
    fn start(&mut self, _node: usize, _seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let (logs, ids) = (self.logs.clone(), self.ids.clone());
        Ok(Box::new(Node { workload: self.workload, logs, ids, outbox: VecDeque::new() }))
    }
}

struct Node {
    workload: &'static str,
    logs: Logs,
    ids: Rc<RefCell<u64>>,
    outbox: VecDeque<Message>,
}

impl Node {
    /// The reply to a request, but for its type.
    fn answer(&self, request: &Value) -> Value {
        match request["type"].as_str().unwrap() {
            "echo" => json!({"echo": request["echo"]}),
            "generate" => {
                *self.ids.borrow_mut() += 1;
                json!({"id": *self.ids.borrow()})
            }
            "txn" => json!({"txn": request["txn"]}),
            "read" => match self.workload {
                "broadcast" => json!({"messages": []}),
                "g-set" => json!({"value": []}),
                "lin-kv" => json!({"value": null}),
                _ => json!({"value": 0}),
            },
            "send" => {
                let mut logs = self.logs.borrow_mut();
                let log = logs.entry(request["key"].as_str().unwrap().into()).or_default();
                log.push(request["msg"].clone());
                json!({"offset": log.len() - 1})
            }
            "poll" => {
                let logs = self.logs.borrow();
                let polled = request["offsets"].as_object().unwrap().iter().map(|(key, offset)| {
                    let from = offset.as_u64().unwrap() as usize;
                    let log = logs.get(key).map_or(&[][..], Vec::as_slice);
                    let messages = log.iter().enumerate().skip(from);
                    let messages = messages.map(|(offset, message)| json!([offset, message]));
                    (key.clone(), messages.collect())
                });
                json!({"msgs": polled.collect::<Map<_, Value>>()})
            }
            "list_committed_offsets" => json!({"offsets": {}}),
            _ => json!({}),
        }
    }
}

impl Process for Node {
    fn handle_message(&mut self, _now: Time, message: Message) {
        let request: Value = message.body.to().unwrap();
        let mut reply = self.answer(&request);
        reply["type"] = format!("{}_ok", message.body.kind()).into();
        reply["in_reply_to"] = message.body.msg_id().into();
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

impl SimulatedNode for Node {}

//! Who is in the cluster, as clients change it: the requests of Maelstrom's pull request 101.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::protocols::replicated::Options;
use crate::runtime::replicated::Replicated;
use crate::runtime::{Ctx, Node, Process, Runtime};
use crate::state_machines::key_value::{Change, Registers, Request, Response};
use crate::storage::MemoryDisk;
use crate::types::{Body, Error, MemberChange, Message, NodeId, Time};

const LATENCY: Duration = Duration::from_millis(2);

/// Reads and writes of registers, and nothing else.
struct Kv(Replicated<Registers>);

#[async_trait(?Send)]
impl Node for Kv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Write { key, value } => {
                self.0.execute(Change::Write(key, value)).await??;
                Ok(Response::WriteOk {})
            }
            Request::Read { key } => Ok(Response::ReadOk {
                value: self.0.read(|registers| registers.read(&key)).await??,
            }),
            Request::Cas { .. } => Err(Error::not_supported("not in this test")),
        }
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.0.reconfigure(ctx, change).await
    }
}

/// Nodes, and a network that loses nothing.
struct Cluster {
    nodes: BTreeMap<NodeId, Runtime<Kv>>,
    now: Time,
    under_way: BTreeMap<(Time, u64), Message>,
    sent: u64,
    reply: Option<Body>,
}

impl Cluster {
    /// Five nodes, of which the first three are members.
    fn begin() -> Cluster {
        let names = ["n1", "n2", "n3", "n4", "n5"];
        let mut cluster = Cluster {
            nodes: BTreeMap::new(),
            now: Time::ZERO,
            under_way: BTreeMap::new(),
            sent: 0,
            reply: None,
        };
        for (seed, name) in (1..).zip(names) {
            let make = |ctx: &Ctx| Kv(Replicated::new(ctx, Options::default()));
            let node = Runtime::new(seed, Box::new(MemoryDisk::default()), make);
            cluster.nodes.insert(name.into(), node);
            let init = json!({
                "type": "init", "node_id": name, "node_ids": names,
                "initial_member_ids": names[..3],
            });
            assert_eq!(cluster.ask(name, init)["type"], "init_ok");
        }
        cluster.pass(Duration::from_secs(2));
        cluster
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.advance(end) {}
    }

    /// The next thing that happens until `end`.
    fn advance(&mut self, end: Time) -> bool {
        let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
        let timeouts = self.nodes.iter().filter_map(|(id, node)| Some((node.poll_timeout()?, id)));
        let timeout = timeouts.min().map(|(at, id)| (at, id.clone()));
        match (arrival, timeout) {
            (Some(at), other) if at <= end && other.as_ref().is_none_or(|(due, _)| at <= *due) => {
                let (_, message) = self.under_way.pop_first().expect("it is under way");
                self.now = self.now.max(at);
                let to = message.dest.clone();
                let now = self.now;
                match self.nodes.get_mut(&to) {
                    Some(node) => node.handle_message(now, message),
                    None => self.reply = Some(message.body),
                }
                self.send_from(&to);
            }
            (_, Some((due, id))) if due <= end => {
                self.now = self.now.max(due);
                let now = self.now;
                self.nodes.get_mut(&id).expect("it is there").handle_timeout(now);
                self.send_from(&id);
            }
            _ => {
                self.now = end;
                return false;
            }
        }
        true
    }

    fn send_from(&mut self, id: &NodeId) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        while let Some(message) = node.poll_transmit() {
            self.sent += 1;
            self.under_way.insert((self.now + LATENCY, self.sent), message);
        }
    }

    /// What a node answers to a client within five seconds.
    fn ask(&mut self, node: &str, mut body: Value) -> Value {
        body["msg_id"] = json!(1);
        let body = Body::new(&body).expect("a test's body is one");
        let message = Message { src: "c1".into(), dest: node.into(), body };
        self.sent += 1;
        self.under_way.insert((self.now + LATENCY, self.sent), message);
        let end = self.now + Duration::from_secs(5);
        self.reply = None;
        while self.reply.is_none() && self.advance(end) {}
        let reply = self.reply.take().unwrap_or_else(|| panic!("{node} does not answer"));
        serde_json::from_str(reply.as_json()).expect("a body is JSON")
    }

    fn add(&mut self, asked: &str, node: &str) -> Value {
        self.ask(asked, json!({"type": "add_member", "node_id": node}))
    }

    fn remove(&mut self, asked: &str, node: &str) -> Value {
        self.ask(asked, json!({"type": "remove_member", "node_id": node}))
    }

    fn write(&mut self, node: &str, value: u64) -> Value {
        self.ask(node, json!({"type": "write", "key": 7, "value": value}))
    }

    fn voters(&self, node: &str) -> Value {
        self.nodes[node].inspect().expect("a core says what it is")["voters"].clone()
    }
}

#[test]
fn members_come_and_go() {
    let mut cluster = Cluster::begin();
    assert_eq!(cluster.write("n1", 1)["type"], "write_ok");
    // Error 40 of the pull request, which is definite.
    assert_eq!(cluster.write("n4", 2)["code"], 40);
    assert_eq!(cluster.add("n1", "n4"), json!({"type": "add_member_ok", "in_reply_to": 1}));
    assert_eq!(cluster.write("n4", 3)["type"], "write_ok");
    // What is so already is well.
    assert_eq!(cluster.add("n2", "n4")["type"], "add_member_ok");
    for gone in ["n1", "n2", "n3"] {
        assert_eq!(cluster.remove("n4", gone)["type"], "remove_member_ok", "{gone}");
        assert_eq!(cluster.write(gone, 4)["code"], 40, "{gone} knows that it is out");
    }
    assert_eq!(cluster.voters("n4"), json!(["n4"]));
    // Nobody is left to vote for it, or to have it back.
    assert_eq!(cluster.remove("n4", "n4")["code"], 22);
    assert_eq!(cluster.add("n4", "n9")["code"], 1);
    assert_eq!(cluster.add("n4", "n5")["type"], "add_member_ok");
    assert_eq!(cluster.remove("n5", "n4")["type"], "remove_member_ok");
    let read = cluster.ask("n5", json!({"type": "read", "key": 7}));
    assert_eq!(read["value"], 3, "nothing is lost");
}

#[test]
fn a_node_that_is_asked_to_remove_itself_is_out_when_it_answers() {
    for name in ["n1", "n2", "n3"] {
        let mut cluster = Cluster::begin();
        assert_eq!(cluster.remove(name, name)["type"], "remove_member_ok");
        assert_eq!(cluster.write(name, 1)["code"], 40);
        let other = if name == "n1" { "n2" } else { "n1" };
        assert_eq!(cluster.write(other, 2)["type"], "write_ok");
    }
}

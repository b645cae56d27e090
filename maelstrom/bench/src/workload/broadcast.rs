//! Broadcast: what one node is told, all nodes know sooner or later.

use gyre::{Body, NodeId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Workload, topology};
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, List, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Generator, adds_and_reads};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

/// The broadcast workload.
pub struct Broadcast;

impl Workload for Broadcast {
    fn name(&self) -> &'static str {
        checker::Workload::Broadcast.name()
    }

    fn about(&self) -> &'static str {
        "What one node is told, all nodes know sooner or later, and for good. Before the first \
         operation every node is told who its neighbours should be; it may do as it likes."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let options = TestOptions { topology: "line".into(), ..TestOptions::default() };
        let topology = self.setup(&options.nodes[..3], &options).expect("there is a line");
        let of = |about, f, value| (about, Operation::new(f, value));
        let (tells, broadcast) =
            of("Tells the node a message, which all nodes are to know.", "broadcast", Edn::Int(7));
        let (asks, read) = of("Asks for every message that the node knows.", "read", Edn::Nil);
        vec![
            Rpc::new::<TopologyOk>("Says who is whose neighbour.", topology),
            Rpc::of::<BroadcastOk>(tells, &mut BroadcastClient, &broadcast),
            Rpc::of::<ReadOk>(asks, &mut BroadcastClient, &read),
        ]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::Broadcast.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(BroadcastClient)
    }

    /// Every node is told who its neighbours, and everybody else's, should be.
    fn setup(&self, nodes: &[NodeId], options: &TestOptions) -> Option<Body> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "topology")]
        struct Topology {
            topology: Map<String, Value>,
        }
        let topology = topology::topology(&options.topology, nodes).ok()?;
        let topology = topology.into_iter().map(|(node, others)| (node.to_string(), json!(others)));
        let body = Body::new(&Topology { topology: topology.collect() });
        Some(body.expect("a topology is an object with a type"))
    }

    fn check_setup_reply(&self, reply: &Body) -> Result<(), ReplyFault> {
        read_reply::<TopologyOk>(reply).map(drop)
    }

    fn validate(&self, options: &TestOptions) -> Result<(), String> {
        topology::topology(&options.topology, &options.nodes).map(drop)
    }

    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(adds_and_reads("broadcast"))
    }

    fn final_operation(&self) -> Option<Operation> {
        Some(Operation { is_final: true, ..Operation::new("read", Edn::Nil) })
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        let f = match f {
            "read" => "read",
            "broadcast" => "broadcast",
            _ => return None,
        };
        Some(Operation::new(f, value.clone()))
    }
}

struct BroadcastClient;

reply! {
    /// The node knows the topology.
    TopologyOk = "topology_ok" {}
}

reply! {
    /// The message was taken in.
    BroadcastOk = "broadcast_ok" {}
}

reply! {
    /// Every message that the node knows. As in the original, `null` is an empty list.
    ReadOk = "read_ok" { messages: Option<List> }
}

impl Client for BroadcastClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        match operation.f {
            "broadcast" => Step::ask("broadcast", [("message", &operation.value)]),
            _ => Step::ask("read", []),
        }
    }

    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        Ok(match operation.f {
            "broadcast" => {
                read_reply::<BroadcastOk>(reply)?;
                Step::ok(operation.value.clone())
            }
            _ => {
                let ReadOk { messages, .. } = read_reply(reply)?;
                Step::ok(List::or_empty(messages))
            }
        })
    }

    fn is_idempotent(&self, f: &str) -> bool {
        f == "read"
    }
}

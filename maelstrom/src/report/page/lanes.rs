//! The lanes of the diagram: who is drawn in which row.
//!
//! Clients above, nodes below them, services last. A client is drawn in the lane of its
//! thread, whatever number its process has by then; with many threads, those of a node share
//! a lane.

use std::collections::BTreeMap;

use gyre::NodeId;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::history::{Op, ProcessId};
use crate::report::Recorded;
use crate::report::cause::Flight;
use crate::report::messages::sort_key;

/// The most lanes for single clients, and for the clients of single nodes.
const CLIENT_LANES: usize = 16;
const GROUP_LANES: usize = 40;

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// `client`, `setup`, `node` or `service`.
    pub kind: &'static str,
}

/// All lanes, and who is in which.
pub struct Lanes {
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    threads: usize,
    nodes: usize,
    by_thread: Grouping,
    setup: usize,
    by_name: FxHashMap<NodeId, usize>,
}

#[derive(Clone, Copy)]
enum Grouping {
    Alone,
    ByNode,
    Together,
}

impl Lanes {
    /// The lanes of a run with these messages.
    pub fn new(recorded: &Recorded, flights: &[Flight]) -> Lanes {
        let options = recorded.options;
        let (threads, nodes) = (options.concurrency.max(1), options.nodes.len().max(1));
        let by_thread = match (threads, nodes) {
            (..=CLIENT_LANES, _) => Grouping::Alone,
            (_, ..=GROUP_LANES) => Grouping::ByNode,
            _ => Grouping::Together,
        };
        let mut lanes = Vec::new();
        let mut push = |name: String, kind| lanes.push(Lane { name, kind });
        match by_thread {
            Grouping::Alone => (0..threads).for_each(|n| push(format!("client {n}"), "client")),
            Grouping::ByNode => {
                options.nodes.iter().for_each(|node| push(format!("clients of {node}"), "client"));
            }
            Grouping::Together => push("clients".into(), "client"),
        }
        let setup = lanes.len();
        lanes.push(Lane { name: "set-up".into(), kind: "setup" });
        let mut by_name = FxHashMap::default();
        for name in servers(recorded, flights) {
            let is_service = crate::service::NAMES.contains(&name.as_str());
            let kind = if is_service { "service" } else { "node" };
            by_name.insert(name.clone(), lanes.len());
            lanes.push(Lane { name: name.to_string(), kind });
        }
        let mut lanes = Lanes { lanes, threads, nodes, by_thread, setup, by_name };
        lanes.place_clients(recorded, flights);
        lanes
    }

    /// Learns from their requests which client belongs to which thread.
    fn place_clients(&mut self, recorded: &Recorded, flights: &[Flight]) {
        for flight in flights {
            let client = &flight.sent.message.src;
            if client.is_client()
                && let Some(op) = flight.operation.and_then(|op| recorded.history.ops.get(op))
            {
                let lane = self.of_operation(op);
                self.by_name.insert(client.clone(), lane);
            }
        }
    }

    /// The lane of whoever did this operation.
    pub fn of_operation(&self, op: &Op) -> usize {
        let ProcessId::Client(process) = op.process else { return self.setup };
        let thread = process.rem_euclid(self.threads as i64) as usize;
        match self.by_thread {
            Grouping::Alone => thread,
            Grouping::ByNode => thread % self.nodes,
            Grouping::Together => 0,
        }
    }

    /// The lane of a sender or receiver.
    pub fn of_name(&self, name: &NodeId) -> usize {
        self.by_name.get(name).copied().unwrap_or(self.setup)
    }
}

/// The nodes, and the services that were used.
fn servers(recorded: &Recorded, flights: &[Flight]) -> Vec<NodeId> {
    let mut names = BTreeMap::new();
    for node in &recorded.options.nodes {
        names.insert(sort_key(node), node.clone());
    }
    for flight in flights {
        for name in [&flight.sent.message.src, &flight.sent.message.dest] {
            if !name.is_client() && crate::service::NAMES.contains(&name.as_str()) {
                names.entry(sort_key(name)).or_insert_with(|| name.clone());
            }
        }
    }
    names.into_values().collect()
}

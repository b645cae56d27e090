//! The lanes of the diagram: who is drawn in which row.
//!
//! Clients above, nodes below them, services last. A client has the name of its process, as in
//! findings and drawings. A process that goes on in the place of another is drawn in the same
//! lane: `process 3 …` has process 3 and those that came after it. With many threads, those of
//! a node share a lane.

use std::collections::BTreeMap;

use gyre::NodeId;
use serde::Serialize;

use crate::journal::Number;
use crate::report::Recorded;
use crate::report::activity::Operation;
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
    /// By the number of the name in the journal.
    of_name: Vec<usize>,
}

#[derive(Clone, Copy)]
enum Grouping {
    Alone,
    ByNode,
    Together,
}

impl Lanes {
    /// The lanes of a run with these messages.
    pub fn new(recorded: &Recorded) -> Lanes {
        let options = recorded.options;
        let (threads, nodes) = (options.concurrency.max(1), options.nodes.len().max(1));
        // Where nodes come and go, a client has no node of its own.
        let has_node = options.members_at_first(&options.faults).is_none();
        let by_thread = match (threads, nodes) {
            (..=CLIENT_LANES, _) => Grouping::Alone,
            (_, ..=GROUP_LANES) if has_node => Grouping::ByNode,
            _ => Grouping::Together,
        };
        let mut lanes = Vec::new();
        let mut push = |name: String, kind| lanes.push(Lane { name, kind });
        match by_thread {
            Grouping::Alone => {
                let last = last_processes(recorded, threads);
                for (thread, last) in last.into_iter().enumerate() {
                    let more = if last > thread as i64 { " …" } else { "" };
                    push(format!("process {thread}{more}"), "client");
                }
            }
            Grouping::ByNode => {
                options.nodes.iter().for_each(|node| push(format!("clients of {node}"), "client"));
            }
            Grouping::Together => push("clients".into(), "client"),
        }
        let setup = lanes.len();
        lanes.push(Lane { name: "set-up".into(), kind: "setup" });
        let mut of_name = vec![setup; recorded.journal.names().len()];
        for name in servers(recorded) {
            let is_service = crate::service::NAMES.contains(&name.as_str());
            let kind = if is_service { "service" } else { "node" };
            if let Some(number) = recorded.journal.names().iter().position(|known| *known == name) {
                of_name[number] = lanes.len();
            }
            lanes.push(Lane { name: name.to_string(), kind });
        }
        let mut lanes = Lanes { lanes, threads, nodes, by_thread, setup, of_name };
        lanes.place_clients(recorded);
        lanes
    }

    /// Learns from their requests which client belongs to which thread.
    fn place_clients(&mut self, recorded: &Recorded) {
        let names = recorded.journal.names();
        let mut last = vec![None; names.len()];
        for flight in recorded.journal.flights() {
            if flight.operation.is_some() {
                last[flight.src as usize] = flight.operation;
            }
        }
        for (number, operation) in last.into_iter().enumerate() {
            if names[number].is_client()
                && let Some(operation) = operation.and_then(|at| recorded.activity.operation_at(at))
            {
                self.of_name[number] = self.of_operation(&operation);
            }
        }
    }

    /// The lane of whoever did this operation.
    pub fn of_operation(&self, operation: &Operation) -> usize {
        let thread = operation.process.rem_euclid(self.threads as i64) as usize;
        match self.by_thread {
            Grouping::Alone => thread,
            Grouping::ByNode => thread % self.nodes,
            Grouping::Together => 0,
        }
    }

    /// The lane of a sender or receiver, by the number of its name.
    pub fn of_name(&self, name: Number) -> usize {
        self.of_name.get(name as usize).copied().unwrap_or(self.setup)
    }
}

/// The last process of each thread.
fn last_processes(recorded: &Recorded, threads: usize) -> Vec<i64> {
    let mut last: Vec<i64> = (0..threads as i64).collect();
    for operation in recorded.activity.operations() {
        let process = &mut last[operation.process.rem_euclid(threads as i64) as usize];
        *process = (*process).max(operation.process);
    }
    last
}

/// The nodes, and the services that were used.
fn servers(recorded: &Recorded) -> Vec<NodeId> {
    let mut names = BTreeMap::new();
    for node in &recorded.options.nodes {
        names.insert(sort_key(node), node.clone());
    }
    for name in recorded.journal.names() {
        if !name.is_client() && crate::service::NAMES.contains(&name.as_str()) {
            names.entry(sort_key(name)).or_insert_with(|| name.clone());
        }
    }
    names.into_values().collect()
}

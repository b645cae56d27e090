//! The operations that findings are about, with all that a reader wants to know of each: one
//! number for its two entries in the history, who ran it at which node, what it did, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::Recorded;
use super::activity::Operation;
use super::waits::Waits;
use crate::checker::{Judgement, Validity};

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Involved {
    /// The index of the entry with which it began: the operation's number.
    pub number: usize,
    /// Who ran it: `process 8, as client c14, at n3`.
    pub who: String,
    /// What it did, and what it was told.
    pub what: String,
    /// From when to when, in nanoseconds since the main phase began.
    pub time: (i64, Option<i64>),
    /// What its request had to wait for.
    pub waited: Option<String>,
}

/// The operations of a run that its findings mention, by the index of either of their entries.
#[derive(Debug, Default)]
pub struct AllInvolved {
    by_number: BTreeMap<usize, Involved>,
    /// The number of the operation that ended with the entry of this index.
    number_of_end: BTreeMap<usize, usize>,
}

/// The node of a process: clients are dealt out to the nodes in turn, and a process that takes
/// another's place talks to the same one. None where nodes come and go: then it may be any.
pub fn node_of(recorded: &Recorded, process: i64) -> Option<usize> {
    let options = recorded.options;
    if options.members_at_first(&options.faults).is_some() {
        return None;
    }
    let (threads, nodes) = (options.concurrency.max(1), options.nodes.len());
    (nodes > 0).then(|| process.rem_euclid(threads as i64) as usize % nodes)
}

impl AllInvolved {
    /// Those of this run.
    pub fn of(recorded: &Recorded, waits: &Waits) -> AllInvolved {
        let mut wanted = BTreeSet::new();
        collect(recorded.results, &mut wanted);
        if wanted.is_empty() {
            return AllInvolved::default();
        }
        let mut all = AllInvolved::default();
        let mut found: Vec<Operation> = Vec::new();
        for operation in recorded.activity.operations() {
            let end = operation.end.map(|end| end.index);
            let is_wanted = |index: usize| wanted.contains(&index);
            if is_wanted(operation.index) || end.is_some_and(is_wanted) {
                all.number_of_end.extend(end.map(|end| (end, operation.index)));
                found.push(operation);
            }
        }
        let numbers = found.iter().map(|operation| operation.index).collect();
        let clients = clients(recorded, &numbers);
        for operation in found {
            let involved = involved(recorded, &operation, &clients, waits);
            all.by_number.insert(operation.index, involved);
        }
        all
    }

    /// The number of the operation that has the entry of this index.
    pub fn number(&self, index: usize) -> usize {
        match self.by_number.contains_key(&index) {
            true => index,
            false => self.number_of_end.get(&index).copied().unwrap_or(index),
        }
    }

    /// The operation that has the entry of this index.
    pub fn get(&self, index: usize) -> Option<&Involved> {
        self.by_number.get(&self.number(index))
    }
}

fn collect(judgement: &Judgement, wanted: &mut BTreeSet<usize>) {
    if judgement.verdict == Validity::True {
        return;
    }
    let findings = judgement.findings.iter();
    wanted.extend(findings.flat_map(|finding| &finding.operations).map(|mention| mention.index));
    judgement.parts.iter().for_each(|(_, part)| collect(part, wanted));
}

/// The name under which each of these operations was requested, as far as the journal knows.
fn clients(recorded: &Recorded, numbers: &BTreeSet<usize>) -> BTreeMap<usize, String> {
    let names = recorded.journal.names();
    let mut clients = BTreeMap::new();
    for flight in recorded.journal.flights() {
        let client = &names[flight.src as usize];
        if let Some(number) = flight.operation.filter(|number| numbers.contains(number))
            && client.is_client()
        {
            clients.entry(number).or_insert_with(|| client.to_string());
        }
    }
    clients
}

fn involved(
    recorded: &Recorded,
    operation: &Operation,
    clients: &BTreeMap<usize, String>,
    waits: &Waits,
) -> Involved {
    let (activity, number) = (recorded.activity, operation.index);
    let mut who = format!("process {}", operation.process);
    if let Some(client) = clients.get(&number) {
        who += &format!(", as client {client}");
    }
    if let Some(node) = node_of(recorded, operation.process) {
        who += &format!(", at {}", recorded.options.nodes[node]);
    }
    let text = activity.text(operation);
    let what = format!("{} {text}", activity.function(operation));
    let outcome = match operation.end.map(|_| operation.outcome()) {
        Some(crate::history::OpType::Ok) => "",
        Some(crate::history::OpType::Fail) => ", which failed",
        _ => ", of which nobody knows whether it took effect",
    };
    Involved {
        number,
        who,
        what: format!("{}{outcome}", what.trim_end()),
        time: (operation.start, operation.end.map(|end| end.time)),
        waited: waits.of_operation(number).map(str::to_owned),
    }
}

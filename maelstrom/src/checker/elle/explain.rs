//! Why a cycle is one: the transactions, and for each step what shows that it must be so.

use super::cycles::{Cycle, Step};
use super::findings::Finding;
use super::graph::Relation;
use super::transaction::{MicroOp, Transaction, Transactions};
use crate::edn::Edn;

/// The reason for one step.
pub struct Reason {
    /// What it is about: keys, values, places of micro-operations.
    pub entries: Vec<(&'static str, Edn)>,
    /// The same as a clause, with the names of the two transactions.
    pub text: String,
}

/// A workload that can say why one transaction depends on another.
pub trait Explain {
    /// The transactions that it judges.
    fn transactions(&self) -> &Transactions;

    /// A transaction as it is printed.
    fn edn(&self, txn: u32) -> Edn;

    /// A micro-operation as it is printed.
    fn micro_op_edn(&self, op: &MicroOp) -> Edn;

    /// Why the second transaction of a `ww`, `wr` or `rw` step depends on the first. `names`
    /// are those of the two.
    fn reason(&self, step: &Step, names: [&str; 2]) -> Reason;
}

/// The cycle with the reasons for all its steps.
pub fn cycle(workload: &impl Explain, cycle: &Cycle) -> Finding {
    let names: Vec<String> = (1..=cycle.steps.len()).map(|i| format!("T{i}")).collect();
    let mut text = String::from("The transactions:\n");
    for (step, name) in cycle.steps.iter().zip(&names) {
        text += &format!("  {name} = {}\n", workload.edn(step.from));
    }
    text += "\nTheir order:\n";
    let mut steps = Vec::new();
    for (i, step) in cycle.steps.iter().enumerate() {
        let (a, b) = (&names[i], &names[(i + 1) % names.len()]);
        let reason = reason(workload, step, [a, b]);
        text += &format!("  {a} before {b}: {}.\n", reason.text);
        let mut entries = vec![("type", Edn::keyword(step.relation.name()))];
        entries.extend(reason.entries);
        steps.push(Edn::Map(
            entries.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect(),
        ));
    }
    text += &format!("So {0} would come before {0}, and there is no such order.", names[0]);
    let around = cycle.steps.iter().map(|step| step.from).chain([cycle.steps[0].from]);
    let edn = Edn::map([
        ("cycle", Edn::Vector(around.map(|txn| workload.edn(txn)).collect())),
        ("steps", Edn::List(steps)),
        ("type", Edn::keyword(cycle.kind)),
    ]);
    Finding { edn, text, drawing: None }
}

fn reason(workload: &impl Explain, step: &Step, names: [&str; 2]) -> Reason {
    let txns = workload.transactions();
    let (before, after) = (txns.get(step.from), txns.get(step.to));
    match step.relation {
        Relation::Process => Reason {
            entries: vec![("process", Edn::Int(before.process))],
            text: format!("process {} ran {} first", before.process, names[0]),
        },
        Relation::Realtime => Reason {
            entries: vec![
                ("ended", Edn::from(before.indices.1)),
                ("began", Edn::from(after.indices.0)),
            ],
            text: real_time(before, after, names),
        },
        _ => workload.reason(step, names),
    }
}

fn real_time(before: &Transaction, after: &Transaction, [a, b]: [&str; 2]) -> String {
    let (ended, began) = (before.times.1, after.times.0);
    let earlier = if ended >= 0 && began > ended {
        format!("{:.3} s before", (began - ended) as f64 / 1e9)
    } else {
        "before".into()
    };
    let (end, begin) = (before.indices.1, after.indices.0);
    format!("{a} had ended (at index {end}) {earlier} {b} began (at index {begin})")
}

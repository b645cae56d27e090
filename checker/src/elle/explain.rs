//! Why a cycle is one: the transactions, and for each step what shows that it must be so. In
//! words, as data, and as what there is to draw.

use super::cycles::{Cycle, Step};
use super::findings::Case;
use super::graph::Relation;
use super::reason::{Explain, Reason};
use super::records::Record;
use crate::Drawing;
use crate::drawing::{self, Arrow, Row};
use crate::edn::Edn;

/// The cycle with the reasons for all its steps.
pub fn cycle(workload: &impl Explain, cycle: &Cycle) -> Case {
    let txns = workload.transactions();
    let names: Vec<String> = (1..=cycle.steps.len()).map(|i| format!("T{i}")).collect();
    let after = |i: usize| &names[(i + 1) % names.len()];
    let reasons: Vec<Reason> = cycle
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| reason(workload, step, [&names[i], after(i)]))
        .collect();
    let mut text = String::from("The transactions:\n");
    for (step, name) in cycle.steps.iter().zip(&names) {
        // An operation is numbered by its invocation; what is printed is its completion.
        let (op, completion) = (txns.record(step.from).indices.0, workload.edn(step.from));
        text += &format!("  {name} = op {op}, completed: {completion}\n");
    }
    text += "\nTheir order:\n";
    for (i, reason) in reasons.iter().enumerate() {
        text += &format!("  {} before {}: {}.\n", names[i], after(i), reason.text);
    }
    text += &format!("So {0} would come before {0}, and there is no such order.", names[0]);
    let steps = cycle.steps.iter().zip(&reasons).map(|(step, reason)| reason.edn(step.relation));
    let around = cycle.steps.iter().map(|step| step.from).chain([cycle.steps[0].from]);
    let entries = [
        ("cycle", Edn::Vector(around.map(|txn| workload.edn(txn)).collect())),
        ("steps", Edn::List(steps.collect())),
        ("type", Edn::keyword(cycle.kind)),
    ];
    let case = Case::new(entries, text).drawn(drawing(workload, cycle, &reasons));
    let members = cycle.steps.iter().zip(names);
    members.fold(case, |case, (step, name)| case.about(workload, step.from, name))
}

fn drawing(workload: &impl Explain, cycle: &Cycle, reasons: &[Reason]) -> Drawing {
    let txns = workload.transactions();
    let row = |(i, step): (usize, &Step)| Row {
        title: format!("T{} (op {})", i + 1, txns.record(step.from).indices.0),
        boxes: workload.boxes(step.from),
        index: txns.record(step.from).indices.0,
    };
    let rows = cycle.steps.iter().enumerate().map(row).collect();
    let arrow = |(step, reason): (&Step, &Reason)| Arrow {
        relation: step.relation.name(),
        boxes: reason.places,
        label: reason.label(),
    };
    let arrows = cycle.steps.iter().zip(reasons).map(arrow).collect();
    Drawing::Cycle(drawing::Cycle { rows, arrows })
}

fn reason(workload: &impl Explain, step: &Step, names: [&str; 2]) -> Reason {
    let txns = workload.transactions();
    let before = txns.get(step.from);
    match step.relation {
        Relation::Process => Reason {
            entries: vec![("process", Edn::Int(before.process))],
            places: [None, None],
            text: format!("process {} ran {} first", before.process, names[0]),
        },
        Relation::Realtime => Reason {
            entries: vec![
                ("a'", workload.edn(step.from)),
                ("b", invocation(workload.edn(step.to), txns.record(step.to))),
            ],
            places: [None, None],
            text: real_time(txns.record(step.from), txns.record(step.to), names),
        },
        _ => workload.reason(step, names),
    }
}

/// How a transaction began, made from how it is printed: what it reads it did not know yet.
fn invocation(printed: Edn, record: Record) -> Edn {
    let Edn::Tagged(tag, op) = printed else { return printed };
    let Edn::Map(mut entries) = *op else { return Edn::Tagged(tag, op) };
    for (key, value) in &mut entries {
        match key.as_keyword() {
            Some("index") => *value = Edn::from(record.indices.0),
            Some("time") => *value = Edn::Int(record.times.0),
            Some("type") => *value = Edn::keyword("invoke"),
            Some("value") => {
                let micro_ops = value.as_slice().unwrap_or_default().iter();
                *value = Edn::Vector(micro_ops.map(asked).collect());
            }
            _ => {}
        }
    }
    Edn::Tagged(tag, Box::new(Edn::Map(entries)))
}

/// A micro-operation without what was read.
fn asked(micro_op: &Edn) -> Edn {
    match micro_op.as_slice() {
        Some([f, key, _]) if matches!(f.as_keyword(), Some("r" | "rp")) => {
            Edn::Vector(vec![f.clone(), key.clone(), Edn::Nil])
        }
        _ => micro_op.clone(),
    }
}

fn real_time(before: Record, after: Record, [a, b]: [&str; 2]) -> String {
    let (ended, began) = (before.times.1, after.times.0);
    let earlier = if ended >= 0 && began > ended {
        format!("{:.3} s before", (began - ended) as f64 / 1e9)
    } else {
        "before".into()
    };
    let (end, begin) = (before.indices.1, after.indices.0);
    format!("{a} had ended (at index {end}) {earlier} {b} began (at index {begin})")
}

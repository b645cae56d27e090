//! Lost updates: several transactions that saw one state of a key, and each went on to write it.
//!
//! Whatever the order of their writes, all but one were made in ignorance of another. Adya has
//! the example (*Weak Consistency*, section 4.1, history H-lost-update); this form of it, which
//! needs no order of versions, is Elle's.

use super::findings::{Case, Findings};
use super::reason::Explain;
use super::scratch::Scratch;
use super::tables::NONE;
use super::transaction::{Action, MicroOp};
use crate::edn::Edn;

/// Of one lost update, so many transactions are shown.
const SHOWN: usize = 16;

/// A transaction that read a key and then wrote it.
struct Update<'a> {
    read: &'a MicroOp,
    txn: u32,
}

impl Update<'_> {
    fn seen(&self) -> (u32, u32) {
        (self.read.key, self.read.value)
    }
}

/// Adds the lost updates.
pub fn find(workload: &impl Explain, findings: &mut Findings) {
    let mut updates = updates(workload);
    // In the order of transactions among those that saw the same.
    updates.sort_by_key(Update::seen);
    for rivals in updates.chunk_by(|a, b| a.seen() == b.seen()).filter(|rivals| rivals.len() > 1) {
        findings.add("lost-update", || finding(workload, rivals));
    }
}

/// The committed transactions that wrote a key after they had read it, with their first read.
fn updates(workload: &impl Explain) -> Vec<Update<'_>> {
    let txns = workload.transactions();
    let mut updates = Vec::new();
    let mut first_reads = Scratch::new(txns.tables.keys.len(), (NONE, false));
    for txn in txns.committed() {
        first_reads.clear();
        let ops = txns.micro_ops(txn);
        for (op, i) in ops.iter().zip(0..) {
            let (first_read, is_written) = first_reads.at(op.key);
            match op.action {
                Action::Read if *first_read == NONE => *first_read = i,
                Action::Write if *first_read != NONE && !*is_written => {
                    *is_written = true;
                    updates.push(Update { read: &ops[*first_read as usize], txn });
                }
                _ => {}
            }
        }
    }
    updates
}

fn finding(workload: &impl Explain, rivals: &[Update]) -> Case {
    let read = workload.micro_op_edn(rivals[0].read);
    let parts = read.as_slice().expect("a micro-operation has three parts");
    let (key, value) = (parts[1].clone(), parts[2].clone());
    let txns: Vec<Edn> = rivals.iter().take(SHOWN).map(|rival| workload.edn(rival.txn)).collect();
    let mut text = format!("Each of these read key {key} as {value} and then wrote it:\n");
    txns.iter().for_each(|txn| text += &format!("  {txn}\n"));
    let subject = key.clone();
    let mut entries = vec![("key", key), ("value", value), ("txns", Edn::Vector(txns))];
    if rivals.len() > SHOWN {
        text += &format!("  and {} more\n", rivals.len() - SHOWN);
        entries.push(("txn-count", Edn::from(rivals.len())));
    }
    let case = Case::new(entries, text).on(subject);
    rivals
        .iter()
        .take(SHOWN)
        .fold(case, |case, rival| case.about(workload, rival.txn, "read it and then wrote it"))
}

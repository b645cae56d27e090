//! What is wrong with a history of registers short of any cycle.

use rustc_hash::FxHashSet;

use super::findings::{Case, Findings};
use super::model::Name;
use super::reason::Explain;
use super::registers::INITIAL;
use super::rw_register::Analysis;
use super::scratch::Scratch;
use super::tables::NONE;
use super::transaction::{Action, MicroOp};
use crate::history::OpType;

/// Adds every anomaly that is no cycle.
pub fn find(analysis: &Analysis, findings: &mut Findings) {
    internal(analysis, findings);
    let txns = analysis.txns;
    let mut written = FxHashSet::default();
    for txn in txns.committed() {
        written.clear();
        for op in txns.micro_ops(txn) {
            if op.action == Action::Write {
                written.insert(op.value);
            } else if op.value != INITIAL {
                odd_read(analysis, findings, txn, op, &written);
            }
        }
    }
}

/// A read that differs from the same transaction's last read or write of the key: Cerone,
/// Bernardi and Gotsman (2015), axiom INT. Of each transaction, the first.
fn internal(analysis: &Analysis, findings: &mut Findings) {
    let txns = analysis.txns;
    let mut states = Scratch::new(txns.tables.keys.len(), NONE);
    for txn in txns.committed() {
        states.clear();
        for op in txns.micro_ops(txn) {
            let state = states.at(op.key);
            let expected = std::mem::replace(state, op.value);
            if op.action == Action::Read && expected != NONE && expected != op.value {
                findings.add("internal", || {
                    let expected = analysis.value(expected);
                    let text = format!(
                        "{}\nread key {} otherwise than its own reads and writes have it, which \
                         is {expected}.",
                        analysis.edn(txn),
                        analysis.key(op)
                    );
                    Case::of_read(analysis, txn, op, [("expected", expected)], text)
                });
                break;
            }
        }
    }
}

/// A read of a transaction, which has `written` so far, of what nobody else should see: a failed
/// write (G1a: Adya, section 3.2.1), a write amid a transaction (G1b: section 3.2.2), a write
/// that the transaction itself makes only later; or of what nobody wrote.
fn odd_read(
    analysis: &Analysis,
    findings: &mut Findings,
    txn: u32,
    op: &MicroOp,
    written: &FxHashSet<u32>,
) {
    let txns = analysis.txns;
    let version = txns.tables.versions[op.value as usize];
    if version.writer == NONE {
        findings.add("unwritten-read", || {
            let text = format!(
                "{}\nread key {} as {}, which nobody wrote.",
                analysis.edn(txn),
                analysis.key(op),
                analysis.value(op.value)
            );
            Case::of_read(analysis, txn, op, [], text)
        });
        return;
    }
    if version.writer == txn {
        if !written.contains(&op.value) {
            findings.add("future-read", || {
                let text = format!(
                    "{}\nread key {} as {} before it wrote that.",
                    analysis.edn(txn),
                    analysis.key(op),
                    analysis.value(op.value)
                );
                Case::of_read(analysis, txn, op, [], text)
            });
        }
        return;
    }
    if txns.get(version.writer).outcome == OpType::Fail {
        add_misread(analysis, findings, "G1a", txn, op, "which the failed transaction below wrote");
    }
    if version.is_superseded {
        let why = "which the transaction below went on to overwrite itself";
        add_misread(analysis, findings, "G1b", txn, op, why);
    }
}

fn add_misread(
    analysis: &Analysis,
    findings: &mut Findings,
    name: Name,
    txn: u32,
    op: &MicroOp,
    why: &str,
) {
    findings.add(name, || {
        let wrote = analysis.txns.tables.writer(op.value);
        let writer = analysis.edn(wrote);
        let text = format!(
            "{}\nread key {} as {}, {why}:\n{writer}",
            analysis.edn(txn),
            analysis.key(op),
            analysis.value(op.value)
        );
        Case::of_read(analysis, txn, op, [("writer", writer)], text)
            .about(analysis, wrote, "wrote it")
    });
}

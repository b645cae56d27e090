//! Where in a file the operation stands that a judge can make nothing of.
//!
//! A judge that takes a history in entry by entry stops there. One that looks at all operations at
//! once says which it was, and knows no lines. Then the file is read once more, and each operation
//! is judged alone, until the judge says of one what it has said of all. That costs as much again,
//! but only where something is wrong. A pipe cannot be read twice, and so has no places.

use std::collections::BTreeMap;
use std::path::Path;

use super::input::{can_be_read_again, read};
use crate::checker::{Judge, Judgement};
use crate::edn::Place;
use crate::history::{History, Op, OpType, ProcessId};

/// The place of the operation to which this judgement of the file is due; `None` when no operation
/// alone is the reason.
pub fn place(
    path: &Path,
    judgement: &Judgement,
    judge: impl Fn() -> Result<Judge, String>,
) -> Option<Place> {
    if !judgement.is_bad_input || !can_be_read_again(path) {
        return None;
    }
    let is_same = |ops: &[Op]| {
        let alone = judge().map(|judge| judge.judge(&History { ops: ops.to_vec() }));
        alone.is_ok_and(|alone| alone.is_bad_input && alone.summary == judgement.summary)
    };
    let mut found = None;
    let mut begun: BTreeMap<ProcessId, Op> = BTreeMap::new();
    let stop = Err(String::new());
    // What else may be wrong with the file was said when it was read the first time.
    let _ = read(path, |place, entry| {
        let op = entry.op();
        let ops = match begun.remove(&op.process) {
            Some(invocation) if op.kind != OpType::Invoke => vec![invocation, op],
            _ => vec![op],
        };
        if is_same(&ops) {
            found = Some(place);
            return stop.clone();
        }
        if let [op] = &ops[..]
            && op.kind == OpType::Invoke
        {
            begun.insert(op.process, op.clone());
        }
        Ok(())
    });
    found
}

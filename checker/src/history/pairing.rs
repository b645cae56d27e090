//! Whether completions belong to their invocations.
//!
//! An operation that a checker cannot place would be one that it silently leaves out. So a
//! history from outside is looked through, operation by operation, before it is judged: a
//! completion has an invocation of the same process, of the same `:f`, and about the same keys.

use std::collections::BTreeMap;

use super::{Cursor, Entry, Head, Op, OpType, Packed, ProcessId};

/// What an invocation and its completion have in common, besides their `:f`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Common {
    /// Nothing that can be told.
    #[default]
    Nothing,
    /// Nothing that can be told; and entries may leave out their process, which is then not
    /// looked at.
    Unnamed,
    /// The key, where the value is `[key value]`.
    Key,
    /// The micro-operations `[f key value]`, but for what reads have found.
    MicroOps,
}

/// Looks through a history.
#[derive(Default)]
pub struct Pairing {
    common: Common,
    /// The invocations of operations under way, each alone.
    open: BTreeMap<ProcessId, Packed>,
    /// Memory of some that have ended.
    spare: Vec<Packed>,
}

impl Pairing {
    /// Looks through a history of operations of which invocations and completions have this in
    /// common.
    pub fn new(common: Common) -> Pairing {
        Pairing { common, ..Pairing::default() }
    }

    /// Takes in the next entry of the history, if it has its place.
    ///
    /// # Errors
    /// Why it has none, as a clause.
    pub fn push(&mut self, entry: &Entry) -> Result<(), String> {
        let Head { kind, process, index, .. } = entry.head;
        match process {
            ProcessId::Nemesis => return Ok(()),
            ProcessId::Unnamed if self.common == Common::Unnamed => return Ok(()),
            ProcessId::Unnamed => return Err(format!("operation {index} has no :process")),
            ProcessId::Client(_) => {}
        }
        if kind != OpType::Invoke {
            let invoke = self.open.remove(&process).ok_or_else(|| {
                format!("process {process} ends operation {index} without having begun one")
            })?;
            let checked = self.common.check(&invoke.entry(0), entry);
            self.spare.push(invoke);
            return checked
                .map_err(|what| format!("process {process} begins an operation as {what}"));
        }
        if let Some(open) = self.open.get(&process) {
            let open = open.head(0).index;
            return Err(format!(
                "process {process} begins operation {index} before its operation {open} has ended"
            ));
        }
        let mut invoke = self.spare.pop().unwrap_or_default();
        invoke.clear();
        match self.common {
            Common::Nothing | Common::Unnamed => invoke.push_head(&entry.head),
            Common::Key | Common::MicroOps => _ = invoke.push_entry(entry),
        }
        self.open.insert(process, invoke);
        Ok(())
    }
}

impl Common {
    /// Whether a completion belongs to an invocation; if not, the two, as a clause.
    fn check(self, invoke: &Entry, end: &Entry) -> Result<(), String> {
        if invoke.head.f != end.head.f {
            return Err(format!(":{} and ends it as :{}", invoke.head.f, end.head.f));
        }
        let is_answered = match self {
            Common::Nothing | Common::Unnamed => true,
            Common::Key => has_same_key(invoke.cursor(), end.cursor()),
            Common::MicroOps => {
                end.head.kind != OpType::Ok || is_same(invoke.cursor(), end.cursor())
            }
        };
        if is_answered {
            return Ok(());
        }
        Err(format!("{} and ends it as {}", invoke.value(), end.value()))
    }
}

/// Finds the invocation of each completion of a history that comes entry by entry, by the rules
/// of [`History::pairs`].
#[derive(Default)]
pub(crate) struct Pairs {
    position: usize,
    /// How many operations have begun.
    begun: usize,
    open: BTreeMap<ProcessId, (usize, Op)>,
    problem: Option<String>,
}

impl Pairs {
    /// Takes in the next entry of the history; gives the invocation of a completion, with its
    /// place in the history.
    pub(crate) fn push(&mut self, op: &Op) -> Option<(usize, Op)> {
        let position = self.position;
        self.position += 1;
        if !op.is_client() || self.problem.is_some() {
            return None;
        }
        let (process, index) = (op.process, op.index);
        if op.kind == OpType::Invoke {
            self.begun += 1;
            if self.open.insert(process, (position, op.clone())).is_some() {
                self.problem = Some(format!(
                    "process {process} begins operation {index} before its last one has ended"
                ));
            }
            return None;
        }
        let invoke = self.open.remove(&process);
        if invoke.is_none() {
            self.problem =
                Some(format!("process {process} ends operation {index} without having begun one"));
        }
        invoke
    }

    /// How many operations there are, and the invocations of those that did not end, in order.
    ///
    /// # Errors
    /// A sentence, when a process completed what it did not begin, or began a second operation
    /// before the first had ended.
    pub(crate) fn finish(self) -> Result<(usize, Vec<(usize, Op)>), String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let mut open: Vec<(usize, Op)> = self.open.into_values().collect();
        open.sort_unstable_by_key(|(position, _)| *position);
        Ok((self.begun, open))
    }
}

/// Whether the next values of both are equal. Both are passed over.
fn is_equal(a: &mut Cursor, b: &mut Cursor) -> bool {
    let (before_a, before_b) = (*a, *b);
    if let (Some(a), Some(b)) = (a.integer(), b.integer()) {
        return a == b;
    }
    (*a, *b) = (before_a, before_b);
    let (a, b) = (a.value(), b.value());
    a == b || a.canonical() == b.canonical()
}

/// Who does not know how an operation ended may leave its value out.
fn has_same_key(mut invoked: Cursor, mut completed: Cursor) -> bool {
    let both_are_pairs = invoked.collection() == Some(2) && completed.collection() == Some(2);
    !both_are_pairs || is_equal(&mut invoked, &mut completed)
}

/// What is no list of micro-operations is for the checker to complain about.
fn is_same(mut invoked: Cursor, mut completed: Cursor) -> bool {
    let (Some(count), Some(other)) = (invoked.collection(), completed.collection()) else {
        return true;
    };
    count == other && (0..count).all(|_| is_same_step(&mut invoked, &mut completed))
}

/// The same of the next two micro-operations, which are passed over if it is so.
fn is_same_step(a: &mut Cursor, b: &mut Cursor) -> bool {
    let (mut inner_a, mut inner_b) = (*a, *b);
    if (inner_a.collection(), inner_b.collection()) != (Some(3), Some(3)) {
        a.skip();
        b.skip();
        return true;
    }
    (*a, *b) = (inner_a, inner_b);
    let f = inner_a.word();
    let is_same_f = if f.is_some() {
        // Where one is a string and the other a keyword they differ.
        inner_b.word() == f && a.is_keyword() == b.is_keyword()
    } else {
        inner_a.value() == inner_b.value()
    };
    (*a, *b) = (inner_a, inner_b);
    if !is_same_f || !is_equal(a, b) {
        return false;
    }
    if f != Some("r") {
        return is_equal(a, b);
    }
    a.skip();
    b.skip();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Batch, Parser};

    fn problem(common: Common, text: &str) -> Option<String> {
        let mut batch = Batch::default();
        Parser::default().feed(text.as_bytes(), &mut batch).unwrap();
        let mut pairing = Pairing::new(common);
        batch.entries().find_map(|(_, entry)| pairing.push(&entry).err())
    }

    #[test]
    fn a_completion_belongs_to_its_invocation() {
        let op = |kind: &str, f: &str, value: &str| {
            format!("{{:process 1, :type :{kind}, :f :{f}, :value {value}}}")
        };
        let pair = |f, value, g, other| op("invoke", f, value) + &op("ok", g, other);
        for (common, text, is_fine) in [
            (Common::Nothing, pair("read", "nil", "read", "7"), true),
            (Common::Nothing, pair("read", "nil", "write", "7"), false),
            (Common::Nothing, op("ok", "read", "7"), false),
            (Common::Nothing, op("info", "read", "7"), false),
            (Common::Nothing, op("invoke", "read", "7").repeat(2), false),
            (Common::Nothing, op("invoke", "read", "7"), true),
            (Common::Nothing, pair("read", "[1 nil]", "read", "[2 3]"), true),
            (Common::Key, pair("read", "[1 nil]", "read", "[2 3]"), false),
            (Common::Key, pair("read", "[(1) nil]", "read", "[[1] 3]"), true),
            (Common::Key, pair("read", "[1 nil]", "read", "nil"), true),
            (Common::MicroOps, pair("txn", "[[:r 1 nil]]", "txn", "[[:r 1 [2]]]"), true),
            (Common::MicroOps, pair("txn", "[[:r 1 nil]]", "txn", "[]"), false),
            (Common::MicroOps, pair("txn", "[[:r 1 nil]]", "txn", "[[:r \"1\" nil]]"), false),
            (Common::MicroOps, pair("txn", "[[:w 1 2]]", "txn", "[[:w 1 3]]"), false),
            (Common::MicroOps, pair("txn", "[[:w 1 2]]", "txn", "[[:r 1 2]]"), false),
            (Common::MicroOps, pair("txn", "[[:w 1 2]]", "txn", "[[\"w\" 1 2]]"), false),
            (Common::MicroOps, pair("txn", "[[(1) 1 2]]", "txn", "[[[1] 1 2]]"), false),
            (Common::MicroOps, pair("txn", "[[:w (1) [2]]]", "txn", "([:w [1] (2)])"), true),
            (Common::MicroOps, pair("txn", "[[:w 1 2] [:a]]", "txn", "[[:w 1 2] 7]"), true),
            (Common::MicroOps, pair("txn", "[[:r 1 nil] 7]", "txn", "[[:r 1 [2]] [:w 1 2]]"), true),
        ] {
            assert_eq!(problem(common, &text).is_none(), is_fine, "{text}");
        }
        let nemesis = "{:process :nemesis, :type :info, :f :kill}".repeat(3);
        assert_eq!(problem(Common::Nothing, &nemesis), None);
    }
}

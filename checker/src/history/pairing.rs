//! Whether completions belong to their invocations.
//!
//! An operation that a checker cannot place would be one that it silently leaves out. So a
//! history from outside is looked through, operation by operation, before it is judged: a
//! completion has an invocation of the same process, of the same `:f`, and about the same keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{History, Op, OpType, ProcessId};
use crate::edn::Edn;

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
pub struct Pairing<'a> {
    common: Common,
    open: BTreeMap<ProcessId, Cow<'a, Op>>,
}

impl<'a> Pairing<'a> {
    /// Looks through a history of operations of which invocations and completions have this in
    /// common.
    pub fn new(common: Common) -> Pairing<'a> {
        Pairing { common, open: BTreeMap::new() }
    }

    /// What is wrong with a history, as a clause; `None` when all entries have their place.
    pub fn problem(common: Common, history: &'a History) -> Option<String> {
        let mut pairing = Pairing::new(common);
        history.ops.iter().find_map(|op| {
            let problem = pairing.check(op).err();
            pairing.keep(Cow::Borrowed(op));
            problem
        })
    }

    /// Whether the next entry of the history has its place.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn check(&self, op: &Op) -> Result<(), String> {
        if !op.is_client() {
            return Ok(());
        }
        let process = op.process;
        if process == ProcessId::Unnamed {
            return match self.common {
                Common::Unnamed => Ok(()),
                _ => Err(format!("operation {} has no :process", op.index)),
            };
        }
        if op.kind == OpType::Invoke {
            return match self.open.get(&process) {
                None => Ok(()),
                Some(open) => Err(format!(
                    "process {process} begins operation {} before its operation {} has ended",
                    op.index, open.index
                )),
            };
        }
        let Some(invoke) = self.open.get(&process) else {
            return Err(format!(
                "process {process} ends operation {} without having begun one",
                op.index
            ));
        };
        let what = if invoke.f != op.f {
            Some(format!(":{} and ends it as :{}", invoke.f, op.f))
        } else {
            let is_answered = match self.common {
                Common::Nothing | Common::Unnamed => true,
                Common::Key => has_same_key(&invoke.value, &op.value),
                Common::MicroOps => op.kind != OpType::Ok || is_same(&invoke.value, &op.value),
            };
            (!is_answered).then(|| format!("{} and ends it as {}", invoke.value, op.value))
        };
        what.map_or(Ok(()), |what| Err(format!("process {process} begins an operation as {what}")))
    }

    /// Takes in the entry, once it has been judged.
    pub fn keep(&mut self, op: Cow<'a, Op>) {
        if op.process == ProcessId::Unnamed {
            return;
        }
        if op.kind == OpType::Invoke {
            self.open.insert(op.process, op);
        } else {
            self.open.remove(&op.process);
        }
    }

    /// The same, of an entry that is given away, or copied if it begins an operation.
    pub fn keep_owned(&mut self, op: Cow<Op>) {
        if op.process == ProcessId::Unnamed {
            return;
        }
        if op.kind == OpType::Invoke {
            self.open.insert(op.process, Cow::Owned(op.into_owned()));
        } else {
            self.open.remove(&op.process);
        }
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

fn is_equal(a: &Edn, b: &Edn) -> bool {
    a == b || a.canonical() == b.canonical()
}

/// Who does not know how an operation ended may leave its value out.
fn has_same_key(invoked: &Edn, completed: &Edn) -> bool {
    match (invoked.as_slice(), completed.as_slice()) {
        (Some([key, _]), Some([other, _])) => is_equal(key, other),
        _ => true,
    }
}

/// What is no list of micro-operations is for the checker to complain about.
fn is_same(invoked: &Edn, completed: &Edn) -> bool {
    let (Some(invoked), Some(completed)) = (invoked.as_slice(), completed.as_slice()) else {
        return true;
    };
    let is_same = |(a, b): (&Edn, &Edn)| match (a.as_slice(), b.as_slice()) {
        (Some([f, key, value]), Some([other_f, other_key, found])) => {
            let is_read = matches!(f, Edn::Keyword(name) | Edn::Str(name) if &**name == "r");
            f == other_f && is_equal(key, other_key) && (is_read || is_equal(value, found))
        }
        _ => true,
    };
    invoked.len() == completed.len() && invoked.iter().zip(completed).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(common: Common, text: &str) -> Option<String> {
        Pairing::problem(common, &History::parse(text).unwrap())
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
        ] {
            assert_eq!(problem(common, &text).is_none(), is_fine, "{text}");
        }
        let nemesis = "{:process :nemesis, :type :info, :f :kill}".repeat(3);
        assert_eq!(problem(Common::Nothing, &nemesis), None);
    }
}

//! The operations of clients, each with its end, in few bytes.

use std::collections::BTreeMap;

use super::{Entry, Head, History, Op, OpType, Packed, ProcessId};
use crate::edn::Edn;

/// Where one operation is in the history, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    invoked_at: u32,
    /// [`Span::NEVER`] when the history ends before.
    ended_at: u32,
    /// How it ended; of one that never did nobody knows: [`OpType::Info`].
    pub outcome: OpType,
}

impl Span {
    const NEVER: u32 = u32::MAX;

    /// The position of its invocation.
    pub fn invoked_at(self) -> usize {
        self.invoked_at as usize
    }

    /// The position of its completion, when there is one.
    pub fn ended_at(self) -> Option<usize> {
        (self.ended_at != Span::NEVER).then_some(self.ended_at as usize)
    }

    /// The position of its completion, or else of its invocation.
    pub fn last(self) -> usize {
        self.ended_at().unwrap_or(self.invoked_at())
    }

    /// Where its result stands, as far as it is known: at its completion, if that is `ok`.
    pub fn result(self) -> usize {
        if self.outcome == OpType::Ok { self.last() } else { self.invoked_at() }
    }
}

/// A history, taken in entry by entry.
#[derive(Default)]
pub struct Operations {
    log: Packed,
    spans: Vec<Span>,
    /// The operations under way, by their places among all.
    open: BTreeMap<ProcessId, usize>,
    problem: Option<String>,
}

impl From<&History> for Operations {
    fn from(history: &History) -> Operations {
        let mut operations = Operations::default();
        history.ops.iter().for_each(|op| _ = operations.push(op));
        operations
    }
}

impl Operations {
    /// Takes in the next entry, and gives its position.
    pub fn push(&mut self, op: &Op) -> usize {
        let position = self.log.push(op);
        self.note(position, op.process, op.kind, op.index);
        position
    }

    /// The same of an entry in packed form.
    pub fn push_entry(&mut self, entry: &Entry) {
        let position = self.log.push_entry(entry);
        let Head { process, kind, index, .. } = entry.head;
        self.note(position, process, kind, index);
    }

    fn note(&mut self, position: usize, process: ProcessId, kind: OpType, index: usize) {
        let position = u32::try_from(position).expect("fewer than 2^32 entries");
        if process == ProcessId::Nemesis {
            return;
        }
        if kind == OpType::Invoke {
            let (ended_at, outcome) = (Span::NEVER, OpType::Info);
            if self.open.insert(process, self.spans.len()).is_some() {
                self.problem.get_or_insert_with(|| {
                    format!(
                        "process {process} begins operation {index} before its last one has ended"
                    )
                });
            }
            self.spans.push(Span { invoked_at: position, ended_at, outcome });
        } else if let Some(place) = self.open.remove(&process) {
            let span = &mut self.spans[place];
            (span.ended_at, span.outcome) = (position, kind);
        } else {
            self.problem.get_or_insert_with(|| {
                format!("process {process} ends operation {index} without having begun one")
            });
        }
    }

    /// All operations, by order of invocation.
    ///
    /// # Errors
    /// A sentence, when a process completes what it did not begin, or begins a second
    /// operation before the first has ended: no checker could say anything about that.
    pub fn spans(&self) -> Result<&[Span], String> {
        match &self.problem {
            None => Ok(&self.spans),
            Some(problem) => Err(problem.clone()),
        }
    }

    /// Whether no client did anything.
    pub fn has_none(&self) -> bool {
        self.spans.is_empty() && self.problem.is_none()
    }

    /// How many entries the history has.
    pub fn entries(&self) -> usize {
        self.log.len()
    }

    /// The entry at this position, without its value.
    pub fn head(&self, position: usize) -> Head<'_> {
        self.log.head(position)
    }

    /// The value of the entry at this position.
    pub fn value(&self, position: usize) -> Edn {
        self.log.value(position)
    }

    /// Both.
    pub fn head_and_value(&self, position: usize) -> (Head<'_>, Edn) {
        let entry = self.log.entry(position);
        (entry.head, entry.value())
    }

    /// The items of the value of the entry at this position; `None` when it is no collection.
    pub fn items(&self, position: usize) -> Option<impl Iterator<Item = Edn> + '_> {
        self.log.items(position)
    }

    /// The entry at this position, in packed form.
    pub fn entry(&self, position: usize) -> Entry<'_> {
        self.log.entry(position)
    }

    /// The entry at this position.
    pub fn op(&self, position: usize) -> Op {
        self.log.op(position)
    }
}

//! The operations on one object, among all of a history.

use crate::edn::Edn;
use crate::history::{Op, OpType, Operations, Span};

/// Takes the part of an operation's value that concerns the object.
pub type Inner = fn(&Edn) -> &Edn;

/// The operations on one object.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// All of the history.
    pub operations: &'a Operations,
    /// Those on the object, by order of invocation.
    pub spans: &'a [Span],
    /// What of their values concerns the object.
    pub inner: Inner,
}

impl Part<'_> {
    /// The entry at this position, with what concerns the object as its value.
    pub fn op(&self, position: usize) -> Op {
        let mut op = self.operations.op(position);
        let value = (self.inner)(&op.value).clone();
        op.value = value;
        op
    }

    /// What an operation does, with its result as far as it is known: `read 3`.
    pub fn label(&self, span: Span) -> String {
        let op = self.op(span.result());
        match op.value {
            Edn::Nil => op.f.to_string(),
            value => format!("{} {value}", op.f),
        }
    }

    /// The last operation to return before this one.
    pub fn last_before(&self, span: Span) -> Option<Span> {
        let returned = self
            .spans
            .iter()
            .filter(|other| other.outcome == OpType::Ok && other.ended_at() < span.ended_at());
        returned.max_by_key(|other| other.ended_at()).copied()
    }
}

//! What the searches work on: the operations that may have taken effect, and in which order
//! they began and ended. Everything else in a history has been left out.
//!
//! The rules are those of Knossos. An operation that failed did not happen. One that ended
//! `ok` happened between its invocation and its completion, and what it did is what the
//! completion says: that is where a read has its value. One that ended `info`, or not at all,
//! has *crashed*: it may take effect at any time after its invocation, or never.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::part::Part;
use crate::edn::Edn;
use crate::history::OpType;

/// One operation that may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<C> {
    /// What it does to the object, its result included.
    pub call: C,
    /// Where in the history it begins.
    pub invoked_at: usize,
    /// Where in the history it ends; `None` when it crashed.
    pub returned_at: Option<usize>,
}

/// A moment at which an operation, given by its place in [`Trace::operations`], begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The operation begins.
    Invoke(usize),
    /// The operation ends; one that crashed never does.
    Return(usize),
}

/// A history as the searches see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<C> {
    /// The operations, by order of invocation.
    pub operations: Vec<Operation<C>>,
    /// All that happens, in order.
    pub events: Vec<Event>,
}

impl<C> Trace<C> {
    /// Puts the events of these operations in order.
    pub fn new(mut operations: Vec<Operation<C>>) -> Trace<C> {
        operations.sort_by_key(|operation| operation.invoked_at);
        let events = Trace::events(&operations);
        Trace { operations, events }
    }

    /// What happens to operations that are in order.
    fn events(operations: &[Operation<C>]) -> Vec<Event> {
        let mut events = Vec::with_capacity(2 * operations.len());
        let last = operations.iter().filter_map(|operation| operation.returned_at).max();
        let positions = last.unwrap_or(0).max(operations.last().map_or(0, |o| o.invoked_at)) + 1;
        // Where nearly all of the history is about this object, each event has its place in a
        // table.
        if positions <= 4 * operations.len() {
            let mut table = vec![None; positions];
            for (id, operation) in operations.iter().enumerate() {
                table[operation.invoked_at] = Some(Event::Invoke(id));
                if let Some(at) = operation.returned_at {
                    table[at] = Some(Event::Return(id));
                }
            }
            events.extend(table.into_iter().flatten());
            return events;
        }
        // Those that have begun and not ended, the next to end on top: never many.
        let mut under_way = BinaryHeap::new();
        for (id, operation) in operations.iter().enumerate() {
            while let Some(&Reverse((at, ended))) = under_way.peek()
                && at <= operation.invoked_at
            {
                under_way.pop();
                events.push(Event::Return(ended));
            }
            events.push(Event::Invoke(id));
            under_way.extend(operation.returned_at.map(|at| Reverse((at, id))));
        }
        let last = std::iter::from_fn(|| under_way.pop());
        events.extend(last.map(|Reverse((_, ended))| Event::Return(ended)));
        events
    }

    /// The history up to this position: what began later is not in it, and what ended later
    /// has not ended, though its result is known. The operations keep their numbers.
    pub fn until(&self, position: usize) -> Trace<C>
    where
        C: Clone,
    {
        let begun = self.operations.partition_point(|o| o.invoked_at <= position);
        let cut = |operation: &Operation<C>| Operation {
            returned_at: operation.returned_at.filter(|at| *at <= position),
            ..operation.clone()
        };
        Trace::new(self.operations[..begun].iter().map(cut).collect())
    }

    /// The first position at which the history until then is of this kind, if the whole is, and
    /// it stays so from then on.
    pub fn first_return(&self, is_so: impl Fn(&Trace<C>) -> bool) -> Option<usize>
    where
        C: Clone,
    {
        let mut returns: Vec<usize> =
            self.operations.iter().filter_map(|operation| operation.returned_at).collect();
        returns.sort_unstable();
        let first = returns.partition_point(|&position| !is_so(&self.until(position)));
        returns.get(first).copied()
    }

    /// Reads the operations of one object. `call` is
    /// [`Model::call`](super::model::Model::call).
    ///
    /// # Errors
    /// A sentence, when the model does not know such an operation.
    pub fn read(
        part: Part,
        mut call: impl FnMut(&str, &Edn, bool) -> Result<Option<C>, String>,
    ) -> Result<Trace<C>, String> {
        let mut operations = Vec::with_capacity(part.spans.len());
        for span in part.spans.iter().filter(|span| span.outcome != OpType::Fail) {
            let returned_at = span.ended_at().filter(|_| span.outcome == OpType::Ok);
            let (head, value) = part.operations.head_and_value(span.result());
            let call = call(head.f, (part.inner)(&value), returned_at.is_some());
            let call = call.map_err(|problem| {
                let index = part.operations.head(span.invoked_at()).index;
                format!("Operation {index}: {problem}.")
            })?;
            let invoked_at = span.invoked_at();
            operations.extend(call.map(|call| Operation { call, invoked_at, returned_at }));
        }
        Ok(Trace::new(operations))
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<S> {
    /// There is an order of the operations that explains every result; and what may be the case
    /// at the end, as far as the search has kept it: some of it, when there is much.
    Linearizable(Vec<Reached<S>>),
    /// There is none.
    Stuck(Stuck<S>),
    /// The search was given up, for the reason in this sentence.
    GivenUp(String),
}

impl<S> Outcome<S> {
    /// The outcome, or another if there is none.
    pub fn or_else(self, other: impl FnOnce() -> Outcome<S>) -> Outcome<S> {
        if let Outcome::GivenUp(_) = self { other() } else { self }
    }

    /// The same, with what the object holds in another form.
    pub fn map<T>(self, form: impl Fn(S) -> T) -> Outcome<T> {
        let all = |reached: Vec<Reached<S>>| {
            let reached = reached.into_iter();
            reached
                .map(|Reached { state, pending }| Reached { state: form(state), pending })
                .collect()
        };
        match self {
            Outcome::Linearizable(reached) => Outcome::Linearizable(all(reached)),
            Outcome::GivenUp(reason) => Outcome::GivenUp(reason),
            Outcome::Stuck(Stuck { operation, violation, configurations }) => {
                let configurations = all(configurations);
                Outcome::Stuck(Stuck { operation, violation, configurations })
            }
        }
    }
}

/// Where every order of the operations comes to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck<S> {
    /// The operation that cannot be linearized: everything that returned before it can.
    pub operation: usize,
    /// Why, if it was found by reason and not by search.
    pub violation: Option<Violation>,
    /// If it was found by search, what may be the case just before it returns; some of it, when
    /// there is much.
    pub configurations: Vec<Reached<S>>,
}

/// A few operations that no order explains, whatever else is in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What kind of violation it is, in words that stand in a result: `out-of-order`.
    pub kind: &'static str,
    /// A sentence that says what is wrong with them.
    pub sentence: &'static str,
    /// The operations, each with the part that it plays.
    pub operations: Vec<(usize, &'static str)>,
}

/// One thing that may be the case at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached<S> {
    /// The object's state.
    pub state: S,
    /// The operations that have begun, but may not have taken effect yet.
    pub pending: Vec<usize>,
}

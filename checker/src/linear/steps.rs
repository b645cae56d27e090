//! Objects of which no more is known than what an operation does to them, one at a time: the
//! general search decides about them, without a shorter way.
//!
//! What such an object holds is changed and changed back in place, so that a step costs no more
//! than what it changes. Its *sum* stands for it in the search's memory: see
//! [`memo`](super::search).
//!
//! Two rules differ from those of Knossos's queues. A crashed operation that takes something
//! without saying what may have taken anything. And who acts matters to locks: the client is the
//! value's `:client`, as in Hazelcast's Jepsen tests, or else the process.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::part::Part;
use super::search::object::Searched;
use super::trace::{Operation, Trace};
use crate::edn::Edn;
use crate::history::OpType;

/// A kind of object.
pub trait Steps {
    /// An operation with its arguments and its result.
    type Call: Clone + Eq + Hash + 'static;
    /// What the object holds.
    type Held: Held<Call = Self::Call> + Clone + 'static;

    /// The call that an operation of this client makes; `None` when it changes nothing and tells
    /// nothing. `completed` says whether `value` is what a completion gave, or only what was
    /// asked for.
    ///
    /// # Errors
    /// A clause, when the object has no such operation.
    fn call(
        &mut self,
        client: Edn,
        f: &str,
        value: &Edn,
        completed: bool,
    ) -> Result<Option<Self::Call>, String>;

    /// What it holds at first, once all calls are known.
    fn initial(&self, trace: &Trace<Self::Call>) -> Self::Held;

    /// Why nobody knows whether there is an order if none is found, where that is so.
    fn in_doubt(&self, _trace: &Trace<Self::Call>) -> Option<String> {
        None
    }

    /// What it holds, for people to read.
    fn show(&self, held: &Self::Held) -> Edn;
}

/// What an object holds.
pub trait Held {
    /// What is done to it.
    type Call;
    /// What it takes to take a call back.
    type Undo;

    /// Lets a call happen; `None`, and nothing changes, when it cannot.
    fn step(&mut self, call: &Self::Call) -> Option<Self::Undo>;

    /// Whether a call that only looks can happen.
    fn can_happen(&self, call: &Self::Call) -> bool;

    /// Takes back the call that happened last.
    fn undo(&mut self, call: &Self::Call, undo: Self::Undo);

    /// A number that stands for what it holds.
    fn sum(&self) -> u128;

    /// Whether the call never changes anything.
    fn only_looks(call: &Self::Call) -> bool;

    /// Whether the call can be a step towards another that cannot happen as things are.
    fn leads_to(&self, _call: &Self::Call, _goal: &Self::Call) -> bool {
        false
    }

    /// Whether it can be of use that a crashed call has happened.
    fn is_wanted(&self, _crashed: &Self::Call) -> bool {
        true
    }

    /// An operation that cannot have happened whatever the order, if one is seen at once; of
    /// several, the first to return.
    fn impossible(&self, _trace: &Trace<Self::Call>) -> Option<usize> {
        None
    }
}

/// The operations of one object.
///
/// # Errors
/// A sentence, when it does not have such operations.
pub fn read<S: Steps>(steps: &mut S, part: Part) -> Result<Trace<S::Call>, String> {
    read_asked(part, |asked| steps.call(asked.client, asked.f, asked.value, asked.completed))
}

/// An operation as it is asked of an object.
pub struct Asked<'a> {
    /// Who acts.
    pub client: Edn,
    /// What to do.
    pub f: &'a str,
    /// What was asked for.
    pub asked: &'a Edn,
    /// What a completion gave, or else what was asked for.
    pub value: &'a Edn,
    /// Whether there is a completion.
    pub completed: bool,
}

/// The operations of one object, each turned into a call.
///
/// # Errors
/// A sentence, when there is no call for one.
pub fn read_asked<C>(
    part: Part,
    mut call: impl FnMut(Asked) -> Result<Option<C>, String>,
) -> Result<Trace<C>, String> {
    let (operations, inner) = (part.operations, part.inner);
    let mut calls = Vec::with_capacity(part.spans.len());
    for span in part.spans.iter().filter(|span| span.outcome != OpType::Fail) {
        let invoked_at = span.invoked_at();
        let returned_at = span.ended_at().filter(|_| span.outcome == OpType::Ok);
        let (head, value) = operations.head_and_value(span.result());
        let (value, asked) = (inner(&value), operations.value(invoked_at));
        let asked = inner(&asked);
        let client = value.get("client").or_else(|| asked.get("client")).cloned();
        let client = client.unwrap_or_else(|| Edn::from(format!("process {}", head.process)));
        let completed = returned_at.is_some();
        let call = call(Asked { client, f: head.f, asked, value, completed });
        let call = call.map_err(|problem| {
            let index = operations.head(invoked_at).index;
            format!("Operation {index}: {problem}.")
        })?;
        calls.extend(call.map(|call| Operation { call, invoked_at, returned_at }));
    }
    Ok(Trace::new(calls))
}

/// An object on which the operations of a trace are tried.
pub struct Tried<'t, H: Held> {
    trace: &'t Trace<H::Call>,
    held: H,
    undo: Vec<H::Undo>,
}

impl<'t, H: Held> Tried<'t, H> {
    /// One that holds this at first.
    pub fn new(trace: &'t Trace<H::Call>, held: H) -> Tried<'t, H> {
        Tried { trace, held, undo: Vec::new() }
    }

    fn call(&self, operation: usize) -> &'t H::Call {
        &self.trace.operations[operation].call
    }
}

impl<H: Held + Clone> Searched for Tried<'_, H> {
    type State = H;

    fn apply(&mut self, operation: usize, _: &[usize]) -> bool {
        let undo = self.held.step(self.call(operation));
        let happens = undo.is_some();
        self.undo.extend(undo);
        happens
    }

    fn undo(&mut self, operation: usize) {
        let undo = self.undo.pop().expect("it was applied");
        self.held.undo(self.call(operation), undo);
    }

    fn is_seen(&self, operation: usize) -> bool {
        let call = self.call(operation);
        H::only_looks(call) && self.held.can_happen(call)
    }

    fn changes_nothing(&self, operation: usize) -> bool {
        H::only_looks(self.call(operation))
    }

    fn is_conditional(&self, _: usize) -> bool {
        false
    }

    fn leads_to(&self, operation: usize, goal: usize) -> bool {
        self.held.leads_to(self.call(operation), self.call(goal))
    }

    fn is_wanted(&self, crashed: usize, _: &[usize]) -> bool {
        self.held.is_wanted(self.call(crashed))
    }

    fn matters_to(&self, _: usize, _: usize) -> bool {
        true
    }

    fn sum(&self) -> u128 {
        self.held.sum()
    }

    fn state(&self) -> H {
        self.held.clone()
    }

    fn impossible(&self) -> Option<usize> {
        self.held.impossible(self.trace)
    }
}

/// A number for a small value, as if by chance: two halves, each hashed on its own.
pub fn hash(value: &impl Hash) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        value.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// Of operations that put values in (`true`) or take them out, the first to return that takes
/// what nobody can have put in before. `at_first` tells how many of a value there are.
pub fn unexplained<C>(
    trace: &Trace<C>,
    moves: impl Fn(&C) -> Option<(bool, u32)>,
    at_first: impl Fn(u32) -> usize,
) -> Option<usize> {
    use super::trace::Event;
    let mut balance: rustc_hash::FxHashMap<u32, usize> = rustc_hash::FxHashMap::default();
    for event in &trace.events {
        let (Event::Invoke(id) | Event::Return(id)) = *event;
        let Some((puts, value)) = moves(&trace.operations[id].call) else { continue };
        let there = balance.entry(value).or_insert_with(|| at_first(value));
        match (event, puts) {
            (Event::Invoke(_), true) => *there += 1,
            (Event::Return(_), false) if *there == 0 => return Some(id),
            (Event::Return(_), false) => *there -= 1,
            _ => {}
        }
    }
    None
}

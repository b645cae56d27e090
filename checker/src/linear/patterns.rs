//! Decisions without a search, for objects whose violations have a form.
//!
//! A history of a queue or a set is linearizable unless it contains one of a few *forbidden
//! patterns*: an element that is taken before it can have been added, two elements that overtake
//! each other, and so on. Each pattern is looked for in one pass over the history, so that a
//! million operations take a fraction of a second, however many run at a time. For queues that
//! needs every element to be added only once ([`fifo`] and [`bag`] say where it does not), and
//! for stacks, whose violations have no such list ([`lifo`]).
//!
//! Sources: T. Henzinger, A. Sezgin, V. Vafeiadis, *Aspect-oriented linearizability proofs*,
//! CONCUR 2013, theorem 1 (the patterns of a queue, and that there are no others); A. Bouajjani,
//! M. Emmi, C. Enea, J. Hamza, *On reducing linearizability to state reachability*, ICALP 2015
//! (operations that have not returned); M. Emmi, C. Enea, *Sound, complete, and tractable
//! linearizability monitoring for concurrent collections*, POPL 2018.
//!
//! Every violation is the first: the one whose last operation returns before that of any other.
//!
//! Chapter 13 of the book, `book/13-judging-the-judges.md`, reads this.

pub mod bag;
mod emptiness;
pub mod fifo;
pub mod lifo;
pub mod set;

use super::trace::{Operation, Violation};

/// What one of these found: nothing, or the first violation and the operation at whose return
/// it is one.
pub type Found = Option<(usize, Violation)>;

/// The violation that is complete first.
#[derive(Default)]
pub struct First(Option<(usize, usize, Violation)>);

impl First {
    /// Takes note of a violation that is one when this operation returns.
    fn offer<C>(
        &mut self,
        operations: &[Operation<C>],
        operation: usize,
        violation: impl FnOnce() -> Violation,
    ) {
        let at = operations[operation].returned_at.expect("a violation needs what has returned");
        if self.0.as_ref().is_none_or(|(first, ..)| at < *first) {
            self.0 = Some((at, operation, violation()));
        }
    }

    /// What was found.
    pub fn found(self) -> Found {
        self.0.map(|(_, operation, violation)| (operation, violation))
    }
}

//! Generators: which operation comes next, and on which thread.
//!
//! A generator is asked when the schedule (`--rate`) says that an operation is due, or when a
//! thread has become free for one that had to wait. It draws from the random stream it is
//! given and from nothing else.

use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::client::Operation;
use crate::edn::Edn;
use crate::history::Op;

/// What a generator may look at.
pub struct GeneratorContext<'a> {
    /// The stream to draw from.
    pub rng: &'a mut ChaCha8Rng,
    /// The threads that have nothing to do, in no meaningful order. Never empty.
    pub free: &'a [usize],
    /// The current process number of every thread.
    pub processes: &'a [i64],
    /// Time since the main phase began.
    pub elapsed: Duration,
}

impl GeneratorContext<'_> {
    /// Any free thread.
    pub fn any_thread(&mut self) -> usize {
        self.free[self.rng.random_range(0..self.free.len())]
    }
}

/// A generator's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This thread does this now.
    Operation(usize, Operation),
    /// None of the free threads may go on; ask again when another is free.
    Pending,
}

/// A source of operations.
pub trait Generator {
    /// The next operation.
    fn next(&mut self, context: &mut GeneratorContext) -> Next;

    /// Further keys of an operation's entries in the history, as it begins. A tape's operations
    /// are asked about, too.
    fn annotate(&self, _operation: &Operation) -> Vec<(&'static str, Edn)> {
        Vec::new()
    }

    /// Learns how an operation ended. Most generators do not care.
    fn observe(&mut self, _completion: &Op) {}

    /// What a thread does next in a final phase of several operations, and after what pause;
    /// `None` when it is done. `elapsed` is the time since that phase began.
    fn next_final(
        &mut self,
        _thread: usize,
        _elapsed: Duration,
        _rng: &mut dyn Rng,
    ) -> Option<(Duration, Operation)> {
        None
    }
}

/// The simplest generator: any free thread does what a function says.
pub struct Anyone<F>(pub F);

impl<F: FnMut(&mut ChaCha8Rng) -> Operation> Generator for Anyone<F> {
    fn next(&mut self, context: &mut GeneratorContext) -> Next {
        let operation = (self.0)(context.rng);
        Next::Operation(context.any_thread(), operation)
    }
}

/// An even mix of adding 0, 1, 2, … and reading, as broadcast and g-set do.
pub fn adds_and_reads(add: &'static str) -> Anyone<impl FnMut(&mut ChaCha8Rng) -> Operation> {
    let mut next_element = 0i64;
    Anyone(move |rng: &mut ChaCha8Rng| {
        if rng.random_bool(0.5) {
            return Operation::new("read", Edn::Nil);
        }
        let element = Edn::Int(next_element);
        next_element += 1;
        Operation::new(add, element)
    })
}

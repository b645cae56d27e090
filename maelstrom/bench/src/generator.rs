//! Generators: which operation comes next, and on which thread.
//!
//! A generator is asked when the schedule (`--rate`) says that an operation is due, or when a
//! thread has become free for one that had to wait. It draws from the random stream it is
//! given and from nothing else.
//!
//! Threads take turns, so that each node gets its share. As in the original, the nemesis has a
//! turn among them, which falls to the first thread: so that one does twice as much as another.

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
    /// The thread whose turn it is, free or not; or the number of threads, for the nemesis.
    pub turn: usize,
    /// The current process number of every thread.
    pub processes: &'a [i64],
    /// Time since the main phase began.
    pub elapsed: Duration,
}

impl GeneratorContext<'_> {
    /// The first free thread from the one whose turn it is.
    pub fn thread_in_turn(&self) -> usize {
        let from_turn = self.free.iter().filter(|thread| **thread >= self.turn).min();
        *from_turn.or(self.free.iter().min()).expect("a generator is asked when a thread is free")
    }

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

/// The simplest generator: threads do in turn what a function says.
pub struct InTurn<F>(pub F);

impl<F: FnMut(&mut ChaCha8Rng) -> Operation> Generator for InTurn<F> {
    fn next(&mut self, context: &mut GeneratorContext) -> Next {
        let operation = (self.0)(context.rng);
        Next::Operation(context.thread_in_turn(), operation)
    }
}

/// The same, but any free thread is as likely as another.
pub struct Anyone<F>(pub F);

impl<F: FnMut(&mut ChaCha8Rng) -> Operation> Generator for Anyone<F> {
    fn next(&mut self, context: &mut GeneratorContext) -> Next {
        let operation = (self.0)(context.rng);
        Next::Operation(context.any_thread(), operation)
    }
}

/// An even mix of adding 0, 1, 2, … and reading, as broadcast and g-set do.
pub fn adds_and_reads(add: &'static str) -> InTurn<impl FnMut(&mut ChaCha8Rng) -> Operation> {
    let mut next_element = 0i64;
    InTurn(move |rng: &mut ChaCha8Rng| {
        if rng.random_bool(0.5) {
            return Operation::new("read", Edn::Nil);
        }
        let element = Edn::Int(next_element);
        next_element += 1;
        Operation::new(add, element)
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_turn_falls_to_the_next_free_thread_and_that_of_the_nemesis_to_the_first() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (turn, free, expected) in [
            (0, &[2, 0, 1][..], 0),
            (1, &[2, 0, 1], 1),
            (1, &[0, 2], 2),
            (2, &[1, 0], 0),
            (3, &[2, 1], 1),
        ] {
            let elapsed = Duration::ZERO;
            let context =
                GeneratorContext { rng: &mut rng, free, turn, processes: &[0, 1, 2], elapsed };
            assert_eq!(context.thread_in_turn(), expected, "turn {turn} among {free:?}");
        }
    }
}

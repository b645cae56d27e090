//! What judges an exercise.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use gyre::{Ctx, Node};
use maelstrom::checker::Judgement;
use maelstrom::engine::Outcome;
use maelstrom::simulation::{Check, Smallest};

/// The seeds on which a node must do what it should.
const SEEDS: Range<u64> = 0..30;

/// An exercise as somebody has done it.
pub trait Task {
    /// Judges it.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    fn judge(&self) -> Result<(), String>;

    /// Leaves a small run in the store that shows what is wrong, if it is a node and there is one.
    /// `program` is the command that starts such a node.
    fn show(self: Box<Self>, program: &[&str]) -> Option<Smallest> {
        let _ = program;
        None
    }

    /// Runs it as a node, if it is one.
    fn run(self: Box<Self>) -> Option<ExitCode> {
        None
    }
}

/// What a run may cost. The error is a sentence.
pub type Limits = fn(&Outcome, &Judgement) -> Result<(), String>;

/// A node that must pass this test.
pub fn node<N: Node>(check: Check, make: fn(&Ctx) -> N) -> Box<dyn Task> {
    Box::new(NodeTask { check, make, cost: None })
}

/// A node that must pass this test and, in another run, stay within limits. These are given what
/// happened in that run, and what the checkers say of it.
pub fn node_within<N: Node>(
    check: Check,
    make: fn(&Ctx) -> N,
    measured: Check,
    limits: Limits,
) -> Box<dyn Task> {
    Box::new(NodeTask { check, make, cost: Some((measured, limits)) })
}

struct NodeTask<N> {
    check: Check,
    make: fn(&Ctx) -> N,
    cost: Option<(Check, Limits)>,
}

impl<N: Node> Task for NodeTask<N> {
    fn judge(&self) -> Result<(), String> {
        if let Some(failure) = self.check.first_failure(SEEDS) {
            return Err(format!("on seed {}, {}", failure.seed, failure.sentence));
        }
        let Some((measured, limits)) = &self.cost else { return Ok(()) };
        let (outcome, judgement) = measured.run(SEEDS.start);
        limits(&outcome, &judgement)
    }

    fn show(self: Box<Self>, program: &[&str]) -> Option<Smallest> {
        let failure = self.check.first_failure(SEEDS)?;
        self.check.run_by(program).smallest(failure.seed, None).ok()
    }

    fn run(self: Box<Self>) -> Option<ExitCode> {
        Some(gyre::run(self.make))
    }
}

/// Calls a function that was to be completed.
///
/// # Errors
/// That it panics, and what the panic says. `case` says what the function was called with.
pub fn attempt<T>(case: impl FnOnce() -> String, call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("{}, and the function panics: {}", case(), text.unwrap_or("it says nothing"))
    })
}

/// An answer that is no node. `judge` says in a sentence what is wrong with it.
pub fn answer(judge: impl Fn() -> Result<(), String> + 'static) -> Box<dyn Task> {
    Box::new(Answer(judge))
}

struct Answer<F>(F);

impl<F: Fn() -> Result<(), String>> Task for Answer<F> {
    fn judge(&self) -> Result<(), String> {
        (self.0)()
    }
}

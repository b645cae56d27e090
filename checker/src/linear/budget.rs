//! What a judgement may take before it gives up.
//!
//! Some histories cannot be decided in reasonable time: to find a linearization is NP-complete
//! (P. Gibbons, E. Korach, *Testing shared memories*, SIAM Journal on Computing 26 (1997)). So a
//! search counts its steps and the bytes that it holds, and both have a limit. They are the same
//! on every machine, and so is what comes of them. Time is not: a limit of time, or a key
//! pressed, comes from outside, as a question that is asked now and then.

use std::fmt;
use std::sync::Arc;

/// Says why to stop, once there is a reason. It must go on saying so.
pub type Interrupt = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The limits of one search. Each object of a history, each key of a store, has a search of its
/// own.
#[derive(Clone)]
pub struct Budget {
    /// How many steps: attempts to let an operation take effect, or comparisons of what is known.
    pub steps: u64,
    /// How many bytes it may hold at a time.
    pub bytes: usize,
    /// Asked now and then whether to stop before.
    pub interrupt: Option<Interrupt>,
}

impl Default for Budget {
    /// About half a minute on a machine of today, and 1 GiB.
    fn default() -> Budget {
        Budget { steps: 40_000_000, bytes: 1 << 30, interrupt: None }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { steps, bytes, interrupt } = self;
        let can_be_interrupted = interrupt.is_some();
        write!(f, "Budget({steps} steps, {bytes} bytes, interrupt: {can_be_interrupted})")
    }
}

/// Two budgets are equal when they give equal results.
impl PartialEq for Budget {
    fn eq(&self, other: &Budget) -> bool {
        (self.steps, self.bytes) == (other.steps, other.bytes)
            && self.interrupt.is_none()
            && other.interrupt.is_none()
    }
}

/// How often, in steps, the interrupt is asked.
const ASKED_EVERY: u64 = 1 << 14;

/// What is left of a budget.
pub struct Meter<'a> {
    budget: &'a Budget,
    /// How many steps may be taken, at most.
    limit: u64,
    /// How many have been taken.
    pub steps: u64,
    asked_at: u64,
}

impl<'a> Meter<'a> {
    /// All of a budget.
    pub fn new(budget: &'a Budget) -> Meter<'a> {
        Meter { budget, limit: budget.steps, steps: 0, asked_at: 0 }
    }

    /// The same with fewer steps, or with as many as it takes.
    pub fn with_steps(budget: &'a Budget, steps: u64) -> Meter<'a> {
        Meter { limit: steps, ..Meter::new(budget) }
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.steps)
    }

    /// A part with so many of the steps, or with those that are left.
    pub fn part(&self, steps: u64) -> Meter<'a> {
        Meter::with_steps(self.budget, steps.min(self.left()))
    }

    /// Takes note of what a part has taken.
    ///
    /// # Errors
    /// The clause that says why to stop altogether, if there is one.
    pub fn take(&mut self, part: Meter) -> Result<(), String> {
        self.steps += part.steps;
        self.budget.interrupt.as_ref().and_then(|asked| asked()).map_or(Ok(()), Err)
    }

    /// Takes note of so many steps more, and that so many bytes are held now.
    ///
    /// # Errors
    /// A clause that says which limit was reached.
    pub fn spend(&mut self, steps: u64, bytes: usize) -> Result<(), String> {
        self.steps += steps;
        if self.steps > self.limit {
            return Err(format!("it had taken {} steps", self.limit));
        }
        if bytes > self.budget.bytes {
            return Err(format!("it would have held more than {} MiB", self.budget.bytes >> 20));
        }
        if self.steps - self.asked_at >= ASKED_EVERY {
            self.asked_at = self.steps;
            if let Some(reason) = self.budget.interrupt.as_ref().and_then(|asked| asked()) {
                return Err(reason);
            }
        }
        Ok(())
    }
}

//! A counter that stays within bounds, as a semaphore's permits or a stock of tickets.
//!
//! | operation | value |
//! |---|---|
//! | `add` | what is added; it may be negative |
//! | `increment`, `decrement` | how much; 1 if nil |
//! | `read` | what the counter shows; nil tells nothing |
//!
//! An operation that would leave the bounds cannot succeed: it fails, and has not happened.
//! `--init` is the first value, or a map of `:value`, `:min` and `:max`: 0 without bounds, if
//! nothing is said.

use super::steps::{Held, Steps, hash};
use super::trace::Trace;
use crate::edn::Edn;

/// A call on a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// The counter grows by this much.
    Add(i64),
    /// The counter shows this.
    Read(i64),
}

/// A counter with bounds.
pub struct BoundedCounter {
    initial: Count,
}

/// What a counter holds, and its bounds.
#[derive(Clone, Copy)]
pub struct Count {
    value: i64,
    min: i64,
    max: i64,
}

impl BoundedCounter {
    /// A counter that begins like this.
    ///
    /// # Errors
    /// A clause, when that is neither a number nor a map of `:value`, `:min` and `:max`.
    pub fn new(initial: &Edn) -> Result<BoundedCounter, String> {
        let wrong = || {
            format!(
                "a bounded-counter starts as a number or as {{:value 0, :min 0, :max 10}}, not \
                 as {initial}"
            )
        };
        let number = |name, otherwise| match initial.get(name) {
            None | Some(Edn::Nil) => Ok(otherwise),
            Some(number) => number.as_i64().ok_or_else(wrong),
        };
        let count = match initial {
            Edn::Int(value) => Count { value: *value, min: i64::MIN, max: i64::MAX },
            Edn::Map(_) => Count {
                value: number("value", 0)?,
                min: number("min", i64::MIN)?,
                max: number("max", i64::MAX)?,
            },
            _ => return Err(wrong()),
        };
        if !(count.min..=count.max).contains(&count.value) {
            return Err(format!("{} is not from {} to {}", count.value, count.min, count.max));
        }
        Ok(BoundedCounter { initial: count })
    }
}

impl Steps for BoundedCounter {
    type Call = Call;
    type Held = Count;

    fn call(&mut self, _: Edn, f: &str, value: &Edn, done: bool) -> Result<Option<Call>, String> {
        let number = |otherwise: Option<i64>| {
            let number = if value.is_nil() { otherwise } else { value.as_i64() };
            number.ok_or_else(|| format!("a :{f} has a number, not {value}"))
        };
        let call = match f {
            "read" if !done || value.is_nil() => return Ok(None),
            "read" => Call::Read(number(None)?),
            "add" => Call::Add(number(None)?),
            "increment" => Call::Add(number(Some(1))?),
            "decrement" => Call::Add(number(Some(1))?.checked_neg().ok_or("it is too much")?),
            _ => {
                return Err(format!(
                    "a bounded-counter has no :{f}; it has :add, :increment, :decrement and :read"
                ));
            }
        };
        Ok(Some(call))
    }

    fn initial(&self, _: &Trace<Call>) -> Count {
        self.initial
    }

    fn show(&self, held: &Count) -> Edn {
        Edn::Int(held.value)
    }
}

impl Held for Count {
    type Call = Call;
    type Undo = i64;

    fn step(&mut self, call: &Call) -> Option<i64> {
        let before = self.value;
        match call {
            Call::Read(_) if !self.can_happen(call) => return None,
            Call::Read(_) => {}
            Call::Add(delta) => {
                let sum = before.checked_add(*delta);
                self.value = sum.filter(|sum| (self.min..=self.max).contains(sum))?;
            }
        }
        Some(before)
    }

    fn can_happen(&self, call: &Call) -> bool {
        *call == Call::Read(self.value)
    }

    fn undo(&mut self, _: &Call, before: i64) {
        self.value = before;
    }

    fn sum(&self) -> u128 {
        hash(&self.value)
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Read(_))
    }

    fn leads_to(&self, call: &Call, goal: &Call) -> bool {
        match (call, goal) {
            (Call::Add(delta), Call::Read(value)) => {
                *delta != 0 && (*delta > 0) == (*value > self.value)
            }
            (Call::Add(delta), Call::Add(wanted)) => (*delta > 0) != (*wanted > 0),
            (Call::Read(_), _) => false,
        }
    }
}

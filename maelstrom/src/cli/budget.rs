//! What judging a history may take: flags that `check` and `test` share.
//!
//! By default only steps and bytes are counted, so that a verdict is the same on every machine.
//! A limit of time is the user's to set: then a slower machine may say `unknown` where a faster
//! one has an answer.

#![expect(clippy::disallowed_methods, reason = "a limit of time needs the clock")]

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use clap::Args;

use super::guard::Limits;
use crate::checker::Budget;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct BudgetFlags {
    /// Give up the search for a linearization after so many seconds. Without this it is given up
    /// after a fixed number of steps, about half a minute's.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Judgement")]
    check_timeout: Option<Duration>,

    /// Give up the search for a linearization of one object when it needs so many MiB: 1024, if
    /// nothing is said.
    #[arg(
        long,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Judgement"
    )]
    check_memory: Option<u32>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("{text:?} is not a number of seconds above 0"))
}

impl BudgetFlags {
    /// The limits of everything that happens to one file.
    pub fn limits(&self) -> Limits {
        Limits::new(self.check_timeout, self.memory_bytes())
    }

    fn memory_bytes(&self) -> Option<usize> {
        let bytes = |mebibytes: u32| usize::try_from(u64::from(mebibytes) << 20);
        self.check_memory.map(|mebibytes| bytes(mebibytes).unwrap_or(usize::MAX))
    }

    /// The budget of one judgement. Its time begins when the search first asks for it.
    pub fn budget(&self) -> Budget {
        let bytes = self.memory_bytes().unwrap_or(Budget::default().bytes);
        let budget = Budget { bytes, ..Budget::default() };
        let Some(limit) = self.check_timeout else { return budget };
        let start = OnceLock::new();
        let interrupt = Arc::new(move || {
            let is_over = start.get_or_init(Instant::now).elapsed() >= limit;
            is_over.then(|| format!("it had taken {} s", limit.as_secs_f64()))
        });
        Budget { steps: u64::MAX, interrupt: Some(interrupt), ..budget }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_time_takes_the_place_of_the_limit_of_steps() {
        let flags = BudgetFlags { check_timeout: None, check_memory: Some(3) };
        let budget = flags.budget();
        assert_eq!((budget.bytes, budget.steps), (3 << 20, Budget::default().steps));
        assert!(budget.interrupt.is_none());

        let check_timeout = Some(Duration::from_nanos(1));
        let budget = BudgetFlags { check_timeout, check_memory: None }.budget();
        let interrupt = budget.interrupt.unwrap();
        interrupt();
        assert_eq!(interrupt().unwrap(), "it had taken 0.000000001 s");
        assert_eq!(budget.steps, u64::MAX);
    }

    #[test]
    fn a_limit_of_time_is_above_zero() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "nan", "inf", "1e300", "x", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}

//! Many seeds, on all cores, and their results in the order of the seeds.
//!
//! Seeds are run in blocks, side by side within a block: so what waits for its turn is bounded,
//! and so is what is lost when everything ends at once. The order makes the file of a shard the
//! same on any number of cores, and the first failure that is seen the lowest.
#![expect(clippy::disallowed_methods, reason = "how long a seed has been running is noted here")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::coverage::Coverage;
use super::seed::{self, Failed, Runner, Seed};
use crate::parallel;

/// How many seeds are a block.
pub const BLOCK: u64 = 256;

/// What others may know of the work, and tell it.
#[derive(Default)]
pub struct Control {
    is_over: AtomicBool,
    running: Mutex<BTreeMap<u64, Instant>>,
}

impl Control {
    /// Begins no more seeds.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether no more seeds are to be begun.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The seeds that run at this moment, and for how long each has.
    pub fn running(&self) -> Vec<(u64, Duration)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().map(|(&seed, since)| (seed, since.elapsed())).collect()
    }

    fn begin(&self, seed: u64) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(seed, Instant::now());
    }

    fn finish(&self, seed: u64) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&seed);
    }
}

/// How some seeds are to be run.
#[derive(Default)]
pub struct Care {
    /// Seeds that are known to fail in a way that would end this process.
    pub given_up: BTreeMap<u64, Failed>,
    /// Seeds below this one are run one at a time.
    pub alone_until: u64,
}

/// Why not all seeds were run.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody wanted it to end.
    Ended,
    /// The bench cannot go on: a sentence.
    Broken(String),
}

/// Runs seeds and gives each result to `take`, on this thread and in the order of the seeds.
/// `begins` hears of each seed that is run alone, before it is, and of nobody when the others
/// begin.
///
/// # Errors
/// What ended the work early. All results that were given until then are those of the first seeds.
pub fn run(
    seeds: Range<u64>,
    runner: &dyn Runner,
    control: &Control,
    care: &Care,
    begins: &mut dyn FnMut(Option<u64>),
    take: &mut dyn FnMut(Seed) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut start = seeds.start;
    while start < seeds.end && start < care.alone_until {
        if !care.given_up.contains_key(&start) {
            begins(Some(start));
        }
        take(one(start, runner, control, care)?)?;
        start += 1;
    }
    if care.alone_until > 0 {
        begins(None);
    }
    while start < seeds.end {
        let end = seeds.end.min(start.saturating_add(BLOCK));
        let block: Vec<u64> = (start..end).collect();
        parallel::in_order(&block, |&seed| one(seed, runner, control, care), |seed| take(seed?))?;
        start = end;
    }
    Ok(())
}

fn one(seed: u64, runner: &dyn Runner, control: &Control, care: &Care) -> Result<Seed, Stop> {
    if control.is_over() {
        return Err(Stop::Ended);
    }
    if let Some(failed) = care.given_up.get(&seed) {
        let (coverage, failure) = (Coverage::default(), Some(failed.clone()));
        return Ok(Seed { seed, micros: 0, is_compared: false, coverage, failure });
    }
    control.begin(seed);
    let done = seed::run(runner, seed);
    control.finish(seed);
    // A run that broke off because all of it was to end says nothing about the node.
    done.map_err(|sentence| if control.is_over() { Stop::Ended } else { Stop::Broken(sentence) })
}

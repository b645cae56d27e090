//! Timers: which task wants waking when.
//!
//! Ordered by time and then by the order in which they were set, so that what is due together
//! always wakes in the same order. There are seldom more than a few hundred, so a `BTreeMap`
//! does, and lets a timer that is no longer wanted be taken out at once.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::types::Time;

/// Names one timer: when it is due, and its number.
pub(crate) type TimerKey = (Time, u64);

/// The timers of one process.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<TimerKey, Waker>,
    set_so_far: u64,
}

impl Timers {
    /// Sets a timer. `waker` is woken by the first step at or after `at`.
    pub(crate) fn set(&mut self, at: Time, waker: Waker) -> TimerKey {
        self.set_so_far += 1;
        let key = (at, self.set_so_far);
        self.waiting.insert(key, waker);
        key
    }

    /// Has a timer wake another waker than before. False when it has fired already.
    pub(crate) fn update(&mut self, key: TimerKey, waker: &Waker) -> bool {
        let entry = self.waiting.get_mut(&key);
        entry.map(|old| old.clone_from(waker)).is_some()
    }

    /// Takes a timer out, if it has not fired.
    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.waiting.remove(&key);
    }

    /// Takes out the next timer that is due, and gives its waker.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Waker> {
        let entry = self.waiting.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many timers wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

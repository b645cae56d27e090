//! Configurations: what may be the case at a moment of the history.

use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;
use super::crashed::{Crashed, Spent, Stands};
use super::pending::Pending;

/// One thing that may be the case: the register's value, and which pending operations have
/// taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration<const WORDS: usize> {
    /// What the register holds.
    pub value: Value,
    /// When the last write took effect.
    pub last_write: usize,
    /// The operations under way that have taken effect.
    pub done: Slots<WORDS>,
    /// The reads and writes under way that have not, but had begun when the last write took
    /// effect: they may be slipped in just before it.
    pub early: Slots<WORDS>,
    /// How many of the crashed operations have taken effect.
    pub spent: Spent,
}

impl<const WORDS: usize> Configuration<WORDS> {
    /// The start of every history.
    pub fn new(value: Value) -> Configuration<WORDS> {
        let (done, early) = (Slots::EMPTY, Slots::EMPTY);
        Configuration { value, last_write: 0, done, early, spent: Spent::default() }
    }

    /// These operations take effect, and leave the value as it is.
    pub fn take_effect(&mut self, slots: Slots<WORDS>) {
        self.done |= slots;
        self.early &= !slots;
    }

    /// The register gets a value, by a write if `written`. Whoever waits to read it does.
    pub fn set(&mut self, value: Value, pending: &Pending<WORDS>) {
        self.value = value;
        self.take_effect(pending.reads_of(value, !self.done));
    }

    /// A write takes effect now: everything under way may be slipped in before it.
    pub fn write(&mut self, value: Value, now: usize, pending: &Pending<WORDS>) {
        self.last_write = now;
        self.early = (pending.reads | pending.writes) & !self.done;
        self.set(value, pending);
    }

    /// The operation in this slot has returned, and the slot is free.
    pub fn forget(&mut self, slot: usize) {
        self.done.remove(slot);
        self.early.remove(slot);
    }

    /// Whether this configuration can go on in every way in which the other can: then the
    /// other need not be kept.
    pub fn stands_for(
        &self,
        other: &Configuration<WORDS>,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
    ) -> Stands {
        if self.value != other.value {
            return Stands::No;
        }
        // A read is best done, and better slipped in than yet to come.
        let reads_as_good = (other.done & pending.reads).is_subset(self.done)
            && (other.early & pending.reads).is_subset(self.done | self.early);
        // A write that may be slipped in is the best: it may be dropped or used, as one likes.
        // One that must yet happen and one that did have different uses.
        let other_writes = pending.writes & !self.early;
        let writes_as_good = (other.early & other_writes).is_empty()
            && (other.done & other_writes) == (self.done & other_writes);
        let same_cases = (other.done & pending.cases) == (self.done & pending.cases);
        if !(reads_as_good && writes_as_good && same_cases) {
            return Stands::No;
        }
        if crashed.is_empty() {
            return Stands::Yes;
        }
        if self.last_write < other.last_write {
            return Stands::No;
        }
        self.spent.stands_for(&other.spent, crashed)
    }

    /// One that is the same, but that the write of `value` in passing has been seen by all who
    /// may have: just before the last write, by an operation that was not used otherwise.
    /// `None` when there is no such write.
    pub fn slip_in(
        &self,
        value: Value,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
    ) -> Option<Configuration<WORDS>> {
        let mut slipped = self.clone();
        let call = RegisterCall::Write(value);
        let early_writes = pending.writes & self.early;
        if let Some(write) = pending.first_to_return(call, early_writes) {
            slipped.take_effect(Slots::single(write));
        } else {
            let class = crashed.class(call)?;
            let invoked = crashed.invoked_before(class, self.last_write);
            slipped.spent = self.spent.take(class, invoked)?;
        }
        slipped.take_effect(pending.reads_of(value, self.early));
        Some(slipped)
    }
}

/// Adds a configuration to a set that keeps only those for which no other stands.
pub fn offer<const WORDS: usize>(
    set: &mut Vec<Configuration<WORDS>>,
    mut offered: Configuration<WORDS>,
    pending: &Pending<WORDS>,
    crashed: &Crashed,
) {
    for kept in set.iter_mut() {
        match kept.stands_for(&offered, pending, crashed) {
            Stands::Yes => return,
            Stands::Blurred => return kept.spent.blur(&offered.spent),
            Stands::No => {}
        }
    }
    set.retain(|kept| match offered.stands_for(kept, pending, crashed) {
        Stands::Yes => false,
        Stands::Blurred => {
            offered.spent.blur(&kept.spent);
            false
        }
        Stands::No => true,
    });
    set.push(offered);
}

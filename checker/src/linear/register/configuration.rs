//! Configurations: what may be the case at a moment of the history.

use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;
use super::crashed::{Crashed, Spent};
use super::pending::Pending;

/// One thing that may be the case: the register's value, and which pending operations have
/// taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration<const WORDS: usize> {
    /// What the register holds.
    pub value: Value,
    /// How the register got it.
    pub origin: Origin,
    /// The operations under way that have taken effect.
    pub done: Slots<WORDS>,
    /// The reads and writes under way that have not, but had begun when the last write took
    /// effect: they may be slipped in just before it.
    pub early: Slots<WORDS>,
    /// How many operations had crashed when the last write took effect.
    pub age: u32,
    /// How many of the crashed operations have taken effect.
    pub spent: Spent,
}

/// How a value came about that has not been of use yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It has been of use, or an operation made it that needed the value before.
    Settled,
    /// By a write under way.
    Write,
    /// By a crashed write.
    CrashedWrite,
    /// By a crashed cas from this value.
    CrashedCas(Value),
}

impl Origin {
    /// Whether everything may follow that may follow on the other.
    fn is_no_worse(self, other: Origin) -> bool {
        self == other
            || self == Origin::Settled
            || self == Origin::Write && other != Origin::Settled
    }
}

impl<const WORDS: usize> Configuration<WORDS> {
    /// The start of every history.
    pub fn new(value: Value) -> Configuration<WORDS> {
        Configuration {
            value,
            origin: Origin::Settled,
            done: Slots::EMPTY,
            early: Slots::EMPTY,
            age: 0,
            spent: Spent::default(),
        }
    }

    /// These operations take effect, and leave the value as it is.
    pub fn take_effect(&mut self, slots: Slots<WORDS>) {
        self.done |= slots;
        self.early &= !slots;
    }

    /// The register gets a value. Whoever waits to read it does.
    pub fn set(&mut self, value: Value, origin: Origin, pending: &Pending<WORDS>) {
        self.value = value;
        self.origin = origin;
        self.take_effect(pending.reads_of(value, !self.done));
    }

    /// A write takes effect now: everything under way may be slipped in before it.
    pub fn write(
        &mut self,
        value: Value,
        origin: Origin,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
    ) {
        self.age = crashed.age();
        self.early = (pending.reads | pending.writes) & !self.done;
        self.set(value, origin, pending);
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
    ) -> bool {
        self.is_no_worse(other, pending)
            && (crashed.is_empty()
                // Only for a read can a crashed write be slipped in.
                || (self.age >= other.age || (other.early & pending.reads).is_empty())
                    && crashed.is_no_more(&self.spent, &other.spent))
    }

    /// The same, as far as it is not about crashed operations.
    pub fn is_no_worse(&self, other: &Configuration<WORDS>, pending: &Pending<WORDS>) -> bool {
        if self.value != other.value {
            return false;
        }
        // Which of the rest is the case nobody can foresee, and a processor least of all: so the
        // sets are put together first, and asked once.
        let differently_done = self.done ^ other.done;
        // A read is best done, and better slipped in than yet to come.
        let worse_reads = pending.reads & !self.done & (other.done | (other.early & !self.early));
        // A write that may be slipped in is the best: it may be dropped or used, as one likes.
        // One that must yet happen and one that did have different uses.
        let worse_writes = pending.writes & !self.early & (other.early | differently_done);
        let worse_cases = pending.cases & differently_done;
        (worse_reads | worse_writes | worse_cases).is_empty()
            && self.origin.is_no_worse(other.origin)
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
            slipped.spent = crashed.take_at(crashed.class(call)?, self.age, &self.spent)?;
        }
        slipped.take_effect(pending.reads_of(value, self.early));
        Some(slipped)
    }
}

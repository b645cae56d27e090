//! The operations that are under way and will return, each in a slot.

use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;

/// What is under way.
pub struct Pending<const WORDS: usize> {
    slots: Vec<Slot>,
    vacant: Vec<usize>,
    /// The slots that have to do with the values of which the number ends alike.
    by_value: Vec<ByValue<WORDS>>,
    /// The slots that hold a read.
    pub reads: Slots<WORDS>,
    /// The slots that hold a write.
    pub writes: Slots<WORDS>,
    /// The slots that hold a cas.
    pub cases: Slots<WORDS>,
}

/// Values are told apart by so many last digits of their number; which of the operations found
/// so are about a value, their calls say.
const ENDINGS: usize = 64;

/// Slots that have to do with a value, or with others that end alike.
#[derive(Clone)]
struct ByValue<const WORDS: usize> {
    /// Those that read it.
    reads: Slots<WORDS>,
    /// Those that write it.
    writes: Slots<WORDS>,
    /// Those that compare it, and set another.
    cases: Slots<WORDS>,
}

/// One operation under way.
#[derive(Clone, Copy)]
pub struct Slot {
    /// What it does.
    pub call: RegisterCall,
    /// When it returns.
    pub deadline: usize,
    /// Its place in the trace.
    pub operation: usize,
}

impl<const WORDS: usize> Pending<WORDS> {
    /// Nothing.
    pub fn new() -> Pending<WORDS> {
        let (reads, writes, cases) = (Slots::EMPTY, Slots::EMPTY, Slots::EMPTY);
        let by_value = vec![ByValue { reads, writes, cases }; ENDINGS];
        Pending { slots: Vec::new(), vacant: Vec::new(), by_value, reads, writes, cases }
    }

    /// Finds a slot for an operation that begins.
    pub fn begin(&mut self, operation: Slot) -> usize {
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot] = operation;
                slot
            }
            None => {
                self.slots.push(operation);
                self.slots.len() - 1
            }
        };
        match operation.call {
            RegisterCall::Read(value) => {
                self.reads.insert(slot);
                self.by_value[value as usize % ENDINGS].reads.insert(slot);
            }
            RegisterCall::Write(value) => {
                self.writes.insert(slot);
                self.by_value[value as usize % ENDINGS].writes.insert(slot);
            }
            RegisterCall::Cas(from, _) => {
                self.cases.insert(slot);
                self.by_value[from as usize % ENDINGS].cases.insert(slot);
            }
        }
        slot
    }

    /// Frees the slot of an operation that has returned.
    pub fn end(&mut self, slot: usize) {
        self.reads.remove(slot);
        self.writes.remove(slot);
        self.cases.remove(slot);
        let (RegisterCall::Read(value) | RegisterCall::Write(value) | RegisterCall::Cas(value, _)) =
            self.slots[slot].call;
        let ByValue { reads, writes, cases } = &mut self.by_value[value as usize % ENDINGS];
        reads.remove(slot);
        writes.remove(slot);
        cases.remove(slot);
        self.vacant.push(slot);
    }

    /// What the slot holds.
    pub fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    /// The slots in use.
    pub fn all(&self) -> Slots<WORDS> {
        self.reads | self.writes | self.cases
    }

    /// The reads of this value among the given slots.
    pub fn reads_of(&self, value: Value, among: Slots<WORDS>) -> Slots<WORDS> {
        let mut found = self.by_value[value as usize % ENDINGS].reads & among;
        for slot in found.iter() {
            if self.slots[slot].call != RegisterCall::Read(value) {
                found.remove(slot);
            }
        }
        found
    }

    /// The cas from this value among the given slots, and what each sets.
    pub fn cases_from(
        &self,
        value: Value,
        among: Slots<WORDS>,
    ) -> impl Iterator<Item = (usize, Value)> + '_ {
        let alike = self.by_value[value as usize % ENDINGS].cases & among;
        alike.iter().filter_map(move |slot| match self.slots[slot].call {
            RegisterCall::Cas(from, to) if from == value => Some((slot, to)),
            _ => None,
        })
    }

    /// Of the operations among these slots that make the same call, the one that returns first.
    pub fn first_to_return(&self, call: RegisterCall, among: Slots<WORDS>) -> Option<usize> {
        let alike = match call {
            RegisterCall::Read(value) => self.by_value[value as usize % ENDINGS].reads,
            RegisterCall::Write(value) => self.by_value[value as usize % ENDINGS].writes,
            RegisterCall::Cas(from, _) => self.by_value[from as usize % ENDINGS].cases,
        };
        let same = (alike & among).iter().filter(|&slot| self.slots[slot].call == call);
        same.min_by_key(|&slot| self.slots[slot].deadline)
    }
}

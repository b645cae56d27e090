//! The operations that are under way and will return, each in a slot.

use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;

/// What is under way.
pub struct Pending<const WORDS: usize> {
    slots: Vec<Slot>,
    vacant: Vec<usize>,
    /// The slots that hold a read.
    pub reads: Slots<WORDS>,
    /// The slots that hold a write.
    pub writes: Slots<WORDS>,
    /// The slots that hold a cas.
    pub cases: Slots<WORDS>,
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
        Pending { slots: Vec::new(), vacant: Vec::new(), reads, writes, cases }
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
            RegisterCall::Read(_) => self.reads.insert(slot),
            RegisterCall::Write(_) => self.writes.insert(slot),
            RegisterCall::Cas(..) => self.cases.insert(slot),
        }
        slot
    }

    /// Frees the slot of an operation that has returned.
    pub fn end(&mut self, slot: usize) {
        self.reads.remove(slot);
        self.writes.remove(slot);
        self.cases.remove(slot);
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
        let mut found = Slots::EMPTY;
        for slot in (self.reads & among).iter() {
            if self.slots[slot].call == RegisterCall::Read(value) {
                found.insert(slot);
            }
        }
        found
    }

    /// Of the operations among these slots that make the same call, the one that returns first.
    pub fn first_to_return(&self, call: RegisterCall, among: Slots<WORDS>) -> Option<usize> {
        let alike = among.iter().filter(|&slot| self.slots[slot].call == call);
        alike.min_by_key(|&slot| self.slots[slot].deadline)
    }
}

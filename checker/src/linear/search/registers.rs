//! Registers that are read and written, several at a time if need be.
//!
//! A call reads some registers and then writes some. What makes the search short is looking
//! ahead: a value must not be overwritten as long as somebody has yet to read it whom nobody
//! else can give it to, ever ([`Registers::is_lost`]) or in time ([`Registers::is_stranded`]).

use std::collections::BTreeMap;

use super::memo::random;
use super::object::Searched;
use crate::linear::model::RegisterCall;
use crate::linear::trace::{Operation, Trace};

/// So many pending operations, at most, are asked whether they can still happen: that compares
/// each with each.
const ASKED: usize = 32;

/// A call on registers, by number. A register and what it holds have a number together: a
/// *version*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// What must be the case: registers with the version that they hold.
    pub reads: Vec<(u32, u32)>,
    /// What is the case from then on.
    pub writes: Vec<(u32, u32)>,
    /// Whether it contradicts itself, and can never happen.
    pub is_impossible: bool,
}

impl Access {
    /// What this register surely holds after the steps so far.
    pub fn last(&self, register: u32) -> Option<u32> {
        self.writes(register).or_else(|| self.reads(register))
    }

    fn reads(&self, register: u32) -> Option<u32> {
        self.reads.iter().find(|(other, _)| *other == register).map(|(_, version)| *version)
    }

    fn writes(&self, register: u32) -> Option<u32> {
        self.writes.iter().find(|(other, _)| *other == register).map(|(_, version)| *version)
    }
}

/// A trace of one register as one of many, of which there is only one.
pub fn of_one(trace: &Trace<RegisterCall>) -> Trace<Access> {
    let operations = trace.operations.iter().map(|operation| {
        let (reads, writes) = match operation.call {
            RegisterCall::Read(value) => (vec![(0, value)], vec![]),
            RegisterCall::Write(value) => (vec![], vec![(0, value)]),
            RegisterCall::Cas(from, to) => (vec![(0, from)], vec![(0, to)]),
        };
        let Operation { invoked_at, returned_at, .. } = *operation;
        let call = Access { reads, writes, is_impossible: false };
        Operation { call, invoked_at, returned_at }
    });
    Trace { operations: operations.collect(), events: trace.events.clone() }
}

/// Registers on which the operations of a trace are tried.
pub struct Registers<'a> {
    trace: &'a Trace<Access>,
    /// What each register holds; [`Registers::ABSENT`] where that is nothing.
    held: Vec<u32>,
    sum: u128,
    /// For each version, how many operations that have not happened must read it, and when the
    /// last of all of them begins.
    readers: Vec<u32>,
    last_reader: Vec<usize>,
    /// For each version, how many operations that have not happened can write it, and how many of
    /// these have crashed.
    writers: Vec<u32>,
    crashed_writers: Vec<u32>,
    /// For each version, when operations that write it begin, in that order.
    writers_begin: Vec<Vec<usize>>,
    /// Whether some crashed operation can only happen when it reads the version.
    is_read_by_crashed: Vec<bool>,
    /// What the operations that have happened overwrote.
    overwritten: Vec<u32>,
}

impl<'a> Registers<'a> {
    /// The version of a register that holds nothing: nobody reads it.
    pub const ABSENT: u32 = u32::MAX;

    /// Registers that hold these versions, of so many that there are.
    pub fn new(trace: &'a Trace<Access>, held: Vec<u32>, versions: usize) -> Registers<'a> {
        let mut registers = Registers {
            trace,
            sum: 0,
            readers: vec![0; versions],
            last_reader: vec![0; versions],
            writers: vec![0; versions],
            crashed_writers: vec![0; versions],
            writers_begin: vec![Vec::new(); versions],
            is_read_by_crashed: vec![false; versions],
            overwritten: Vec::new(),
            held,
        };
        for operation in &trace.operations {
            for &(_, version) in &operation.call.writes {
                let version = version as usize;
                registers.writers[version] += 1;
                registers.crashed_writers[version] += u32::from(operation.returned_at.is_none());
                registers.writers_begin[version].push(operation.invoked_at);
            }
            for &(_, version) in &operation.call.reads {
                let version = version as usize;
                if operation.returned_at.is_some() {
                    registers.readers[version] += 1;
                    let last = &mut registers.last_reader[version];
                    *last = (*last).max(operation.invoked_at);
                } else {
                    registers.is_read_by_crashed[version] = true;
                }
            }
        }
        registers.writers_begin.iter_mut().for_each(|begin| begin.sort_unstable());
        registers.sum = registers.held.iter().map(|&v| part(v)).fold(0, u128::wrapping_add);
        registers
    }

    fn can_happen(&self, call: &Access) -> bool {
        !call.is_impossible && call.reads.iter().all(|&(r, v)| self.held[r as usize] == v)
    }

    /// Whether, now that this version is gone, somebody has yet to read it and cannot.
    fn is_lost(&self, version: u32) -> bool {
        version != Registers::ABSENT
            && self.readers[version as usize] > 0
            && self.writers[version as usize] == 0
    }

    /// Whether, once this operation has happened, some pending one must read what is not there,
    /// and returns before anybody can write it. Where very many are pending, they are not asked.
    fn is_stranded(&self, happened: usize, pending: &[usize]) -> bool {
        if pending.len() > ASKED {
            return false;
        }
        let operation = |id: usize| &self.trace.operations[id];
        let barrier = pending.first().and_then(|&id| operation(id).returned_at);
        let gives = |id: usize, wanting: usize, (register, version): (u32, u32)| {
            id != happened && id != wanting && operation(id).call.writes(register) == Some(version)
        };
        let can_come = |wanting: usize, read: (u32, u32)| {
            let (register, version) = (read.0 as usize, read.1 as usize);
            let begin = &self.writers_begin[version];
            self.held[register] == read.1
                || self.crashed_writers[version] > 0
                || pending.iter().any(|&id| gives(id, wanting, read))
                || begin
                    .get(begin.partition_point(|&at| Some(at) < barrier))
                    .is_some_and(|&at| Some(at) < operation(wanting).returned_at)
        };
        pending.iter().any(|&id| {
            id != happened && !operation(id).call.reads.iter().all(|&read| can_come(id, read))
        })
    }

    /// Whether, now that a register holds this version, some pending operation must change or
    /// contradict that before the last of its readers even begins.
    fn is_doomed(&self, writer: usize, (register, version): (u32, u32), pending: &[usize]) -> bool {
        let place = version as usize;
        if self.readers[place] == 0 || self.writers[place] > 0 {
            return false;
        }
        let last_reader = self.last_reader[place];
        pending.iter().any(|&id| {
            let operation = &self.trace.operations[id];
            id != writer
                && operation.returned_at.is_some_and(|at| at < last_reader)
                && (operation.call.writes(register).is_some_and(|other| other != version)
                    || operation.call.reads(register).is_some_and(|other| other != version))
        })
    }
}

fn part(version: u32) -> u128 {
    random(1, u64::from(version))
}

impl Searched for Registers<'_> {
    type State = Vec<u32>;

    fn apply(&mut self, id: usize, pending: &[usize]) -> bool {
        let operation = &self.trace.operations[id];
        let call = &operation.call;
        if !self.can_happen(call) {
            return false;
        }
        if operation.returned_at.is_some() {
            call.reads.iter().for_each(|&(_, version)| self.readers[version as usize] -= 1);
        }
        let has_crashed = u32::from(operation.returned_at.is_none());
        for &(_, version) in &call.writes {
            self.writers[version as usize] -= 1;
            self.crashed_writers[version as usize] -= has_crashed;
        }
        for &(register, version) in &call.writes {
            let held = &mut self.held[register as usize];
            self.sum = self.sum.wrapping_sub(part(*held)).wrapping_add(part(version));
            self.overwritten.push(std::mem::replace(held, version));
        }
        let before = &self.overwritten[self.overwritten.len() - call.writes.len()..];
        let is_bad = call.writes.iter().zip(before).any(|(&(register, version), &before)| {
            before != version
                && (self.is_lost(before) || self.is_doomed(id, (register, version), pending))
        });
        let is_bad = is_bad || self.is_stranded(id, pending);
        if is_bad {
            self.undo(id);
        }
        !is_bad
    }

    fn undo(&mut self, id: usize) {
        let operation = &self.trace.operations[id];
        for &(register, version) in operation.call.writes.iter().rev() {
            let before = self.overwritten.pop().expect("it was applied");
            self.sum = self.sum.wrapping_sub(part(version)).wrapping_add(part(before));
            self.held[register as usize] = before;
            self.writers[version as usize] += 1;
            self.crashed_writers[version as usize] += u32::from(operation.returned_at.is_none());
        }
        if operation.returned_at.is_some() {
            for &(_, version) in &operation.call.reads {
                self.readers[version as usize] += 1;
            }
        }
    }

    fn is_seen(&self, id: usize) -> bool {
        let call = &self.trace.operations[id].call;
        self.can_happen(call) && call.writes.iter().all(|write| call.reads.contains(write))
    }

    fn changes_nothing(&self, id: usize) -> bool {
        let call = &self.trace.operations[id].call;
        call.writes.iter().all(|&(r, v)| self.held[r as usize] == v)
    }

    fn is_conditional(&self, operation: usize) -> bool {
        let call = &self.trace.operations[operation].call;
        !call.reads.is_empty() && !call.writes.is_empty()
    }

    fn leads_to(&self, operation: usize, goal: usize) -> bool {
        let writes = &self.trace.operations[operation].call.writes;
        let reads = &self.trace.operations[goal].call.reads;
        let is_missing =
            |&&(register, version): &&(u32, u32)| self.held[register as usize] != version;
        reads.iter().filter(is_missing).any(|missing| writes.contains(missing))
    }

    fn is_wanted(&self, crashed: usize, pending: &[usize]) -> bool {
        let writes = &self.trace.operations[crashed].call.writes;
        let is_needed = |&&(_, version): &&(u32, u32)| {
            self.readers[version as usize] > 0 || self.is_read_by_crashed[version as usize]
        };
        // Some of what it writes is read next, or else some is overwritten next, but not all.
        writes.iter().filter(is_needed).any(|&(register, version)| {
            self.is_read_by_crashed[version as usize]
                || pending.iter().any(|&id| {
                    let call = &self.trace.operations[id].call;
                    call.reads(register) == Some(version)
                        || call.writes(register).is_none()
                            && writes.iter().any(|(other, _)| call.writes(*other).is_some())
                })
        })
    }

    fn matters_to(&self, crashed: usize, next: usize) -> bool {
        let crashed = &self.trace.operations[crashed].call;
        let next = &self.trace.operations[next].call;
        let is_read = crashed.writes.iter().any(|&(register, _)| next.reads(register).is_some());
        let overwritten =
            crashed.writes.iter().filter(|(register, _)| next.writes(*register).is_some()).count();
        is_read
            || (1..crashed.writes.len()).contains(&overwritten)
            || crashed.reads.iter().any(|&(register, _)| next.writes(register).is_some())
    }

    fn sum(&self) -> u128 {
        self.sum
    }

    fn state(&self) -> Vec<u32> {
        self.held.clone()
    }

    fn impossible(&self) -> Option<usize> {
        // For each version, when the first two operations that can write it begin.
        let mut begin: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
        for (id, operation) in self.trace.operations.iter().enumerate() {
            for &(_, version) in &operation.call.writes {
                let writers = begin.entry(version).or_default();
                if writers.len() < 2 {
                    writers.push((operation.invoked_at, id));
                }
            }
        }
        let is_explained = |id: usize, returned_at: usize, (register, version): (u32, u32)| {
            let writers = begin.get(&version).map_or(&[][..], Vec::as_slice);
            self.held[register as usize] == version
                || writers.iter().any(|&(at, writer)| writer != id && at < returned_at)
        };
        let cannot = self.trace.operations.iter().enumerate().filter(|(id, operation)| {
            let Operation { call, returned_at: Some(at), .. } = operation else { return false };
            call.is_impossible || !call.reads.iter().all(|&read| is_explained(*id, *at, read))
        });
        cannot.min_by_key(|(_, operation)| operation.returned_at).map(|(id, _)| id)
    }
}

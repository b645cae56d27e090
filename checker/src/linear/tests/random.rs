//! Random histories of a register, from a small simulation.

use rand::seq::{IndexedMutRandom, SliceRandom};
use rand::{Rng, RngExt};

use super::{Operation, RegisterCall, Trace, Value, step_register};

/// What a random history is like.
#[derive(Clone, Debug)]
pub struct Settings {
    pub operations: usize,
    pub processes: usize,
    pub values: Value,
    /// Of ten operations, so many are reads and so many are writes; the others are cas.
    pub reads: f64,
    pub writes: f64,
    pub crashes: f64,
    /// So many operations, no two alike, crash before all others begin.
    pub crashed_first: usize,
    /// How often one that crashed takes effect after all, at any step.
    pub late: f64,
    /// How often nothing happens to an operation at its turn.
    pub slow: f64,
    /// How often a read shows an old value, and how often a change is lost.
    pub stale: f64,
    pub lost: f64,
}

struct Running {
    invoked_at: usize,
    call: RegisterCall,
    applied: bool,
    fails: bool,
}

impl Settings {
    pub fn tiny(rng: &mut impl Rng) -> Settings {
        Settings {
            operations: rng.random_range(2..=14),
            processes: rng.random_range(1..=7),
            values: rng.random_range(2..=5),
            reads: rng.random_range(0.1..0.7),
            writes: rng.random_range(0.0..0.9),
            crashes: [0.0, 0.1, 0.3, 0.6][rng.random_range(0..4)],
            crashed_first: 0,
            late: 0.1,
            slow: 0.0,
            stale: [0.0, 0.1, 0.3, 0.9][rng.random_range(0..4)],
            lost: [0.0, 0.0, 0.1, 0.3][rng.random_range(0..4)],
        }
    }

    /// Histories that need their crashed operations: few others write, and many read.
    pub fn crashed(rng: &mut impl Rng, operations: usize, crashed: usize) -> Settings {
        Settings {
            operations: rng.random_range(2..=operations),
            processes: rng.random_range(1..=10),
            values: rng.random_range(2..=5),
            reads: [0.2, 0.5, 0.8, 0.95, 1.0][rng.random_range(0..5)],
            writes: [0.0, 0.0, 0.05, 0.2, 0.5][rng.random_range(0..5)],
            crashes: [0.0, 0.05, 0.2][rng.random_range(0..3)],
            crashed_first: [0, crashed / 2, crashed][rng.random_range(0..3)],
            late: [0.01, 0.05, 0.3][rng.random_range(0..3)],
            slow: [0.0, 0.3, 0.9][rng.random_range(0..3)],
            stale: 0.0,
            lost: 0.0,
        }
    }

    /// A history with at most `most_crashed` operations that crash.
    pub fn trace(&self, rng: &mut impl Rng, most_crashed: usize) -> Trace<RegisterCall> {
        let mut running: Vec<Option<Running>> = Vec::new();
        running.resize_with(self.processes, || None);
        let mut crashed = self.some_calls(rng);
        let first = crashed.iter().enumerate();
        let mut operations: Vec<Operation<RegisterCall>> = first
            .map(|(now, &call)| Operation { call, invoked_at: now, returned_at: None })
            .collect();
        let (mut value, mut past) = (0, vec![0]);
        let (mut started, mut now, mut crashes) = (0, operations.len(), operations.len());
        while started < self.operations || running.iter().any(Option::is_some) {
            if !crashed.is_empty() && rng.random_bool(self.late) {
                let call = crashed.swap_remove(rng.random_range(0..crashed.len()));
                value = step_register(value, call).unwrap_or(value);
                past.push(value);
            }
            let slot = &mut running[rng.random_range(0..self.processes)];
            match slot {
                None if started == self.operations => {}
                None => {
                    let call = self.call(rng);
                    let crashes_now = crashes < most_crashed && rng.random_bool(self.crashes);
                    crashes += usize::from(crashes_now);
                    let invoked_at = now;
                    if crashes_now && !matches!(call, RegisterCall::Read(_)) {
                        operations.push(Operation { call, invoked_at, returned_at: None });
                        crashed.push(call);
                    } else if !crashes_now {
                        let (applied, fails) = (false, false);
                        *slot = Some(Running { invoked_at, call, applied, fails });
                    }
                    started += 1;
                    now += 1;
                }
                Some(_) if rng.random_bool(self.slow) => {}
                Some(running) if !running.applied => {
                    running.applied = true;
                    let lost = rng.random_bool(self.lost);
                    if let RegisterCall::Read(seen) = &mut running.call {
                        let stale = rng.random_bool(self.stale);
                        let back = if stale { rng.random_range(0..4) } else { 0 };
                        *seen = past[past.len().saturating_sub(1 + back)];
                    } else if let Some(new) = step_register(value, running.call) {
                        value = if lost { value } else { new };
                    } else {
                        running.fails = true;
                    }
                    past.push(value);
                }
                Some(Running { invoked_at, call, fails, .. }) => {
                    let (call, invoked_at, returned_at) = (*call, *invoked_at, Some(now));
                    if !*fails {
                        operations.push(Operation { call, invoked_at, returned_at });
                    }
                    *slot = None;
                    now += 1;
                }
            }
        }
        Trace::new(operations)
    }

    fn call(&self, rng: &mut impl Rng) -> RegisterCall {
        let mut value = || rng.random_range(0..self.values);
        let (one, other) = (value(), value());
        if rng.random_bool(self.reads) {
            RegisterCall::Read(0)
        } else if rng.random_bool(self.writes) {
            RegisterCall::Write(one)
        } else {
            RegisterCall::Cas(one, other)
        }
    }

    /// Calls that change something, no two alike.
    fn some_calls(&self, rng: &mut impl Rng) -> Vec<RegisterCall> {
        let values = || 0..self.values;
        let cas = |from| values().map(move |to| RegisterCall::Cas(from, to));
        let mut calls: Vec<RegisterCall> = values().flat_map(cas).collect();
        calls.retain(|call| !matches!(call, RegisterCall::Cas(from, to) if from == to));
        calls.extend(values().map(RegisterCall::Write));
        calls.shuffle(rng);
        calls.truncate(self.crashed_first);
        calls
    }
}

/// The same with up to three reads of the second half changed.
pub fn spoil(
    trace: &Trace<RegisterCall>,
    values: Value,
    rng: &mut impl Rng,
) -> Trace<RegisterCall> {
    let mut operations = trace.operations.clone();
    let half = operations.len() / 2;
    let mut seen: Vec<&mut Value> = Vec::new();
    for operation in &mut operations[half..] {
        if let RegisterCall::Read(value) = &mut operation.call {
            seen.push(value);
        }
    }
    for _ in 0..rng.random_range(1..4) {
        if let Some(value) = seen.choose_mut(rng) {
            **value = rng.random_range(0..values);
        }
    }
    Trace::new(operations)
}

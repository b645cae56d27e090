//! Random histories of a register, from a small simulation.
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
    /// How often a read shows an old value, and how often a change is lost.
    pub stale: f64,
    pub lost: f64,
}

struct Running {
    invoked_at: usize,
    call: RegisterCall,
    applied: bool,
    fails: bool,
    crashes: bool,
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
            stale: [0.0, 0.1, 0.3, 0.9][rng.random_range(0..4)],
            lost: [0.0, 0.0, 0.1, 0.3][rng.random_range(0..4)],
        }
    }

    pub fn trace(&self, rng: &mut impl Rng) -> Trace<RegisterCall> {
        let mut running: Vec<Option<Running>> = Vec::new();
        running.resize_with(self.processes, || None);
        let mut operations = Vec::new();
        let (mut value, mut past) = (0, vec![0]);
        let (mut started, mut now) = (0, 0);
        while started < self.operations || running.iter().any(Option::is_some) {
            let process = rng.random_range(0..self.processes);
            match &mut running[process] {
                None if started == self.operations => {}
                slot @ None => {
                    let call = if rng.random_bool(self.reads) {
                        RegisterCall::Read(0)
                    } else if rng.random_bool(self.writes) {
                        RegisterCall::Write(rng.random_range(0..self.values))
                    } else {
                        RegisterCall::Cas(
                            rng.random_range(0..self.values),
                            rng.random_range(0..self.values),
                        )
                    };
                    let crashes = rng.random_bool(self.crashes);
                    *slot = Some(Running {
                        invoked_at: now,
                        call,
                        applied: false,
                        fails: false,
                        crashes,
                    });
                    started += 1;
                    now += 1;
                }
                Some(running) if !running.applied => {
                    running.applied = true;
                    if running.crashes && rng.random_bool(0.5) {
                        continue;
                    }
                    let lost = rng.random_bool(self.lost);
                    if let RegisterCall::Read(seen) = &mut running.call {
                        let back =
                            if rng.random_bool(self.stale) { rng.random_range(0..4) } else { 0 };
                        *seen = past[past.len().saturating_sub(1 + back)];
                    } else if let Some(new) = step_register(value, running.call) {
                        if !lost {
                            value = new;
                        }
                    } else {
                        running.fails = true;
                    }
                    past.push(value);
                }
                slot @ Some(_) => {
                    let Some(ended) = slot.take() else { continue };
                    let is_read = matches!(ended.call, RegisterCall::Read(_));
                    if !(ended.crashes && is_read || ended.fails && !ended.crashes) {
                        let returned_at = (!ended.crashes).then_some(now);
                        operations.push(Operation {
                            call: ended.call,
                            invoked_at: ended.invoked_at,
                            returned_at,
                        });
                    }
                    now += 1;
                }
            }
        }
        Trace::new(operations)
    }
}

//! All that may happen just before an operation returns that has not taken effect yet.

use std::collections::VecDeque;

use super::super::budget::Meter;
use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;
use super::configuration::{Configuration, Origin};
use super::configurations::Configurations;
use super::crashed::Crashed;
use super::pending::Pending;

/// What the exploration of one return needs to know, and what it has found.
pub struct Exploration<'a, const WORDS: usize> {
    pub pending: &'a Pending<WORDS>,
    pub crashed: &'a Crashed,
    /// The operation that returns.
    pub slot: usize,
    /// All that may be the case before.
    pub starts: &'a [Configuration<WORDS>],
    /// Configurations in which it has taken effect.
    pub found: &'a mut Configurations<WORDS>,
    /// Configurations on the way there: none, or those with which it starts and more.
    pub known: &'a mut Configurations<WORDS>,
    /// Those of them that have not been looked at.
    pub open: &'a mut VecDeque<Configuration<WORDS>>,
    pub goals: &'a Goals,
}

/// The values that are worth having on the way.
#[derive(Default)]
pub struct Goals {
    /// By a crashed cas.
    by_cas: Vec<Value>,
    /// By a write.
    by_write: Vec<Value>,
}

impl<const WORDS: usize> Exploration<'_, WORDS> {
    /// Looks at everything that can be reached.
    ///
    /// # Errors
    /// A clause, when the budget is used up.
    pub fn run(&mut self, meter: &mut Meter) -> Result<(), String> {
        let (starts, slot) = (self.starts, self.slot);
        for configuration in starts {
            self.start(configuration);
            self.spend(meter)?;
        }
        for configuration in starts.iter().filter(|start| !start.done.contains(slot)) {
            self.go_on(configuration);
            self.spend(meter)?;
        }
        while let Some(configuration) = self.open.pop_front() {
            self.go_on(&configuration);
            self.spend(meter)?;
        }
        Ok(())
    }

    /// Finds what needs nothing to happen.
    fn start(&mut self, configuration: &Configuration<WORDS>) {
        if configuration.done.contains(self.slot) {
            return self.visit(configuration.clone());
        }
        if configuration.early.contains(self.slot)
            && let RegisterCall::Read(value) | RegisterCall::Write(value) =
                self.pending.get(self.slot).call
            && let Some(slipped) = configuration.slip_in(value, self.pending, self.crashed)
        {
            self.visit(slipped);
        }
    }

    /// Lets whatever can happen next happen.
    fn go_on(&mut self, configuration: &Configuration<WORDS>) {
        self.cas(configuration);
        self.crashed_cas(configuration);
        // A write overwrites what came before, which must have been of use until then.
        if configuration.origin == Origin::Settled {
            self.write(configuration);
        }
    }

    /// Takes note of what has been done since the last time.
    ///
    /// # Errors
    /// A clause, when the budget is used up.
    fn spend(&mut self, meter: &mut Meter) -> Result<(), String> {
        let columns = self.crashed.columns();
        let sets = self.found.bytes(columns) + self.known.bytes(columns);
        let steps = self.found.take_steps() + self.known.take_steps();
        // Those that are open are among those that are known.
        meter.spend(1 + steps, 2 * sets)
    }

    fn visit(&mut self, mut configuration: Configuration<WORDS>) {
        if configuration.done.contains(self.slot) {
            configuration.forget(self.slot);
            configuration.origin = Origin::Settled;
            self.found.offer(&configuration, self.pending, self.crashed);
            return;
        }
        // Nearly always the operation can take effect at once, and nobody asks what is known.
        if self.known.is_empty() {
            for start in self.starts.iter().filter(|start| !start.done.contains(self.slot)) {
                self.known.offer(start, self.pending, self.crashed);
            }
        }
        if self.known.offer(&configuration, self.pending, self.crashed) {
            self.open.push_back(configuration);
        }
    }

    /// A cas under way takes effect.
    fn cas(&mut self, before: &Configuration<WORDS>) {
        let undone = self.pending.cases & !before.done;
        for (slot, to) in self.pending.cases_from(before.value, undone) {
            let call = RegisterCall::Cas(before.value, to);
            // Of those that are alike, the one that returns first.
            if self.pending.first_to_return(call, undone) != Some(slot) {
                continue;
            }
            let mut after = before.clone();
            after.take_effect(Slots::single(slot));
            after.set(to, Origin::Settled, self.pending);
            self.visit(after);
        }
    }

    /// A crashed cas takes effect.
    fn crashed_cas(&mut self, before: &Configuration<WORDS>) {
        let crashed = self.crashed;
        if self.goals.by_cas.is_empty() {
            return;
        }
        for (class, to) in crashed.cas_from(before.value) {
            if !self.goals.by_cas.contains(&to) || is_detour(before, to, crashed) {
                continue;
            }
            let Some(spent) = crashed.take(class, &before.spent) else { continue };
            // Where there are many writes, a cas is hardly ever worth the trouble.
            if crashed.writes_left(to, &before.spent) >= self.known.limit {
                self.known.has_dropped = true;
                continue;
            }
            let mut after = Configuration { spent, ..before.clone() };
            after.set(to, Origin::CrashedCas(before.value), self.pending);
            if after.done != before.done {
                after.origin = Origin::Settled;
            }
            self.visit(after);
        }
    }

    /// A write takes effect, under way or crashed.
    fn write(&mut self, before: &Configuration<WORDS>) {
        let undone = self.pending.writes & !before.done;
        for goal in 0..self.goals.by_write.len() {
            let value = self.goals.by_write[goal];
            let call = RegisterCall::Write(value);
            let mut after = before.clone();
            // Of those that are alike, the one that returns first; a crashed one never does.
            let origin = if let Some(slot) = self.pending.first_to_return(call, undone) {
                after.take_effect(Slots::single(slot));
                Origin::Write
            } else if !self.crashed.is_withheld
                && let Some(class) = self.crashed.class(call)
                && let Some(spent) = self.crashed.take(class, &before.spent)
            {
                after.spent = spent;
                Origin::CrashedWrite
            } else {
                continue;
            };
            let done = after.done;
            after.write(value, origin, self.pending, self.crashed);
            if after.done != done {
                // No detour, whatever follows; and a write that follows need not wait for it.
                after.origin = Origin::Write;
            }
            self.visit(after);
        }
    }
}

/// Whether a crashed operation leads directly to where two would lead. Whoever keeps the two
/// can still do with them all that he could with the one.
fn is_detour<const WORDS: usize>(
    before: &Configuration<WORDS>,
    to: Value,
    crashed: &Crashed,
) -> bool {
    let direct = match before.origin {
        Origin::Settled | Origin::Write => return false,
        Origin::CrashedWrite => RegisterCall::Write(to),
        Origin::CrashedCas(from) => RegisterCall::Cas(from, to),
    };
    crashed.class(direct).is_some_and(|class| crashed.has_left(class, &before.spent))
}

impl Goals {
    /// Finds the values that are worth having before this operation returns.
    pub fn find<const WORDS: usize>(
        &mut self,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
        returning: RegisterCall,
    ) {
        let Goals { by_cas, by_write } = self;
        by_cas.clear();
        by_write.clear();
        let add = |value, values: &mut Vec<Value>| {
            if !values.contains(&value) {
                values.push(value);
            }
        };
        for slot in pending.cases.iter() {
            if let RegisterCall::Cas(from, _) = pending.get(slot).call {
                add(from, by_cas);
            }
        }
        by_write.extend_from_slice(by_cas);
        if let RegisterCall::Read(value) | RegisterCall::Write(value) = returning {
            add(value, by_write);
        }
        if crashed.is_empty() || crashed.is_withheld {
            return by_cas.clear();
        }
        for slot in pending.reads.iter() {
            if let RegisterCall::Read(value) = pending.get(slot).call {
                add(value, by_cas);
            }
        }
        // Backwards along the crashed cas.
        let mut next = 0;
        while next < by_cas.len() {
            for from in crashed.cas_to(by_cas[next]) {
                add(from, by_cas);
                add(from, by_write);
            }
            next += 1;
        }
    }
}

//! Registers: a search that always answers, however many operations crash.
//!
//! It goes through the history once, from event to event, and keeps the set of all
//! *configurations* that are possible at the moment: the register's value, and which pending
//! operations have taken effect. Where the set becomes empty, the history is not linearizable.
//! The set stays small because of what need not be told apart:
//!
//! - **Just in time.** Nothing happens before it must. Only when an operation returns that has
//!   not taken effect is it asked what may have happened until then ([`explore`]).
//! - **Reads at once.** A read that waits for a value has seen it as soon as the register
//!   holds it. That changes nothing, and can only help.
//! - **In passing.** A write that is overwritten at once is only seen by the reads that are
//!   there. So it need not be decided when the last write takes effect which others happened
//!   just before it, and who read them; only when one of those returns.
//! - **Alike.** Of operations that make the same call, the one that returns first goes first,
//!   and those that crashed, which never return, go last and are only counted ([`crashed`]).
//! - **Dominated.** A configuration is dropped when another can go on in every way in which
//!   it can ([`configuration`]).
//!
//! Source of the first idea: G. Lowe, *Testing for Linearizability*, Concurrency and
//! Computation 29 (2017), section 4, just-in-time linearization.

mod configuration;
mod crashed;
mod explore;
mod pending;

use self::configuration::Configuration;
use self::crashed::Crashed;
use self::explore::Exploration;
use self::pending::{Pending, Slot};
use super::SHOWN;
use super::model::{RegisterCall, Value};
use super::trace::{Event, Outcome, Reached, Stuck, Trace};

/// Decides whether a register that held `initial` at first can have given these results.
pub fn check(trace: &Trace<RegisterCall>, initial: Value) -> Outcome<Value> {
    match concurrency(trace) {
        0..=64 => Search::<1>::new(trace).check(initial),
        65..=256 => Search::<4>::new(trace).check(initial),
        257..=4096 => Search::<64>::new(trace).check(initial),
        4097..=65536 => Search::<1024>::new(trace).check(initial),
        more => Outcome::GivenUp(format!("{more} operations at a time are too many.")),
    }
}

/// The largest number of operations that are under way at once.
fn concurrency(trace: &Trace<RegisterCall>) -> usize {
    let (mut now, mut most) = (0, 0);
    for event in &trace.events {
        match *event {
            Event::Invoke(id) => now += usize::from(trace.operations[id].returned_at.is_some()),
            Event::Return(_) => now -= 1,
        }
        most = most.max(now);
    }
    most
}

/// One history under examination.
struct Search<'a, const WORDS: usize> {
    trace: &'a Trace<RegisterCall>,
    crashed: Crashed,
    pending: Pending<WORDS>,
    /// The slot of each operation under way, by operation.
    slots: Vec<u32>,
    configurations: Vec<Configuration<WORDS>>,
}

/// How one pass through the history ended.
enum Pass {
    Linearizable,
    Stuck(Stuck<Value>),
    /// Only ghosts were left; these classes ran out.
    Blurred(Vec<usize>),
}

impl<'a, const WORDS: usize> Search<'a, WORDS> {
    fn new(trace: &'a Trace<RegisterCall>) -> Search<'a, WORDS> {
        let slots = vec![0; trace.operations.len()];
        let (crashed, pending) = (Crashed::new(trace), Pending::new());
        Search { trace, crashed, pending, slots, configurations: Vec::new() }
    }

    fn check(&mut self, initial: Value) -> Outcome<Value> {
        loop {
            match self.pass(initial) {
                Pass::Linearizable => return Outcome::Linearizable,
                Pass::Stuck(stuck) => return Outcome::Stuck(stuck),
                Pass::Blurred(classes) => {
                    let raised = classes.into_iter().filter(|c| self.crashed.raise_margin(*c));
                    if raised.count() == 0 {
                        return Outcome::GivenUp(
                            "Counting crashed operations decides nothing.".into(),
                        );
                    }
                    self.crashed.reset(self.trace);
                }
            }
        }
    }

    fn pass(&mut self, initial: Value) -> Pass {
        self.pending = Pending::new();
        self.configurations = vec![Configuration::new(initial)];
        let (mut found, mut nodes) = (Vec::new(), Vec::new());
        let trace = self.trace;
        for (now, event) in trace.events.iter().enumerate() {
            match *event {
                Event::Invoke(id) => self.invoke(id),
                Event::Return(id) => {
                    let slot = self.slots[id] as usize;
                    if self.configurations.iter().all(|c| c.done.contains(slot)) {
                        self.configurations.iter_mut().for_each(|c| c.forget(slot));
                    } else {
                        let at = (now, slot);
                        let mut exploration = Exploration::new(
                            &self.pending,
                            &self.crashed,
                            at,
                            &mut found,
                            &mut nodes,
                        );
                        self.configurations.iter().for_each(|c| exploration.start(c));
                        exploration.run();
                        if found.is_empty() {
                            return self.stuck(id);
                        }
                        std::mem::swap(&mut self.configurations, &mut found);
                        found.clear();
                    }
                    self.pending.end(slot);
                    self.crashed.returned(trace.operations[id].call);
                    if let Some(classes) = self.ghosts() {
                        return Pass::Blurred(classes);
                    }
                }
            }
        }
        Pass::Linearizable
    }

    fn invoke(&mut self, id: usize) {
        let operation = &self.trace.operations[id];
        let Some(deadline) = operation.returned_at else {
            return self.crashed.invoke(operation.call);
        };
        // A cas to the same value is a read.
        let call = match operation.call {
            RegisterCall::Cas(from, to) if from == to => RegisterCall::Read(from),
            call => call,
        };
        let slot = self.pending.begin(Slot { call, deadline, operation: id });
        self.slots[id] = slot as u32;
        if let RegisterCall::Read(value) = call {
            for configuration in &mut self.configurations {
                if configuration.value == value {
                    configuration.done.insert(slot);
                }
            }
        }
    }

    /// The classes that ran out, when there are only ghosts.
    fn ghosts(&self) -> Option<Vec<usize>> {
        let classes: Option<Vec<usize>> =
            self.configurations.iter().map(|c| c.spent.ghost_of()).collect();
        let mut classes = classes?;
        classes.sort_unstable();
        classes.dedup();
        Some(classes)
    }

    fn stuck(&self, operation: usize) -> Pass {
        let real = self.configurations.iter().filter(|c| c.spent.ghost_of().is_none());
        let configurations = real.take(SHOWN).map(|configuration| {
            let under_way = (self.pending.all() & !configuration.done).iter();
            let mut pending: Vec<usize> =
                under_way.map(|slot| self.pending.get(slot).operation).collect();
            pending.extend(self.crashed.left(&configuration.spent, SHOWN));
            Reached { state: configuration.value, pending }
        });
        Pass::Stuck(Stuck { operation, configurations: configurations.collect() })
    }
}

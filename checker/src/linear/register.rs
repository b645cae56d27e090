//! Registers: a search that does not choke on operations that crash.
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
//!   it can ([`configurations`]).
//!
//! What is left to grow is the number of ways to explain the past by different crashed
//! operations: each way leaves others for the future. So the search goes through the history
//! in several *passes*. Each keeps a limited number of these ways, the thriftiest ones, and the
//! next keeps more; the first does not even look for them where it can do without. A pass that
//! comes to the end has found an order, whatever it dropped. One that is stuck has shown that
//! there is none if it dropped nothing, as the last one never does; or if there is none even
//! when crashed operations may take effect again and again, which is quickly found out because
//! then there is nothing to count.
//!
//! A key of lin-kv has at most 20 processes, so no more than 20 crashed operations, and no more
//! than 20 at a time: for those the search always answers. Where thousands crashed, it matters
//! less and less which of them are used, and the first pass nearly always decides. The search
//! gives up only on a history that has both: many crashed operations, and a result that depends
//! on nearly all of them.
//!
//! Source of the first idea: G. Lowe, *Testing for Linearizability*, Concurrency and
//! Computation 29 (2017), section 4, just-in-time linearization.
//!
//! Chapter 5 of the book, `book/05-consistency.md`, reads this.

mod configuration;
mod configurations;
mod crashed;
mod explore;
mod pending;

use std::collections::VecDeque;

use self::configuration::Configuration;
use self::configurations::Configurations;
use self::crashed::Crashed;
use self::explore::{Exploration, Goals};
use self::pending::{Pending, Slot};
use super::SHOWN;
use super::budget::{Budget, Meter};
use super::model::{RegisterCall, Value};
use super::search::registers::{Registers, of_one};
use super::search::{self as depth_first, Make};
use super::trace::{Event, Outcome, Reached, Stuck, Trace};

/// How many configurations that differ by crashed operations each pass may keep.
const LIMITS: [usize; 6] = [1, 8, 64, 512, 4096, usize::MAX];

/// With no more than so many crashed operations, and at a time, the search never gives up for
/// the steps that it took.
const FEW: usize = 20;

/// How many steps each of the two searches may take before the other has its turn, besides some
/// for each operation.
const FIRST_STEPS: u64 = 1 << 18;

/// Decides whether a register that held `initial` at first can have given these results.
///
/// There are two searches. This one keeps all that may be the case, which is best where few
/// operations run at a time, or thousands crashed. The other, [`go_deep`], follows one
/// possibility and comes back, which is best where hundreds run at a time. Which will do is not
/// known before, so they take turns.
pub fn check(trace: &Trace<RegisterCall>, initial: Value, budget: &Budget) -> Outcome<Value> {
    let concurrency = concurrency(trace);
    let crashed = trace.operations.iter().filter(|o| o.returned_at.is_none()).count();
    let go_through = |steps: u64| {
        let meter = Meter::with_steps(budget, steps);
        match concurrency {
            0..=64 => passes::<1>(trace, initial, meter),
            65..=256 => passes::<4>(trace, initial, meter),
            257..=4096 => passes::<64>(trace, initial, meter),
            _ => passes::<1024>(trace, initial, meter),
        }
    };
    if concurrency <= FEW && crashed <= FEW {
        return go_through(u64::MAX);
    }
    let first = FIRST_STEPS + 16 * trace.operations.len() as u64;
    go_through(first.min(budget.steps))
        .or_else(|| go_deep(trace, initial, budget, first.min(budget.steps)))
        .or_else(|| go_through(budget.steps / 2))
        .or_else(|| go_deep(trace, initial, budget, budget.steps / 2))
}

/// The search for objects of all kinds, where the one for registers has too much to keep.
fn go_deep(
    trace: &Trace<RegisterCall>,
    initial: Value,
    budget: &Budget,
    steps: u64,
) -> Outcome<Value> {
    let trace = of_one(trace);
    let versions = trace.operations.iter().flat_map(|o| o.call.reads.iter().chain(&o.call.writes));
    let versions = versions.map(|(_, version)| *version).max().unwrap_or(0).max(initial) + 1;
    let make: Make<_, _> =
        &|trace| Box::new(Registers::new(trace, vec![initial], versions as usize));
    let outcome =
        depth_first::check_metered(&trace, make, budget, Meter::with_steps(budget, steps));
    outcome.map(|held| held[0])
}

fn passes<const WORDS: usize>(
    trace: &Trace<RegisterCall>,
    initial: Value,
    mut meter: Meter,
) -> Outcome<Value> {
    let mut relaxed = None;
    for limit in LIMITS {
        let pass = Search::<WORDS>::new(trace, initial, Crashed::new(trace), limit);
        let (outcome, has_dropped) = pass.run(&mut meter);
        let Outcome::Stuck(stuck) = &outcome else { return outcome };
        if !has_dropped {
            return outcome;
        }
        if relaxed.is_none() {
            let crashed = Crashed::relaxed(trace);
            let pass = Search::<WORDS>::new(trace, initial, crashed, usize::MAX);
            relaxed = match pass.run(&mut meter).0 {
                Outcome::Stuck(stuck) => Some(Some(stuck.operation)),
                Outcome::Linearizable(_) => Some(None),
                given_up => return given_up,
            };
        }
        if relaxed == Some(Some(stuck.operation)) {
            return outcome;
        }
    }
    unreachable!("the last pass drops nothing")
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
    /// All that may be the case.
    configurations: Vec<Configuration<WORDS>>,
    // Empty between two events; kept for their memory.
    found: Configurations<WORDS>,
    known: Configurations<WORDS>,
    open: VecDeque<Configuration<WORDS>>,
    goals: Goals,
}

impl<'a, const WORDS: usize> Search<'a, WORDS> {
    fn new(
        trace: &'a Trace<RegisterCall>,
        initial: Value,
        crashed: Crashed,
        limit: usize,
    ) -> Search<'a, WORDS> {
        Search {
            trace,
            crashed,
            pending: Pending::new(),
            slots: vec![0; trace.operations.len()],
            configurations: vec![Configuration::new(initial)],
            found: Configurations::new(limit),
            known: Configurations::new(limit),
            open: VecDeque::new(),
            goals: Goals::default(),
        }
    }

    /// Goes through the history. Also says whether configurations have been dropped because
    /// there were too many.
    fn run(mut self, meter: &mut Meter) -> (Outcome<Value>, bool) {
        // ANCHOR: run
        for (place, event) in self.trace.events.iter().enumerate() {
            match *event {
                Event::Invoke(id) => self.invoke(id),
                Event::Return(id) => {
                    if self.has_taken_effect(id) {
                        self.end(id);
                        continue;
                    }
                    if let Err(reason) = self.take_effect(self.slots[id] as usize, meter) {
                        return (Outcome::GivenUp(self.given_up(&reason, place)), true);
                    }
                    if self.found.is_empty() {
                        let has_dropped = self.known.has_dropped || self.found.has_dropped;
                        return (self.stuck(id), has_dropped);
                    }
                    self.found.move_to(&mut self.configurations);
                    self.end(id);
                }
            }
        }
        // ANCHOR_END: run
        // Which crashed operations are left is no longer counted where it does not matter.
        let shown = self.configurations.iter().take(SHOWN);
        let reached =
            shown.map(|configuration| Reached { state: configuration.value, pending: Vec::new() });
        (Outcome::Linearizable(reached.collect()), false)
    }

    /// Whether the operation has taken effect whatever is the case. Then nobody need remember.
    fn has_taken_effect(&mut self, id: usize) -> bool {
        let slot = self.slots[id] as usize;
        let is_done = self.configurations.iter().all(|c| c.done.contains(slot));
        if is_done {
            self.configurations.iter_mut().for_each(|c| c.forget(slot));
        }
        is_done
    }

    /// Finds all configurations in which the operation in this slot has taken effect.
    fn take_effect(&mut self, slot: usize, meter: &mut Meter) -> Result<(), String> {
        self.found.clear();
        // In the first pass no crashed operation is used where it can be done without.
        if self.known.limit == LIMITS[0] && !self.crashed.is_empty() {
            self.crashed.is_withheld = true;
            let explored = self.explore(slot, meter);
            self.crashed.is_withheld = false;
            explored?;
            if !self.found.is_empty() {
                self.found.has_dropped = true;
                return Ok(());
            }
        }
        self.explore(slot, meter)
    }

    fn explore(&mut self, slot: usize, meter: &mut Meter) -> Result<(), String> {
        self.known.clear();
        self.goals.find(&self.pending, &self.crashed, self.pending.get(slot).call);
        let mut exploration = Exploration {
            pending: &self.pending,
            crashed: &self.crashed,
            slot,
            starts: &self.configurations,
            found: &mut self.found,
            known: &mut self.known,
            open: &mut self.open,
            goals: &self.goals,
        };
        exploration.run(meter)
    }

    /// Why there is no answer, and what is known nevertheless.
    fn given_up(&self, reason: &str, place: usize) -> String {
        let is_return = |event: &&Event| matches!(event, Event::Return(_));
        let passed = self.trace.events[..place].iter().filter(is_return).count();
        format!(
            "The search was given up: {reason}. The first {passed} completed operations can be \
             put in order."
        )
    }

    fn end(&mut self, id: usize) {
        self.pending.end(self.slots[id] as usize);
        for column in self.crashed.returned(self.trace.operations[id].call) {
            self.configurations.iter_mut().for_each(|c| c.spent.clear(column));
        }
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

    fn stuck(&self, operation: usize) -> Outcome<Value> {
        let configurations = self.reached();
        Outcome::Stuck(Stuck { operation, violation: None, configurations })
    }

    /// Some of the configurations.
    fn reached(&self) -> Vec<Reached<Value>> {
        let shown = self.configurations.iter().take(SHOWN);
        let reached = shown.map(|configuration| {
            let under_way = (self.pending.all() & !configuration.done).iter();
            let mut pending: Vec<usize> =
                under_way.map(|slot| self.pending.get(slot).operation).collect();
            pending.extend(self.crashed.left(&configuration.spent, SHOWN));
            Reached { state: configuration.value, pending }
        });
        reached.collect()
    }
}

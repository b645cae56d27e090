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
//!   it can ([`configuration`]).
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

mod configuration;
mod crashed;
mod explore;
mod pending;

use std::collections::VecDeque;

use self::configuration::{Configuration, Configurations};
use self::crashed::Crashed;
use self::explore::{Exploration, Goals};
use self::pending::{Pending, Slot};
use super::SHOWN;
use super::model::{RegisterCall, Value};
use super::trace::{Event, Outcome, Reached, Stuck, Trace};

/// How many configurations that differ by crashed operations each pass may keep.
const LIMITS: [usize; 6] = [1, 8, 64, 512, 4096, usize::MAX];

/// With no more than so many crashed operations, and at a time, the search never gives up.
const FEW: usize = 20;

/// With more it does so when a pass takes more than so many comparisons: some minutes.
const BUDGET: u64 = 1 << 35;

const TOO_MANY: &str = "More operations crashed, or ran at a time, than could be told apart in \
                        some minutes.";

/// Decides whether a register that held `initial` at first can have given these results.
pub fn check(trace: &Trace<RegisterCall>, initial: Value) -> Outcome<Value> {
    match concurrency(trace) {
        0..=64 => search::<1>(trace, initial),
        65..=256 => search::<4>(trace, initial),
        257..=4096 => search::<64>(trace, initial),
        4097..=65536 => search::<1024>(trace, initial),
        more => Outcome::GivenUp(format!("{more} operations at a time are too many.")),
    }
}

fn search<const WORDS: usize>(trace: &Trace<RegisterCall>, initial: Value) -> Outcome<Value> {
    let relax = || {
        let pass = Search::<WORDS>::new(trace, initial, Crashed::relaxed(trace), usize::MAX);
        if let (Outcome::Stuck(stuck), _) = pass.run() { Some(stuck.operation) } else { None }
    };
    let mut relaxed = None;
    for limit in LIMITS {
        let pass = Search::<WORDS>::new(trace, initial, Crashed::new(trace), limit);
        let (outcome, has_dropped) = pass.run();
        let Outcome::Stuck(stuck) = &outcome else { return outcome };
        if !has_dropped || *relaxed.get_or_insert_with(relax) == Some(stuck.operation) {
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
    configurations: Configurations<WORDS>,
    // Empty between two events; kept for their memory.
    found: Configurations<WORDS>,
    known: Configurations<WORDS>,
    open: VecDeque<Configuration<WORDS>>,
}

impl<'a, const WORDS: usize> Search<'a, WORDS> {
    fn new(
        trace: &'a Trace<RegisterCall>,
        initial: Value,
        crashed: Crashed,
        limit: usize,
    ) -> Search<'a, WORDS> {
        let mut configurations = Configurations::new(limit);
        configurations.members.push(Configuration::new(initial));
        Search {
            trace,
            crashed,
            pending: Pending::new(),
            slots: vec![0; trace.operations.len()],
            configurations,
            found: Configurations::new(limit),
            known: Configurations::new(limit),
            open: VecDeque::new(),
        }
    }

    /// Goes through the history. Also says whether configurations have been dropped because
    /// there were too many.
    fn run(mut self) -> (Outcome<Value>, bool) {
        for event in &self.trace.events {
            match *event {
                Event::Invoke(id) => self.invoke(id),
                Event::Return(id) => {
                    self.take_effect(self.slots[id] as usize);
                    if self.found.members.is_empty() {
                        return (self.stuck(id), self.sets().any(|set| set.has_dropped));
                    }
                    std::mem::swap(&mut self.configurations, &mut self.found);
                    let comparisons: u64 = self.sets().map(|set| set.comparisons).sum();
                    if comparisons > BUDGET && !self.is_small() {
                        return (Outcome::GivenUp(TOO_MANY.into()), true);
                    }
                    self.end(id);
                }
            }
        }
        (Outcome::Linearizable, false)
    }

    fn is_small(&self) -> bool {
        self.crashed.len() <= FEW && self.pending.most() <= FEW
    }

    fn sets(&self) -> impl Iterator<Item = &Configurations<WORDS>> {
        [&self.configurations, &self.known, &self.found].into_iter()
    }

    /// Finds all configurations in which the operation in this slot has taken effect.
    fn take_effect(&mut self, slot: usize) {
        self.found.members.clear();
        let members = &mut self.configurations.members;
        if members.iter().all(|c| c.done.contains(slot)) {
            members.iter_mut().for_each(|c| c.forget(slot));
            return std::mem::swap(members, &mut self.found.members);
        }
        // In the first pass no crashed operation is used where it can be done without.
        if self.known.limit == LIMITS[0] && !self.crashed.is_empty() {
            self.crashed.is_withheld = true;
            self.explore(slot);
            self.crashed.is_withheld = false;
            if !self.found.members.is_empty() {
                self.found.has_dropped = true;
                return;
            }
        }
        self.explore(slot);
    }

    fn explore(&mut self, slot: usize) {
        self.known.members.clear();
        let mut exploration = Exploration {
            pending: &self.pending,
            crashed: &self.crashed,
            slot,
            found: &mut self.found,
            known: &mut self.known,
            open: &mut self.open,
            goals: Goals::new(&self.pending, &self.crashed, self.pending.get(slot).call),
        };
        self.configurations.members.iter().for_each(|c| exploration.start(c));
        exploration.run();
    }

    fn end(&mut self, id: usize) {
        self.pending.end(self.slots[id] as usize);
        for column in self.crashed.returned(self.trace.operations[id].call) {
            self.configurations.members.iter_mut().for_each(|c| c.spent.clear(column));
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
            for configuration in &mut self.configurations.members {
                if configuration.value == value {
                    configuration.done.insert(slot);
                }
            }
        }
    }

    fn stuck(&self, operation: usize) -> Outcome<Value> {
        let configurations = self.configurations.members.iter().take(SHOWN).map(|configuration| {
            let under_way = (self.pending.all() & !configuration.done).iter();
            let mut pending: Vec<usize> =
                under_way.map(|slot| self.pending.get(slot).operation).collect();
            pending.extend(self.crashed.left(&configuration.spent, SHOWN));
            Reached { state: configuration.value, pending }
        });
        Outcome::Stuck(Stuck {
            operation,
            violation: None,
            configurations: configurations.collect(),
        })
    }
}

//! The search: try all orders, and never the same situation twice.
//!
//! Depth first: take any operation that has begun and need not wait for another, let it happen,
//! go on. An operation must wait for those that returned before it began, so the candidates are
//! the operations that began before the first return that is still to come, the *barrier*. When
//! no candidate can happen, take back the last one. What keeps it short:
//!
//! - **Known.** A situation that was met before leads nowhere new ([`memo`]).
//! - **At once.** An operation that can happen and only looks, a read, does so at once, and
//!   nothing else need be tried: it can only be in the way later.
//! - **Alike.** Of operations that make the same call, the one that returns first goes first.
//! - **Late.** A crashed operation happens only where that can matter to what happens next. One
//!   that can as well happen later, or not at all, does.
//! - **Looking ahead.** The object refuses steps after which somebody can never be satisfied
//!   ([`registers`], [`queue`]).
//!
//! In the worst case it is exponential, so it has a budget. Everything that can be decided in
//! another way is: what remains is queues with equal elements, registers that are written
//! several at a time, and single registers that are too much for [`super::register`].
//!
//! Sources: J. M. Wing, C. Gong, *Testing and Verifying Concurrent Objects*, Journal of Parallel
//! and Distributed Computing 17 (1993); G. Lowe, *Testing for Linearizability*, Concurrency and
//! Computation 29 (2017), section 3, for remembering situations; P. Godefroid, *Partial-Order
//! Methods for the Verification of Concurrent Systems* (1996), for orders that need not be told
//! apart.
//!
//! Chapter 5 of the book, `book/05-consistency.md`, reads this.

mod locate;
pub mod memo;
pub mod object;
pub mod queue;
pub mod registers;

use std::hash::Hash;

use rustc_hash::FxHashMap;

use self::memo::Memo;
pub use self::memo::random;
use self::object::Searched;
use super::SHOWN;
use super::budget::{Budget, Meter};
use super::trace::{Event, Outcome, Reached, Trace};

/// How many steps the first strategy has, besides some for each operation.
const FIRST_STEPS: u64 = 1 << 14;

/// How often the candidates are gone through, each time for some of them.
const ROUNDS: usize = 3;

/// Makes the object on which the operations of a trace are tried.
pub type Make<'m, C, S> = &'m dyn for<'t> Fn(&'t Trace<C>) -> Box<dyn Searched<State = S> + 't>;

/// Decides whether an object can have given these results.
pub fn check<C: Clone + Eq + Hash, S>(
    trace: &Trace<C>,
    make: Make<C, S>,
    budget: &Budget,
) -> Outcome<S> {
    check_metered(trace, make, budget, Meter::new(budget))
}

/// The same, with another number of steps than the budget's.
pub fn check_metered<C: Clone + Eq + Hash, S>(
    trace: &Trace<C>,
    make: Make<C, S>,
    budget: &Budget,
    mut meter: Meter,
) -> Outcome<S> {
    match search(trace, make, &mut meter) {
        Ok(Some(reached)) => Outcome::Linearizable(vec![reached]),
        Err(reason) => Outcome::GivenUp(reason),
        Ok(None) => {
            let until = locate::first_wrong(trace, make, budget, meter.steps);
            Outcome::Stuck(locate::describe(trace, make, budget, until))
        }
    }
}

/// Searches with one strategy after the other, each for a short time and then for longer: what
/// one does not find for ages, another often finds at once (C. Gomes, B. Selman, H. Kautz,
/// *Boosting combinatorial search through randomization*, AAAI 1998). The first has the last
/// word.
fn search<C: Clone + Eq + Hash, S>(
    trace: &Trace<C>,
    make: Make<C, S>,
    meter: &mut Meter,
) -> Result<Option<Reached<S>>, String> {
    let mut steps = FIRST_STEPS + 32 * trace.operations.len() as u64;
    for number in 0.. {
        if meter.left() / 2 < steps {
            break;
        }
        let strategy = Strategy { is_eager: number % 2 == 1, seed: number / 2 };
        let mut part = meter.part(steps);
        let mut search = Search::new(trace, make(trace), strategy);
        let found = search.run(&mut part);
        meter.take(part)?;
        if let Ok(found) = found {
            return Ok(found.then(|| search.reached()));
        }
        steps += steps / 2;
    }
    let mut search = Search::new(trace, make(trace), Strategy::default());
    match search.run(meter) {
        Ok(found) => Ok(found.then(|| search.reached())),
        Err(reason) => Err(search.given_up(&reason, meter)),
    }
}

/// Crashed operations that make the same call, by when they began.
#[derive(Default)]
struct Class {
    operations: Vec<usize>,
    /// How many of them have begun by now, and how many of these have happened.
    begun: usize,
    used: usize,
    /// The place of the first in [`Search::used`]; those of the others follow.
    bit: usize,
}

impl Class {
    /// The next to happen, if one is left.
    fn next(&self) -> Option<usize> {
        self.operations[self.used..self.begun].first().copied()
    }
}

/// In which order candidates are tried.
#[derive(Clone, Copy, Default)]
struct Strategy {
    /// Whether what can only happen in some situations does so as soon as it can. If not, it
    /// waits until it must happen, or until it is of use.
    is_eager: bool,
    /// Which of several orders of those that are alike in that. The first is by when they return.
    seed: u64,
}

struct Search<'a, S> {
    strategy: Strategy,
    object: Box<dyn Searched<State = S> + 'a>,
    events: &'a [Event],
    returned_at: Vec<Option<usize>>,
    /// Of each operation the number of its call; of a crashed one, the place in `crashed`.
    call: Vec<usize>,
    crashed: Vec<Class>,
    /// The event of the first return whose operation has not happened; at the end, their number.
    barrier: usize,
    /// Operations that began before the barrier, will return, and have not happened, by when
    /// they return.
    pending: Vec<usize>,
    happened: Vec<bool>,
    /// The sum for those of `happened` that will return.
    sum: u128,
    /// Which crashed operations have happened, a bit for each.
    used: Vec<u64>,
    path: Vec<Step>,
    /// Which candidate to try next: those of `pending`, then those of `crashed`, in rounds.
    candidate: usize,
    memo: Memo,
    /// The furthest barrier there was.
    furthest: usize,
}

/// An operation that has happened, and how to take it back.
struct Step {
    operation: usize,
    candidate: usize,
    barrier: usize,
    /// Whether there was no need for another candidate.
    was_only: bool,
}

impl<'a, S> Search<'a, S> {
    fn new<C: Eq + Hash>(
        trace: &'a Trace<C>,
        object: Box<dyn Searched<State = S> + 'a>,
        strategy: Strategy,
    ) -> Search<'a, S> {
        let mut crashed: Vec<Class> = Vec::new();
        let mut calls: FxHashMap<(&C, bool), usize> = FxHashMap::default();
        let mut call = Vec::with_capacity(trace.operations.len());
        for (id, operation) in trace.operations.iter().enumerate() {
            let has_crashed = operation.returned_at.is_none();
            let next = if has_crashed { crashed.len() } else { id };
            let number = *calls.entry((&operation.call, has_crashed)).or_insert(next);
            call.push(number);
            if has_crashed {
                if number == crashed.len() {
                    crashed.push(Class::default());
                }
                crashed[number].operations.push(id);
            }
        }
        let mut bits = 0;
        for class in &mut crashed {
            class.bit = bits;
            bits += class.operations.len();
        }
        let mut search = Search {
            strategy,
            object,
            events: &trace.events,
            returned_at: trace.operations.iter().map(|o| o.returned_at).collect(),
            call,
            crashed,
            barrier: 0,
            pending: Vec::new(),
            happened: vec![false; trace.operations.len()],
            sum: 0,
            used: vec![0; bits.div_ceil(64)],
            path: Vec::new(),
            candidate: 0,
            memo: Memo::new(bits),
            furthest: 0,
        };
        search.advance();
        search
    }

    /// Goes on until all operations have happened. False when there is no such order but those
    /// that were found before.
    fn run(&mut self, meter: &mut Meter) -> Result<bool, String> {
        if self.path.is_empty() && self.object.impossible().is_some() {
            return Ok(false);
        }
        loop {
            if self.barrier == self.events.len() {
                return Ok(true);
            }
            if !self.go_on(meter)? && !self.take_back() {
                return Ok(false);
            }
        }
    }

    /// Moves the barrier to the next return that has not happened. What begins on the way is
    /// pending.
    fn advance(&mut self) {
        while let Some(event) = self.events.get(self.barrier) {
            match *event {
                Event::Return(id) if !self.happened[id] => break,
                Event::Return(_) => {}
                Event::Invoke(id) if self.returned_at[id].is_none() => {
                    self.crashed[self.call[id]].begun += 1;
                }
                Event::Invoke(id) => {
                    let place = self.place(id);
                    self.pending.insert(place, id);
                }
            }
            self.barrier += 1;
        }
        self.furthest = self.furthest.max(self.barrier);
    }

    /// Moves the barrier back.
    fn retreat(&mut self, barrier: usize) {
        while self.barrier > barrier {
            self.barrier -= 1;
            match self.events[self.barrier] {
                Event::Return(_) => {}
                Event::Invoke(id) if self.returned_at[id].is_none() => {
                    self.crashed[self.call[id]].begun -= 1;
                }
                Event::Invoke(id) => {
                    let place = self.place(id);
                    self.pending.remove(place);
                }
            }
        }
    }

    /// Where an operation is, or belongs, among the pending ones.
    fn place(&self, id: usize) -> usize {
        self.pending.partition_point(|&other| self.returned_at[other] < self.returned_at[id])
    }

    /// Lets the next candidate happen that can and leads to a new situation.
    fn go_on(&mut self, meter: &mut Meter) -> Result<bool, String> {
        if self.candidate == 0 {
            let at_once = self.pending.iter().position(|&id| self.object.is_seen(id));
            if let Some(candidate) = at_once {
                meter.spend(1, self.memo.bytes())?;
                return Ok(self.try_pending(candidate, true));
            }
        }
        let count = self.pending.len() + self.crashed.len();
        while self.candidate < ROUNDS * count {
            let (round, place) = (self.candidate / count, self.shuffled(count));
            let class = place.checked_sub(self.pending.len());
            let next = match class {
                None => Some(self.pending[place]),
                Some(class) => self.crashed[class].next(),
            };
            if next.is_some_and(|id| self.round(id) == round) {
                meter.spend(1, self.memo.bytes())?;
                let happens = match class {
                    None => self.try_pending(place, false),
                    Some(class) => self.try_crashed(class),
                };
                if happens {
                    return Ok(true);
                }
            } else {
                self.candidate += 1;
            }
        }
        Ok(false)
    }

    /// When to try an operation: first what is conditional, if that is the strategy; then the
    /// operation at the barrier and what leads to it; then the others.
    fn round(&self, id: usize) -> usize {
        let goal = self.pending[0];
        let will_return = self.returned_at[id].is_some();
        if self.strategy.is_eager && will_return && self.object.is_conditional(id) {
            0
        } else if id == goal || self.object.leads_to(id, goal) {
            1
        } else {
            2
        }
    }

    /// The place of the next candidate among so many.
    fn shuffled(&self, count: usize) -> usize {
        let place = self.candidate % count;
        if self.strategy.seed == 0 {
            return place;
        }
        let offset = memo::random(3 + self.strategy.seed, self.path.len() as u64);
        (place + offset as usize % count) % count
    }

    /// Lets a pending operation happen, or goes on to the next candidate.
    fn try_pending(&mut self, place: usize, was_only: bool) -> bool {
        let id = self.pending[place];
        let is_like = |other: &usize| self.call[*other] == self.call[id];
        let is_first = !self.pending[..place].iter().any(is_like);
        if !is_first || !self.is_mattering(id) || !self.object.apply(id, &self.pending) {
            self.candidate += 1;
            return false;
        }
        self.pending.remove(place);
        self.sum = self.sum.wrapping_add(memo::random(0, id as u64));
        let (candidate, barrier) = (self.candidate, self.barrier);
        self.happen(Step { operation: id, candidate, barrier, was_only });
        if !was_only && !self.memo.add(self.sum.wrapping_add(self.object.sum()), &self.used) {
            self.take_back();
            return false;
        }
        true
    }

    /// Lets the next crashed operation of a class happen, or goes on to the next candidate.
    fn try_crashed(&mut self, class: usize) -> bool {
        let id = self.crashed[class].next().expect("only called where there is one");
        let follows =
            self.trailing().next().is_none_or(|last| last < id || self.object.matters_to(last, id));
        if !follows
            || !self.object.is_wanted(id, &self.pending)
            || self.object.changes_nothing(id)
            || !self.object.apply(id, &self.pending)
        {
            self.candidate += 1;
            return false;
        }
        self.mark(class, true);
        let (candidate, barrier) = (self.candidate, self.barrier);
        self.happen(Step { operation: id, candidate, barrier, was_only: false });
        true
    }

    fn happen(&mut self, step: Step) {
        self.happened[step.operation] = true;
        self.path.push(step);
        self.advance();
        self.candidate = 0;
    }

    /// Takes note that one more of a class has happened, or takes that back.
    fn mark(&mut self, class: usize, happens: bool) {
        let class = &mut self.crashed[class];
        class.used = if happens { class.used + 1 } else { class.used - 1 };
        let bit = class.bit + class.used - usize::from(happens);
        self.used[bit / 64] ^= 1 << (bit % 64);
    }

    /// The crashed operations that happened since the last that will return, the latest first.
    fn trailing(&self) -> impl Iterator<Item = usize> {
        let operations = self.path.iter().rev().map(|step| step.operation);
        operations.take_while(|&id| self.returned_at[id].is_none())
    }

    /// Whether it can matter to this operation, or to what happened in between, that each of the
    /// crashed operations happened just before.
    fn is_mattering(&self, next: usize) -> bool {
        let mut later = vec![next];
        self.trailing().all(|crashed| {
            let matters = later.iter().any(|&next| self.object.matters_to(crashed, next));
            later.push(crashed);
            matters
        })
    }

    /// Takes the last step back for which there is another candidate, and goes on with that;
    /// false at the start.
    fn take_back(&mut self) -> bool {
        while let Some(Step { operation, candidate, barrier, was_only }) = self.path.pop() {
            self.retreat(barrier);
            self.object.undo(operation);
            self.happened[operation] = false;
            if self.returned_at[operation].is_some() {
                let place = self.place(operation);
                self.pending.insert(place, operation);
                self.sum = self.sum.wrapping_sub(memo::random(0, operation as u64));
            } else {
                self.mark(self.call[operation], false);
            }
            self.candidate = candidate + 1;
            if !was_only {
                return true;
            }
        }
        false
    }

    /// What is the case now.
    fn reached(&self) -> Reached<S> {
        Reached { state: self.object.state(), pending: self.left() }
    }

    /// The crashed operations that have begun and not happened: the latest, when there are many.
    fn left(&self) -> Vec<usize> {
        let left = self.crashed.iter().flat_map(|class| &class.operations[class.used..class.begun]);
        let mut left: Vec<usize> = left.copied().collect();
        left.sort_unstable_by_key(|&id| std::cmp::Reverse(id));
        left.truncate(SHOWN);
        left
    }

    fn given_up(&self, reason: &str, meter: &Meter) -> String {
        let is_return = |event: &&Event| matches!(event, Event::Return(_));
        let returns = self.events.iter().filter(is_return).count();
        let passed = self.events[..self.furthest].iter().filter(is_return).count();
        format!(
            "The search was given up: {reason}. Until then {} situations had been looked at. \
             In none of them could all {returns} completed operations be put in order; the first \
             {passed} can.",
            meter.steps
        )
    }
}

//! The plain search, for every model: try all orders, and never the same situation twice.
//!
//! Depth first: take any operation that has begun and need not wait for another, let it happen,
//! go on. An operation must wait for those that returned before it began, so the candidates are
//! the operations that began before the first return that is still to come. When no candidate
//! can happen, take back the last one. A situation (which operations have happened, and the
//! state they led to) that was met before leads nowhere new.
//!
//! It is right by inspection, and exponential in the worst case: what it remembers is bounded
//! by a budget. Registers have their own search, [`super::register`], which this one is there
//! to test; everything else is decided here.
//!
//! Sources: J. M. Wing, C. Gong, *Testing and Verifying Concurrent Objects*, Journal of Parallel
//! and Distributed Computing 17 (1993); G. Lowe, *Testing for Linearizability*, Concurrency and
//! Computation 29 (2017), section 3, for remembering situations.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHashSet;

use super::SHOWN;
use super::model::Model;
use super::trace::{Event, Outcome, Reached, Stuck, Trace};

/// Decides whether an object of this model can have given these results. Gives up when the
/// situations that it has to remember take more than about `budget_bytes`.
pub fn check<M: Model>(
    model: &M,
    trace: &Trace<M::Call>,
    budget_bytes: usize,
) -> Outcome<M::State> {
    let mut search = Search::new(model, trace);
    loop {
        if search.barrier == trace.events.len() {
            return Outcome::Linearizable;
        }
        if search.footprint > budget_bytes {
            return Outcome::GivenUp(format!(
                "The search was given up when it needed more than {} MiB of memory.",
                budget_bytes >> 20
            ));
        }
        if !search.go_on() {
            search.note_stuck();
            if !search.take_back() {
                let (_, stuck) = search.stuck.expect("a search that fails was stuck somewhere");
                return Outcome::Stuck(stuck);
            }
        }
    }
}

struct Search<'a, M: Model> {
    model: &'a M,
    trace: &'a Trace<M::Call>,
    state: M::State,
    /// The event of the first return whose operation has not happened; at the end, their number.
    barrier: usize,
    /// Operations that began before the barrier and have not happened: those that will return,
    /// and those that crashed, which are tried after them.
    pending: [Vec<usize>; 2],
    /// Crashed operations that have happened.
    used: Vec<usize>,
    happened: Vec<bool>,
    steps: Vec<Step<M::State>>,
    /// Which candidate to try next.
    candidate: usize,
    known: FxHashSet<Situation<M::State>>,
    /// About how many bytes `known` takes.
    footprint: usize,
    /// The furthest barrier that was not passed, and what it looked like.
    stuck: Option<(usize, Stuck<M::State>)>,
}

/// An operation that has happened, and how to take it back.
struct Step<S> {
    candidate: usize,
    operation: usize,
    state: S,
    barrier: usize,
    pending: [usize; 2],
}

/// Where a search can be. What has happened follows from what is pending.
#[derive(PartialEq, Eq)]
struct Situation<S> {
    barrier: usize,
    pending: Box<[usize]>,
    used: Box<[usize]>,
    state: S,
}

impl<S: Hash> Hash for Situation<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.barrier, &self.pending, &self.used, &self.state).hash(hasher);
    }
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, trace: &'a Trace<M::Call>) -> Search<'a, M> {
        let mut search = Search {
            model,
            trace,
            state: model.initial(),
            barrier: 0,
            pending: [Vec::new(), Vec::new()],
            used: Vec::new(),
            happened: vec![false; trace.operations.len()],
            steps: Vec::new(),
            candidate: 0,
            known: FxHashSet::default(),
            footprint: 0,
            stuck: None,
        };
        search.advance();
        search
    }

    /// Moves the barrier to the next return that has not happened. What begins on the way is
    /// pending.
    fn advance(&mut self) {
        while let Some(event) = self.trace.events.get(self.barrier) {
            match *event {
                Event::Return(id) if !self.happened[id] => return,
                Event::Return(_) => {}
                Event::Invoke(id) => {
                    let crashed = self.trace.operations[id].returned_at.is_none();
                    self.pending[usize::from(crashed)].push(id);
                }
            }
            self.barrier += 1;
        }
    }

    /// Lets the next candidate happen that can and leads to a new situation.
    fn go_on(&mut self) -> bool {
        while self.candidate < self.pending[0].len() + self.pending[1].len() {
            let candidate = self.candidate;
            let operation = *self.place(candidate).0;
            let call = &self.trace.operations[operation].call;
            if let Some(state) = self.model.step(&self.state, call) {
                self.happen(candidate, operation, state);
                if self.is_new() {
                    return true;
                }
                self.take_back();
            } else {
                self.candidate += 1;
            }
        }
        false
    }

    /// The candidate, and where it stands.
    fn place(&self, candidate: usize) -> (&usize, usize, usize) {
        let live = self.pending[0].len();
        match candidate.checked_sub(live) {
            None => (&self.pending[0][candidate], 0, candidate),
            Some(index) => (&self.pending[1][index], 1, index),
        }
    }

    fn happen(&mut self, candidate: usize, operation: usize, state: M::State) {
        let (_, list, index) = self.place(candidate);
        self.pending[list].remove(index);
        if list == 1 {
            self.used.push(operation);
        }
        self.happened[operation] = true;
        self.steps.push(Step {
            candidate,
            operation,
            state: std::mem::replace(&mut self.state, state),
            barrier: self.barrier,
            pending: [self.pending[0].len(), self.pending[1].len()],
        });
        self.advance();
        self.candidate = 0;
    }

    /// Takes the last step back and goes on with the next candidate; false at the start.
    fn take_back(&mut self) -> bool {
        let Some(step) = self.steps.pop() else { return false };
        self.pending[0].truncate(step.pending[0]);
        self.pending[1].truncate(step.pending[1]);
        let crashed = self.trace.operations[step.operation].returned_at.is_none();
        if crashed {
            self.used.pop();
            self.pending[1].insert(step.candidate - step.pending[0], step.operation);
        } else {
            self.pending[0].insert(step.candidate, step.operation);
        }
        self.happened[step.operation] = false;
        self.state = step.state;
        self.barrier = step.barrier;
        self.candidate = step.candidate + 1;
        true
    }

    fn is_new(&mut self) -> bool {
        let sorted = |ids: &[usize]| {
            let mut ids: Box<[usize]> = ids.into();
            ids.sort_unstable();
            ids
        };
        let situation = Situation {
            barrier: self.barrier,
            pending: sorted(&self.pending[0]),
            used: sorted(&self.used),
            state: self.state.clone(),
        };
        let ids = situation.pending.len() + situation.used.len();
        let bytes = size_of_val(&situation) + ids * size_of::<usize>();
        let is_new = self.known.insert(situation);
        if is_new {
            self.footprint += bytes + self.model.heap_bytes(&self.state);
        }
        is_new
    }

    /// Remembers this dead end if no other was further on.
    fn note_stuck(&mut self) {
        let Event::Return(operation) = self.trace.events[self.barrier] else {
            unreachable!("a barrier is a return");
        };
        if self.stuck.as_ref().is_none_or(|(furthest, _)| *furthest < self.barrier) {
            self.stuck = Some((
                self.barrier,
                Stuck { operation, violation: None, configurations: Vec::new() },
            ));
        }
        let (furthest, stuck) = self.stuck.as_mut().expect("just set");
        if *furthest == self.barrier && stuck.configurations.len() < SHOWN {
            let mut pending = self.pending[0].clone();
            pending.extend(self.pending[1].iter().rev().take(SHOWN));
            stuck.configurations.push(Reached { state: self.state.clone(), pending });
        }
    }
}

//! Where a history that is not linearizable goes wrong, and what may be the case just before.

use std::hash::Hash;

use super::super::SHOWN;
use super::super::budget::{Budget, Meter};
use super::super::trace::{Stuck, Trace};
use super::{Make, Search, Strategy, search};

/// How many steps the search for what to show of a failure may take.
const SHOWN_STEPS: u64 = 100_000;

/// How many steps it may take at least to find where a history goes wrong.
const LOCATING_STEPS: u64 = 5_000_000;

/// The first return at which a trace goes wrong that does, after so many steps. When it takes
/// many more to find that, some return at which it is already wrong.
pub fn first_wrong<C: Clone + Eq + Hash, S>(
    trace: &Trace<C>,
    make: Make<C, S>,
    budget: &Budget,
    steps: u64,
) -> usize {
    let mut meter = Meter::with_steps(budget, LOCATING_STEPS.max(2 * steps));
    let returned = trace.operations.iter().filter_map(|operation| operation.returned_at);
    let mut returns: Vec<usize> = returned.collect();
    returns.sort_unstable();
    let (mut right, mut wrong) = (0, returns.len() - 1);
    if let Some(id) = make(trace).impossible() {
        wrong = returns.partition_point(|at| Some(*at) < trace.operations[id].returned_at);
    }
    while right < wrong {
        let middle = right.midpoint(wrong);
        let part = trace.until(returns[middle]);
        match search(&part, make, &mut meter) {
            Ok(Some(_)) => right = middle + 1,
            Ok(None) => wrong = middle,
            Err(_) => break,
        }
    }
    returns[wrong]
}

/// What may be the case just before this return.
pub fn describe<C: Clone + Eq + Hash, S>(
    trace: &Trace<C>,
    make: Make<C, S>,
    budget: &Budget,
    until: usize,
) -> Stuck<S> {
    let mut part = trace.until(until);
    let operation = part.operations.iter().position(|o| o.returned_at == Some(until));
    let operation = operation.expect("a return is an operation's");
    part.operations[operation].returned_at = None;
    let part = Trace::new(part.operations);
    let mut search = Search::new(&part, make(&part), Strategy::default());
    let mut meter = Meter::with_steps(budget, SHOWN_STEPS);
    let mut configurations = Vec::new();
    while configurations.len() < SHOWN && search.run(&mut meter) == Ok(true) {
        configurations.push(search.reached());
        if !search.take_back() {
            break;
        }
    }
    Stuck { operation, violation: None, configurations }
}

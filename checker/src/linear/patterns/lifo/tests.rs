//! Against the search, which tries every order.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::check;
use crate::edn::Edn;
use crate::linear::budget::Budget;
use crate::linear::search;
use crate::linear::stack::{Call, Stack};
use crate::linear::steps::{Steps, Tried};
use crate::linear::trace::{Operation, Outcome, Trace};

/// Elements that are there at first; the others follow them.
const INITIAL: usize = 2;

/// A stack that holds elements `0..INITIAL` and knows so many.
fn stack(values: usize) -> Stack {
    let elements = |count: usize| Edn::Vector((0..count).map(|n| Edn::Int(n as i64)).collect());
    let mut stack = Stack::new(&elements(INITIAL)).unwrap();
    for value in INITIAL..values {
        stack.call(Edn::Nil, "push", &Edn::Int(value as i64), true).unwrap();
    }
    stack
}

/// A history of a stack, each of whose operations takes effect while it runs: up to four at a
/// time, some of which crash.
fn history(rng: &mut impl Rng, operations: usize) -> (Trace<Call>, usize) {
    let mut held: Vec<u32> = (0..INITIAL as u32).collect();
    let mut next = INITIAL as u32;
    let mut done: Vec<Operation<Call>> = Vec::new();
    let mut running: Vec<(Option<Call>, usize)> = Vec::new();
    let mut at = 0;
    let crashes = rng.random_bool(0.3);
    while done.len() + running.len() < operations || !running.is_empty() {
        at += 1;
        let begins = running.len() < 4 && done.len() + running.len() < operations;
        if begins && (running.is_empty() || rng.random_bool(0.5)) {
            running.push((None, at));
            continue;
        }
        let place = rng.random_range(0..running.len());
        if running[place].0.is_some() || crashes && rng.random_bool(0.05) {
            let (call, invoked_at) = running.remove(place);
            let returned_at = (!crashes || rng.random_bool(0.9)).then_some(at);
            let call = call.map(|call| (call, returned_at)).unwrap_or((Call::TakeAny, None));
            done.push(Operation { call: call.0, invoked_at, returned_at: call.1 });
        } else if rng.random_bool(0.5) {
            held.push(next);
            running[place].0 = Some(Call::Put(next));
            next += 1;
        } else {
            running[place].0 = Some(held.pop().map_or(Call::FindEmpty, Call::Take));
        }
    }
    (Trace::new(done), next as usize)
}

/// The same with what some pops took exchanged, so that it is often wrong.
fn spoiled(trace: &Trace<Call>, rng: &mut impl Rng) -> Trace<Call> {
    let mut operations = trace.operations.clone();
    let is_pop = |o: &Operation<Call>| matches!(o.call, Call::Take(_) | Call::FindEmpty);
    let mut pops: Vec<usize> =
        (0..operations.len()).filter(|id| is_pop(&operations[*id])).collect();
    pops.shuffle(rng);
    if let [one, other, ..] = pops[..] {
        let call = operations[one].call;
        operations[one].call = operations[other].call;
        operations[other].call = call;
    }
    Trace::new(operations)
}

/// Where a history goes wrong; an error where that is not known.
fn by_search(trace: &Trace<Call>, values: usize) -> Result<Option<usize>, String> {
    let initial = stack(values).initial(trace);
    let budget = Budget { steps: 200_000, ..Budget::default() };
    let outcome =
        search::check(trace, &|trace| Box::new(Tried::new(trace, initial.clone())), &budget);
    match outcome {
        Outcome::Linearizable(_) => Ok(None),
        Outcome::Stuck(stuck) => Ok(Some(stuck.operation)),
        Outcome::GivenUp(reason) => Err(reason),
    }
}

#[test]
fn it_agrees_with_the_search_of_every_order() {
    let (mut right, mut wrong, mut unknown) = (0, 0, 0);
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let operations = rng.random_range(2..=16);
        let (mut trace, values) = history(&mut rng, operations);
        if rng.random_bool(0.6) {
            trace = spoiled(&trace, &mut rng);
        }
        let initial: Vec<u32> = (0..INITIAL as u32).collect();
        let (Some(found), Ok(searched)) =
            (check(&trace, &initial, values), by_search(&trace, values))
        else {
            unknown += 1;
            continue;
        };
        let found = found.map(|(operation, _)| operation);
        assert_eq!(found, searched, "seed {seed}: {trace:#?}");
        *if found.is_none() { &mut right } else { &mut wrong } += 1;
    }
    assert!(right > 10_000 && wrong > 3_000, "{right} right, {wrong} wrong, {unknown} unknown");
    assert!(unknown < 1_000, "{right} right, {wrong} wrong, {unknown} unknown");
}

/// What is shown of a long wrong history is a few elements that are wrong on their own.
#[test]
fn a_few_elements_show_what_is_wrong() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (trace, values) = history(&mut rng, 400);
    let initial: Vec<u32> = (0..INITIAL as u32).collect();
    assert_eq!(check(&trace, &initial, values), Some(None));
    let mut shown = 0;
    for _ in 0..100 {
        let Some(Some((_, violation))) = check(&spoiled(&trace, &mut rng), &initial, values) else {
            continue;
        };
        assert!(violation.operations.len() <= 8, "{violation:#?}");
        shown += usize::from(violation.kind == "out-of-order");
    }
    assert!(shown > 15, "{shown} of 100 are out of order");
}

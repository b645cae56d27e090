//! A stack to which no element is added twice.
//!
//! Of the elements that were ever there, the first to be pushed lies at the bottom for as long as
//! it stays: just before its push and just after its pop the stack is empty. So a history of a
//! stack has an element whose push and pop both have a moment at which no other element is surely
//! there. Such an element can be left out. What happens before the first moment, between the two
//! and after the second are then histories of their own: each element belongs to one of them,
//! because none is surely there at either moment, and what is left is a history of a stack just
//! when all three are. So elements are left out one after the other, in any order, and the history
//! is one of a stack just when none remains.
//!
//! An element is surely there from the return of its push until its pop begins. When one is left
//! out, some moments become bare: no element is surely there then. Each moment becomes bare once,
//! and is of use to the pushes and pops that are under way. Trees find both, so that the whole
//! takes n log n steps for n operations.
//!
//! A push that crashed may return when all is over, and so may a pop. A push that crashed and
//! whose element nobody pops did not happen. A pop that crashed and does not say what it took is
//! taken for one that did not happen either: if there is no order then, nothing is known.
//!
//! Sources: Z. H. Lee, U. Mathur, *Efficient decrease-and-conquer linearizability monitoring*,
//! Proceedings of the ACM on Programming Languages 9, OOPSLA2 (2025): elements are left out one by
//! one. Which can be left out is reasoned out above; `lifo/tests.rs` compares it with a search of
//! every order.

mod trees;

use self::trees::{Cover, Waiting};
use super::{First, Found, bag, emptiness};
use crate::linear::collections::QueueCall;
use crate::linear::model::Value;
use crate::linear::stack::Call;
use crate::linear::trace::{Operation, Trace, Violation};

/// The position of what happens when all is over.
const END: usize = usize::MAX - 1;

/// How many sets of elements are tried to find a small one that shows what is wrong.
const TRIED: usize = 1000;

/// Finds the first violation, in a history of a stack that held these elements at first, the top
/// last. `None` when this is not enough: an element is pushed twice, or there is no order unless
/// a pop that crashed took something.
pub fn check(trace: &Trace<Call>, initial: &[Value], values: usize) -> Option<Found> {
    let takes_any = |operation: &Operation<Call>| operation.call == Call::TakeAny;
    let is_unsure = trace.operations.iter().any(takes_any);
    // Without those, no operation has another number: where there are any, none is told.
    let trace = Trace::new(trace.operations.iter().filter_map(of_queue).collect());
    if !bag::is_distinct(&trace, initial, values) {
        return None;
    }
    let found = find(&trace, initial, values);
    (found.is_none() || !is_unsure).then_some(found)
}

/// The operation as one of a queue, which it is but for the order; `None` when it does not say
/// which element it is about.
fn of_queue(operation: &Operation<Call>) -> Option<Operation<QueueCall>> {
    let call = match operation.call {
        Call::Put(value) => QueueCall::Enqueue(value),
        Call::Take(value) => QueueCall::Dequeue(value),
        Call::FindEmpty => QueueCall::FindEmpty,
        Call::TakeAny => return None,
    };
    let Operation { invoked_at, returned_at, .. } = *operation;
    Some(Operation { call, invoked_at, returned_at })
}

fn find(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> Found {
    let mut first = First::default();
    bag::find_unexplained(trace, initial, values, &mut first);
    let stays = bag::stays(trace, initial, values);
    emptiness::check(&trace.operations, &bag::finds(trace), stays, &mut first);
    let found = first.found().map(|(operation, violation)| (operation, of_stack(violation)));
    // A violation of the order counts only before that: after it, elements have no one time.
    let end = found.as_ref().and_then(|(operation, _)| trace.operations[*operation].returned_at);
    let before = end.map(|end| trace.until(end - 1));
    find_disorder(before.as_ref().unwrap_or(trace), initial, values).or(found)
}

/// What the patterns of a queue say, in the words of a stack.
fn of_stack(violation: Violation) -> Violation {
    let sentence = match violation.kind {
        "unexpected" => "An element was popped that nobody ever pushed.",
        "too-early" => "The pop of an element returned before anybody had begun to push it.",
        "duplicated" => "An element was popped more often than it was pushed.",
        _ => "A pop found nothing, but at no moment of its time can the stack have been empty.",
    };
    let of_stack = |(id, role)| {
        let role = if role == "found the queue empty" { "found the stack empty" } else { role };
        (id, role)
    };
    let operations = violation.operations.into_iter().map(of_stack).collect();
    Violation { sentence, operations, ..violation }
}

/// An element: from when until when it may be pushed, and popped. Those who are there at first
/// are pushed before position 0, which is why all positions are moved.
#[derive(Clone, Copy)]
struct Element {
    push: (usize, usize),
    pop: (usize, usize),
    /// The operations, where there are any.
    push_id: Option<usize>,
    pop_id: Option<usize>,
}

/// Looks for elements that no stack gives back in this order.
fn find_disorder(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> Found {
    let remaining = |trace: &Trace<QueueCall>| remaining(&elements(trace, initial, values));
    if remaining(trace).is_empty() {
        return None;
    }
    let end = trace.first_return(|trace| !remaining(trace).is_empty())?;
    let until = trace.until(end);
    let operation = until.operations.iter().position(|o| o.returned_at == Some(end))?;
    let all = elements(&until, initial, values);
    let few = smallest(self::remaining(&all).into_iter().map(|id| all[id]).collect());
    Some((operation, disorder(few)))
}

/// The elements that may have been there, by the first time at which they may be pushed.
fn elements(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> Vec<Element> {
    let start = 2 * initial.len();
    let mut elements: Vec<Option<Element>> = vec![None; values];
    for (place, &value) in initial.iter().enumerate() {
        let push = (2 * place, 2 * place + 1);
        elements[value as usize] =
            Some(Element { push, pop: (END, END + 1), push_id: None, pop_id: None });
    }
    let times = |operation: &Operation<_>| {
        let end = operation.returned_at.map_or(END + 1, |at| start + at);
        (start + operation.invoked_at, end)
    };
    let operations = || trace.operations.iter().enumerate();
    for (id, operation) in operations() {
        if let QueueCall::Enqueue(value) = operation.call {
            let (push, push_id) = (times(operation), Some(id));
            elements[value as usize] =
                Some(Element { push, pop: (END, END + 1), push_id, pop_id: None });
        }
    }
    for (id, operation) in operations() {
        if let QueueCall::Dequeue(value) = operation.call
            && let Some(element) = &mut elements[value as usize]
            && (element.pop_id.is_none() || operation.returned_at.is_some())
        {
            (element.pop, element.pop_id) = (times(operation), Some(id));
        }
    }
    elements.into_iter().flatten().collect()
}

/// Leaves out one element after the other, and gives the places of those that remain.
fn remaining(elements: &[Element]) -> Vec<usize> {
    // One that can be pushed and popped at the same moment never is in the way.
    let stays = |id: &usize| elements[*id].push.1 < elements[*id].pop.0;
    let ids: Vec<usize> = (0..elements.len()).filter(stays).collect();
    let mut positions: Vec<usize> = ids
        .iter()
        .flat_map(|&id| {
            let Element { push, pop, .. } = elements[id];
            [push.0, push.1, pop.0, pop.1]
        })
        .collect();
    positions.sort_unstable();
    positions.dedup();
    // A moment is the time between a position and the next.
    let moments = |(from, until): (usize, usize)| {
        let moment = |position| positions.binary_search(&position).expect("it was put in");
        moment(from)..moment(until)
    };
    let pushes = ids.iter().map(|&id| moments(elements[id].push));
    let pops = ids.iter().map(|&id| moments(elements[id].pop));
    let mut waiting = [Waiting::new(pushes), Waiting::new(pops)];
    let stay = |id: usize| moments((elements[id].push.1, elements[id].pop.0));
    let mut cover = Cover::new(positions.len(), ids.iter().map(|&id| stay(id)));
    let mut wanting = vec![2; ids.len()];
    let mut reached = Vec::new();
    while let Some(moment) = cover.next_bare() {
        waiting.iter_mut().for_each(|waiting| waiting.take(moment, &mut reached));
        for place in reached.drain(..) {
            wanting[place] -= 1;
            if wanting[place] == 0 {
                cover.remove(&stay(ids[place]));
            }
        }
    }
    (0..ids.len()).filter(|&place| wanting[place] > 0).map(|place| ids[place]).collect()
}

/// A few of these elements that are not those of a stack either: ever smaller parts are left out,
/// as long as something remains without them.
fn smallest(mut elements: Vec<Element>) -> Vec<Element> {
    let (mut size, mut tries) = (elements.len() / 2, 0);
    while size > 0 {
        let mut place = 0;
        while place < elements.len() && tries < TRIED {
            tries += 1;
            let mut fewer = elements.clone();
            fewer.drain(place..(place + size).min(elements.len()));
            let left = remaining(&fewer);
            match left.is_empty() {
                true => place += size,
                false => elements = left.into_iter().map(|id| fewer[id]).collect(),
            }
        }
        size /= 2;
    }
    elements
}

fn disorder(mut elements: Vec<Element>) -> Violation {
    elements.sort_by_key(|element| element.push);
    let pushes = ["was pushed first", "was pushed second"];
    let is_pair = elements.len() == pushes.len();
    let role = |place: usize| if is_pair { pushes[place] } else { "was pushed" };
    let mut operations: Vec<(usize, &'static str)> = elements
        .iter()
        .enumerate()
        .filter_map(|(place, element)| Some((element.push_id?, role(place))))
        .collect();
    elements.sort_by_key(|element| element.pop);
    operations.extend(elements.iter().filter_map(|element| Some((element.pop_id?, "was popped"))));
    Violation {
        kind: "out-of-order",
        sentence: "No stack gives these elements back in this order: whichever lies at the \
                   bottom, another is there already when it is pushed, or still there when it is \
                   popped.",
        operations,
    }
}

#[cfg(test)]
mod tests;

//! A queue whose elements leave in any order.
//!
//! Copies of one element are all that a dequeue depends on, so each element is judged on its
//! own: at every time, no more of its dequeues have returned than enqueues have begun. That is
//! exact also where an element is added many times, because the enqueues can be thought to take
//! effect as they begin, and the dequeues as they return. Only a dequeue that found nothing
//! looks at all elements at once ([`emptiness`]), and wants them to be distinct.

use super::emptiness::{self, Stay};
use super::{First, Found};
use crate::linear::collections::QueueCall;
use crate::linear::model::Value;
use crate::linear::trace::{Event, Operation, Trace, Violation};

/// Finds the first violation, in a history of a queue that held these elements at first.
/// `None` when an element is added twice and some dequeue found nothing: then patterns are not
/// enough.
pub fn check(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> Option<Found> {
    let finds = finds(trace);
    if !finds.is_empty() && !is_distinct(trace, initial, values) {
        return None;
    }
    let mut first = First::default();
    find_unexplained(trace, initial, values, &mut first);
    if !finds.is_empty() {
        emptiness::check(&trace.operations, &finds, stays(trace, initial, values), &mut first);
    }
    Some(first.found())
}

/// Whether no element is added more than once.
pub fn is_distinct(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> bool {
    let mut is_added = vec![false; values];
    let enqueued = trace.operations.iter().filter_map(|operation| match operation.call {
        QueueCall::Enqueue(value) => Some(value),
        _ => None,
    });
    let mut added = initial.iter().copied().chain(enqueued);
    added.all(|value| !std::mem::replace(&mut is_added[value as usize], true))
}

/// The dequeues that found nothing.
pub fn finds(trace: &Trace<QueueCall>) -> Vec<usize> {
    let is_find = |id: &usize| trace.operations[*id].call == QueueCall::FindEmpty;
    (0..trace.operations.len()).filter(is_find).collect()
}

/// Looks for the first dequeue of an element of which no copy can be left.
pub fn find_unexplained(
    trace: &Trace<QueueCall>,
    initial: &[Value],
    values: usize,
    first: &mut First,
) {
    let mut copies = vec![0_i64; values];
    initial.iter().for_each(|&value| copies[value as usize] += 1);
    for event in &trace.events {
        match *event {
            Event::Invoke(id) => {
                if let QueueCall::Enqueue(value) = trace.operations[id].call {
                    copies[value as usize] += 1;
                }
            }
            Event::Return(id) => {
                if let QueueCall::Dequeue(value) = trace.operations[id].call {
                    copies[value as usize] -= 1;
                    if copies[value as usize] < 0 {
                        let violation = || unexplained(trace, initial, value, id);
                        return first.offer(&trace.operations, id, violation);
                    }
                }
            }
        }
    }
}

fn unexplained(
    trace: &Trace<QueueCall>,
    initial: &[Value],
    value: Value,
    dequeue: usize,
) -> Violation {
    let ended_at = trace.operations[dequeue].returned_at;
    let mut operations = vec![(dequeue, "took the element")];
    for (id, operation) in trace.operations.iter().enumerate() {
        let is_before = operation.returned_at.is_some_and(|at| Some(at) < ended_at);
        if operation.call == QueueCall::Dequeue(value) && is_before {
            operations.push((id, "had taken it before"));
        } else if operation.call == QueueCall::Enqueue(value) {
            let began = Some(operation.invoked_at) < ended_at;
            operations.push((id, if began { "added it" } else { "added it later" }));
        }
    }
    let was_there = initial.contains(&value)
        || operations.iter().any(|(_, role)| *role == "added it" || *role == "added it later");
    let was_taken = operations.iter().any(|(_, role)| *role == "had taken it before");
    let (kind, sentence) = match (was_there, was_taken) {
        (false, _) => ("unexpected", "An element was dequeued that nobody ever enqueued."),
        (true, false) => (
            "too-early",
            "The dequeue of an element returned before anybody had begun to enqueue it.",
        ),
        (true, true) => ("duplicated", "An element was dequeued more often than it was enqueued."),
    };
    Violation { kind, sentence, operations }
}

/// When each element is surely there; all are distinct.
pub fn stays(
    trace: &Trace<QueueCall>,
    initial: &[Value],
    values: usize,
) -> impl Iterator<Item = Stay> {
    let mut stays: Vec<Option<Stay>> = Vec::new();
    stays.resize_with(values, || None);
    for &value in initial {
        stays[value as usize] = Some(Stay { from: 0, enqueue: None, until: usize::MAX });
    }
    for (id, Operation { call, returned_at, .. }) in trace.operations.iter().enumerate() {
        if let (QueueCall::Enqueue(value), Some(from)) = (*call, *returned_at) {
            stays[value as usize] = Some(Stay { from, enqueue: Some(id), until: usize::MAX });
        }
    }
    for Operation { call, invoked_at, .. } in &trace.operations {
        if let QueueCall::Dequeue(value) = *call
            && let Some(stay) = &mut stays[value as usize]
        {
            stay.until = stay.until.min(*invoked_at);
        }
    }
    stays.into_iter().flatten()
}

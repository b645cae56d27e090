//! A queue whose elements leave in the order in which they came, and none of which is added
//! twice.
//!
//! The patterns that no such history contains:
//!
//! - an element is dequeued that nobody had begun to enqueue, or is dequeued twice ([`bag`]
//!   finds these),
//! - of two elements, the first to be enqueued had not begun to be dequeued when the dequeue of
//!   the second returned,
//! - a dequeue finds the queue empty while elements are there all the time ([`emptiness`]).
//!
//! An enqueue that crashed counts from its invocation on if its element is seen, and not at all
//! otherwise.

use super::{First, Found, bag, emptiness};
use crate::linear::collections::QueueCall;
use crate::linear::model::Value;
use crate::linear::trace::{Event, Trace, Violation};

/// What is known of an element.
#[derive(Clone, Copy)]
struct Element {
    enqueue: Option<usize>,
    /// When its first dequeue began; `usize::MAX` when none did.
    leaves_at: usize,
    /// Its dequeue, the first to return, and when it did.
    dequeue: Option<(usize, usize)>,
}

/// Finds the first violation, in a history of a queue that held these elements at first.
/// `None` when an element is added twice: then patterns are not enough.
pub fn check(trace: &Trace<QueueCall>, initial: &[Value], values: usize) -> Option<Found> {
    if !bag::is_distinct(trace, initial, values) {
        return None;
    }
    let mut first = First::default();
    bag::find_unexplained(trace, initial, values, &mut first);
    let elements = elements(trace, values);
    find_overtaking(trace, initial, &elements, &mut first);
    let stays = bag::stays(trace, initial, values);
    emptiness::check(&trace.operations, &bag::finds(trace), stays, &mut first);
    Some(first.found())
}

fn elements(trace: &Trace<QueueCall>, values: usize) -> Vec<Element> {
    let unseen = Element { enqueue: None, leaves_at: usize::MAX, dequeue: None };
    let mut elements = vec![unseen; values];
    for (id, operation) in trace.operations.iter().enumerate() {
        match operation.call {
            QueueCall::Enqueue(value) => {
                elements[value as usize].enqueue = Some(id);
            }
            QueueCall::Dequeue(value) => {
                let element = &mut elements[value as usize];
                element.leaves_at = element.leaves_at.min(operation.invoked_at);
                if let Some(at) = operation.returned_at
                    && element.dequeue.is_none_or(|(_, first)| at < first)
                {
                    element.dequeue = Some((id, at));
                }
            }
            QueueCall::FindEmpty => {}
        }
    }
    elements
}

/// Of the elements that are surely in the queue by now, the one that leaves last must not be
/// overtaken by one whose enqueue begins now.
fn find_overtaking(
    trace: &Trace<QueueCall>,
    initial: &[Value],
    elements: &[Element],
    first: &mut First,
) {
    let element = |value: Value| &elements[value as usize];
    let mut last: Option<&Element> = None;
    let mut check = |overtaken: Option<&Element>, value: Value| {
        if let Some(overtaken) = overtaken
            && let Some((dequeue, at)) = element(value).dequeue
            && at < overtaken.leaves_at
        {
            let violation = || overtaking(trace, overtaken, element(value).enqueue, dequeue);
            first.offer(&trace.operations, dequeue, violation);
        }
    };
    let later = |last: Option<_>, value: Value| {
        Some(last.map_or(element(value), |last: &Element| {
            if element(value).leaves_at > last.leaves_at { element(value) } else { last }
        }))
    };
    for &value in initial {
        check(last, value);
        last = later(last, value);
    }
    for event in &trace.events {
        match *event {
            Event::Invoke(id) => {
                if let QueueCall::Enqueue(value) = trace.operations[id].call {
                    check(last, value);
                }
            }
            Event::Return(id) => {
                if let QueueCall::Enqueue(value) = trace.operations[id].call {
                    last = later(last, value);
                }
            }
        }
    }
}

fn overtaking(
    trace: &Trace<QueueCall>,
    overtaken: &Element,
    enqueue: Option<usize>,
    dequeue: usize,
) -> Violation {
    let mut operations = Vec::new();
    operations.extend(overtaken.enqueue.map(|id| (id, "was enqueued first")));
    operations.extend(enqueue.map(|id| (id, "was enqueued second")));
    operations.push((dequeue, "was dequeued first"));
    // Found only where there is something to tell; so it need not be fast.
    let begins = |id: &usize| trace.operations[*id].invoked_at == overtaken.leaves_at;
    let late = (0..trace.operations.len()).find(begins);
    operations.extend(late.map(|id| (id, "was dequeued second")));
    Violation {
        kind: "out-of-order",
        sentence: "Of two elements, the second was dequeued before anybody began to dequeue the \
                   first.",
        operations,
    }
}

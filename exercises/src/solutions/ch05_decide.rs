//! Exercise 5-decide, solved: the search of Wing and Gong ("Testing and verifying concurrent
//! objects", 1993).
//!
//! Take any operation that nobody still waiting had to come before: one that was invoked before the
//! first return among those that are left. Let it take place, and decide the rest. If no operation
//! that may come first leads to the end, there is no order.

use crate::stubs::ch05_decide::{Call, Operation, judge};
use crate::{Task, answer};

/// Whether there is such an order.
pub fn is_linearizable(history: &[Operation]) -> bool {
    goes_on(0, history)
}

/// Whether the operations that are left can follow when the register holds this value.
fn goes_on(value: i64, left: &[Operation]) -> bool {
    let Some(first_return) = left.iter().map(|operation| operation.returned_at).min() else {
        return true;
    };
    left.iter().enumerate().any(|(place, operation)| {
        let may_be_next = operation.invoked_at < first_return;
        let after = match operation.call {
            Call::Read(seen) => (seen == value).then_some(value),
            Call::Write(new) => Some(new),
        };
        let rest = [&left[..place], &left[place + 1..]].concat();
        may_be_next && after.is_some_and(|value| goes_on(value, &rest))
    })
}

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(is_linearizable))
}

//! Exercise 13-oracle, solved: every order is tried.

use crate::stubs::ch13_oracle::{Call, Operation, judge};
use crate::{Task, answer};

/// Whether the operations that are left can happen in some order, when the register holds this.
fn is_possible(left: &[Operation], held: Option<i64>) -> bool {
    left.is_empty()
        || left.iter().enumerate().any(|(place, first)| {
            // Nothing that is left may have ended before it began.
            let is_first = left.iter().all(|other| first.begin < other.end);
            let rest = [&left[..place], &left[place + 1..]].concat();
            is_first
                && match first.call {
                    Call::Write(value) => is_possible(&rest, Some(value)),
                    Call::Read(seen) => seen == held && is_possible(&rest, held),
                }
        })
}

/// Whether there is such an order.
fn is_linearizable(operations: &[Operation]) -> bool {
    is_possible(operations, None)
}

/// The oracle above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(is_linearizable))
}

//! Exercise 13-plant, solved: a stale read.
//!
//! Process 1 reads an empty list after the append has ended. Before the append, that read is right:
//! so there is an order, but not one that agrees with real time.

use crate::stubs::ch13_plant::{HISTORY, judge};
use crate::{Task, answer};

/// The history above, judged.
pub fn task() -> Box<dyn Task> {
    let right = "{:process 1, :type :ok, :f :txn, :value [[:r \"x\" [1]]]}";
    let stale = "{:process 1, :type :ok, :f :txn, :value [[:r \"x\" []]]}";
    answer(move || judge(&HISTORY.replace(right, stale)))
}

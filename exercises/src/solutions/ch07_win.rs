//! Exercise 7-win, solved.
//!
//! A node votes for a log that is at least as up-to-date as its own: the last term decides, and in
//! one term the length. So the seven logs stand in this order, the least up-to-date first: n7 (ends
//! at entry 11 of term 3), n3 (4 of 4), n6 (7 of 4), n2 (9 of 6), n1 (10 of 6), n4 (11 of 6), n5 (12
//! of 7). Each gets its own vote and those of all before it. A majority of seven is four, so the
//! last four can win. The length of its log does not help n7, and n2 can win although it lacks an
//! entry of n1: what only three of seven have is not committed.

use crate::stubs::ch07_win::judge;
use crate::{Task, answer};

/// The nodes that can win.
pub fn can_win() -> Vec<&'static str> {
    vec!["n2", "n1", "n4", "n5"]
}

/// The answer above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&can_win()))
}

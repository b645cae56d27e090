//! Exercise 10-skew, solved.
//!
//! T1 reads x before T2 appends to it, so T1 comes before T2. T2 reads y before T1 appends to it,
//! so T2 comes before T1. Both dependencies are anti-dependencies, one after the other in a cycle:
//! G2-item. Snapshot isolation does not see it, for the two write different lists.

use crate::stubs::ch10_skew::Step::{self, Append, Read};
use crate::stubs::ch10_skew::judge;
use crate::{Task, answer};

/// The transactions T1, T2 and T3.
pub const HISTORY: [&[Step]; 3] = [
    &[Read("x", &[]), Append("y", 1)],
    &[Read("y", &[]), Append("x", 2)],
    &[Read("x", &[2]), Read("y", &[1])],
];

/// The history above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&HISTORY))
}

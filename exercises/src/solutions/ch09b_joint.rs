//! Exercise 9b-joint, solved: a majority of the old voters, and one of the new.

use crate::stubs::ch09b_joint::{Nodes, judge};
use crate::{Task, answer};

/// Whether those who agree can decide, on the way from the old voters to the new ones.
pub fn decides(old: &Nodes, new: &Nodes, agree: &Nodes) -> bool {
    let is_majority_of = |voters: &Nodes| 2 * voters.intersection(agree).count() > voters.len();
    is_majority_of(old) && is_majority_of(new)
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(decides))
}

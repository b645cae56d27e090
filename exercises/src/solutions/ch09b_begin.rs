//! Exercise 9b-begin, solved: the last change and an entry of the leader's own term are committed.

use crate::stubs::ch09b_begin::{Leader, judge};
use crate::{Task, answer};

/// Whether it may begin a change of the voters.
pub fn may_begin(leader: &Leader) -> bool {
    // Terms never fall along a log. So if any entry of this term is committed, the last that is
    // committed is one.
    let last_committed = leader.commit.checked_sub(1).map(|place| leader.log[place as usize]);
    leader.configured_at <= leader.commit && last_committed == Some(leader.term)
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(may_begin))
}

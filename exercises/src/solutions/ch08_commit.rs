//! Exercise 8-commit, solved: an entry of the leader's own term on a majority, and all before it.

use gyre::raft::{Index, Term};

use crate::stubs::ch08_commit::judge;
use crate::{Task, answer};

/// How far the log of the leader of `term` is committed.
pub fn commit_index(log: &[Term], stored: &[Index], term: Term, commit: Index) -> Index {
    let mut stored = stored.to_vec();
    stored.sort_unstable_by(|a, b| b.cmp(a));
    let by_majority = stored[stored.len() / 2];
    // Terms never fall along a log. So if the last entry on a majority is of an earlier term, all
    // before it are, too.
    let is_of_this_term = by_majority > 0 && log[by_majority as usize - 1] == term;
    if is_of_this_term { by_majority.max(commit) } else { commit }
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(commit_index))
}

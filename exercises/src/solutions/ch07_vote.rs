//! Exercise 7-vote, solved: one vote a term, and only for a log that is at least as up-to-date.

use crate::stubs::ch07_vote::{RequestVote, Voter, judge};
use crate::{Task, answer};

/// Whether the candidate gets this node's vote.
pub fn on_request_vote(voter: &mut Voter, request: &RequestVote) -> bool {
    if request.term > voter.term {
        // §5.1: a later term begins, and in it nobody has this node's vote yet.
        voter.term = request.term;
        voter.vote = None;
    }
    let is_free = voter.vote.is_none_or(|vote| vote == request.candidate);
    // §5.4.1: this node may have helped to commit all that is in its log.
    let granted = request.term == voter.term && is_free && request.last >= voter.last;
    if granted {
        voter.vote = Some(request.candidate);
    }
    granted
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(on_request_vote))
}

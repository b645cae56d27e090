//! Exercise 7-vote: who gets a vote.
//!
//! `on_request_vote` is what a node does when a candidate asks for its vote. This one votes for
//! every candidate. Let it give its vote so that no term has two leaders, and so that no leader lacks
//! an entry that is committed: §5.1, §5.2 and §5.4.1 of the paper. What it writes into `voter` is
//! on its disk before the answer is sent.
//!
//! `LogId` compares as the paper does: first the term, then the index.

use std::fmt;

use gyre::raft::{LogId, Term};

use crate::{Task, answer};

/// What a node has on its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The latest term that it has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub vote: Option<&'static str>,
    /// The end of its log.
    pub last: LogId,
}

/// What a candidate asks.
#[derive(Clone, Copy, Debug)]
pub struct RequestVote {
    /// The term that the candidate wants to lead.
    pub term: Term,
    /// Its name.
    pub candidate: &'static str,
    /// The end of its log.
    pub last: LogId,
}

// ANCHOR: naive
/// Whether the candidate gets this node's vote.
pub fn on_request_vote(voter: &mut Voter, request: &RequestVote) -> bool {
    // To do: vote once a term, and not for everybody.
    voter.term = request.term;
    voter.vote = Some(request.candidate);
    true
}
// ANCHOR_END: naive

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(on_request_vote))
}

type Vote = fn(&mut Voter, &RequestVote) -> bool;

/// Judges a function on all short conversations with two candidates.
pub fn judge(vote: Vote) -> Result<(), String> {
    // Rule by rule, so that the worst fault is named first.
    for rule in [votes_once, in_its_term, for_a_complete_log, for_whom_it_can, remembers] {
        for first in requests() {
            for second in requests() {
                let mut voter = Voter { term: 1, vote: None, last: LogId { term: 1, index: 2 } };
                let mut former = None;
                for request in [first, second] {
                    let before = voter.clone();
                    let granted = vote(&mut voter, &request);
                    let case = Case { before, request, granted, after: voter.clone(), former };
                    rule(&case).map_or(Ok(()), Err)?;
                    former = granted.then_some(request).or(former);
                }
            }
        }
    }
    Ok(())
}

/// All questions of two candidates in three terms, with a log that is as long as the voter's,
/// shorter, or shorter but of a later term.
fn requests() -> Vec<RequestVote> {
    let mut requests = Vec::new();
    for last in [(1, 2), (1, 1), (2, 1)] {
        for term in [2, 1, 3] {
            for candidate in ["n1", "n2"] {
                let last = LogId { term: last.0, index: last.1 };
                requests.push(RequestVote { term, candidate, last });
            }
        }
    }
    requests
}

/// One question and what became of it.
struct Case {
    before: Voter,
    request: RequestVote,
    granted: bool,
    after: Voter,
    /// The last question that got a vote.
    former: Option<RequestVote>,
}

impl fmt::Display for RequestVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestVote { term, candidate, last } = self;
        write!(
            f,
            "{candidate} asks in term {term} with a log that ends at entry {} of term {}",
            last.index, last.term
        )
    }
}

fn votes_once(case: &Case) -> Option<String> {
    let former = case.former.filter(|former| former.term == case.request.term)?;
    let other = former.candidate != case.request.candidate;
    (case.granted && other).then(|| {
        format!(
            "the node votes for {} in term {}, and then for {} in term {}: both may lead it",
            former.candidate, former.term, case.request.candidate, case.request.term
        )
    })
}

fn in_its_term(case: &Case) -> Option<String> {
    let (before, request) = (&case.before, &case.request);
    if case.granted && request.term < before.term {
        return Some(format!("the node is in term {}; {request}, and gets a vote", before.term));
    }
    let term = before.term.max(request.term);
    (case.after.term != term).then(|| {
        let (before, after) = (before.term, case.after.term);
        format!("the node is in term {before}; {request}; the node should be in term {term} then, but is in {after}")
    })
}

fn for_a_complete_log(case: &Case) -> Option<String> {
    let mine = case.before.last;
    (case.granted && case.request.last < mine).then(|| {
        format!(
            "the node's log ends at entry {} of term {}; {}, and gets a vote: a committed entry may \
             be lost",
            mine.index, mine.term, case.request
        )
    })
}

fn for_whom_it_can(case: &Case) -> Option<String> {
    let Case { before, request, .. } = case;
    let is_later = request.term > before.term;
    let is_free = is_later || before.vote.is_none_or(|vote| vote == request.candidate);
    let must = request.term >= before.term && is_free && request.last >= before.last;
    (must && !case.granted).then(|| {
        let vote = before.vote.map_or("has not voted".into(), |vote| format!("voted for {vote}"));
        format!("the node is in term {} and {vote}; {request}, and gets no vote", before.term)
    })
}

fn remembers(case: &Case) -> Option<String> {
    let Case { before, request, after, .. } = case;
    let vote = match case.granted {
        true => Some(request.candidate),
        false if request.term > before.term => None,
        false => before.vote,
    };
    if after.vote != vote {
        let name = |vote: Option<&str>| vote.unwrap_or("nobody").to_owned();
        return Some(format!(
            "{request}; on the disk should be a vote for {} then, but there is one for {}",
            name(vote),
            name(after.vote)
        ));
    }
    (after.last != before.last).then(|| format!("{request}, and the node's log has changed"))
}

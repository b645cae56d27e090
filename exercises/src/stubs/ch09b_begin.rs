//! Exercise 9b-begin: when may a leader begin to change the voters?
//!
//! The voters change by one at a time, so that the majorities before and after have a node in
//! common. That holds for one change, and not for two that were begun beside each other.
//!
//! `may_begin` says whether a leader may begin one now. This one waits until the last change that
//! the leader knows of is committed. Ongaro's mail to raft-dev of July 2015 says what is missing.

use gyre::raft::{Index, Term};

use crate::{Task, answer, attempt};

/// What a leader knows.
#[derive(Clone, Debug)]
pub struct Leader {
    /// Its term.
    pub term: Term,
    /// The terms of the entries of its log: that of entry 1 is `log[0]`.
    pub log: Vec<Term>,
    /// How far it has committed.
    pub commit: Index,
    /// The entry with the configuration that it goes by, the last one in its log. 0 is that with
    /// which the cluster began.
    pub configured_at: Index,
}

/// Whether it may begin a change of the voters.
pub fn may_begin(leader: &Leader) -> bool {
    // To do: `term` and `log` are not looked at yet.
    leader.configured_at <= leader.commit
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(may_begin))
}

/// Judges a function on all short logs.
///
/// # Errors
/// A sentence about the first case in which it is wrong.
pub fn judge(may_begin: fn(&Leader) -> bool) -> Result<(), String> {
    for log in [&[1][..], &[1, 1], &[1, 2], &[2, 2], &[1, 1, 2], &[1, 2, 2], &[1, 1, 3]] {
        for commit in 0..=log.len() as Index {
            for configured_at in 0..=log.len() as Index {
                for term in log[log.len() - 1]..=3 {
                    let log = log.to_vec();
                    one_case(may_begin, &Leader { term, log, commit, configured_at })?;
                }
            }
        }
    }
    Ok(())
}

fn one_case(may_begin: fn(&Leader) -> bool, leader: &Leader) -> Result<(), String> {
    let Leader { term, log, commit, configured_at } = leader;
    let case = || {
        format!(
            "the leader of term {term} has the log {log:?}, committed up to {commit}, and goes by \
             the configuration of entry {configured_at}"
        )
    };
    let found = attempt(case, || may_begin(leader))?;
    let is_settled = configured_at <= commit;
    let has_committed = *commit > 0 && log[*commit as usize - 1] == *term;
    match (found, is_settled, has_committed) {
        (true, false, _) => Err(format!(
            "{}; that is not committed, and the leader would begin another change",
            case()
        )),
        (true, true, false) => Err(format!(
            "{}; it has committed nothing in its own term, so the leader before it may have begun \
             a change that it does not know of and that can still be committed",
            case()
        )),
        (false, true, true) => Err(format!("{}; it may begin a change, and would not", case())),
        _ => Ok(()),
    }
}

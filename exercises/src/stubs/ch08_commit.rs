//! Exercise 8-commit: when an entry is committed.
//!
//! A leader knows how much of its log each node stores. `commit_index` says how far the log is
//! committed. This one counts: what a majority stores is committed. Figure 8 of the paper shows
//! that this is not enough; §5.4.2 and figure 2 ("leaders") say what is.

use gyre::raft::{Index, Term};

use crate::{Task, answer, attempt};

/// How far the log of the leader of `term` is committed.
///
/// `log` has the terms of its entries: entry 1 is `log[0]`. `stored` says, for every node and the
/// leader among them, up to which entry its log is the leader's. `commit` is how far the log was
/// committed before.
pub fn commit_index(log: &[Term], stored: &[Index], term: Term, commit: Index) -> Index {
    // To do: `log` and `term` are not looked at yet.
    let _ = (log, term);
    let mut stored = stored.to_vec();
    stored.sort_unstable_by(|a, b| b.cmp(a));
    stored[stored.len() / 2].max(commit)
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(commit_index))
}

type CommitIndex = fn(&[Term], &[Index], Term, Index) -> Index;

/// Judges a function: first on figure 8 (c), then on all short logs.
pub fn judge(commit_index: CommitIndex) -> Result<(), String> {
    let figure_8 = commit_index(&[1, 2, 4], &[3, 2, 2, 1, 1], 4, 1);
    if figure_8 > 1 {
        return Err(format!(
            "the leader of term 4 has the log [1, 2, 4], of which five nodes store 3, 2, 2, 1 and 1 \
             entries; entry {figure_8}, of an earlier term, is committed, and a leader of term 5 may \
             overwrite it: figure 8 (d)"
        ));
    }
    for log in logs() {
        for stored in stored_by_three(log.len() as Index) {
            for term in 1..=4 {
                for commit in 0..=smallest_majority(&stored) {
                    one_case(commit_index, &log, &stored, term, commit)?;
                }
            }
        }
    }
    Ok(())
}

fn one_case(
    commit_index: CommitIndex,
    log: &[Term],
    stored: &[Index],
    term: Term,
    commit: Index,
) -> Result<(), String> {
    // No leader has entries of a later term, and none has forgotten its own.
    if log.last().is_some_and(|&last| last > term) {
        return Ok(());
    }
    let case = || {
        format!(
            "the leader of term {term} has the log {log:?}, committed up to {commit}, of which three \
             nodes store {stored:?} entries"
        )
    };
    let found = attempt(case, || commit_index(log, stored, term, commit))?;
    let by_majority =
        |index: Index| 2 * stored.iter().filter(|&&to| to >= index).count() > stored.len();
    let may = |index: &Index| by_majority(*index) && log[*index as usize - 1] == term;
    let expected = (commit + 1..=log.len() as Index).rev().find(may).unwrap_or(commit);
    if found == expected {
        return Ok(());
    }
    Err(format!("{}; it should be committed up to {expected} now, not {found}", case()))
}

/// All logs of up to four entries of terms 1 to 3.
fn logs() -> Vec<Vec<Term>> {
    let mut logs = vec![Vec::new()];
    let mut longest = logs.clone();
    for _ in 0..4 {
        let longer = |log: &Vec<Term>| {
            let (log, first) = (log.clone(), log.last().copied().unwrap_or(1));
            (first..=3).map(move |term| [&log[..], &[term]].concat())
        };
        longest = longest.iter().flat_map(longer).collect();
        logs.extend(longest.clone());
    }
    logs
}

/// What three nodes may store of a log, the leader first: it has all.
fn stored_by_three(end: Index) -> Vec<[Index; 3]> {
    (0..=end).flat_map(|second| (0..=end).map(move |third| [end, second, third])).collect()
}

/// What was committed is on a majority.
fn smallest_majority(stored: &[Index; 3]) -> Index {
    let mut stored = *stored;
    stored.sort_unstable();
    stored[1]
}

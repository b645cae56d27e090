//! The rules that make Raft safe, each on its own, so that it can be read, and broken.
//!
//! The rest of the algorithm decides *when* to send *what*; get it wrong and the cluster is
//! slow. Get one of these wrong and it loses data. They are plain functions in a table, and
//! the only table that any node of ours runs with is [`Rules::RAFT`]. The programs in
//! `bugs/` each swap one function, to show that the bench notices.
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

use super::{Configured, HardState, Index, Term};

/// The safety rules, as a table. Section numbers are those of Ongaro and Ousterhout, "In
/// Search of an Understandable Consensus Algorithm", extended version.
///
/// ```
/// use gyre::raft::Rules;
///
/// // Figure 8: the leader of term 4 does not commit an entry of term 2 because a majority has it.
/// assert!(!(Rules::RAFT.may_commit)(2, 4));
/// let bug = Rules { may_commit: |_, _| true, ..Rules::RAFT };
/// assert!((bug.may_commit)(2, 4));
/// ```
#[derive(Clone, Copy)]
pub struct Rules {
    /// What is written to disk of a term and a vote, before any message that depends on it.
    ///
    /// Figure 2, *persistent state*: both. A vote that a crash forgets can be given twice in
    /// one term, and two leaders of one term follow.
    pub remembered: fn(&HardState) -> HardState,

    // ANCHOR: may-commit
    /// Whether a leader in term `current` may commit an entry of term `entry` because a
    /// majority stores it. Called with `(entry, current)`.
    ///
    /// §5.4.2 and figure 8: only an entry of its own term. An older one on a majority can
    /// still be overwritten by a leader that never saw it; it is committed by the first entry
    /// of the current term above it, which such a leader cannot get past.
    pub may_commit: fn(Term, Term) -> bool,
    // ANCHOR_END: may-commit
    /// Whether a follower's entry of term `mine` must go because the leader has one of term
    /// `theirs` at the same index. Called with `(mine, theirs)`.
    ///
    /// §5.3: two entries with the same index and term are the same; all others conflict, and
    /// the follower removes its own and all that follow it.
    pub conflicts: fn(Term, Term) -> bool,

    // ANCHOR: replaces
    /// Whether a snapshot up to the index `snapshot` takes the place of the log of a node that
    /// has committed up to `commit`, given whether the log contains that entry. Called with
    /// `(snapshot, commit, contains)`.
    ///
    /// §7: a snapshot that describes a prefix of what the node has, because it was late or
    /// sent twice, must not replace the entries that follow it.
    pub replaces: fn(Index, Index, bool) -> bool,
    // ANCHOR_END: replaces

    // ANCHOR: may-read
    /// Whether a leader may answer a read, given whether a majority has acknowledged it as
    /// the leader since the read arrived.
    ///
    /// §8 and §6.4 of Ongaro's dissertation: only then. A leader that has been deposed, and
    /// does not know it yet, would answer from the past.
    pub may_read: fn(bool) -> bool,
    // ANCHOR_END: may-read
    // ANCHOR: membership
    /// Up to which entry a node takes configurations into account, given the end of its log and
    /// how far it has committed. Called with `(last, commit)`.
    ///
    /// Dissertation §4.1: up to the end, committed or not. If nodes wait for the commit, a
    /// majority of the old voters and one of the new may act beside each other.
    pub configured_up_to: fn(Index, Index) -> Index,

    /// Whether a leader may begin a change of the voters, given whether it has committed an entry
    /// of its term, and whether the last change is committed.
    ///
    /// Dissertation §4.1: one change after the other. And raft-dev, July 2015: not before the
    /// leader has committed an entry of its own term.
    pub may_reconfigure: fn(bool, bool) -> bool,
    // ANCHOR_END: membership
    // ANCHOR: counts
    /// Whether what a follower has stored counts, given whether it is a voter.
    ///
    /// Dissertation §4.2.1: a learner's does not. The next leader's majority need not meet it.
    pub counts: fn(bool) -> bool,
    // ANCHOR_END: counts
    /// What of the configuration goes with a snapshot, and is stored with a state.
    ///
    /// Dissertation §5.1: all of it. The entry that it stood in is forgotten.
    pub carried: fn(Option<Configured>) -> Option<Configured>,
}

impl Rules {
    /// Raft.
    pub const RAFT: Rules = Rules {
        remembered: |state| state.clone(),
        may_commit: |entry, current| entry == current,
        conflicts: |mine, theirs| mine != theirs,
        replaces: |snapshot, commit, contains| snapshot > commit && !contains,
        may_read: |acknowledged| acknowledged,
        configured_up_to: |last, _| last,
        may_reconfigure: |has_committed, is_settled| has_committed && is_settled,
        counts: |is_voter| is_voter,
        carried: |configuration| configuration,
    };
}

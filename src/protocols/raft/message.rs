//! What the nodes of a cluster say to each other, as it stands on the wire: JSON objects whose
//! `type` is the variant's name in snake case.
//!
//! None of these is a request with a reply in the protocol's sense: a lost answer is made up
//! for by Raft itself, so no message carries a `msg_id`.

use serde::{Deserialize, Serialize};

use super::{Entry, Index, Position, Term};

/// A message between two nodes. Each carries its sender's term (§5.1), but for
/// [`PreVote`](Message::PreVote) and the grant of one, which carry the term that the candidate
/// would campaign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message<C> {
    /// "Would you vote for me?" Asked before a term is begun (dissertation §9.6).
    PreVote {
        /// The term that the sender would begin.
        term: Term,
        /// The end of its log.
        last: Position,
    },
    /// The answer to a pre-vote; it binds nobody.
    PreVoteReply {
        /// The term asked about if granted, the voter's own if not.
        term: Term,
        /// Whether the voter would vote for the sender.
        granted: bool,
    },
    /// "Vote for me" (§5.2).
    RequestVote {
        /// The candidate's term.
        term: Term,
        /// The end of its log.
        last: Position,
        /// Whether the leader itself asked it to campaign (dissertation §4.2.3).
        transfer: bool,
    },
    /// The answer to a candidate.
    RequestVoteReply {
        /// The voter's term.
        term: Term,
        /// Whether it is a vote.
        granted: bool,
    },
    /// Entries for a follower; without entries, a heartbeat (§5.3).
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// The entry before the first of `entries`.
        prev: Position,
        /// New entries, in order.
        entries: Vec<Entry<C>>,
        /// How far the leader has committed.
        commit: Index,
        /// The latest round of acknowledgements that reads wait for (dissertation §6.4).
        round: u64,
    },
    /// The answer to entries and heartbeats.
    AppendEntriesReply {
        /// The follower's term.
        term: Term,
        /// Whether the entries fitted.
        outcome: Outcome,
        /// The round of the message that this answers; 0 if that is from a past term.
        round: u64,
    },
    /// How far the leader has committed, sent at once to a follower whose client is waiting.
    /// Everyone else learns it with the next entries or heartbeat. Wants no answer.
    Commit {
        /// The leader's term.
        term: Term,
        /// How far it has committed.
        commit: Index,
    },
    /// A piece of a snapshot (§7).
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// The last entry that the snapshot covers.
        last: Position,
        /// How many bytes come before this piece.
        offset: u64,
        /// The piece.
        data: String,
        /// Whether it is the last piece.
        done: bool,
    },
    /// What the follower needs next of a snapshot. When it needs no more it says so with
    /// [`Outcome::Matched`] in an [`AppendEntriesReply`](Message::AppendEntriesReply).
    InstallSnapshotReply {
        /// The follower's term.
        term: Term,
        /// The last entry that the snapshot covers.
        last: Position,
        /// How many bytes of it the follower has.
        offset: u64,
    },
    /// "Campaign now, I step back" (dissertation §3.10).
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
    /// A client's command, passed on to the leader of the term.
    Propose {
        /// The term of the leader that it is meant for: no other may take it.
        term: Term,
        /// The command.
        command: C,
    },
    /// "How far must I have applied to read?" (dissertation §6.4).
    ReadIndex {
        /// The sender's term.
        term: Term,
        /// By what number the sender knows its question.
        request: u64,
    },
    /// The answer: this far.
    ReadIndexReply {
        /// The leader's term.
        term: Term,
        /// The number of the question.
        request: u64,
        /// The commit index that a read must not be older than.
        index: Index,
    },
}

/// How a follower's log relates to the entries that it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is the leader's log up to this index.
    Matched(Index),
    /// It lacks the entry before, or has another one there.
    Conflict {
        /// The index of that entry.
        prev: Index,
        /// Whatever the two logs have in common ends here or before.
        hint: Position,
    },
    /// The message was from a past term; the reply's `term` says which one it is now.
    StaleTerm,
}

impl<C> Message<C> {
    /// Whether a body with this `type` is one of these messages.
    pub fn is_kind(kind: &str) -> bool {
        matches!(
            kind,
            "pre_vote"
                | "pre_vote_reply"
                | "request_vote"
                | "request_vote_reply"
                | "append_entries"
                | "append_entries_reply"
                | "commit"
                | "install_snapshot"
                | "install_snapshot_reply"
                | "timeout_now"
                | "propose"
                | "read_index"
                | "read_index_reply"
        )
    }

    /// The term that the message carries.
    pub fn term(&self) -> Term {
        match *self {
            Message::PreVote { term, .. }
            | Message::PreVoteReply { term, .. }
            | Message::RequestVote { term, .. }
            | Message::RequestVoteReply { term, .. }
            | Message::AppendEntries { term, .. }
            | Message::AppendEntriesReply { term, .. }
            | Message::Commit { term, .. }
            | Message::InstallSnapshot { term, .. }
            | Message::InstallSnapshotReply { term, .. }
            | Message::TimeoutNow { term }
            | Message::Propose { term, .. }
            | Message::ReadIndex { term, .. }
            | Message::ReadIndexReply { term, .. } => term,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known() {
        // serde lists the variants when it meets an unknown one.
        let error = serde_json::from_str::<Message<()>>(r#"{"?":{}}"#).unwrap_err();
        let text = error.to_string();
        let kinds: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
        assert_eq!(kinds.len(), 13, "{text}");
        for kind in kinds {
            assert!(Message::<()>::is_kind(kind), "{kind}");
        }
        assert!(!Message::<()>::is_kind("read"));
    }
}

//! What the nodes of a cluster say to each other, as it stands in the driver's envelope: a JSON
//! object with one field, whose name is the variant's in snake case.
//!
//! A lost answer is made up for by Raft itself, so no message names the one that it answers.
//!
//! Chapter 8 of the book, `book/08-raft-log.md`, reads this.

use serde::{Deserialize, Serialize};

use super::{Configured, Entry, Index, LogId, Numbered, Term};
use crate::types::MemberChange;

/// A message between two nodes. Each carries its sender's term (§5.1), but for
/// [`PreVote`](Message::PreVote) and the grant of one, which carry the term that the candidate
/// would campaign in.
///
/// ```
/// use gyre::raft::{LogId, Message};
///
/// let last = LogId { term: 2, index: 9 };
/// let message = Message::<u64>::RequestVote { term: 3, last, transfer: false };
/// assert_eq!(message.term(), 3);
/// assert_eq!(
///     serde_json::to_string(&message)?,
///     r#"{"request_vote":{"term":3,"last":{"term":2,"index":9},"transfer":false}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message<C> {
    /// "Would you vote for me?" Asked before a term is begun (dissertation §9.6).
    PreVote {
        /// The term that the sender would begin.
        term: Term,
        /// The end of its log.
        last: LogId,
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
        last: LogId,
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
    // ANCHOR: append-entries
    /// Entries for a follower; without entries, a heartbeat (§5.3).
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// The entry before the first of `entries`.
        prev: LogId,
        /// New entries, in order.
        entries: Vec<Entry<C>>,
        /// How far the leader has committed.
        commit: Index,
        /// The latest round of acknowledgements that reads wait for (dissertation §6.4).
        round: u64,
    },
    // ANCHOR_END: append-entries
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
    /// A piece of the state, for a follower that needs what the leader's log has forgotten (§7).
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// The last entry that the state covers.
        last: LogId,
        /// The piece.
        piece: Numbered,
        /// As in [`AppendEntries`](Message::AppendEntries).
        round: u64,
        /// Who has a say after that entry, unless it is those with whom the cluster began
        /// (dissertation §5.1).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        configuration: Option<Configured>,
    },
    /// Which pieces the follower has. When it has stored them all it says so with
    /// [`Outcome::Matched`] in an [`AppendEntriesReply`](Message::AppendEntriesReply).
    InstallSnapshotReply {
        /// The follower's term.
        term: Term,
        /// The last entry that the state covers.
        last: LogId,
        /// When the follower began to receive it, in nanoseconds of its own clock. After a
        /// restart it begins anew.
        since: u64,
        /// It has all pieces before this one.
        stored: u64,
        /// The round of the message that this answers.
        round: u64,
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
    /// A change of the voters that somebody wants, passed on to the leader of the term. Asking
    /// again does no harm.
    Reconfigure {
        /// The term of the leader that it is meant for.
        term: Term,
        /// The entry with the last committed configuration that the sender knows. Once there is a
        /// later one, the message says nothing any more.
        since: Index,
        /// The change.
        change: MemberChange,
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
///
/// A follower whose log is empty is sent what follows entry 4:
///
/// ```
/// use gyre::raft::{Config, Durable, Entry, Input, LogId, Message, Outcome, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), vec!["n2".into()]);
/// let mut raft = Raft::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let prev = LogId { term: 1, index: 4 };
/// let entries = vec![Entry::new(1, Some("x = 7"))];
/// let message = Message::AppendEntries { term: 1, prev, entries, commit: 0, round: 0 };
/// raft.step(gyre::Time::ZERO, Input::Message { from: "n2".into(), message });
/// let output = raft.output(&|| unreachable!("nobody needs the state"));
/// let (_, Message::AppendEntriesReply { outcome, .. }) = &output.messages[0] else { panic!() };
/// // It has nothing at 4, and of what is before it, nothing either.
/// assert_eq!(*outcome, Outcome::Conflict { prev: 4, hint: LogId::default() });
/// ```
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
        hint: LogId,
    },
    /// It has received a snapshot, and takes no entries until that is on disk.
    Installing,
    /// The message was from a past term; the reply's `term` says which one it is now.
    StaleTerm,
}

impl<C> Message<C> {
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
            | Message::Reconfigure { term, .. }
            | Message::ReadIndex { term, .. }
            | Message::ReadIndexReply { term, .. } => term,
        }
    }
}

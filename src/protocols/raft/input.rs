//! What a node is told, and what it wants done about it.

use super::{Arrived, Index, Message, Record};
use crate::types::{MemberChange, NodeId};

/// Something that happened.
///
/// A node that is alone decides alone:
///
/// ```
/// use gyre::raft::{Config, Durable, Input, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let config = Config::new("n1".into(), Vec::new());
/// let mut raft = Raft::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let now = raft.deadline();
/// raft.step(now, Input::Timeout);
/// assert!(raft.is_leader());
/// raft.step(now, Input::Propose { command: "x = 7" });
/// assert_eq!(raft.entry(2).unwrap().command, Some("x = 7")); // behind the leader's own entry
/// ```
#[derive(Clone, Debug)]
pub enum Input<C> {
    /// [`Raft::deadline`](super::Raft::deadline) has come. Early or for nothing, it does no harm.
    Timeout,
    /// A message came in.
    Message {
        /// Who sent it. It need not be a voter: it may be one whom this node has not heard of
        /// yet, or one that has not heard that it is none any more (dissertation §4.1).
        from: NodeId,
        /// What it says.
        message: Message<C>,
    },
    /// A command is to be appended to the log, here or at the leader. Whether it was shows
    /// only when it is committed: it, or a message about it, may get lost. Unless
    /// [`Raft::can_propose`](super::Raft::can_propose), nothing happens.
    Propose {
        /// The command.
        command: C,
    },
    /// Voters are to be added or removed. Whether they were shows in
    /// [`Raft::committed_configuration`](super::Raft::committed_configuration). Unless this node
    /// or the leader that it knows is free to begin, nothing happens: ask again.
    Reconfigure {
        /// What is to be so in the end.
        change: MemberChange,
    },
    /// A read is to be answered. It shows up in [`Output::readable`] when it can be; as long
    /// as no leader is known, or none that a majority follows, it waits.
    Read {
        /// A number by which the caller knows the read.
        request: u64,
    },
    /// Nobody waits for this read any more.
    CancelRead {
        /// Its number.
        request: u64,
    },
    /// This node is about to stop: leadership is to pass to whoever is furthest, if this node
    /// has it.
    Stop,
    /// Leadership is to pass to another node, if this one has it.
    Transfer {
        /// The next leader.
        to: NodeId,
    },
    /// The state machine has applied the log up to here, and this node may forget that part
    /// but for what it keeps for followers.
    Applied {
        /// The last entry that was applied; it is committed.
        index: Index,
    },
    /// The state of which all pieces [arrived](Output::arrived) is durable.
    SnapshotStored,
}

/// What is to be done, in the order of the fields.
///
/// ```
/// use gyre::raft::{Config, Durable, Input, Message, Raft};
/// # use rand::SeedableRng;
/// # let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let peers = vec!["n2".into(), "n3".into()];
/// let config = Config::new("n1".into(), peers);
/// let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
/// let ask = Message::RequestVote { term: 1, last: raft.last(), transfer: false };
/// raft.step(raft.deadline(), Input::Message { from: "n2".into(), message: ask });
/// let output = raft.output(&|| unreachable!("nobody needs the state"));
/// assert!(output.persist.is_some()); // first the vote must be durable …
/// let reply = Message::RequestVoteReply { term: 1, granted: true };
/// assert_eq!(output.messages, [("n2".into(), reply)]); // … and then n2 hears of it
/// ```
#[derive(Clone, Debug)]
pub struct Output<C> {
    /// To be made durable before anything else below.
    pub persist: Option<Record<C>>,
    /// To be sent, in order.
    pub messages: Vec<(NodeId, Message<C>)>,
    /// Pieces of a state that is to take the place of the state machine's. The entries to apply
    /// are those up to [`Raft::commit`](super::Raft::commit).
    pub arrived: Vec<Arrived>,
    /// Reads that can be answered once all that is committed is applied.
    pub readable: Vec<u64>,
}

impl<C> Default for Output<C> {
    fn default() -> Output<C> {
        Output { persist: None, messages: Vec::new(), arrived: Vec::new(), readable: Vec::new() }
    }
}

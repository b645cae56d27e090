//! What a node is told when it is made: the cluster, and settings for time and memory.

use std::time::Duration;

use super::{Changes, Configuration, Configured, Rules};
use crate::types::NodeId;

/// Who is in the cluster, and how patient and how generous a node is.
///
/// ```
/// use gyre::raft::{Config, Durable, Raft};
/// use rand::SeedableRng;
/// use std::time::Duration;
///
/// let peers = vec!["n2".into(), "n3".into()];
/// let election_timeout = Duration::from_secs(1);
/// let config = Config { election_timeout, ..Config::new("n1".into(), peers) };
/// assert_eq!(config.bootstrap.voters.len(), 3); // all of them, this one included
/// let deadlines = [1, 2].map(|seed| {
///     let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
///     Raft::<u64>::new(config.clone(), Durable::default(), rng, gyre::Time::ZERO).deadline()
/// });
/// assert_ne!(deadlines[0], deadlines[1]); // chance keeps two nodes from trying at once
/// ```
#[derive(Clone)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// The other nodes that are known from the beginning, without this one.
    pub peers: Vec<NodeId>,
    /// Who has a say before the log says otherwise. It must be the same for every node that ever
    /// takes part, those that come later included.
    pub bootstrap: Configuration,
    /// How the voters change.
    pub changes: Changes,
    /// How long a follower hears nothing from a leader before it may look for a new one. It
    /// waits between one and two of these, at random (§5.2), or a little longer to let another
    /// try.
    pub election_timeout: Duration,
    /// A leader that has nothing to say says so this often.
    pub heartbeat_interval: Duration,
    /// The most entries in one message.
    pub max_entries_per_message: usize,
    /// The most bytes of entries in one message, unless a single one is longer.
    pub max_bytes_per_message: u64,
    /// The most messages with entries, or pieces of a snapshot, that a follower has yet to
    /// answer, and the most rounds of reads under way. What comes in beyond that waits and
    /// shares the next message.
    pub max_in_flight: usize,
    /// A leader takes no commands while more bytes than this wait in its log to be committed.
    pub uncommitted_bytes_max: u64,
    /// So many bytes of entries that are applied are kept for followers that are a little
    /// behind. One that is further behind is sent the state.
    pub log_kept_bytes: u64,
    /// Whether what the dissertation adds for the sake of stable leadership is in use: pre-vote
    /// (§9.6), check quorum (§6.2), and no votes while a leader is heard (§4.2.3). Without, this
    /// is the Raft of the paper. It is as safe, but it elects more often and a deposed leader
    /// does not notice: the ground on which planted bugs show.
    pub stable_leadership: bool,
    /// Whether check quorum is in use with the rest: without it, a leader that hears from nobody
    /// goes on leading. Anything but `true` is a planted bug.
    pub check_quorum: bool,
    /// Whether who asks for a pre-vote in a past term is told that the term is past. Without, a
    /// node with the latest term and one with the longest log may keep each other from leading for
    /// good: etcd-io/etcd issue 8501. Anything but `true` is a planted bug.
    pub answers_late_pre_votes: bool,
    /// Whether a node that is none by the last configuration in its log calls for elections until
    /// that is committed (§4.2.2, figure 4.6). It may be the only one that knows, and then nobody
    /// else can win one. Anything but `true` is a planted bug.
    pub campaigns_until_removed: bool,
    /// The safety rules. Anything but [`Rules::RAFT`] is a planted bug.
    pub rules: Rules,
}

impl Config {
    /// Settings for a network with latencies up to some 100 ms, and a cluster that begins with
    /// all these nodes as voters.
    pub fn new(id: NodeId, peers: Vec<NodeId>) -> Config {
        let voters = peers.iter().chain([&id]).cloned();
        Config {
            bootstrap: Configuration::of(voters),
            changes: Changes::default(),
            id,
            peers,
            election_timeout: Duration::from_millis(400),
            heartbeat_interval: Duration::from_millis(100),
            max_entries_per_message: 256,
            max_bytes_per_message: 1 << 20,
            max_in_flight: 8,
            uncommitted_bytes_max: 64 << 20,
            log_kept_bytes: 4 << 20,
            stable_leadership: true,
            check_quorum: true,
            answers_late_pre_votes: true,
            campaigns_until_removed: true,
            rules: Rules::RAFT,
        }
    }

    /// The configuration that goes with a state: the one that is stored with it, or that with
    /// which the cluster began.
    pub(super) fn configured(&self, stored: Option<Configured>) -> Configured {
        let began_with = || Configured { index: 0, configuration: self.bootstrap.clone() };
        stored.unwrap_or_else(began_with)
    }
}

//! Settings of a replica.

use std::time::Duration;

use crate::protocols::core::CheckpointSizes;
use crate::protocols::raft;

/// How a replica treats its clients and its log.
///
/// ```
/// use gyre::raft::Config;
/// use gyre::replicated::Options;
/// use std::time::Duration;
///
/// let nearby = Options {
///     configure: |config| Config { election_timeout: Duration::from_millis(50), ..config },
///     ..Options::default()
/// };
/// let config = (nearby.configure)(Config::new("n1".into(), Vec::new()));
/// assert_eq!(config.election_timeout, Duration::from_millis(50));
/// assert!(nearby.give_up_after < Duration::from_millis(4_500)); // then nobody waits any more
/// ```
#[derive(Clone, Copy)]
pub struct Options {
    /// How long a request waits for a leader to pass it on to, before its client is told that
    /// there is none. Less than the client's own patience, so that it hears it.
    pub patience: Duration,
    /// When a request is given up. Less than the 4.5 s after which the runtime withholds
    /// replies to clients: an answer that nobody gets need not be found.
    pub give_up_after: Duration,
    /// Requests that wait take no more than this, in bytes. Whoever asks for more is told so
    /// at once.
    pub waiting_bytes_max: u64,
    /// How long the pieces are in which the state is stored and sent.
    pub piece_bytes: usize,
    /// When the state is stored, and how much of it at once.
    pub checkpoint_sizes: CheckpointSizes,
    /// Changes Raft's settings. To change its rules is to plant a bug, and so is to change the
    /// rules that follow.
    pub configure: fn(raft::Config) -> raft::Config,
    /// Whether to ignore a command, given whether it was applied already.
    pub ignores: fn(bool) -> bool,
    /// Whether a state that is stored or sent has what is known of the sessions.
    pub keeps_sessions: bool,
    /// Whether records reach the disk only with those of the next step, after what depends on
    /// them was said.
    pub persists_late: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_millis(800),
            give_up_after: Duration::from_millis(4_400),
            waiting_bytes_max: 16 << 20,
            piece_bytes: 64 * 1024,
            checkpoint_sizes: CheckpointSizes::default(),
            configure: |config| config,
            ignores: |is_done| is_done,
            keeps_sessions: true,
            persists_late: false,
        }
    }
}

impl Options {
    /// For tests: hardly any log is kept, and states are stored and sent a few hundred bytes at a
    /// time. So there are many checkpoints, and whoever was away for a moment is sent the state.
    pub fn with_short_log() -> Options {
        Options {
            piece_bytes: 200,
            checkpoint_sizes: CheckpointSizes { log_slack_bytes: 1_000, slice_bytes: 300 },
            configure: |config| raft::Config { log_kept_bytes: 300, ..config },
            ..Options::default()
        }
    }
}

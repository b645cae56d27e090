//! What a simulated world is like: how large, how slow, how hostile.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::protocols::raft::{Changes, Rules};

/// How hostile the world is.
#[derive(Clone)]
pub struct World {
    pub nodes: usize,
    /// How many of them vote in the beginning. If not all do, the voters change.
    pub voters_at_first: usize,
    pub loss: f64,
    pub duplication: f64,
    pub delay_max_ms: u64,
    /// Short compared to the delays, so that there are many elections, or long.
    pub election_timeout_ms: u64,
    pub max_entries_per_message: usize,
    pub fault_interval_ms: u64,
    /// How often a node crashes just when it writes to its disk, where it hurts most.
    pub crash_at_write: f64,
    /// How long a write may take. What happens meanwhile shares the next one.
    pub write_max_ms: u64,
    pub piece_bytes: usize,
}

impl World {
    /// Any world: a different one for each seed.
    pub fn any(rng: &mut ChaCha8Rng) -> World {
        let nodes = [3, 3, 5, 1, 2, 4][rng.random_range(0..6)];
        World {
            nodes,
            voters_at_first: nodes,
            loss: [0.0, 0.05, 0.2][rng.random_range(0..3)],
            duplication: [0.0, 0.1][rng.random_range(0..2)],
            delay_max_ms: [1, 20, 150][rng.random_range(0..3)],
            election_timeout_ms: [60, 150, 400][rng.random_range(0..3)],
            max_entries_per_message: rng.random_range(1..5),
            fault_interval_ms: [50, 400, 1_500][rng.random_range(0..3)],
            crash_at_write: [0.0, 0.01, 0.1][rng.random_range(0..3)],
            write_max_ms: [0, 5][rng.random_range(0..2)],
            piece_bytes: [50, 10_000][rng.random_range(0..2)],
        }
    }

    /// Any world whose voters change.
    pub fn changing(rng: &mut ChaCha8Rng) -> World {
        World { nodes: 5, voters_at_first: rng.random_range(1..5), ..World::any(rng) }
    }

    /// A world of many elections, whose winners fall before they have done much.
    pub fn elections(_: &mut ChaCha8Rng) -> World {
        World {
            nodes: 3,
            voters_at_first: 3,
            loss: 0.0,
            duplication: 0.0,
            delay_max_ms: 60,
            election_timeout_ms: 60,
            max_entries_per_message: 1,
            fault_interval_ms: 1_500,
            crash_at_write: 0.1,
            write_max_ms: 5,
            piece_bytes: 10_000,
        }
    }

    /// A world without faults, whose messages are fast compared to the election timeout.
    pub fn friendly(_: &mut ChaCha8Rng) -> World {
        World {
            nodes: 5,
            voters_at_first: 5,
            loss: 0.0,
            duplication: 0.0,
            delay_max_ms: 20,
            election_timeout_ms: 400,
            max_entries_per_message: 256,
            fault_interval_ms: u64::MAX,
            crash_at_write: 0.0,
            write_max_ms: 0,
            piece_bytes: 10_000,
        }
    }
}

/// In what kind of world to run, by which rules.
#[derive(Clone, Copy)]
pub struct Setting {
    pub world: fn(&mut ChaCha8Rng) -> World,
    pub rules: Rules,
    /// See [`Config`](crate::protocols::raft::Config::stable_leadership).
    pub stable_leadership: bool,
    pub ignores: fn(bool) -> bool,
    /// How the voters change, in a world in which they do.
    pub changes: Changes,
}

impl Setting {
    pub const RAFT: Setting = Setting {
        world: World::any,
        rules: Rules::RAFT,
        stable_leadership: true,
        ignores: |is_done| is_done,
        changes: Changes::OneAtATime,
    };
}

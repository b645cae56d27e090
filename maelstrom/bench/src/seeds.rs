//! One seeded random stream for each concern, so that drawing more often in one of them (one
//! more lost message, say) does not change what any other draws.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

// ANCHOR: concern
/// What a random stream is for.
#[derive(Clone, Copy, Debug)]
pub enum Concern {
    /// How long messages take.
    Latency,
    /// Which messages are lost or doubled.
    Loss,
    /// Which faults strike, where and when.
    Faults,
    /// Which changes of the members further administrators ask for, and when.
    Administrators,
    /// Which operation comes next, and when.
    Generator,
    /// What a service answers where its consistency leaves a choice.
    Service(usize),
    /// A node, by its number and how often it has been started.
    Node(usize, u32),
}
// ANCHOR_END: concern

/// The root of all randomness of a run.
#[derive(Clone, Copy, Debug)]
pub struct Seeds(u64);

impl Seeds {
    /// The streams of the run with this seed.
    pub fn new(seed: u64) -> Seeds {
        Seeds(seed)
    }

    /// The stream for a concern; always the same one.
    pub fn stream(self, concern: Concern) -> ChaCha8Rng {
        let (kind, number) = match concern {
            Concern::Latency => (1, 0),
            Concern::Loss => (2, 0),
            Concern::Faults => (3, 0),
            Concern::Generator => (4, 0),
            Concern::Service(service) => (5, service as u64),
            Concern::Node(node, starts) => (6, ((node as u64) << 24) | u64::from(starts)),
            Concern::Administrators => (7, 0),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream((kind << 56) | number);
        rng
    }

    /// The seed that a concern's participant is started with.
    pub fn seed(self, concern: Concern) -> u64 {
        self.stream(concern).next_u64()
    }
}

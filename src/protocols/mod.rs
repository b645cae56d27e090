//! What nodes agree on with each other, and how: each protocol is a state machine without I/O,
//! without a clock, and without chance of its own.
//!
//! | protocol | what it gives | for |
//! |---|---|---|
//! | [`gossip`] | everybody gets every value | broadcast |
//! | [`crdt`] | replicas that merge | g-set, g-counter, pn-counter |
//! | [`members`] | nodes that join and leave, where nobody leads | g-set, g-counter, pn-counter |
//! | [`causal`] | registers that are always available, read-atomic and causal | txn-rw-register |
//! | [`raft`] | a log that a majority agrees on | what follows |
//! | [`single`] | a state machine on one node | lin-kv-single, kafka-single |
//! | [`replicated`] | one state machine on many nodes, linearizable | lin-kv, kafka, txn-list-append |
//!
//! What they all look like is [`core`]. [`simulator`] tests any of them.
//!
//! Whatever can drive one of them can drive all:
//!
//! ```
//! use gyre::gossip::{Gossip, Setting};
//! use gyre::key_value::{Change, Registers};
//! use gyre::protocols::core::{Core, Input};
//! use gyre::{Json, NodeId, Time, single::Single};
//! # use rand::SeedableRng;
//!
//! /// How many records must be durable before a client gets its reply.
//! fn records<K: Core>(mut core: K, request: K::Local) -> usize {
//!     let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
//!     core.step(Time::ZERO, Input::Local { id: 1, request }, &mut rng);
//!     core.outputs().persist.len()
//! }
//!
//! let single = Single::<Registers>::new(Vec::new());
//! assert_eq!(records(single, Change::Write(7.into(), "seven".into())), 1);
//!
//! let nodes = ["n1", "n2"].map(NodeId::from);
//! let gossip = Gossip::new(Setting::LOW_LATENCY, &nodes[0], &nodes, Vec::new(), 17, Time::ZERO);
//! assert_eq!(records(gossip, Json::from("news").into()), 2); // its new name, and the message
//! ```
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

pub mod causal;
pub mod core;
pub mod crdt;
pub mod gossip;
pub mod members;
pub mod raft;
pub mod replicated;
pub mod simulator;
pub mod single;

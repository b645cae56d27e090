//! What nodes agree on with each other, and how: each protocol is a state machine without I/O,
//! without a clock, and without chance of its own.
//!
//! | protocol | what it gives | for |
//! |---|---|---|
//! | [`gossip`] | everybody gets every value | broadcast |
//! | [`crdt`] | replicas that merge | g-set, g-counter, pn-counter |
//! | [`causal`] | registers that are always available, read-atomic and causal | txn-rw-register |
//! | [`raft`] | a log that a majority agrees on | what follows |
//! | [`single`] | a state machine on one node | lin-kv-single, kafka-single |
//! | [`replicated`] | one state machine on many nodes, linearizable | lin-kv, kafka, txn-list-append |
//!
//! What they all look like is [`core`]. [`simulator`] tests any of them.

pub mod causal;
pub mod core;
pub mod crdt;
pub mod gossip;
pub mod raft;
pub mod replicated;
pub mod simulator;
pub mod single;

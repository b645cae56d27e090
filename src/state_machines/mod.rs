//! What replicas keep: three states, and what can be done to each.
//!
//! They know nothing of replication, of disks or of networks. The same type is the whole of a
//! single node, and what the nodes of a cluster agree on.

pub mod kafka_log;
pub mod key_value;
pub mod transactions;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A state, and what can be done to it. The same commands in the same order must lead to the
/// same state and the same replies, on every machine: no clock, no chance, no hash order.
///
/// The state itself is the snapshot: it is written and read as JSON.
pub trait StateMachine: Default + Serialize + DeserializeOwned + 'static {
    /// A change of the state. A read needs none: see [`Replicated::read`](crate::replicated::Replicated::read).
    type Command: Clone + Serialize + DeserializeOwned + 'static;

    /// What the client who asked for a change is told. It is not replicated.
    type Reply: 'static;

    /// Changes the state.
    fn apply(&mut self, command: &Self::Command) -> Self::Reply;
}

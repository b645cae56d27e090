//! A state machine that survives the loss of any minority of its nodes: its replica on one
//! node, as a node uses Raft.
//!
//! [`replica`] puts Raft, the state machine and the clients that wait together, as one
//! [`Core`](crate::protocols::core::Core). Reads and commands may be given to any node; they are
//! linearizable (see `raft/read.rs`), and a command takes effect at most once (see
//! `replicated/sessions.rs`). A node holds a [`Replicated`](crate::Replicated), which is a handle
//! on the driver that runs it.

mod image;
pub mod replica;
mod sessions;
#[cfg(test)]
mod simulation;

pub use replica::{Operation, Options, Outcome, RaftOf, Replica, counts_installed};
pub use sessions::Request;

pub use crate::state_machines::StateMachine;

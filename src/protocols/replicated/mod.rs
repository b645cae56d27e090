//! A state machine that survives the loss of any minority of its nodes: its replica on one
//! node, as a node uses Raft.
//!
//! [`Replica`] puts Raft, the state machine and the clients that wait together, as one
//! [`Core`](crate::protocols::core::Core). Reads and commands may be given to any node; they are
//! linearizable (see `raft/read.rs`), and a command takes effect at most once (see
//! `replicated/sessions.rs`). A node holds a [`Replicated`](crate::Replicated), which is a handle
//! on the driver that runs it.
//!
//! A register on three nodes goes on when one of them is gone, whichever it is:
//!
//! ```
//! use gyre::key_value::{Change, Registers};
//! use gyre::protocols::simulator::{Faults, Simulator, Start};
//! use gyre::raft::Config;
//! use gyre::replicated::{Operation, Options, Outcome, Replica};
//! use gyre::Time;
//! use std::time::Duration;
//!
//! let faults = Faults::none(Duration::from_millis(10));
//! let mut cluster = Simulator::new(3, 1, faults, |start| {
//!     let Start { node, nodes, records, now, rng, .. } = start;
//!     let peers = nodes.iter().filter(|other| *other != node).cloned().collect();
//!     let config = Config::new(node.clone(), peers);
//!     Replica::<Registers>::new(Options::default(), config, records, now, rng).unwrap()
//! });
//! cluster.request(0, Operation::Command(Change::Write("x".into(), 7.into())));
//! cluster.run_until(Time::from_millis(2_000));
//! assert_eq!(cluster.replies[0].reply, Outcome::Applied(Ok(())));
//!
//! let leader = cluster.cores().find(|(_, core)| core.raft().is_leader()).unwrap().0;
//! cluster.crash(leader);
//! let other = (leader + 1) % 3;
//! cluster.request(other, Operation::Read);
//! cluster.run_until(Time::from_millis(5_000));
//! assert_eq!(cluster.replies[1].reply, Outcome::Readable);
//! assert_eq!(cluster.core(other).unwrap().state().read(&"x".into()), Ok(7.into()));
//! ```
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

mod image;
mod operation;
mod options;
mod pending;
mod replica;
mod sessions;
#[cfg(test)]
mod simulation;

pub use operation::{Operation, Outcome};
pub use options::Options;
pub use replica::{RaftMessage, RaftOf, RaftRecord, Replica, counts_installed};
pub use sessions::Request;

pub use crate::state_machines::StateMachine;

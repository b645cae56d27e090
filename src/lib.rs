//! Gyre: a small runtime for nodes that speak Maelstrom's protocol.
//!
//! Implement [`Node`], and call [`run`] from `main`; `src/bin/echo.rs` is a whole node.

pub mod crdt;
mod ctx;
mod error;
mod executor;
pub mod gossip;
mod incarnation;
mod kv;
mod lockstep;
mod message;
mod network;
mod node;
mod process;
mod runtime;
mod stdio;
pub mod storage;
#[cfg(test)]
mod test_network;
mod time;
mod timers;

pub use async_trait::async_trait;
pub use ctx::{Ctx, RetryPolicy, Rpc, Sleep};
pub use error::{Error, ErrorCode};
pub use incarnation::Incarnation;
pub use kv::{Kv, Tso};
pub use message::{Body, Message, NodeId};
pub use node::Node;
pub use process::Process;
pub use runtime::Runtime;
pub use stdio::run;
pub use storage::{Disk, FileDisk, MemoryDisk, Recovered, SimDisk, Storage};
pub use time::Time;

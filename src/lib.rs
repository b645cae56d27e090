//! Gyre: a small runtime for nodes that speak Maelstrom's protocol.

mod message;
mod process;
mod time;

pub use message::{Body, Message, NodeId};
pub use process::Process;
pub use time::Time;

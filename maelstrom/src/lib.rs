//! A native test bench for distributed systems, a drop-in for the original Maelstrom.

pub mod checker;
pub mod child;
pub mod edn;
pub mod history;
pub mod journal;
pub mod store;

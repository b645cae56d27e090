//! A bench for distributed systems: it runs clusters of nodes, breaks what is between them, and
//! judges what their clients saw.
//!
//! The parts, from the outside in:
//!
//! - [`run`] is one test from start to finish, [`store`] its files. The package `maelstrom` has
//!   the command line for it.
//! - [`engine`] carries messages and lets operations and faults happen, under either clock.
//!   [`net`] decides the fate of every message, [`nemesis`] the faults, [`service`] answers
//!   what nodes ask the bench. What chance decides in a run is on its [`tape`], from which
//!   [`shrink`] takes everything that a failure does not need.
//! - [`workload`] has one file for each kind of system to test: its [`client`], its
//!   [`generator`], and which checker judges it. What it asks of nodes is its [`protocol`].
//! - The package [`checker`] judges a [`history`]; it knows nothing of all the above.
//! - [`report`] turns what was recorded into pages and plots for people.
//! - [`sweep`] runs very many seeds, in shards on many machines, and merges what they leave.
//! - [`child`] drives nodes that are processes, [`wall`] under the wall clock; [`simulation`] runs
//!   nodes inside the bench, for simulated tests over many seeds.
//!
//! What meets the machine is a layer that can be left out: the feature `host` has processes, files
//! and the wall clock ([`child`], [`store`], [`recorder`], [`run`], [`sweep`], [`wall`]). The rest is
//! pure, and compiles for wasm32-unknown-unknown; its seeds come from whoever embeds it.
//!
//! Absent: any node. Nodes are in the package `gyre`, which this one uses for the wire format
//! and the [`gyre::Process`] seam.

#[cfg(feature = "host")]
pub mod child;
pub mod client;
pub mod engine;
pub mod generator;
pub mod journal;
pub mod nemesis;
pub mod net;
pub mod options;
pub mod parallel;
pub mod protocol;
pub mod ran;
#[cfg(feature = "host")]
pub mod recorder;
pub mod report;
pub mod results;
#[cfg(feature = "host")]
pub mod run;
pub mod seeds;
pub mod service;
pub mod shrink;
pub mod simulation;
pub mod spool;
#[cfg(feature = "host")]
pub mod store;
#[cfg(feature = "host")]
pub mod sweep;
pub mod tape;
#[cfg(feature = "host")]
pub mod wall;
pub mod wire;
pub mod workload;

pub use ::checker;
pub use checker::{edn, history};
pub use nemesis::Fault;
pub use simulation::check;

//! A native test bench for distributed systems, a drop-in for the original Maelstrom.
//!
//! The parts, from the outside in:
//!
//! - [`cli`] is the command line, [`run`] one test from start to finish, [`store`] its files.
//! - [`engine`] carries messages and lets operations and faults happen, under either clock.
//!   [`net`] decides the fate of every message, [`nemesis`] the faults, [`service`] answers
//!   what nodes ask the bench. What chance decides in a run is on its [`tape`], from which
//!   [`shrink`] takes everything that a failure does not need.
//! - [`workload`] has one file for each kind of system to test: its [`client`], its
//!   [`generator`], and which checker judges it. What it asks of nodes is its [`protocol`].
//! - The package [`checker`] judges a [`history`]; it knows nothing of all the above.
//!   [`cli::check`] lets it judge histories from files.
//! - [`report`] turns what was recorded into pages and plots for people;
//!   [`serve`] shows them in a browser.
//! - [`sweep`] runs very many seeds, in shards on many machines, and merges what they leave.
//! - [`child`] drives nodes that are processes, [`wall`] under the wall clock; [`simulation`] runs
//!   nodes inside the bench, for simulated tests over many seeds.
//!
//! What meets the machine is a layer that can be left out: the feature `host` has processes, files
//! and the wall clock ([`child`], [`store`], [`recorder`], [`run`], [`sweep`], [`wall`]), and
//! `program` has the command line, the server and the plots ([`cli`], [`serve`]). The rest is pure,
//! and compiles for wasm32-unknown-unknown; its seeds come from whoever embeds it.
//!
//! Absent: any node. Nodes are in the package `gyre`, which this one uses for the wire format
//! and the [`gyre::Process`] seam.

#[cfg(feature = "host")]
pub mod child;
#[cfg(feature = "program")]
pub mod cli;
pub mod client;
pub mod engine;
pub mod generator;
pub mod journal;
pub mod nemesis;
pub mod net;
pub mod options;
mod parallel;
pub mod protocol;
pub mod ran;
#[cfg(feature = "host")]
pub mod recorder;
pub mod report;
pub mod results;
#[cfg(feature = "host")]
pub mod run;
pub mod seeds;
#[cfg(feature = "program")]
pub mod serve;
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

//! The playground: the bench in a web page. Nodes, engine and checkers run in the reader's browser,
//! in virtual time, and nothing is asked of any server but these files.
//!
//! A run is a function of its tape. So the page does not step an engine: it asks for the whole run,
//! which takes a fraction of a second, and then moves through what happened as it likes, forwards
//! and back. Whoever drops a message or kills a node changes the tape at that moment, and the run
//! is made again: up to the change it is what it was. The same seed and the same changes run
//! natively under `maelstrom test`, and give the same history, byte for byte.
//!
//! - `scenes` says what there is to choose from; `nodes` has the nodes, and `exhibits` those of the
//!   museum, with a bug each: their own files. `museum` is what exhibits use, and `cluster` makes
//!   a cluster of any of them.
//! - `request` understands what the page asks for, and says the command that does the same.
//! - [`run`] runs it, and `events` tells the page what happens, line by line.
//! - [`judge`] has the bench's checkers judge a history as far as somebody has seen it.
//! - [`shrink`] makes a run small that fails.
//! - `page` is what the browser calls.
//!
//! Absent: the page itself, which is in `playground/page`, and any code of a node.

mod cluster;
mod events;
#[allow(dead_code, reason = "an exhibit's tests are not run in a page")]
mod exhibits;
mod judging;
#[allow(dead_code, reason = "an exhibit's tests are not run in a page")]
mod museum;
#[allow(dead_code, reason = "a node's main is not called in a page")]
mod nodes;
#[cfg(target_arch = "wasm32")]
mod page;
mod request;
mod running;
mod scenes;
mod shrinking;

pub use cluster::running_node;
pub use judging::judge;
pub use running::run;
pub use scenes::{list as scenes, names as scene_names};
pub use shrinking::shrink;

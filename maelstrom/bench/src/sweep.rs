//! Sweeps: very many seeds, on all cores of many machines, and one report of them all.
//!
//! A *case* is a node, a workload and settings. A sweep runs each of its cases on every seed of a
//! range; a *shard* of it, one part of that range. There is no scheduler here and no server: each
//! shard leaves one file, and whoever has the files merges them, in any order. Slurm, Kubernetes,
//! GNU parallel or a loop in a shell decide what runs where (`deploy/`, `book/sweeps.md`).
//!
//! In reading order:
//!
//! - [`seed`] runs one seed and says what came of it.
//! - [`work`] runs many, side by side, and hands the results over in the order of the seeds.
//! - [`coverage`] counts what faults did to which messages.
//! - [`plan`] says what is swept, and which part of it a shard is.
//! - [`shard`] is the file of a shard: written as the work goes on, and found again after a crash.
//! - [`merge`] puts files together; [`text`] and [`page`] show the result, and [`results`] writes it.
//! - [`worker`] carries out the order of `maelstrom sweep` inside a node's test program.
//!
//! Everything that a file says, but for the times, is a function of the program and the settings:
//! a seed does the same wherever it runs. So the parts of a sweep, merged, are the same bytes as a
//! sweep in one piece. That is also why what is kept of failures is bounded by seed and not by
//! time: of each kind the first [`KEPT_FAILURES`] are kept, and the first [`KEPT_TAPES`] tapes.
//!
//! Absent: anything that balances load. Seeds of one case take about the same time; where they do
//! not, ask for more shards than there are machines.

pub mod coverage;
pub mod merge;
pub mod page;
pub mod plan;
pub mod results;
pub mod seed;
pub mod shard;
mod text;
pub mod work;
pub mod worker;

pub use text::report;

/// Of each kind of failure so many are kept in full, those of the lowest seeds. All are counted.
pub const KEPT_FAILURES: usize = 1000;

/// Of each kind of failure so many come with their tape, those of the lowest seeds.
pub const KEPT_TAPES: usize = 10;

/// So many of the slowest seeds are named.
pub const SLOWEST: usize = 10;

//! The program `maelstrom`: a native test bench for distributed systems, a drop-in for the original.
//!
//! [`cli`] is the command line, and [`serve`] shows what is in the store in a browser. Everything
//! that they command is in the package [`maelstrom_bench`], under whose names it is found here, too:
//! the engine, the workloads, the store and the reports. The two are apart because a compiler can
//! work on both at once, and because whoever changes a flag waits only for this one.
//!
//! Absent: anything that a test of a node, or a page in a browser, could want without a program.

pub mod cli;
pub mod serve;

pub use maelstrom_bench::*;

//! Exercise 6-majority, solved.
//!
//! Two sets must meet when their sizes together are more than there are nodes. So a quorum is more
//! than half, and with an even number of nodes that is half and one: a fourth node makes the quorum
//! of three one greater, and no further failure is survived. With writes at `write` nodes, a read
//! needs one node more than a write leaves out. (Gifford, "Weighted voting for replicated data",
//! 1979.)

use crate::stubs::ch06_majority::judge;
use crate::{Task, answer};

/// How many of these nodes are the smallest quorum.
pub fn quorum(nodes: u32) -> u32 {
    nodes / 2 + 1
}

/// How many nodes a read must ask when a write asks `write` of them, which is a quorum at least.
pub fn read_quorum(nodes: u32, write: u32) -> u32 {
    nodes - write + 1
}

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(quorum, read_quorum))
}

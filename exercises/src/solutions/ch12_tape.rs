//! Exercise 12-tape, solved: what n0 tells n2 at 100 ms is lost.
//!
//! A message is known by its link, its type, and the moment at which it is sent. The client's
//! request takes no time and the node answers at once, so that is the moment of the operation. On this
//! seed n2 is read last: without it, the element would count as late, and not as lost.

use crate::stubs::ch12_tape::judge;
use crate::{Task, answer};

const TAPE: &str = r#"
{:tape 2, :workload "broadcast", :seed 1}
{:at 100000000, :thread 0, :f :broadcast, :value 7}
{:from "n0", :to "n2", :type "tell", :fates [[100000000 nil]]}
"#;

/// The tape above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(TAPE))
}

//! How long the set-full checker takes: `cargo bench -p checker --bench set_full`.
//!
//! Elements are added one after the other, reads are spread evenly among them, and each read
//! shows everything added so far but the latest few, as a broadcast under way does. The last
//! column should not change: the time is linear in the elements shown.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use checker::edn::Edn;
use checker::history::{History, Op, OpType, ProcessId};
use checker::{Validity, set_full};

/// So many of the latest elements are not shown yet.
const LAG: usize = 10;

fn main() {
    println!("{:>9} {:>6} {:>12} {:>9} {:>9}", "elements", "reads", "shown", "seconds", "ns/shown");
    for (elements, reads) in [(1_000, 100), (10_000, 1_000), (100_000, 100), (100_000, 1_000)] {
        let (history, shown) = broadcast(elements, reads);
        let start = Instant::now();
        let result = set_full::check(&history, "broadcast");
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(result.verdict, Validity::True);
        let nanos = seconds * 1e9 / shown as f64;
        println!("{elements:>9} {reads:>6} {shown:>12} {seconds:>9.3} {nanos:>9.1}");
    }
}

/// The history, and the total length of its reads.
fn broadcast(elements: usize, reads: usize) -> (History, usize) {
    let mut history = History::default();
    let mut push = |kind, f: &str, value| {
        let index = history.ops.len();
        let (time, process) = (index as i64 * 1_000_000, ProcessId::Client(0));
        let (f, extra) = (f.into(), Vec::new());
        history.ops.push(Op { index, time, kind, process, f, value, extra });
    };
    let mut shown_in_all = 0;
    for element in 0..elements {
        push(OpType::Invoke, "broadcast", Edn::from(element));
        push(OpType::Ok, "broadcast", Edn::from(element));
        let added = element + 1;
        if added.is_multiple_of(elements / reads) {
            // The last read shows everything.
            let shown = if added == elements { added } else { added.saturating_sub(LAG) };
            push(OpType::Invoke, "read", Edn::Nil);
            push(OpType::Ok, "read", Edn::Vector((0..shown).map(Edn::from).collect()));
            shown_in_all += shown;
        }
    }
    (history, shown_in_all)
}

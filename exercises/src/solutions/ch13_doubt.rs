//! Exercise 13-doubt, solved: any choice of the additions of which nobody knows may have happened.
//!
//! With `k` of them there are 2^k choices. The checker has the same sums as ranges of neighbouring
//! integers, of which there are few.

use std::collections::BTreeSet;

use crate::stubs::ch13_doubt::{Additions, judge};
use crate::{Task, answer};

/// Whether a correct counter can have given this read.
fn can_be(additions: &Additions) -> bool {
    let mut sums = BTreeSet::from([additions.acknowledged.iter().sum::<i64>()]);
    for amount in &additions.unknown {
        let with: Vec<i64> = sums.iter().map(|sum| sum + amount).collect();
        sums.extend(with);
    }
    sums.contains(&additions.read)
}

/// The judge above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(can_be))
}

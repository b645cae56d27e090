//! Exercise 8-append, solved: only an entry that conflicts makes the rest of the log go.

use gyre::raft::{LogId, Term};

use crate::stubs::ch08_append::judge;
use crate::{Task, answer};

/// Takes `entries`, which follow `prev`, into the log. Gives whether `prev` was there.
pub fn append(log: &mut Vec<Term>, prev: LogId, entries: &[Term]) -> bool {
    let keep = prev.index as usize;
    if keep > 0 && log.get(keep - 1) != Some(&prev.term) {
        return false;
    }
    for (place, &term) in (keep..).zip(entries) {
        match log.get(place) {
            // The same entry, from an earlier message: what follows it may be right as well.
            Some(&mine) if mine == term => {}
            // Another entry: it and all that follow it are of a leader that is no more.
            Some(_) => {
                log.truncate(place);
                log.push(term);
            }
            None => log.push(term),
        }
    }
    true
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(append))
}

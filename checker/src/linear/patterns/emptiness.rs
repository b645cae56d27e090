//! Dequeues that found the queue empty.
//!
//! An element is surely in the queue from the time when its enqueue has returned until its
//! dequeue begins. A dequeue that found nothing needs a moment of its own time at which no
//! element is surely there. In a history that has no other pattern that is also enough: every
//! enqueue can be as late, and every dequeue as early, as such moments ask for.
//!
//! Source: Henzinger, Sezgin and Vafeiadis, theorem 1, violation `VWit`.

use super::First;
use crate::linear::trace::{Operation, Violation};

/// From when until when an element is surely in the queue; each is given as a position in the
/// history and the operation that decides.
pub struct Stay {
    /// When its enqueue returned; 0 for one that was there from the start.
    pub from: usize,
    pub enqueue: Option<usize>,
    /// When its first dequeue began; `usize::MAX` when there is none.
    pub until: usize,
}

/// Looks for dequeues that cannot have found nothing. `finds` are those that say so.
pub fn check<C>(
    operations: &[Operation<C>],
    finds: &[usize],
    stays: impl Iterator<Item = Stay>,
    first: &mut First,
) {
    if finds.is_empty() {
        return;
    }
    let mut stays: Vec<Stay> = stays.filter(|stay| stay.from < stay.until).collect();
    stays.sort_by_key(|stay| (stay.from, stay.until));
    // The stays joined where they meet: between them the queue may be empty.
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for stay in &stays {
        match joined.last_mut() {
            Some((_, until)) if stay.from <= *until => *until = stay.until.max(*until),
            _ => joined.push((stay.from, stay.until)),
        }
    }
    for &find in finds {
        let Operation { invoked_at, returned_at: Some(returned_at), .. } = operations[find] else {
            continue;
        };
        let place = joined.partition_point(|&(from, _)| from <= invoked_at);
        let covering = place.checked_sub(1).map(|place| joined[place]);
        if covering.is_none_or(|(_, until)| until < returned_at) {
            continue;
        }
        first.offer(operations, find, || {
            let there = cover(&stays, invoked_at, returned_at);
            Violation {
                kind: "not-empty",
                sentence: "A dequeue found nothing, but at no moment of its time can the queue \
                           have been empty.",
                operations: std::iter::once((find, "found the queue empty"))
                    .chain(there.into_iter().map(|id| (id, "had put an element in")))
                    .collect(),
            }
        });
    }
}

/// The enqueues of a few elements of which one at least is there all the time. The stays are in
/// order of their beginning.
fn cover(stays: &[Stay], from: usize, until: usize) -> Vec<usize> {
    let (mut reached, mut cover) = (from, Vec::new());
    let mut stays = stays.iter().peekable();
    while reached < until {
        let there = std::iter::from_fn(|| stays.next_if(|stay| stay.from <= reached));
        let longest = there.max_by_key(|stay| stay.until).expect("the time is covered");
        reached = longest.until;
        cover.extend(longest.enqueue);
    }
    cover
}

//! All cores, where the order of results is still that of the work: files of a `check`, pages
//! of a report. Nothing of a run itself is done this way: there, order is everything.
//!
//! How many threads there are, `RAYON_NUM_THREADS` says; without it there is one for each core.
//! What comes out is the same for any number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// Makes something of every item, side by side, and gives each result to `take`, on this thread
/// and in the items' order, as soon as that can be. Where there is no other thread that could
/// work meanwhile, as in a browser, this one does it all.
///
/// # Errors
/// What `take` answers first; of the items that nobody has begun with nothing is made then.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    make: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if rayon::current_num_threads() == 1 || rayon::current_thread_index().is_some() {
        return items.iter().try_for_each(|item| take(make(item)));
    }
    let (sender, receiver) = mpsc::channel();
    let is_over = AtomicBool::new(false);
    let (make, is_over) = (&make, &is_over);
    rayon::in_place_scope_fifo(move |scope| {
        for (place, item) in items.iter().enumerate() {
            let sender = sender.clone();
            scope.spawn_fifo(move |_| {
                if !is_over.load(Ordering::Relaxed) {
                    // Nobody listens any more once `take` has failed.
                    sender.send((place, make(item))).ok();
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut next = 0;
        for (place, result) in receiver {
            early.insert(place, result);
            while let Some(result) = early.remove(&next) {
                next += 1;
                take(result).inspect_err(|_| is_over.store(true, Ordering::Relaxed))?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let mut taken = Vec::new();
        // The first take longest.
        let slow = |item: &u64| (0..(100 - item) * 1000).fold(*item, |sum, n| sum ^ n ^ n);
        in_order(&items, slow, |result| {
            taken.push(result);
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!(taken, items);
    }

    #[test]
    fn whoever_takes_may_stop_it() {
        let mut taken = 0;
        let stopped = in_order(
            &[1, 2, 3],
            |item| *item,
            |item| {
                taken += 1;
                if item == 2 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((stopped, taken), (Err("enough"), 2));
    }
}

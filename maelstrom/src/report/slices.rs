//! Which messages the page shows one by one when there are too many for all of them.
//!
//! The run is cut into slices of equal length. A slice is shown with all of its messages, or,
//! where space runs out, with its first ones and the number of the others: so whoever zooms in
//! sees either everything or is told what is missing, never a random sample that looks like
//! everything. Slices are chosen by what a reader will want to see: first those that a finding
//! points to, then where faults begin and end, then the beginning and the end of the run, then
//! evenly over the rest, ever more finely.

use std::collections::BTreeSet;
use std::ops::Range;

/// How many slices there are at most.
pub const SLICES: usize = 1024;

/// The run's slices, and how many messages of each are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    /// When the first begins, in nanoseconds since the main phase began.
    pub start: i64,
    /// How long each is, in nanoseconds; at least 1.
    pub width: i64,
    /// How many messages each has.
    pub total: Vec<usize>,
    /// How many of them, the first ones, are shown.
    pub shown: Vec<usize>,
}

impl Slices {
    /// Cuts this time into slices, none of them with any message.
    pub fn new(time: Range<i64>) -> Slices {
        let length = (time.end - time.start).max(0);
        let width = length / SLICES as i64 + 1;
        Slices { start: time.start, width, total: vec![0; SLICES], shown: vec![0; SLICES] }
    }

    /// The slice that this moment is in; moments outside count to the first or the last one.
    pub fn at(&self, time: i64) -> usize {
        ((time - self.start).max(0) / self.width).min(SLICES as i64 - 1) as usize
    }

    /// Chooses what to show. `costs` has the cost of each message in the order of `total`'s
    /// slices; `wanted` are the moments of interest, the most important first.
    pub fn choose(&mut self, costs: &[Vec<u16>], wanted: &[i64], budget: usize) {
        let mut order: Vec<usize> = wanted.iter().map(|&time| self.at(time)).collect();
        // Something that a moment shows may have begun a little before it.
        order.extend(order.clone().iter().map(|slice| slice.saturating_sub(1)));
        order.extend(0..4);
        order.extend((SLICES - 4..SLICES).rev());
        order.extend((0..SLICES).map(bit_reversed));
        let mut seen = BTreeSet::new();
        let mut left = budget;
        for slice in order {
            if !seen.insert(slice) {
                continue;
            }
            for cost in costs[slice].iter().map(|&cost| usize::from(cost)) {
                if cost > left {
                    return;
                }
                left -= cost;
                self.shown[slice] += 1;
            }
        }
    }
}

/// Visits 0..SLICES so that every prefix is spread evenly: 0, 512, 256, 768, ….
fn bit_reversed(number: usize) -> usize {
    number.reverse_bits() >> (usize::BITS - SLICES.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_has_a_slice() {
        let slices = Slices::new(-5..1_000_000);
        assert_eq!((slices.at(-5), slices.at(i64::MIN / 2)), (0, 0));
        assert!(slices.at(1_000_000) < SLICES);
        assert_eq!(Slices::new(0..0).at(7), 7);
    }

    #[test]
    fn what_is_wanted_comes_first_and_the_budget_is_kept() {
        let costs = vec![vec![10, 10]; SLICES];
        let mut slices = Slices::new(0..SLICES as i64 * 100);
        slices.choose(&costs, &[77_000], 50);
        let wanted = slices.at(77_000);
        assert_eq!(slices.shown[wanted], 2);
        assert_eq!(slices.shown.iter().sum::<usize>(), 5);
        let mut all = Slices::new(0..100);
        all.choose(&costs, &[], usize::MAX);
        assert!(all.shown.iter().all(|&shown| shown == 2));
    }

    #[test]
    fn an_order_by_reversed_bits_visits_every_slice_once() {
        let order: BTreeSet<usize> = (0..SLICES).map(bit_reversed).collect();
        assert_eq!(order.len(), SLICES);
        assert_eq!([bit_reversed(1), bit_reversed(2), bit_reversed(3)], [512, 256, 768]);
    }
}

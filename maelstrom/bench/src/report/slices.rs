//! The time of a run, cut into slices of equal length: how many messages there were in each.
//!
//! These counts are of all messages, however many of them the page has one by one.

use std::ops::Range;

/// How many slices there are at most.
pub const SLICES: usize = 1024;

/// The run's slices, and how many messages each has.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    /// When the first begins, in nanoseconds since the main phase began.
    pub start: i64,
    /// How long each is, in nanoseconds; at least 1.
    pub width: i64,
    /// How many messages each has.
    pub total: Vec<usize>,
}

impl Slices {
    /// Cuts this time into slices, none of them with any message.
    pub fn new(time: Range<i64>) -> Slices {
        let length = (time.end - time.start).max(0);
        let width = length / SLICES as i64 + 1;
        Slices { start: time.start, width, total: vec![0; SLICES] }
    }

    /// The slice that this moment is in; moments outside count to the first or the last one.
    pub fn at(&self, time: i64) -> usize {
        ((time - self.start).max(0) / self.width).min(SLICES as i64 - 1) as usize
    }
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
}

//! Two trees over moments: how many elements are surely there at each, and who waits for one.
//!
//! Both are full binary trees in a vector: the root is at 1, and below node n are 2n and 2n + 1.

use std::ops::Range;

/// The count of a moment that was given out: too many for all elements to be left out of it.
const DONE: u32 = u32::MAX / 2;

/// For each moment, how many elements are surely there.
pub struct Cover {
    /// For each node, the least count of the moments below, once what was taken from the nodes
    /// above is taken from it too.
    least: Vec<u32>,
    /// What was taken from all moments below a node.
    taken: Vec<u32>,
    size: usize,
}

impl Cover {
    /// So many moments, and when each element is there.
    pub fn new(moments: usize, stays: impl Iterator<Item = Range<usize>>) -> Cover {
        let size = moments.next_power_of_two();
        let mut change = vec![0_i64; size + 1];
        for stay in stays {
            change[stay.start] += 1;
            change[stay.end] -= 1;
        }
        let mut cover = Cover { least: vec![DONE; 2 * size], taken: vec![0; 2 * size], size };
        let mut count = 0;
        for (leaf, change) in cover.least[size..size + moments].iter_mut().zip(change) {
            count += change;
            *leaf = u32::try_from(count).expect("what ends has begun");
        }
        (1..size).rev().for_each(|node| cover.update(node));
        cover
    }

    fn update(&mut self, node: usize) {
        let below = self.least[2 * node].min(self.least[2 * node + 1]);
        self.least[node] = below - self.taken[node];
    }

    /// An element is left out that was there at these moments.
    pub fn remove(&mut self, stay: &Range<usize>) {
        self.remove_below(1, 0..self.size, stay);
    }

    fn remove_below(&mut self, node: usize, moments: Range<usize>, stay: &Range<usize>) {
        if stay.end <= moments.start || moments.end <= stay.start {
            return;
        }
        if stay.start <= moments.start && moments.end <= stay.end {
            self.least[node] -= 1;
            self.taken[node] += 1;
            return;
        }
        let middle = moments.start.midpoint(moments.end);
        self.remove_below(2 * node, moments.start..middle, stay);
        self.remove_below(2 * node + 1, middle..moments.end, stay);
        self.update(node);
    }

    /// A moment at which no element is surely there, and that was not given out before.
    pub fn next_bare(&mut self) -> Option<usize> {
        if self.least[1] > 0 {
            return None;
        }
        let (mut node, mut above) = (1, 0);
        while node < self.size {
            above += self.taken[node];
            node = 2 * node + usize::from(self.least[2 * node] > above);
        }
        let moment = node - self.size;
        self.least[node] = DONE;
        while node > 1 {
            node /= 2;
            self.update(node);
        }
        Some(moment)
    }
}

/// Who waits for one of a range of moments.
pub struct Waiting {
    /// In order of their first moment, and with it.
    waiting: Vec<(usize, usize)>,
    /// For each node, the end of the last range below of one who still waits.
    last: Vec<usize>,
    size: usize,
}

impl Waiting {
    /// The ranges of all, each known by its place.
    pub fn new(ranges: impl Iterator<Item = Range<usize>>) -> Waiting {
        let mut ranges: Vec<_> = ranges.enumerate().map(|(id, r)| (r.start, id, r.end)).collect();
        ranges.sort_unstable();
        let size = ranges.len().next_power_of_two();
        let mut last = vec![0; 2 * size];
        for (place, (_, _, end)) in ranges.iter().enumerate() {
            last[size + place] = *end;
        }
        for node in (1..size).rev() {
            last[node] = last[2 * node].max(last[2 * node + 1]);
        }
        let waiting = ranges.into_iter().map(|(start, id, _)| (start, id)).collect();
        Waiting { waiting, last, size }
    }

    /// Those who waited for this moment. They wait no longer.
    pub fn take(&mut self, moment: usize, taken: &mut Vec<usize>) {
        let begun = self.waiting.partition_point(|(start, _)| *start <= moment);
        self.take_below(1, 0..self.size, begun, moment, taken);
    }

    fn take_below(
        &mut self,
        node: usize,
        places: Range<usize>,
        begun: usize,
        moment: usize,
        taken: &mut Vec<usize>,
    ) {
        if places.start >= begun || self.last[node] <= moment {
            return;
        }
        if node >= self.size {
            taken.push(self.waiting[places.start].1);
            self.last[node] = 0;
            return;
        }
        let middle = places.start.midpoint(places.end);
        self.take_below(2 * node, places.start..middle, begun, moment, taken);
        self.take_below(2 * node + 1, middle..places.end, begun, moment, taken);
        self.last[node] = self.last[2 * node].max(self.last[2 * node + 1]);
    }
}

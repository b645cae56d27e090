//! The situations that a search has been in, so that it does not go there again.
//!
//! A situation is what the object holds, which operations have happened, and which crashed
//! operations were used on the way. The first two are kept as a sum of random numbers, one for
//! each thing that is the case (A. Zobrist, *A new hashing method with application for game
//! playing*, 1970). Of 128 bits, because two different situations must never have the same sum:
//! among a thousand million situations the chance is below 1 in 10^20. The third is kept as it
//! is, because whoever has used less can do more: a situation need not be looked at when one was
//! that is the same with fewer crashed operations used.

use rustc_hash::FxHashMap;

/// A number for a thing that is the case, as if by chance. `kind` keeps things apart that have
/// the same number.
pub fn random(kind: u64, number: u64) -> u128 {
    // SplitMix64's finalizer, on two unlike counters.
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let one = mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(mix(kind ^ 0xa5a5)));
    let other = mix(one ^ mix(number.wrapping_add(kind << 48) ^ 0x5851_f42d_4c95_7f2d));
    u128::from(one) << 64 | u128::from(other)
}

/// Halves, because a `u128` would be aligned to more bytes than the rest of an entry needs.
type Key = (u64, u64);

/// A set of situations.
pub struct Memo {
    /// For each sum, the place of the last entry in `chain`.
    last: FxHashMap<Key, u32>,
    /// The entries: the place of the one before, or [`Memo::NONE`], and the operations used.
    chain: Vec<u64>,
    /// How many words it takes to say which crashed operations were used.
    words: usize,
}

impl Memo {
    const NONE: u64 = u64::MAX;

    /// No situation yet, where there are so many crashed operations in all.
    pub fn new(crashed: usize) -> Memo {
        Memo { last: FxHashMap::default(), chain: Vec::new(), words: crashed.div_ceil(64) }
    }

    /// Adds a situation; false when one is known that is at least as good.
    pub fn add(&mut self, sum: u128, used: &[u64]) -> bool {
        let key = ((sum >> 64) as u64, sum as u64);
        if self.words == 0 {
            return self.last.insert(key, 0).is_none();
        }
        let before = self.last.get(&key).map_or(Memo::NONE, |place| u64::from(*place));
        let mut place = before;
        while place != Memo::NONE {
            let entry = place as usize * (self.words + 1);
            let known = &self.chain[entry + 1..=entry + self.words];
            if known.iter().zip(used).all(|(known, used)| known & !used == 0) {
                return false;
            }
            place = self.chain[entry];
        }
        let place = self.chain.len() / (self.words + 1);
        self.chain.push(before);
        self.chain.extend_from_slice(used);
        self.last.insert(key, u32::try_from(place).expect("the budget is less"));
        true
    }

    /// How many bytes it will have held at most once another situation is added.
    pub fn bytes(&self) -> usize {
        let grown =
            |len: usize, capacity: usize| if len >= capacity { 3 * capacity } else { capacity };
        grown(self.last.len(), self.last.capacity()) * (size_of::<(Key, u32)>() * 8 / 7 + 1)
            + grown(self.chain.len() + self.words + 1, self.chain.capacity().max(1)) * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_situation_is_known_when_less_was_used_in_the_same() {
        let mut memo = Memo::new(65);
        assert!(memo.add(1, &[0b11, 0]) && memo.add(2, &[0b11, 0]));
        assert!(!memo.add(1, &[0b11, 0]) && !memo.add(1, &[0b111, 1]));
        assert!(memo.add(1, &[0b10, 1]) && memo.add(1, &[0b1, 0]));
        assert!(!memo.add(1, &[0b1, 1]));
        let mut memo = Memo::new(0);
        assert!(memo.add(1, &[]) && memo.add(1 << 64, &[]) && !memo.add(1, &[]));
    }

    #[test]
    fn random_numbers_differ_in_both_halves() {
        let numbers = (0..4).flat_map(|kind| (0..10_000).map(move |n| random(kind, n)));
        let numbers: Vec<u128> = numbers.collect();
        for half in [0, 64] {
            let mut halves: Vec<u64> = numbers.iter().map(|n| (n >> half) as u64).collect();
            halves.sort_unstable();
            halves.dedup();
            assert_eq!(halves.len(), numbers.len());
        }
    }
}

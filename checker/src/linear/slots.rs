//! Small sets of slots, one bit each.
//!
//! Every operation under way has a slot, a number that is free again once the operation has
//! ended. So a set of operations is a few machine words, however long the history. The width is
//! a constant of the type: one word, which nearly every history fits, costs nothing more than a
//! plain integer.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, Not};

/// A set of slots below `64 * WORDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slots<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Slots<WORDS> {
    /// No slot.
    pub const EMPTY: Slots<WORDS> = Slots([0; WORDS]);

    /// This slot alone.
    pub fn single(slot: usize) -> Slots<WORDS> {
        let mut slots = Slots::EMPTY;
        slots.insert(slot);
        slots
    }

    /// Adds a slot.
    pub fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    /// Takes a slot out.
    pub fn remove(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }

    /// Whether the slot is in the set.
    pub fn contains(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Whether there is no slot in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// The words that it is made of.
    pub fn words(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }

    /// The slots in it, from the lowest.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let Slots(mut words) = self;
        let mut place = 0;
        // A plain loop: the search spends much of its time here.
        std::iter::from_fn(move || {
            while place < WORDS {
                let word = words[place];
                if word != 0 {
                    words[place] = word & (word - 1);
                    return Some(place * 64 + word.trailing_zeros() as usize);
                }
                place += 1;
            }
            None
        })
    }
}

impl<const WORDS: usize> BitOr for Slots<WORDS> {
    type Output = Slots<WORDS>;

    fn bitor(mut self, other: Slots<WORDS>) -> Slots<WORDS> {
        self |= other;
        self
    }
}

impl<const WORDS: usize> BitOrAssign for Slots<WORDS> {
    fn bitor_assign(&mut self, other: Slots<WORDS>) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }
}

impl<const WORDS: usize> BitAnd for Slots<WORDS> {
    type Output = Slots<WORDS>;

    fn bitand(mut self, other: Slots<WORDS>) -> Slots<WORDS> {
        self &= other;
        self
    }
}

impl<const WORDS: usize> BitAndAssign for Slots<WORDS> {
    fn bitand_assign(&mut self, other: Slots<WORDS>) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine &= theirs);
    }
}

/// The slots that are in one of the two sets and not in the other.
impl<const WORDS: usize> BitXor for Slots<WORDS> {
    type Output = Slots<WORDS>;

    fn bitxor(mut self, other: Slots<WORDS>) -> Slots<WORDS> {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine ^= theirs);
        self
    }
}

impl<const WORDS: usize> Not for Slots<WORDS> {
    type Output = Slots<WORDS>;

    fn not(mut self) -> Slots<WORDS> {
        self.0.iter_mut().for_each(|word| *word = !*word);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_two_words_behaves_as_a_set() {
        let mut slots = Slots::<2>::EMPTY;
        for slot in [3, 64, 127, 3] {
            slots.insert(slot);
        }
        slots.remove(64);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [3, 127]);
        assert!(slots.contains(127) && !slots.contains(64));
        assert_eq!(slots & Slots::single(127), Slots::single(127));
        assert_eq!(slots ^ Slots::single(127), Slots::single(3));
        assert!((slots & !slots).is_empty());
    }
}

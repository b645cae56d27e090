//! A value for each key, for the length of a transaction.

/// An array that is emptied in no time: each place remembers in which round it was last set.
pub struct Scratch<T> {
    places: Vec<(u32, T)>,
    round: u32,
    empty: T,
}

impl<T: Copy> Scratch<T> {
    /// So many places, all of them empty.
    pub fn new(places: usize, empty: T) -> Scratch<T> {
        Scratch { places: vec![(0, empty); places], round: 1, empty }
    }

    /// Empties all places. There are fewer than 2^32 transactions, and so fewer rounds.
    pub fn clear(&mut self) {
        self.round += 1;
    }

    /// The value at a place.
    pub fn at(&mut self, place: u32) -> &mut T {
        let (round, value) = &mut self.places[place as usize];
        if *round != self.round {
            (*round, *value) = (self.round, self.empty);
        }
        value
    }
}

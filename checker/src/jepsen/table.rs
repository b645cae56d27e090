//! What is known of each of many values, in the order in which they were first met: nothing is
//! gone through in the order of hashes, which says nothing.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::edn::Edn;

/// A row for each value. Values that EDN calls equal are one.
pub struct Table<T> {
    places: FxHashMap<Edn, u32>,
    rows: Vec<(Edn, T)>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { places: FxHashMap::default(), rows: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The row of a value; one made by `new` if it has none.
    pub fn row_or(&mut self, value: &Edn, new: impl FnOnce() -> T) -> &mut T {
        let value = value.canonical();
        let next = u32::try_from(self.rows.len()).expect("more values than memory holds");
        let place = match self.places.get(&*value) {
            Some(place) => *place,
            None => {
                let value = Cow::into_owned(value);
                self.places.insert(value.clone(), next);
                self.rows.push((value, new()));
                next
            }
        };
        &mut self.rows[place as usize].1
    }

    /// The row of a value; an empty one if it has none.
    pub fn row(&mut self, value: &Edn) -> &mut T
    where
        T: Default,
    {
        self.row_or(value, T::default)
    }

    /// All rows, by value; numbers by size.
    pub fn into_sorted(self) -> Vec<(Edn, T)> {
        let mut rows = self.rows;
        rows.sort_unstable_by(|a, b| a.0.compare_numbers(&b.0));
        rows
    }
}

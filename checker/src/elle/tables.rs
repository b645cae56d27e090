//! Keys and versions as numbers.

use rustc_hash::FxHashMap;

use crate::atom::{Atom, Atoms};
use crate::edn::Edn;

/// No transaction, no version, no state.
pub const NONE: u32 = u32::MAX;

/// The number of a place in a table.
pub fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a table has fewer than 2^32 places")
}

/// A value that somebody wrote, or read, at a key.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// The key.
    pub key: u32,
    /// The value itself.
    pub atom: Atom,
    /// The transaction that wrote it; [`NONE`] when none did.
    pub writer: u32,
    /// Whether its writer went on to write this key again.
    pub is_superseded: bool,
}

/// The values that occur in a history, each with a number.
#[derive(Default)]
pub struct Tables {
    /// Values that are not plain integers.
    pub atoms: Atoms,
    /// The keys.
    pub keys: Vec<Atom>,
    /// The versions of all keys.
    pub versions: Vec<Version>,
    numbers: Numbers,
}

/// Where to find the number of what is known: needed only as long as a history is taken in.
#[derive(Default)]
struct Numbers {
    keys: FxHashMap<Atom, u32>,
    /// For each key its versions that are small integers.
    small: Vec<Small>,
    /// The other versions.
    versions: FxHashMap<(u32, Atom), u32>,
}

/// The versions of a key that are integers from 0 on, and not much larger than there are of
/// them: nearly all are, and need no hashing.
#[derive(Default)]
struct Small {
    /// By value; [`NONE`] where there is none.
    numbers: Vec<u32>,
    count: usize,
}

impl Small {
    fn get(&self, value: usize) -> Option<u32> {
        self.numbers.get(value).copied().filter(|&number| number != NONE)
    }

    /// Takes in a version, if its value is small enough.
    fn insert(&mut self, value: usize, number: u32) -> bool {
        let is_small = value < 16 + 4 * self.count;
        if is_small {
            if value >= self.numbers.len() {
                self.numbers.resize(value + 1, NONE);
            }
            self.numbers[value] = number;
            self.count += 1;
        }
        is_small
    }
}

impl Tables {
    /// The number of a key.
    pub fn key(&mut self, atom: Atom) -> u32 {
        *self.numbers.keys.entry(atom).or_insert_with(|| {
            self.keys.push(atom);
            self.numbers.small.push(Small::default());
            number(self.keys.len() - 1)
        })
    }

    /// The number of a version.
    pub fn version(&mut self, key: u32, atom: Atom) -> u32 {
        let small = &mut self.numbers.small[key as usize];
        let value = atom.as_integer().and_then(|value| usize::try_from(value).ok());
        if let Some(known) = value.and_then(|value| small.get(value)) {
            return known;
        }
        // What is small by now may have been large when it came.
        if let Some(known) = self.numbers.versions.get(&(key, atom)) {
            return *known;
        }
        let next = number(self.versions.len());
        self.versions.push(Version { key, atom, writer: NONE, is_superseded: false });
        if !value.is_some_and(|value| small.insert(value, next)) {
            self.numbers.versions.insert((key, atom), next);
        }
        next
    }

    /// Gives memory back once all is taken in: nobody asks for the number of anything then.
    pub fn finish(&mut self) {
        self.numbers = Numbers::default();
    }

    /// A key as it is printed.
    pub fn key_edn(&self, key: u32) -> Edn {
        self.atoms.edn(self.keys[key as usize])
    }

    /// A version as it is printed.
    pub fn version_edn(&self, version: u32) -> Edn {
        self.atoms.edn(self.versions[version as usize].atom)
    }

    /// The transaction that wrote a version; [`NONE`] when none did.
    pub fn writer(&self, version: u32) -> u32 {
        self.versions[version as usize].writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_all;

    #[test]
    fn a_version_has_one_number_however_large_it_was_when_it_came() {
        let values = "1000 15 :a 16 [1] 70 -1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 \"x\" 0 1001 999";
        let values = read_all(values).unwrap();
        let mut tables = Tables::default();
        let keys = [Edn::Int(7), Edn::keyword("k")].map(|key| tables.atoms.intern(&key));
        let keys = keys.map(|key| tables.key(key));
        let mut numbers = Vec::new();
        for _ in 0..3 {
            for key in keys {
                for value in &values {
                    let atom = tables.atoms.intern(value);
                    let version = tables.version(key, atom);
                    numbers.push(version);
                    assert_eq!(tables.versions[version as usize].key, key);
                    assert_eq!(tables.version_edn(version), *value);
                }
            }
        }
        let all: Vec<u32> = (0..2 * values.len() as u32).collect();
        assert_eq!(numbers, all.repeat(3));
    }
}

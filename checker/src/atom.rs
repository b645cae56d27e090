//! Keys and values as numbers.

use rustc_hash::FxHashMap;

use crate::edn::Edn;
use crate::history::Cursor;

/// A key or a value: an integer is itself, and any other value a place in the table of
/// [`Atoms`], taken from the far end of the integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(i64);

impl Atom {
    /// The integer that it is, if it is one.
    pub fn as_integer(self) -> Option<i64> {
        (self.0 >= FIRST_INTEGER).then_some(self.0)
    }
}

/// Integers from here on stand for themselves. The 2^32 below are places in the table; the few
/// integers that lie there are kept in the table too.
const FIRST_INTEGER: i64 = i64::MIN + (1 << 32);

/// The values that are not plain integers.
#[derive(Default)]
pub struct Atoms {
    table: Vec<Edn>,
    places: FxHashMap<Edn, i64>,
}

impl Atoms {
    /// The number of the value that comes next.
    #[inline]
    pub fn read(&mut self, cursor: &mut Cursor) -> Atom {
        match cursor.integer() {
            Some(int) => self.intern(&Edn::Int(int)),
            None => self.intern(&cursor.value()),
        }
    }

    /// Whether the value that comes next would have this number. It is passed over.
    #[inline]
    pub fn is_next(&self, atom: Atom, cursor: &mut Cursor) -> bool {
        match cursor.integer() {
            Some(int) => self.is(atom, &Edn::Int(int)),
            None => self.is(atom, &cursor.value()),
        }
    }

    /// The number of a value. Values that EDN calls equal have the same one.
    #[inline]
    pub fn intern(&mut self, value: &Edn) -> Atom {
        match value {
            Edn::Int(n) if *n >= FIRST_INTEGER => Atom(*n),
            value => {
                let value = value.canonical();
                if let Some(&place) = self.places.get(&*value) {
                    return Atom(place);
                }
                let place = i64::MIN + self.table.len() as i64;
                assert!(place < FIRST_INTEGER, "fewer than 2^32 values are not integers");
                self.table.push(value.clone().into_owned());
                self.places.insert(value.into_owned(), place);
                Atom(place)
            }
        }
    }

    /// Whether a value, once interned, would have this number.
    #[inline]
    pub fn is(&self, atom: Atom, value: &Edn) -> bool {
        match value {
            Edn::Int(n) if *n >= FIRST_INTEGER => atom.0 == *n,
            value => self.places.get(&*value.canonical()) == Some(&atom.0),
        }
    }

    /// The value behind a number.
    pub fn edn(&self, Atom(number): Atom) -> Edn {
        if number >= FIRST_INTEGER {
            return Edn::Int(number);
        }
        self.table[usize::try_from(number - i64::MIN).expect("a place in the table")].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    #[test]
    fn equal_values_are_one_atom_and_come_back_as_they_were() {
        let mut atoms = Atoms::default();
        let texts = ["0", "-1", "\"0\"", ":a", "nil", "[1 2]", "{:a 1}", "-9223372036854775808"];
        for (i, text) in texts.iter().enumerate() {
            let value = read_one(text).unwrap();
            let atom = atoms.intern(&value);
            assert_eq!(atoms.edn(atom), value);
            assert!(atoms.is(atom, &value));
            for other in &texts[..i] {
                assert!(!atoms.is(atom, &read_one(other).unwrap()), "{text} {other}");
            }
        }
        let list = read_one("(1 2)").unwrap();
        assert_eq!(atoms.intern(&list), atoms.intern(&read_one("[1 2]").unwrap()));
    }
}

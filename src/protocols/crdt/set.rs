//! A set that only grows.
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::fmt::Debug;

use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Crdt;
use crate::protocols::core::shown;

/// So many elements are shown one by one.
const SHOWN_MAX: usize = 32;

/// A set that only grows: its join is the union, and an addition's delta is the new element
/// alone. Clones share their parts, so a reader may take one of a set of any size.
///
/// ```
/// use gyre::crdt::{Crdt, GSet};
///
/// let mut a = GSet::add(1);
/// a.join(&GSet::add(2));
/// let b = GSet::add(2);
/// assert_eq!(a.minus(&b), GSet::add(1)); // all that b must be sent
/// assert!(a.iter().eq(&[1, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    transparent,
    bound(serialize = "T: Ord + Serialize", deserialize = "T: Ord + Clone + Deserialize<'de>")
)]
pub struct GSet<T: Ord>(OrdSet<T>);

impl<T: Ord> GSet<T> {
    /// The elements, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter()
    }
}

impl<T: Ord + Clone> GSet<T> {
    /// The delta that adds an element.
    pub fn add(element: T) -> GSet<T> {
        GSet(OrdSet::unit(element))
    }
}

impl<T: Ord> Default for GSet<T> {
    /// The empty set.
    fn default() -> GSet<T> {
        GSet(OrdSet::new())
    }
}

impl<T: Ord + Clone + Debug + Serialize> Crdt for GSet<T> {
    // ANCHOR: join
    fn join(&mut self, other: &GSet<T>) {
        self.0.extend(other.0.iter().cloned());
    }
    // ANCHOR_END: join

    fn minus(&self, known: &GSet<T>) -> GSet<T> {
        // Not `difference`: it walks all of a set that is much greater than the delta.
        GSet(self.0.iter().filter(|element| !known.0.contains(*element)).cloned().collect())
    }

    fn is_bottom(&self) -> bool {
        self.0.is_empty()
    }

    type Key = T;

    const PARTS_CHANGE: bool = false;

    fn keys(&self) -> Vec<T> {
        self.0.iter().cloned().collect()
    }

    fn part(&self, key: &T) -> GSet<T> {
        // It is there already, and to look for it in a large set takes long.
        GSet::add(key.clone())
    }

    /// The elements of a small set; of a large one how many there are.
    fn inspect(&self) -> Value {
        if self.0.len() > SHOWN_MAX {
            return self.0.len().into();
        }
        Value::Array(self.0.iter().map(shown).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Json;

    /// It is how a set of any size is read.
    #[test]
    fn a_clone_is_no_copy() {
        let set: GSet<u64> = GSet((0..10_000_u64).collect());
        assert!(set.clone().0.ptr_eq(&set.0));
    }

    #[test]
    fn any_json_is_an_element() {
        let text = r#"[null,true,-1,2.5,"a\"b",[1,[]],{"b":1,"a":{}}, 1, 1.0,
            {"a":{},"b":1}, 1208925819614629174706177, 1208925819614629174706178]"#;
        let set: GSet<Json> = serde_json::from_str(text).unwrap();
        assert_eq!(set.iter().len(), 11, "an object's keys have no order");
        let again: GSet<Json> =
            serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
        assert_eq!(again, set);
    }
}

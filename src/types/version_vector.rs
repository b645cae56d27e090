//! Version vectors: how much of everything somebody has, in one number per source.
//!
//! Parker et al., "Detection of mutual inconsistency in distributed systems" (1983). Here a
//! number counts a prefix: 7 means the first seven values of that source, with no gap. So a
//! vector says exactly what is missing, and its size depends on the number of sources alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::Incarnation;

/// For each source, how many of its values are there, counted from its first without a gap.
///
/// Vectors are ordered source by source: `a` covers `b` when no number of `b` is greater. The
/// least upper bound of two vectors is their [`join`](VersionVector::join).
///
/// ```
/// use gyre::{Incarnation, VersionVector};
///
/// let [n1, n2] = ["n1", "n2"].map(|node| Incarnation::new(&node.into(), 17));
/// let (mut a, mut b) = (VersionVector::default(), VersionVector::default());
/// a.raise(&n1, 3);
/// b.raise(&n2, 5);
/// assert!(!a.covers(&b) && !b.covers(&a)); // they happened side by side
/// a.join(&b);
/// assert!(a.covers(&b) && a.get(&n2) == 5);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionVector(BTreeMap<Incarnation, u64>);

impl VersionVector {
    /// How many values of `source` it counts.
    pub fn get(&self, source: &Incarnation) -> u64 {
        self.0.get(source).copied().unwrap_or(0)
    }

    /// Raises the number of `source` to `count`; never lowers it. True when that changed it.
    pub fn raise(&mut self, source: &Incarnation, count: u64) -> bool {
        if self.get(source) >= count {
            return false;
        }
        self.0.insert(source.clone(), count);
        true
    }

    /// Raises every number to the other's. True when that changed anything.
    pub fn join(&mut self, other: &VersionVector) -> bool {
        other.0.iter().fold(false, |changed, (source, count)| self.raise(source, *count) | changed)
    }

    /// Whether it counts everything that `other` counts.
    pub fn covers(&self, other: &VersionVector) -> bool {
        other.0.iter().all(|(source, count)| self.get(source) >= *count)
    }

    /// The sources with a number above zero, in order, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&Incarnation, u64)> {
        self.0.iter().map(|(source, count)| (source, *count))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::NodeId;

    fn vector() -> impl Strategy<Value = VersionVector> {
        let source = (0..3_u64).prop_map(|number| Incarnation::new(&NodeId::from("n1"), number));
        prop::collection::btree_map(source, 1..5_u64, 0..4).prop_map(VersionVector)
    }

    proptest! {
        #[test]
        fn a_join_is_the_least_vector_that_covers_both(
            a in vector(),
            b in vector(),
            c in vector(),
        ) {
            let mut joined = a.clone();
            prop_assert_eq!(joined.join(&b), !a.covers(&b));
            prop_assert!(joined.covers(&a) && joined.covers(&b));
            prop_assert_eq!(c.covers(&joined), c.covers(&a) && c.covers(&b));
        }
    }
}

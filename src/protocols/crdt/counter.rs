//! Counters: one number per replica, which that replica alone raises.
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::{Crdt, number};
use crate::types::Incarnation;

/// A counter that only grows.
///
/// It keeps for each replica how much that replica has added. The join takes the greater of
/// two numbers, replica by replica: as a replica's own number only grows, the greater one is
/// the newer one. So it must never start again from zero under the same name, which is why
/// the name is an [`Incarnation`].
///
/// ```
/// use gyre::Incarnation;
/// use gyre::crdt::{Crdt, GCounter};
///
/// let [n1, n2] = ["n1", "n2"].map(|node| Incarnation::new(&node.into(), 17));
/// let (mut a, mut b) = (GCounter::default(), GCounter::default());
/// let of_a = a.add(&n1, 3).unwrap(); // a delta …
/// a.join(&of_a); // … which takes effect here …
/// b.join(&b.add(&n2, 4).unwrap());
/// b.join(&of_a); // … and there,
/// b.join(&of_a); // however often it comes
/// assert_eq!((a.value(), b.value()), (3, 7));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GCounter(BTreeMap<Incarnation, u64>);

impl GCounter {
    /// The sum of what everybody has added.
    // ANCHOR: counter
    pub fn value(&self) -> u128 {
        self.0.values().map(|added| u128::from(*added)).sum()
    }
    // ANCHOR_END: counter

    /// The delta that adds `amount` on behalf of `replica`: its new number alone, not the
    /// amount. A number is no less true when it comes twice. `None` when the number would be
    /// greater than 2⁶⁴ - 1.
    #[must_use]
    pub fn add(&self, replica: &Incarnation, amount: u64) -> Option<GCounter> {
        let added = self.0.get(replica).copied().unwrap_or(0).checked_add(amount)?;
        Some(GCounter(BTreeMap::from([(replica.clone(), added)])))
    }
}

impl Crdt for GCounter {
    // ANCHOR: join
    fn join(&mut self, other: &GCounter) {
        for (replica, added) in &other.0 {
            match self.0.get_mut(replica) {
                Some(known) => *known = (*known).max(*added),
                None => drop(self.0.insert(replica.clone(), *added)),
            }
        }
    }
    // ANCHOR_END: join

    fn minus(&self, known: &GCounter) -> GCounter {
        let newer = |(replica, added): &(&Incarnation, &u64)| {
            known.0.get(*replica).is_none_or(|known| known < *added)
        };
        let newer = self.0.iter().filter(newer);
        GCounter(newer.map(|(replica, added)| (replica.clone(), *added)).collect())
    }

    fn is_bottom(&self) -> bool {
        self.0.is_empty()
    }

    type Key = Incarnation;

    fn keys(&self) -> Vec<Incarnation> {
        self.0.keys().cloned().collect()
    }

    fn part(&self, key: &Incarnation) -> GCounter {
        GCounter(
            self.0
                .get_key_value(key)
                .map(|(key, added)| (key.clone(), *added))
                .into_iter()
                .collect(),
        )
    }

    fn inspect(&self) -> Value {
        number(self.value())
    }
}

/// A counter that goes up and down: two counters that only grow, one for each direction. The
/// join of a pair is the pair of the joins.
///
/// ```
/// use gyre::Incarnation;
/// use gyre::crdt::{Crdt, PnCounter};
///
/// let [n1, n2] = ["n1", "n2"].map(|node| Incarnation::new(&node.into(), 17));
/// let (mut a, mut b) = (PnCounter::default(), PnCounter::default());
/// a.join(&a.add(&n1, 5).unwrap());
/// b.join(&b.add(&n2, -7).unwrap());
/// a.join(&b);
/// b.join(&a);
/// assert_eq!((a.value(), b.value()), (-2, -2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// ANCHOR: pn
pub struct PnCounter {
    /// What was added.
    up: GCounter,
    /// What was taken away.
    down: GCounter,
}
// ANCHOR_END: pn

/// Which of the two counters of a [`PnCounter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// What was added.
    Up,
    /// What was taken away.
    Down,
}

impl PnCounter {
    /// What was added less what was taken away.
    pub fn value(&self) -> i128 {
        // Both are below 2¹²⁷ unless 2⁶³ replicas count as far as they can.
        self.up.value() as i128 - self.down.value() as i128
    }

    /// The delta that adds `amount`, which may be negative, on behalf of `replica`. `None` when
    /// the replica has added or taken away so much that it cannot count any further.
    #[must_use]
    pub fn add(&self, replica: &Incarnation, amount: i64) -> Option<PnCounter> {
        let mut delta = PnCounter::default();
        let direction = if amount >= 0 { &mut delta.up } else { &mut delta.down };
        let known = if amount >= 0 { &self.up } else { &self.down };
        *direction = known.add(replica, amount.unsigned_abs())?;
        Some(delta)
    }
}

impl Crdt for PnCounter {
    fn join(&mut self, other: &PnCounter) {
        self.up.join(&other.up);
        self.down.join(&other.down);
    }

    fn minus(&self, known: &PnCounter) -> PnCounter {
        PnCounter { up: self.up.minus(&known.up), down: self.down.minus(&known.down) }
    }

    fn is_bottom(&self) -> bool {
        self.up.is_bottom() && self.down.is_bottom()
    }

    type Key = (Incarnation, Direction);

    fn keys(&self) -> Vec<(Incarnation, Direction)> {
        let up = self.up.keys().into_iter().map(|replica| (replica, Direction::Up));
        let down = self.down.keys().into_iter().map(|replica| (replica, Direction::Down));
        up.chain(down).collect()
    }

    fn part(&self, (replica, direction): &(Incarnation, Direction)) -> PnCounter {
        match direction {
            Direction::Up => PnCounter { up: self.up.part(replica), ..PnCounter::default() },
            Direction::Down => PnCounter { down: self.down.part(replica), ..PnCounter::default() },
        }
    }

    fn inspect(&self) -> Value {
        number(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    #[test]
    fn what_does_not_fit_is_refused() {
        let me = Incarnation::new(&NodeId::from("n1"), 1);
        let full = GCounter::default().add(&me, u64::MAX).unwrap();
        assert_eq!(full.add(&me, 1), None);
        let mut counter = PnCounter::default();
        for amount in [i64::MIN, i64::MIN + 1, i64::MAX] {
            counter.join(&counter.add(&me, amount).unwrap());
        }
        assert_eq!(counter.value(), i128::from(i64::MIN));
        assert_eq!(counter.add(&me, i64::MIN), None);
    }
}

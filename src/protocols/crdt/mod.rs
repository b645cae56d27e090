//! Conflict-free replicated data types: values that replicas change without asking each other,
//! and that are equal again as soon as everybody has heard of every change.
//!
//! A [`Crdt`] is a join-semilattice: its states are ordered, and any two have a least upper
//! bound, their *join*. A replica only ever moves up, by a change of its own or by joining what
//! another sends. The join obeys three laws, and each answers one fault of a network:
//!
//! | law | so it does not matter |
//! |---|---|
//! | associative: `(a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)` | how messages are put together |
//! | commutative: `a ⊔ b = b ⊔ a` | in which order they come |
//! | idempotent: `a ⊔ a = a` | how often they come |
//!
//! A change is a *delta*: a small state that, joined into the old one, gives the new one. A
//! replica sends deltas instead of its state, and by the same laws deltas may be joined, lost
//! and sent again, doubled and reordered as states may.
//!
//! Sources: Shapiro, Preguiça, Baquero and Zawirski, "Conflict-free replicated data types"
//! (2011), for states; Almeida, Shoker and Baquero, "Delta state replicated data types" (2018),
//! for deltas; Enes, Almeida, Baquero and Leitão, "Efficient synchronization of state-based
//! CRDTs" (2019), for [`Crdt::minus`].
//!
//! Three types are here: [`GSet`], [`GCounter`] and [`PnCounter`]; [`AntiEntropy`] sends any such
//! type around. A fourth, with its own reading of what may be seen when, is in
//! [`causal`](crate::causal). Deliberately absent: sets with removal and maps, for none of
//! Maelstrom's workloads asks for one.
//!
//! Reading order: this file, `set.rs` and `counter.rs`, `changes.rs` (what somebody lacks),
//! `message.rs`, `peer.rs` (what is known about one other node), `anti_entropy.rs` (who is sent
//! what).
//!
//! ```
//! use gyre::crdt::{Crdt, GSet};
//!
//! let mut a = GSet::add("milk");
//! let mut b = GSet::add("bread");
//! let of_a = a.clone();
//! a.join(&b);
//! b.join(&of_a); // in the other order
//! b.join(&of_a); // and twice
//! assert_eq!(a, b);
//! assert!(a.iter().eq(&["bread", "milk"]));
//! ```
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

mod anti_entropy;
mod changes;
mod counter;
#[cfg(test)]
mod joining;
#[cfg(test)]
mod laws;
mod message;
mod peer;
mod sending;
mod set;
#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};

use serde_json::Value;

pub use anti_entropy::AntiEntropy;
pub use counter::{GCounter, PnCounter};
pub use message::{Mark, Message, Record, Update};
pub use set::GSet;

pub use crate::protocols::members::Request;

/// A type whose states form a join-semilattice with a least element, the default.
///
/// The least there is: the highest number that anybody has seen, in one part.
///
/// ```
/// use gyre::crdt::Crdt;
///
/// #[derive(Clone, Debug, Default, PartialEq)]
/// struct Highest(u64);
///
/// impl Crdt for Highest {
///     type Key = ();
///
///     fn join(&mut self, other: &Highest) { self.0 = self.0.max(other.0); }
///     fn minus(&self, known: &Highest) -> Highest {
///         Highest(if self.0 > known.0 { self.0 } else { 0 })
///     }
///     fn is_bottom(&self) -> bool { self.0 == 0 }
///     fn keys(&self) -> Vec<()> { vec![(); usize::from(!self.is_bottom())] }
///     fn part(&self, _: &()) -> Highest { self.clone() }
///     fn inspect(&self) -> serde_json::Value { self.0.into() }
/// }
///
/// let (mut a, b) = (Highest(3), Highest(5));
/// assert!(a.minus(&b).is_bottom()); // nothing that b lacks
/// a.join(&b.minus(&a));
/// assert_eq!(a, b);
/// ```
pub trait Crdt: Clone + Default {
    // ANCHOR: crdt
    /// Raises this state to the least one that is at least both: `self = self ⊔ other`.
    ///
    /// Associative, commutative and idempotent.
    fn join(&mut self, other: &Self);

    /// The least delta that brings `known` up to at least this state:
    /// `known ⊔ (self - known) = known ⊔ self`.
    fn minus(&self, known: &Self) -> Self;

    /// Whether this is the least state. To join it with another one gives that other one.
    fn is_bottom(&self) -> bool;
    // ANCHOR_END: crdt

    /// The name of a part.
    type Key: Clone + Ord + Debug;

    /// Whether a part can change once it is there. An entry of a counter can, an element of a set
    /// cannot. (Those that cannot are spared an index.)
    const PARTS_CHANGE: bool = true;

    /// Whether readers must see all of what another node had at some moment, or nothing. If not,
    /// any part may be seen as soon as it is here.
    const IS_ATOMIC: bool = false;

    /// The names of the parts whose join this state is. No part is the join of others.
    fn keys(&self) -> Vec<Self::Key>;

    /// One part as a state. The key is one of this state's.
    fn part(&self, key: &Self::Key) -> Self;

    /// Whether a node with this `state` can have been sent this one, which is to be joined as a
    /// whole. What cannot be comes from a node that is broken.
    fn is_sound_for(&self, _state: &Self) -> bool {
        true
    }

    /// The value as a report shows it: small, however large the state is.
    fn inspect(&self) -> Value;
}

/// A number as JSON: as its text, if it is beyond what all readers of JSON can read.
fn number<N: Copy + fmt::Display>(number: N) -> Value
where
    i64: TryFrom<N>,
{
    i64::try_from(number).map_or_else(|_| Value::from(number.to_string()), Value::from)
}

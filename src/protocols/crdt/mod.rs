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
//! Three types are here: [`GSet`], [`GCounter`] and [`PnCounter`]; [`Replica`] sends any such
//! type around. Deliberately absent: types that need causal history (sets with removal,
//! registers, maps), for none of Maelstrom's workloads asks for one.

mod counter;
#[cfg(test)]
mod laws;
mod replica;
mod set;
#[cfg(test)]
mod tests;

pub use counter::{GCounter, PnCounter};
pub use replica::{Mark, Message, Record, Replica, Update};
pub use set::GSet;

/// A type whose states form a join-semilattice with a least element, the default.
pub trait Crdt: Clone + Default {
    /// Raises this state to the least one that is at least both: `self = self ⊔ other`.
    ///
    /// Associative, commutative and idempotent.
    fn join(&mut self, other: &Self);

    /// The least delta that brings `known` up to at least this state:
    /// `known ⊔ (self - known) = known ⊔ self`.
    fn minus(&self, known: &Self) -> Self;

    /// Whether this is the least state, which no join with can change another.
    fn is_bottom(&self) -> bool;
}

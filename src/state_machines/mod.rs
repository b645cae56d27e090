//! What replicas keep: three states, and what can be done to each.
//!
//! They know nothing of replication, of disks or of networks. The same type is the whole of a
//! single node, and what the nodes of a cluster agree on.
//!
//! However it is kept, a state is made of the commands that were applied, or of its parts:
//!
//! ```
//! use gyre::key_value::{Change, Registers};
//! use gyre::state_machines::StateMachine;
//!
//! let mut registers = Registers::default();
//! registers.apply(&Change::Write("x".into(), 7.into()))?;
//! let mut copy = Registers::default();
//! registers.clone().into_parts().for_each(|part| copy.add(part)); // as in a snapshot
//! assert_eq!(copy, registers);
//! # Ok::<(), gyre::Error>(())
//! ```
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

pub mod kafka_log;
pub mod key_value;
pub mod transactions;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A state, and what can be done to it. The same commands in the same order must lead to the
/// same state and the same replies, on every machine: no clock, no chance, no hash order.
///
/// A clone must cost next to nothing, however large the state is: it is how a snapshot is taken
/// while the state goes on changing. Collections whose clones share their parts do that, for
/// example those of the crate `imbl`.
///
/// ```
/// use gyre::state_machines::StateMachine;
///
/// /// Seats, and who has them. Whoever is first gets one.
/// #[derive(Clone, Default)]
/// struct Seats(imbl::OrdMap<u32, String>);
///
/// impl StateMachine for Seats {
///     type Command = (u32, String);
///     type Reply = bool;
///     type Part = (u32, String);
///
///     fn apply(&mut self, (seat, name): &(u32, String)) -> bool {
///         *self.0.entry(*seat).or_insert(name.clone()) == *name
///     }
///     fn into_parts(self) -> Box<dyn Iterator<Item = (u32, String)>> {
///         Box::new(self.0.into_iter())
///     }
///     fn add(&mut self, (seat, name): (u32, String)) {
///         self.0.insert(seat, name);
///     }
/// }
///
/// let mut seats = Seats::default();
/// let wanted = [(12, "Ada"), (12, "Bob"), (13, "Bob")];
/// let got = wanted.map(|(seat, name)| seats.apply(&(seat, name.to_owned())));
/// assert_eq!(got, [true, false, true]);
/// ```
pub trait StateMachine: Clone + Default + 'static {
    /// A change of the state. A read needs none: see
    /// [`Replicated::read`](crate::Replicated::read).
    type Command: Clone + Serialize + DeserializeOwned + 'static;

    /// What the client who asked for a change is told. It is not replicated.
    type Reply: 'static;

    /// A small part of the state, as it is stored and sent.
    type Part: Serialize + DeserializeOwned + 'static;

    /// Changes the state.
    fn apply(&mut self, command: &Self::Command) -> Self::Reply;

    /// Takes the state apart, part by part. Equal states give equal parts in the same order,
    /// for a replica may get the first ones from one other, and the rest from another. A clone
    /// is taken apart to be stored or sent, while the state goes on changing. A state that is no
    /// more is taken apart to drop it bit by bit, for to drop a large one at once takes long. So
    /// what was given out should not be kept here.
    fn into_parts(self) -> Box<dyn Iterator<Item = Self::Part>>;

    /// What is worth showing of the state, as an object of a few short fields: reports show it
    /// beside what the protocol says of itself.
    fn inspect(&self) -> Value {
        Value::Null
    }

    /// Adds a part. All parts in their order, added to the default, make the state.
    fn add(&mut self, part: Self::Part);
}

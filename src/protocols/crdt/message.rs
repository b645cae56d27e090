//! What nodes that keep a CRDT together tell each other, and what each stores. What it means, and
//! when it is sent, is in `anti_entropy.rs`.

use serde::{Deserialize, Serialize};

use crate::types::Incarnation;

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message<C> {
    /// The sender's incarnation.
    pub from: Incarnation,
    /// Up to where the sender has the receiver's changes. It names the receiver's incarnation, and
    /// an update is for that one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Mark>,
    /// A piece of the sender's changes.
    #[serde(default = "no_update", skip_serializing_if = "Option::is_none")]
    pub update: Option<Update<C>>,
    /// The sender wants to know what the receiver has. The answer is to name this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u64>,
    /// This answers the ask with this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u64>,
}

// `default` alone would ask for `C: Default` of whoever deserializes.
fn no_update<C>() -> Option<Update<C>> {
    None
}

fn no_delta<C>() -> Option<C> {
    None
}

/// A point in the sequence of a node's changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose changes.
    pub of: Incarnation,
    /// How many of them.
    pub number: u64,
}

/// A piece of what the receiver lacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update<C> {
    /// The number of the change that it follows.
    pub since: u64,
    /// The number of the last change in it.
    pub upto: u64,
    /// The changes. Nothing, when all of them came from the receiver.
    #[serde(default = "no_delta", skip_serializing_if = "Option::is_none")]
    pub delta: Option<C>,
    /// Whether it is the last piece: the sender has no more changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last: bool,
}

/// What a node must find in its storage after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<C> {
    /// The name under which the node makes its changes: the first record, and the first after a
    /// crash that has cut off the records of some changes.
    Incarnation(Incarnation),
    /// The changes up to a number, from that of the record before.
    Changes {
        /// The number of the last.
        upto: u64,
        /// Their join.
        delta: C,
        /// Whether more records belong to the same changes: see
        /// [`Crdt::IS_ATOMIC`](super::Crdt::IS_ATOMIC).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        continues: bool,
    },
    /// What the node has of the changes of others.
    Marks(Vec<Mark>),
}

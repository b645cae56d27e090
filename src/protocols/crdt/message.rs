//! What nodes that keep a CRDT together tell each other, and what each stores. What it means, and
//! when it is sent, is in `anti_entropy.rs`.

use serde::{Deserialize, Serialize};

use crate::protocols::members::{Members, Word};
use crate::types::Incarnation;

/// What one node tells another.
///
/// What a node says first, to whoever it has something for:
///
/// ```
/// use gyre::crdt::{GCounter, Message};
///
/// let text = r#"{"from":"n1/0000000000000011","ask":7}"#;
/// let message: Message<GCounter> = serde_json::from_str(text)?;
/// assert_eq!((message.from.node(), message.ask), ("n1", Some(7)));
/// assert!(message.update.is_none()); // n1 does not know yet what the other lacks
/// assert_eq!(serde_json::to_string(&message)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
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
    /// What the sender says of who is a member; nothing where all nodes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Word>,
}

// `default` alone would ask for `C: Default` of whoever deserializes.
fn no_update<C>() -> Option<Update<C>> {
    None
}

fn no_delta<C>() -> Option<C> {
    None
}

/// A point in the sequence of a node's changes.
///
/// ```
/// use gyre::Incarnation;
/// use gyre::crdt::Mark;
///
/// // What n2 has of n1's changes is nothing that a new n1, with an empty disk, has made.
/// let mark = Mark { of: Incarnation::new(&"n1".into(), 17), number: 6 };
/// assert_ne!(mark, Mark { of: Incarnation::new(&"n1".into(), 18), ..mark.clone() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose changes.
    pub of: Incarnation,
    /// How many of them.
    pub number: u64,
}

/// A piece of what the receiver lacks.
///
/// ```
/// use gyre::crdt::{GSet, Update};
///
/// let update: Update<GSet<u64>> = serde_json::from_str(r#"{"since":4,"upto":6,"delta":[7,8]}"#)?;
/// assert_eq!(update.delta.unwrap().iter().len(), 2); // changes 5 and 6
/// assert!(!update.is_last);
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// ```
/// use gyre::crdt::{AntiEntropy, GSet, Record};
/// use gyre::{Incarnation, Time};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let nodes = ["n1".into(), "n2".into()];
/// let name = Incarnation::new(&nodes[0], 17);
/// let records = vec![
///     Record::Incarnation(name.clone()),
///     Record::Changes { upto: 1, delta: GSet::add(7), continues: false },
///     Record::Changes { upto: 2, delta: GSet::add(8), continues: false },
/// ];
/// // What n1 knows after a crash, and who it is.
/// let n1 = AntiEntropy::new(&nodes[0], &nodes, records, Time::ZERO, rng);
/// assert!(n1.state().iter().eq(&[7, 8]));
/// assert_eq!(*n1.incarnation(), name);
/// ```
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
    /// Who is a member, as far as the node knows.
    Members(Members),
}

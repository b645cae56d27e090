//! What nodes that broadcast tell each other, and what each stores.
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

use serde::{Deserialize, Serialize};

use super::Batch;
use crate::protocols::members::{Members, Word};
use crate::types::{Incarnation, NodeId, VersionVector};

/// What one node tells another.
///
/// What a rumor leaves open is not written:
///
/// ```
/// use gyre::Incarnation;
/// use gyre::gossip::Rumor;
///
/// let ask = Rumor {
///     from: Incarnation::new(&"n2".into(), 17),
///     hub: "n1".into(),
///     batches: Vec::new(),
///     have: None,
///     stable: None,
///     ask: true,
///     answer: false,
///     members: None,
/// };
/// let text = r#"{"from":"n2/0000000000000011","hub":"n1","ask":true}"#;
/// assert_eq!(serde_json::to_string(&ask)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// ANCHOR: rumor
pub struct Rumor {
    /// The sender's incarnation.
    pub from: Incarnation,
    /// Whom the sender takes for the hub.
    pub hub: NodeId,
    /// Messages, as many as the sender wants the receiver to have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<Batch>,
    /// What the sender has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<VersionVector>,
    /// What every node has, as far as the sender knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<VersionVector>,
    /// The sender wants an answer at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask: bool,
    /// This answers an ask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answer: bool,
    /// What the sender says of who is a member; nothing where all nodes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Word>,
}
// ANCHOR_END: rumor

/// What a node must find in its storage after a crash.
///
/// ```
/// use gyre::gossip::{Batch, Gossip, Record, Setting};
/// use gyre::{Incarnation, Time};
///
/// let source = Incarnation::new(&"n1".into(), 17);
/// let batch = Batch { source: source.clone(), first: 0, values: vec![7.into(), 8.into()] };
/// let records = vec![Record::Incarnation(source), Record::Batch(batch)];
/// // After a crash, n1 has its two messages, and the next will be number 2.
/// let nodes = ["n1".into(), "n2".into()];
/// let n1 = Gossip::new(Setting::LOW_TRAFFIC, &nodes[0], &nodes, records, 18, Time::ZERO);
/// assert!(n1.messages().iter().eq(&[7.into(), 8.into()]));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The name under which the node numbers its messages; the first record.
    Incarnation(Incarnation),
    /// Messages of this or another node.
    Batch(Batch),
    /// Who is a member, as far as the node knows.
    Members(Members),
}

//! The name of one memory: a node, and a number drawn when its storage was last empty.
//!
//! A node that numbers what it makes (its broadcasts, its increments) may use a number only
//! once, or others take the new thing for the old one and drop it. A node that finds its
//! storage empty cannot know what it numbered in an earlier life, so it must not go on under
//! the same name. With durable storage the name is stored first, and a restarted node keeps it
//! and its numbers; without, each start is a new incarnation, and what others remember of the
//! old one stays true. (A replica id that is reused after its state was lost is the classic bug of
//! counters and version vectors; Riak's answer to it, "actor epochs", is this one.)
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::NodeId;

/// The name under which a node numbers what it makes, such as `n3/09c1f2a7b35e8d64`.
///
/// Cheap to clone. Ordered by name, so that maps of it have one order everywhere.
///
/// ```
/// use gyre::Incarnation;
///
/// // Node n3, before and after it lost its disk.
/// let [before, after] = [17, 18].map(|number| Incarnation::new(&"n3".into(), number));
/// assert_eq!(before.to_string(), "n3/0000000000000011");
/// assert_ne!(before, after); // what it counts now is not what it counted then
/// assert_eq!(before.node(), after.node());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(NodeId);

impl Incarnation {
    /// A new memory of `node`; `number` is drawn at random, so that no two are the same.
    // ANCHOR: new
    pub fn new(node: &NodeId, number: u64) -> Incarnation {
        Incarnation(NodeId::from(format!("{node}/{number:016x}")))
    }
    // ANCHOR_END: new

    /// The name of the node whose memory this is.
    pub fn node(&self) -> &str {
        let name = self.0.as_str();
        name.rsplit_once('/').map_or(name, |(node, _)| node)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

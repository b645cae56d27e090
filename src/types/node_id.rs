//! The names of nodes, clients and services.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a participant: `n1`, `c12`, `lin-kv`. Cheap to clone.
///
/// ```
/// use gyre::NodeId;
/// use std::collections::BTreeMap;
///
/// let [n3, c12] = ["n3", "c12"].map(NodeId::from);
/// assert!(c12.is_client() && !n3.is_client());
/// let votes = BTreeMap::from([(n3, true)]);
/// assert_eq!(votes.get("n3"), Some(&true)); // the text is enough to find it
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a client of the bench. Clients' names, and only theirs, start with `c`.
    pub fn is_client(&self) -> bool {
        self.0.starts_with('c')
    }
}

impl From<&str> for NodeId {
    fn from(name: &str) -> NodeId {
        NodeId(name.into())
    }
}

impl From<String> for NodeId {
    fn from(name: String) -> NodeId {
        NodeId(name.into())
    }
}

impl PartialEq<str> for NodeId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for NodeId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

// Lets a map keyed by `NodeId` be searched with a `&str`.
impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        struct Name;
        impl serde::de::Visitor<'_> for Name {
            type Value = NodeId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a node or client")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<NodeId, E> {
                Ok(NodeId::from(name))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

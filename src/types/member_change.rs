//! A change of who is a member of the cluster.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::NodeId;

/// A change of the members that somebody wants. It says what is to be so in the end, so that to
/// ask for it twice does no harm.
///
/// ```
/// use gyre::{MemberChange, NodeId};
/// use std::collections::BTreeSet;
///
/// let members = BTreeSet::from(["n1", "n2", "n3"].map(NodeId::from));
/// let change = MemberChange { add: ["n4".into()].into(), remove: ["n1".into()].into() };
/// let after = change.members_after(&members);
/// assert_eq!(after, BTreeSet::from(["n2", "n3", "n4"].map(NodeId::from)));
/// assert_eq!(change.members_after(&after), after); // to ask twice does no harm
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// Who is to be a member.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub add: BTreeSet<NodeId>,
    /// Who is not to be one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub remove: BTreeSet<NodeId>,
}

impl MemberChange {
    /// One more member.
    pub fn add(node: NodeId) -> MemberChange {
        MemberChange { add: BTreeSet::from([node]), remove: BTreeSet::new() }
    }

    /// One member less.
    pub fn remove(node: NodeId) -> MemberChange {
        MemberChange { add: BTreeSet::new(), remove: BTreeSet::from([node]) }
    }

    /// The members after it, given those before. A node that is both to be added and to be
    /// removed is none.
    pub fn members_after(&self, before: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        before.union(&self.add).filter(|node| !self.remove.contains(*node)).cloned().collect()
    }
}

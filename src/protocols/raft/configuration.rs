//! Who has a say: the voters, as they stand in an entry of the log (dissertation §4.1, §4.3).
//!
//! How they change is in `raft/membership.rs`.
//!
//! Chapter 9b of the book, `book/09b-membership.md`, reads this.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Index;
use crate::types::{MemberChange, NodeId};

/// How voters change.
///
/// ```
/// use gyre::NodeId;
/// use gyre::raft::{Changes, Configuration};
///
/// let of = |names: &[&str]| Configuration::of(names.iter().map(|name| NodeId::from(*name)));
/// let three = of(&["n1", "n2", "n3"]);
/// assert!(three.overlaps(&of(&["n1", "n2", "n3", "n4"])));
/// assert_eq!(Changes::default(), Changes::OneAtATime); // for this is enough to be safe
///
/// // With two more voters, {n1, n2} and {n3, n4, n5} could decide without each other.
/// let five = of(&["n1", "n2", "n3", "n4", "n5"]);
/// assert!(!three.overlaps(&five));
/// // `Changes::Joint` has a configuration between the two that meets both.
/// let joint = Configuration { voters: five.voters.clone(), outgoing: three.voters.clone() };
/// assert!(three.overlaps(&joint) && joint.overlaps(&five));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// One voter at a time (dissertation §4.1). A change of more than one is ignored.
    #[default]
    OneAtATime,
    /// Joint consensus (dissertation §4.3).
    Joint,
}

/// Who has a say.
///
/// ```
/// use gyre::NodeId;
/// use gyre::raft::Configuration;
///
/// let [n1, n2, n3, n4] = ["n1", "n2", "n3", "n4"].map(NodeId::from);
/// let mut configuration = Configuration::of([n1, n2.clone(), n3.clone()]);
/// assert!(configuration.is_quorum(|node| [&n2, &n3].contains(&node)));
/// configuration.voters.insert(n4);
/// assert!(!configuration.is_quorum(|node| [&n2, &n3].contains(&node))); // two of four
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The nodes that vote, and whose storing counts.
    pub voters: BTreeSet<NodeId>,
    /// Joint consensus: the voters before. Whatever is decided takes a majority of them too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outgoing: BTreeSet<NodeId>,
}

impl Configuration {
    /// These voters, and no change under way.
    pub fn of(voters: impl IntoIterator<Item = NodeId>) -> Configuration {
        Configuration { voters: voters.into_iter().collect(), outgoing: BTreeSet::new() }
    }

    /// Whether a node has a say.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.voters.contains(node) || self.outgoing.contains(node)
    }

    /// Whether it is the one between two others.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// All that have a say.
    pub fn members(&self) -> impl Iterator<Item = &NodeId> {
        self.voters.union(&self.outgoing)
    }

    // ANCHOR: is-quorum
    /// Whether those who agree are enough: a majority, or in joint consensus one of each.
    pub fn is_quorum(&self, agrees: impl Fn(&NodeId) -> bool) -> bool {
        let is_majority_of = |voters: &BTreeSet<NodeId>| {
            voters.is_empty() || voters.iter().filter(|id| agrees(id)).count() > voters.len() / 2
        };
        is_majority_of(&self.voters) && is_majority_of(&self.outgoing)
    }
    // ANCHOR_END: is-quorum

    /// Whether every quorum of this configuration shares a node with every quorum of the other.
    pub fn overlaps(&self, other: &Configuration) -> bool {
        let sets = |configuration: &Configuration| {
            [configuration.voters.clone(), configuration.outgoing.clone()]
        };
        let sets_of_other = sets(other);
        let pairs =
            sets(self).into_iter().flat_map(|a| sets_of_other.clone().map(|b| (a.clone(), b)));
        // One pair of sets whose majorities always meet is enough.
        pairs.filter(|(a, b)| !a.is_empty() && !b.is_empty()).any(|(a, b)| {
            let shared = a.intersection(&b).count();
            let needed =
                |set: &BTreeSet<NodeId>| (set.len() / 2 + 1).saturating_sub(set.len() - shared);
            needed(&a) + needed(&b) > shared
        })
    }

    /// Whether nothing is left to do of a change.
    pub fn has_made(&self, change: &MemberChange) -> bool {
        !self.is_joint() && change.members_after(&self.voters) == self.voters
    }

    /// The names, for people to read.
    pub(super) fn shown(&self) -> String {
        let names =
            |set: &BTreeSet<NodeId>| set.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" ");
        match self.is_joint() {
            true => format!("{} and {}", names(&self.outgoing), names(&self.voters)),
            false => names(&self.voters),
        }
    }
}

/// A configuration, and where it stands in the log. The one with which a cluster began stands
/// before all entries, at 0.
///
/// ```
/// use gyre::raft::Configured;
///
/// let configured: Configured = serde_json::from_str(r#"{"index": 4, "voters": ["n1", "n2"]}"#)?;
/// assert_eq!(configured.index, 4);
/// assert!(configured.configuration.contains(&"n2".into()));
/// assert!(!configured.configuration.is_joint());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// The entry that it stands in.
    pub index: Index,
    /// Who has a say from there on.
    #[serde(flatten)]
    pub configuration: Configuration,
}

/// Which of the two sets of voters a node is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub voter: bool,
    pub outgoing: bool,
}

impl Part {
    pub fn of(configuration: &Configuration, node: &NodeId) -> Part {
        let Configuration { voters, outgoing } = configuration;
        Part { voter: voters.contains(node), outgoing: outgoing.contains(node) }
    }

    /// Whether it has a say at all.
    pub fn is_member(self) -> bool {
        self.voter || self.outgoing
    }
}

//! Who is a member of a cluster in which nobody leads, and how nodes join it and leave it.
//!
//! Raft's members must agree on who they are, for two majorities that do not meet decide two
//! things ([`raft::Configuration`](crate::raft::Configuration)). Replicas that merge decide
//! nothing together. So each node alone decides whether it is a member, and tells the others:
//! [`Members`] has a number for each node that this node alone raises, and gossip spreads it.
//!
//! Three things are still easy to get wrong:
//!
//! - **Leaving.** What only the leaver has is lost when it goes. So it takes no more requests,
//!   and the removal is done when some *member* has acknowledged all that the leaver has. A member
//!   that leaves later hands that on in the same way. It follows that a node which is out of reach
//!   cannot be removed: nobody knows what it alone has acknowledged.
//! - **Names come back.** A node that was removed may be added again, and a late order must not
//!   remove it once more. So an [`Order`] says which number it is about, and takes effect once.
//! - **Disks are lost.** A node that is back with an empty one and its old name begins with a number
//!   that it has used before. When it hears of the higher one, it goes on from there.
//!
//! A node that joins first gets all that the member has who was asked to add it.
//!
//! A member asks one other node a second what it knows, whether that is a member or not. Otherwise
//! there might be two clusters for ever: n0 adds n2, n1 adds n3, and both leave before they hear of
//! each other's change. This is the price: where members may change, no cluster is ever silent.
//! As long as all nodes are members from the beginning, nothing of this is said.
//!
//! ```
//! use gyre::NodeId;
//! use gyre::members::Members;
//!
//! // n0 has heard that n2 has left, and n1 that n3 has joined. They tell each other.
//! let mut at_n0 = Members::of(&["n0", "n1", "n2"].map(NodeId::from));
//! let mut at_n1 = at_n0.clone();
//! at_n0.join(&serde_json::from_str(r#"{"n2":2}"#)?);
//! at_n1.join(&serde_json::from_str(r#"{"n3":1}"#)?);
//! at_n0.join(&at_n1);
//! at_n1.join(&at_n0);
//! assert_eq!(at_n0, at_n1);
//! assert!(at_n0.iter().eq(&["n0", "n1", "n3"].map(NodeId::from)));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Sources: the numbers are the clusterwide incarnations of SWIM (Das, Gupta and Motivala, 2002,
//! section 4.2), which a member alone raises, also against a higher one that it hears; that
//! anti-entropy spreads them is from Lakshman and Malik, "Cassandra" (2010), section 5.3.
//!
//! Absent: the removal of a node that is lost for good, and two members, the last ones, that
//! leave at the same moment: who of them stays is a thing to agree on, and so needs consensus.
//!
//! Chapter 9b of the book, `book/09b-membership.md`, reads this.

#[cfg(test)]
pub(crate) mod cluster;
mod membership;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use membership::Membership;

use crate::protocols::core::Core;
use crate::types::{MemberChange, NodeId};

/// For each node a number that it alone raises: odd while it is a member, even while it is none.
///
/// ```
/// use gyre::NodeId;
/// use gyre::members::Members;
///
/// let [n1, n2] = ["n1", "n2"].map(NodeId::from);
/// let mut known = Members::of(&[n1.clone(), n2.clone()]);
/// let news: Members = serde_json::from_str(r#"{"n1":2}"#)?;
/// known.join(&news);
/// known.join(&Members::of(&[n1.clone()])); // an old word, which comes late
/// assert!(!known.is_member(&n1) && known.is_member(&n2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Members(BTreeMap<NodeId, u64>);

impl Members {
    /// The cluster begins with these.
    pub fn of(nodes: &[NodeId]) -> Members {
        Members(nodes.iter().map(|node| (node.clone(), 1)).collect())
    }

    /// The number of a node: 0 if it never was a member.
    pub fn number(&self, node: &NodeId) -> u64 {
        self.0.get(node).copied().unwrap_or(0)
    }

    /// Whether a node is a member.
    pub fn is_member(&self, node: &NodeId) -> bool {
        is_of_member(self.number(node))
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.0.iter().filter(|(_, number)| is_of_member(**number)).map(|(node, _)| node)
    }

    /// Whether whoever knows this knows all that `other` says, or better.
    pub fn covers(&self, other: &Members) -> bool {
        other.0.iter().all(|(node, number)| self.number(node) >= *number)
    }

    /// Takes the greater of two numbers, node by node. True when that changed anything.
    pub fn join(&mut self, other: &Members) -> bool {
        let mut is_news = false;
        for (node, number) in &other.0 {
            if self.number(node) < *number {
                self.0.insert(node.clone(), *number);
                is_news = true;
            }
        }
        is_news
    }
}

fn is_of_member(number: u64) -> bool {
    number % 2 == 1
}

/// What a client wants of a node.
///
/// ```
/// use gyre::MemberChange;
/// use gyre::crdt::GSet;
/// use gyre::members::Request;
///
/// let change: Request<GSet<u64>> = GSet::add(7).into();
/// assert_eq!(change, Request::Change(GSet::add(7)));
/// assert_ne!(change, Request::Members(MemberChange::remove("n3".into())));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Request<C> {
    /// A change of what the nodes keep: a delta of a CRDT, a message to broadcast.
    Change(C),
    /// A change of who is a member. The node is one itself.
    Members(MemberChange),
}

impl<C> From<C> for Request<C> {
    fn from(change: C) -> Request<C> {
        Request::Change(change)
    }
}

/// A protocol in which nobody leads, and whose nodes join and leave. A reply says whether what the
/// client wanted is done.
///
/// ```
/// use gyre::MemberChange;
/// use gyre::gossip::{Gossip, Setting};
/// use gyre::members::{HasMembers, Request};
/// use gyre::{NodeId, Time};
///
/// let nodes = ["n1", "n2", "n3"].map(NodeId::from);
/// let (initial, setting) = (&nodes[..2], Setting::LOW_LATENCY);
/// let n3 = Gossip::with_members(setting, &nodes[2], &nodes, initial, vec![], 17, Time::ZERO);
/// assert!(!n3.is_member() && n3.members().iter().eq(initial));
/// let change = MemberChange::add(nodes[2].clone());
/// assert_eq!(Gossip::member_request(change.clone()), Request::Members(change));
/// ```
pub trait HasMembers: Core<Reply = bool> {
    /// Who is a member, as far as this node knows.
    fn members(&self) -> &Members;

    /// Whether this node is one, and may take requests.
    fn is_member(&self) -> bool;

    /// What a client asks for that wants this change.
    fn member_request(change: MemberChange) -> Self::Local;
}

/// A member wants another node to join or to leave.
///
/// ```
/// use gyre::members::Order;
///
/// let order = Order { id: 7, joins: false, since: 3 };
/// let text = r#"{"id":7,"joins":false,"since":3}"#; // who has left already has number 4
/// assert_eq!(serde_json::to_string(&order)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What the answer is to name.
    pub id: u64,
    /// Whether it is to join. Otherwise it is to leave.
    pub joins: bool,
    /// The number that the receiver has, as far as the sender knows. If it has another one, the
    /// order is late, and nothing happens.
    pub since: u64,
}

/// What nodes tell each other about members.
///
/// ```
/// use gyre::members::Word;
///
/// let word: Word = serde_json::from_str(r#"{"members":{"n1":1,"n3":2},"asks":true}"#)?;
/// assert!(word.members.is_member(&"n1".into()) && !word.members.is_member(&"n3".into()));
/// assert!(word.asks && word.order.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// All that the sender knows.
    pub members: Members,
    /// What the receiver is to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// The order with this id is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u64>,
    /// The sender wants to know what the receiver knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

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

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::protocols::core::RequestId;
use crate::types::{MemberChange, NodeId, Time};

/// How often a member asks another node what it knows.
const TALK: Duration = Duration::from_secs(1);
/// How long an order may be without an answer before it is given again.
const ORDER_AGAIN: Duration = Duration::from_millis(500);
/// How long a client's change may take. Its node must answer before the client gives up.
const PATIENCE: Duration = Duration::from_secs(4);

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

/// A change that a client of this node waits for.
#[derive(Debug)]
struct Pending {
    id: RequestId,
    node: NodeId,
    joins: bool,
    /// Who joins must have the changes here up to this one first.
    position: u64,
    order: u64,
    ordered_at: Option<Time>,
    deadline: Time,
}

/// A member that waits for an answer to its order.
#[derive(Debug)]
struct Waiting {
    order: u64,
    /// It must have the changes here up to this one first.
    position: u64,
}

/// One node's part: a state machine without I/O or clock. Whatever it is part of numbers its
/// changes, and knows up to which one every other node has them: its *position*.
#[derive(Debug)]
pub(crate) struct Membership {
    me: NodeId,
    others: Vec<NodeId>,
    members: Members,
    /// Whether this node has done what it was ordered since its disk was last empty.
    has_obeyed: bool,
    must_store: bool,
    pending: Vec<Pending>,
    waiting: BTreeMap<NodeId, Waiting>,
    /// If this node is no member: up to which change a member must have all, unless one has.
    owed: Option<u64>,
    last_order: u64,
    talk_at: Time,
    words: Vec<(NodeId, Word)>,
    done: Vec<(RequestId, bool)>,
}

impl Membership {
    pub(crate) fn new(me: &NodeId, nodes: &[NodeId], initial: &[NodeId], now: Time) -> Membership {
        Membership {
            me: me.clone(),
            others: nodes.iter().filter(|node| *node != me).cloned().collect(),
            members: Members::of(initial),
            has_obeyed: false,
            must_store: false,
            pending: Vec::new(),
            waiting: BTreeMap::new(),
            owed: None,
            last_order: 0,
            talk_at: now,
            words: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Orders have higher numbers than this one, which is drawn at random: those of an earlier life
    /// have others.
    pub(crate) fn number_orders_from(&mut self, number: u64) {
        self.last_order = number;
    }

    /// Takes in what the storage holds, at a start.
    pub(crate) fn recover(&mut self, members: &Members) {
        self.members.join(members);
        self.has_obeyed = true;
    }

    /// After a start, with so many changes: if this node is no member, it may have left without
    /// having handed over.
    pub(crate) fn begin(&mut self, position: u64) {
        self.owed = Some(position).filter(|position| *position > 0 && !self.is_member());
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Whether this node is a member.
    pub(crate) fn is_member(&self) -> bool {
        self.members.is_member(&self.me)
    }

    /// Whether all nodes are members, as in the beginning. Then nobody says a word of this.
    pub(crate) fn is_fixed(&self) -> bool {
        let mut nodes = self.others.iter().chain([&self.me]);
        nodes.all(|node| self.members.number(node) == 1)
    }

    /// Whether another node is to get what it lacks: a member does, also from somebody who leaves;
    /// and so does who is to join, and who waits until it has what a leaver has.
    pub(crate) fn serves(&self, node: &NodeId) -> bool {
        let is_within = self.is_member() || self.owed.is_some();
        is_within && self.members.is_member(node)
            || self.waiting.contains_key(node)
            || self.pending.iter().any(|pending| pending.node == *node)
    }

    /// A client of this node, a member, wants a change.
    pub(crate) fn request(
        &mut self,
        now: Time,
        id: RequestId,
        change: &MemberChange,
        position: u64,
    ) {
        if change.remove.contains(&self.me) && self.is_member() {
            self.flip(false, position);
        }
        let joins = change.add.iter().map(|node| (node, true));
        let leaves = change.remove.iter().map(|node| (node, false));
        for (node, joins) in joins.chain(leaves).filter(|(node, joins)| !joins || **node != self.me)
        {
            self.last_order += 1;
            self.pending.push(Pending {
                id,
                node: node.clone(),
                joins,
                position,
                order: self.last_order,
                ordered_at: None,
                deadline: now + PATIENCE,
            });
        }
        if change.remove.contains(&self.me) && self.owed.is_none() {
            self.end(|pending, me| pending.node == *me);
        }
        if self.pending.iter().all(|pending| pending.id != id) {
            self.done.push((id, true));
        }
    }

    /// Nobody waits for this change any more.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.pending.retain(|pending| pending.id != id);
        self.done.retain(|(other, _)| *other != id);
    }

    /// Joins or leaves. This alone raises this node's number.
    fn flip(&mut self, joins: bool, position: u64) {
        let number = self.members.number(&self.me) + 1;
        self.members.0.insert(self.me.clone(), number);
        self.has_obeyed = true;
        self.must_store = true;
        self.waiting.clear();
        self.owed = (!joins).then_some(position);
    }

    /// Takes in what another node says. It has the changes here up to `reached`, of which there
    /// are so many as `position` says.
    pub(crate) fn hear(&mut self, from: &NodeId, word: Word, reached: u64, position: u64) {
        let (known, was_member) = (self.members.number(from), self.is_member());
        self.must_store |= self.members.join(&word.members);
        if was_member != self.is_member() {
            // This node has said so before its disk was lost. Who has been ordered since goes by
            // that, and says so with a number that is higher still.
            match self.has_obeyed {
                true => self.flip(was_member, position),
                false => self.owed = was_member.then_some(position),
            }
        }
        if let Some(order) = word.answer {
            self.end(|pending, _| pending.order == order && pending.node == *from);
        }
        if self.members.number(from) != known {
            // An order that it has not carried out was about another number.
            let about = self.pending.iter_mut().filter(|pending| pending.node == *from);
            about.for_each(|pending| pending.ordered_at = None);
        }
        let mut reply = Word { asks: false, ..Word::default() };
        // Who has left may have handed over before it heard this. So it is no heir, nor is it one
        // who can do what it orders.
        let number = word.members.number(from);
        let is_member = is_of_member(number) && number == self.members.number(from);
        let is_ordered = word.order.is_some();
        if let Some(order) = word.order.filter(|_| is_member) {
            self.obey(from, &order, position);
        }
        // It has to know who is a member, too: also that this node is none.
        let is_heir = is_member && word.members.covers(&self.members);
        if is_heir && self.owed.is_some_and(|owed| owed <= reached) {
            self.owed = None;
            self.end(|pending, me| pending.node == *me);
        }
        let is_answered = |waiting: &Waiting| is_heir && waiting.position <= reached;
        if self.waiting.get(from).is_some_and(is_answered) {
            reply.answer = self.waiting.remove(from).map(|waiting| waiting.order);
        }
        if word.asks || is_ordered || reply.answer.is_some() {
            self.say(from.clone(), reply);
        }
    }

    /// Carries out an order, if it is not late.
    fn obey(&mut self, from: &NodeId, order: &Order, position: u64) {
        let is_last = self.members.iter().all(|member| *member == self.me);
        let is_due = order.since == self.members.number(&self.me);
        if is_due && order.joins != self.is_member() && (order.joins || !is_last) {
            self.flip(order.joins, position);
        }
        if order.joins == self.is_member() {
            let position = if order.joins { 0 } else { position };
            self.waiting.insert(from.clone(), Waiting { order: order.id, position });
            self.must_store |= !self.has_obeyed;
            self.has_obeyed = true;
        }
    }

    /// Changes are made. A client is told when all that it wanted is.
    fn end(&mut self, is_made: impl Fn(&Pending, &NodeId) -> bool) {
        let (made, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|pending| is_made(pending, &self.me));
        self.pending = rest;
        for Pending { id, .. } in made {
            if self.pending.iter().all(|pending| pending.id != id) {
                self.done.push((id, true));
            }
        }
    }

    /// Does what is due. `reached` is up to which change another node has those here.
    pub(crate) fn advance(
        &mut self,
        now: Time,
        reached: impl Fn(&NodeId) -> u64,
        rng: &mut ChaCha8Rng,
    ) {
        while let Some(late) = self.pending.iter().find(|pending| pending.deadline <= now) {
            let id = late.id;
            self.pending.retain(|pending| pending.id != id);
            self.done.push((id, false));
        }
        let mut orders = Vec::new();
        for pending in self.pending.iter_mut().filter(|pending| pending.node != self.me) {
            if pending.ordered_at.is_some_and(|at| now < at + ORDER_AGAIN) {
                continue;
            }
            let is_ready = !pending.joins || pending.position <= reached(&pending.node);
            pending.ordered_at = is_ready.then_some(now);
            if is_ready {
                let since = self.members.number(&pending.node);
                let order = Order { id: pending.order, joins: pending.joins, since };
                orders.push((pending.node.clone(), order));
            }
        }
        for (node, order) in orders {
            self.say(node, Word { order: Some(order), ..Word::default() });
        }
        if self.talks() && self.talk_at <= now {
            self.talk_at = now + TALK;
            self.talk(rng);
        }
    }

    fn talks(&self) -> bool {
        !self.is_fixed() && (self.is_member() || self.owed.is_some())
    }

    /// Asks somebody what it knows: a member anybody, who leaves a member.
    fn talk(&mut self, rng: &mut ChaCha8Rng) {
        let may_ask = |node: &&NodeId| self.is_member() || self.members.is_member(node);
        let asked: Vec<&NodeId> = self.others.iter().filter(may_ask).collect();
        if !asked.is_empty() {
            let to = asked[rng.random_range(0..asked.len())].clone();
            self.say(to, Word { asks: true, ..Word::default() });
        }
    }

    fn say(&mut self, to: NodeId, word: Word) {
        self.words.push((to, Word { members: self.members.clone(), ..word }));
    }

    pub(crate) fn next_wake(&self) -> Option<Time> {
        let deadlines = self.pending.iter().map(|pending| pending.deadline);
        let orders = self.pending.iter().filter_map(|pending| pending.ordered_at);
        let orders = orders.map(|at| at + ORDER_AGAIN);
        deadlines.chain(orders).chain(self.talks().then_some(self.talk_at)).min()
    }

    /// What goes along with any message.
    pub(crate) fn word(&self) -> Option<Word> {
        let word = || Word { members: self.members.clone(), ..Word::default() };
        (!self.is_fixed()).then(word)
    }

    /// Whether [`take_news`](Membership::take_news) has something to store.
    pub(crate) fn must_store(&self) -> bool {
        self.must_store
    }

    /// The members, if they have to be stored before anything is said.
    pub(crate) fn take_news(&mut self) -> Option<Members> {
        std::mem::take(&mut self.must_store).then(|| self.members.clone())
    }

    /// What is to be said.
    pub(crate) fn take_words(&mut self) -> Vec<(NodeId, Word)> {
        std::mem::take(&mut self.words)
    }

    /// The requests that are over, each with whether the change is made.
    pub(crate) fn take_done(&mut self) -> Vec<(RequestId, bool)> {
        std::mem::take(&mut self.done)
    }
}

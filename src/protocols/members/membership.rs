//! One node's part in who is a member: what it is ordered, what it waits for, and whom it asks.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Members, Order, Word, is_of_member};
use crate::protocols::core::RequestId;
use crate::types::{MemberChange, NodeId, Time, VersionVector};

/// How often a member asks another node what it knows.
const TALK: Duration = Duration::from_secs(1);
/// How long an order may be without an answer before it is given again.
const ORDER_AGAIN: Duration = Duration::from_millis(500);
/// How long a client's change may take. Its node must answer before the client gives up.
const PATIENCE: Duration = Duration::from_secs(4);

/// How much of what a node has another one has, too.
pub(crate) trait Position: Clone + Default {
    /// Whether who has this much has all of that.
    fn covers(&self, other: &Self) -> bool;
}

/// A node that numbers its changes: so many of them, in order.
impl Position for u64 {
    fn covers(&self, other: &u64) -> bool {
        self >= other
    }
}

/// A node that has messages of many sources.
impl Position for VersionVector {
    fn covers(&self, other: &VersionVector) -> bool {
        VersionVector::covers(self, other)
    }
}

/// A change that a client of this node waits for.
#[derive(Debug)]
struct Pending<P> {
    id: RequestId,
    node: NodeId,
    joins: bool,
    /// Who joins must have this much first.
    position: P,
    order: u64,
    ordered_at: Option<Time>,
    deadline: Time,
}

/// A member that waits for an answer to its order.
#[derive(Debug)]
struct Waiting<P> {
    order: u64,
    /// It must have this much first.
    position: P,
}

/// One node's part: a state machine without I/O or clock. Whatever it is part of knows how much it
/// has, and how much of that every other node has: its *position*.
#[derive(Debug)]
pub(crate) struct Membership<P> {
    me: NodeId,
    others: Vec<NodeId>,
    members: Members,
    /// Whether all nodes are members, as in the beginning. It is looked at in every step.
    is_fixed: bool,
    /// Whether this node has done what it was ordered since its disk was last empty.
    has_obeyed: bool,
    must_store: bool,
    pending: Vec<Pending<P>>,
    waiting: BTreeMap<NodeId, Waiting<P>>,
    /// If this node is no member: how much a member must have, unless one has.
    owed: Option<P>,
    last_order: u64,
    talk_at: Time,
    words: Vec<(NodeId, Word)>,
    done: Vec<(RequestId, bool)>,
}

impl<P: Position> Membership<P> {
    pub(crate) fn new(
        me: &NodeId,
        nodes: &[NodeId],
        initial: &[NodeId],
        now: Time,
    ) -> Membership<P> {
        let mut membership = Membership {
            me: me.clone(),
            others: nodes.iter().filter(|node| *node != me).cloned().collect(),
            members: Members::of(initial),
            is_fixed: false,
            has_obeyed: false,
            must_store: false,
            pending: Vec::new(),
            waiting: BTreeMap::new(),
            owed: None,
            last_order: 0,
            talk_at: now,
            words: Vec::new(),
            done: Vec::new(),
        };
        membership.find_whether_fixed();
        membership
    }

    /// Orders have higher numbers than this one, which is drawn at random: those of an earlier life
    /// have others.
    pub(crate) fn number_orders_from(&mut self, number: u64) {
        self.last_order = number;
    }

    /// Takes in what the storage holds, at a start.
    pub(crate) fn recover(&mut self, members: &Members) {
        self.members.join(members);
        self.find_whether_fixed();
        self.has_obeyed = true;
    }

    /// After a start, with so much: if this node is no member, it may have left without having
    /// handed over.
    pub(crate) fn begin(&mut self, position: P) {
        let has_any = !P::default().covers(&position);
        self.owed = (has_any && !self.is_member()).then_some(position);
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
        self.is_fixed
    }

    /// To be called after every change of the members.
    fn find_whether_fixed(&mut self) {
        let mut nodes = self.others.iter().chain([&self.me]);
        self.is_fixed = nodes.all(|node| self.members.number(node) == 1);
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
    pub(crate) fn request(&mut self, now: Time, id: RequestId, change: &MemberChange, position: P) {
        if change.remove.contains(&self.me) && self.is_member() {
            self.flip(false, position.clone());
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
                position: position.clone(),
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
    fn flip(&mut self, joins: bool, position: P) {
        let number = self.members.number(&self.me) + 1;
        self.members.0.insert(self.me.clone(), number);
        self.find_whether_fixed();
        self.has_obeyed = true;
        self.must_store = true;
        self.waiting.clear();
        self.owed = (!joins).then_some(position);
    }

    /// Takes in what another node says. This node has what `position` says, and of that the other
    /// one has what `reached` says.
    pub(crate) fn hear(&mut self, from: &NodeId, word: Word, reached: &P, position: &P) {
        let (known, was_member) = (self.members.number(from), self.is_member());
        if self.members.join(&word.members) {
            self.must_store = true;
            self.find_whether_fixed();
        }
        if was_member != self.is_member() {
            // This node has said so before its disk was lost. Who has been ordered since goes by
            // that, and says so with a number that is higher still.
            match self.has_obeyed {
                true => self.flip(was_member, position.clone()),
                false => self.owed = was_member.then(|| position.clone()),
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
        if is_heir && self.owed.as_ref().is_some_and(|owed| reached.covers(owed)) {
            self.owed = None;
            self.end(|pending, me| pending.node == *me);
        }
        let is_answered = |waiting: &Waiting<P>| is_heir && reached.covers(&waiting.position);
        if self.waiting.get(from).is_some_and(is_answered) {
            reply.answer = self.waiting.remove(from).map(|waiting| waiting.order);
        }
        if word.asks || is_ordered || reply.answer.is_some() {
            self.say(from.clone(), reply);
        }
    }

    /// Carries out an order, if it is not late.
    fn obey(&mut self, from: &NodeId, order: &Order, position: &P) {
        let is_last = self.members.iter().all(|member| *member == self.me);
        let is_due = order.since == self.members.number(&self.me);
        if is_due && order.joins != self.is_member() && (order.joins || !is_last) {
            self.flip(order.joins, position.clone());
        }
        if order.joins == self.is_member() {
            let position = if order.joins { P::default() } else { position.clone() };
            self.waiting.insert(from.clone(), Waiting { order: order.id, position });
            self.must_store |= !self.has_obeyed;
            self.has_obeyed = true;
        }
    }

    /// Changes are made. A client is told when all that it wanted is.
    fn end(&mut self, is_made: impl Fn(&Pending<P>, &NodeId) -> bool) {
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

    /// Does what is due. `reached` says how much of what this node has another one has.
    pub(crate) fn advance(
        &mut self,
        now: Time,
        reached: impl Fn(&NodeId) -> P,
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
            let is_ready = !pending.joins || reached(&pending.node).covers(&pending.position);
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

    /// What a checkpoint has to hold: nothing where all nodes are members.
    pub(crate) fn stored(&self) -> Option<Members> {
        (!self.is_fixed()).then(|| self.members.clone())
    }

    /// The same, as reports show it.
    pub(crate) fn inspect(&self) -> Value {
        let names = || self.members.iter().map(NodeId::as_str).collect::<Vec<_>>();
        if self.is_fixed() { json!({}) } else { json!({ "members": names() }) }
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

//! Anti-entropy: keeps the state of a CRDT, and sees to it that everybody gets every change.
//!
//! This is the delta-interval algorithm of Almeida, Shoker and Baquero (2018, algorithm 2). A
//! node numbers the changes of its state, those that it makes and those that it takes in, and
//! remembers for each peer up to which number that peer has them (a [`Mark`]). What the peer is
//! sent is the join of everything since: see `changes.rs`. Two refinements come from Enes et al.
//! (2019): of what is taken in only the new part counts as a change, and nothing is sent back to
//! whom it came from.
//!
//! # Who is sent what
//!
//! Every [`INTERVAL`] a node picks [`FANOUT`] of the peers that lack something, by chance, as in
//! an epidemic (Demers et al., 1987). Since they pass on what they get, it spreads exponentially,
//! along whatever paths a broken network has left. When all is acknowledged, nothing is sent.
//!
//! - **In pieces.** What a peer lacks is sent in pieces of some 32 KiB. It begins with one, and
//!   when all of them are acknowledged twice as many are sent, up to eight (slow start: Jacobson,
//!   "Congestion avoidance and control", 1988).
//! - **Ask first.** Nothing is sent to a peer before it has said what it has. A peer that leaves
//!   something unacknowledged for a second is asked again, and again after 1, 2, 4, 4, … seconds.
//!   So a peer out of reach costs a few pieces once, and then an ask of some 100 bytes.
//! - **Nothing is kept for anybody.** What a peer lacks is found in the state, however long it
//!   was away. So memory is bounded by the state.
//!
//! # Why it is right
//!
//! *Safety.* `mark(p) = k` at node `n` means: p's state is at least the join of all parts of n's
//! state with numbers up to k. It holds when p acknowledges k, for p does so only after it has
//! joined every piece up to k, in order, and made that durable. It holds ever after, for p's
//! state only grows, a part of n's that changes gets a new number, and n's numbers are durable
//! before they are told: no number is used for two changes. A p whose storage is lost comes back
//! as another [`Incarnation`], and with that its mark is void.
//!
//! *Liveness.* As long as p lacks something, n asks or sends again. What n then sends begins
//! where p itself says.
//!
//! # A state that is joined as a whole
//!
//! Where a reader must see all of what another node had, or nothing
//! ([`Crdt::IS_ATOMIC`]), the pieces are kept aside until the last one has come. Then the state
//! here is raised by all of them in one step. The sender's state changes while it sends; as parts
//! that change move behind the last piece, the pieces give the state as it is at the last one. So
//! that memory is bounded, one transfer of several pieces is taken in at a time.
//!
//! # After a restart
//!
//! A node finds its changes and their numbers in its storage, and the marks of what it has of
//! others' (up to what it last stored). So only the difference is sent. A checkpoint is the same
//! sequence of pieces that an empty peer would be sent, and it is taken while the state changes:
//! what it shows of later changes is stored again behind it, and to join it twice does no harm.
//!
//! # Nodes that join and leave
//!
//! Who is a member is in [`members`](crate::members). Only members are sent what they lack, and
//! whoever joins, and a leaver sends what it has until a member has it all. The marks of those who
//! have left are not stored any more: each is a number that tells where to go on, and to begin at 0
//! is always right. The entry of a departed node in a counter is something else. It is part of
//! the value, and stays: nodes would have to agree on when to add it to another one. There is one
//! such entry for each disk that ever was.
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Crdt;
use super::changes::{Changes, Origin, Piece};
use super::message::{Mark, Message, Record, Update};
use super::peer::Peer;
use crate::protocols::core::{Core, Input, Outputs, RequestId, with_state};
use crate::protocols::members::{HasMembers, Members, Membership, Request};
use crate::types::{Incarnation, MemberChange, NodeId, Time};

/// How often a node sends.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// How many peers it sends to at a time.
pub const FANOUT: usize = 2;
/// How long a transfer of several pieces may stand still before another takes its place.
const STAGE_PATIENCE: Duration = Duration::from_secs(5);
/// How long after a mark was raised it is stored at the latest, if no change is stored before.
const MARKS_AFTER: Duration = Duration::from_secs(2);
/// The origin of changes that were made here, or came in an earlier life of this node.
const HERE: Origin = 0;

/// One node's part: a state machine without I/O or clock. Chance is passed in. What a client
/// wants of it, [`Core::Local`], is a [`Request`]: mostly a change as a delta.
///
/// Three nodes count in a partition. When it is over, they agree:
///
/// ```
/// use gyre::Time;
/// use gyre::crdt::{AntiEntropy, GCounter};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use std::time::Duration;
///
/// let latency = Duration::from_millis(10);
/// let mut cluster = Simulator::new(3, 1, Faults::none(latency), |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     AntiEntropy::<GCounter>::new(node, nodes, records, now, rng)
/// });
/// cluster.partition(&[0]);
/// for rank in 0..3 {
///     let core = cluster.core(rank).unwrap();
///     let delta = core.state().add(core.incarnation(), 5).unwrap();
///     cluster.request(rank, delta.into());
/// }
/// cluster.run_until(Time::from_millis(2_000));
/// assert_eq!([0, 1].map(|rank| cluster.core(rank).unwrap().state().value()), [5, 10]);
/// cluster.heal(latency);
/// cluster.run_until(Time::from_millis(10_000));
/// assert!(cluster.cores().all(|(_, core)| core.state().value() == 15));
/// ```
#[derive(Debug)]
pub struct AntiEntropy<C: Crdt> {
    pub(super) me: Incarnation,
    pub(super) peers: Vec<Peer<C>>,
    /// Checkpoints under way read it too.
    pub(super) changes: Rc<RefCell<Changes<C>>>,
    /// How many origins of changes were given out.
    origins: Origin,
    /// Up to which number the changes were given out to be stored.
    stored: u64,
    /// When marks are stored that were raised and are not stored yet.
    marks_at: Option<Time>,
    marks_are_due: bool,
    /// The number of the last ask. Random at each start.
    pub(super) last_ask: u64,
    /// The index of the peer whose pieces are kept aside, and when the last of them came.
    staging: Option<(usize, Time)>,
    tick_at: Option<Time>,
    pub(super) membership: Membership<u64>,
    pub(super) outputs: Outputs<Record<C>, Message<C>, bool>,
}

impl<C> Core for AntiEntropy<C>
where
    C: Crdt + Serialize + DeserializeOwned + 'static,
{
    type Local = Request<C>;
    /// Whether it is done: a change of the state is durable, and will be everywhere. A change of
    /// the members may be made later, if it is not made yet.
    type Reply = bool;
    type Message = Message<C>;
    type Record = Record<C>;

    fn step(&mut self, now: Time, input: Input<Request<C>, Message<C>>, rng: &mut ChaCha8Rng) {
        match input {
            Input::Local { id, request: Request::Change(delta) } => {
                self.join(&delta, HERE);
                self.outputs.reply.push((id, true));
            }
            Input::Local { id, request: Request::Members(change) } => {
                self.change_members(now, id, &change);
            }
            Input::Message { from, message } => self.receive(now, &from, message),
            Input::Cancel { id } => {
                self.membership.cancel(id);
                self.outputs.reply.retain(|(other, _)| *other != id);
            }
            Input::Wake | Input::Checkpointed | Input::Stop => {}
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            self.tick(now, rng);
        }
        if self.marks_at.is_some_and(|at| at <= now) {
            self.marks_at = None;
            self.marks_are_due = true;
        }
        let (peers, membership) = (&self.peers, &mut self.membership);
        membership.advance(now, |node| reached(peers, node), rng);
        self.outputs.reply.extend(membership.take_done());
        self.schedule_tick(now);
    }

    fn outputs(&mut self) -> Outputs<Record<C>, Message<C>, bool> {
        self.say_words();
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.persist.extend(self.membership.take_news().map(Record::Members));
        if self.stored < self.number() {
            outputs.persist.extend(pieces(&self.changes, self.stored));
            self.stored = self.number();
            self.marks_are_due |= self.marks_at.take().is_some();
        }
        // Behind the changes that they tell of.
        if std::mem::take(&mut self.marks_are_due) {
            outputs.persist.push(Record::Marks(self.marks()));
        }
        outputs
    }

    fn must_persist(&self) -> bool {
        self.stored < self.number()
            || self.marks_are_due
            || self.membership.must_store()
            || !self.outputs.persist.is_empty()
    }

    /// `None` when everybody has everything, and all nodes are members.
    fn next_wake(&self) -> Option<Time> {
        [self.tick_at, self.marks_at, self.membership.next_wake()].into_iter().flatten().min()
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = Record<C>>> {
        let me = std::iter::once(Record::Incarnation(self.me.clone()));
        let marks = std::iter::once(Record::Marks(self.marks()));
        let members = self.membership.stored().map(Record::Members).into_iter();
        Box::new(me.chain(members).chain(pieces(&self.changes, 0)).chain(marks))
    }

    fn inspect(&self) -> Value {
        let names = |which: &dyn Fn(&&Peer<C>) -> bool| -> Vec<&str> {
            self.peers.iter().filter(which).map(|peer| peer.name.as_str()).collect()
        };
        let shown = json!({
            "value": self.state().inspect(),
            "changes": self.number(),
            "owes": names(&|peer| self.owes(peer)),
            "silent": names(&|peer| peer.asks > 1),
        });
        with_state(shown, self.membership.inspect())
    }
}

impl<C> HasMembers for AntiEntropy<C>
where
    C: Crdt + Serialize + DeserializeOwned + 'static,
{
    fn members(&self) -> &Members {
        self.membership.members()
    }

    fn is_member(&self) -> bool {
        self.membership.is_member()
    }

    fn member_request(change: MemberChange) -> Request<C> {
        Request::Members(change)
    }
}

/// The changes since a number, as records. The iterator reads the state as it is when it is asked
/// for the next one: see the introduction.
fn pieces<C: Crdt + Serialize + 'static>(
    changes: &Rc<RefCell<Changes<C>>>,
    since: u64,
) -> impl Iterator<Item = Record<C>> + use<C> {
    let changes = Rc::clone(changes);
    let mut next = Some(since);
    std::iter::from_fn(move || {
        let Piece { delta, upto, is_last } = changes.borrow().piece(next?, None);
        next = (!is_last).then_some(upto);
        let delta = delta.unwrap_or_default();
        Some(Record::Changes { upto, delta, continues: C::IS_ATOMIC && !is_last })
    })
}

/// Up to which change a node has those here, for all that is known.
fn reached<C>(peers: &[Peer<C>], node: &NodeId) -> u64 {
    let peer = peers.iter().find(|peer| peer.name == *node);
    peer.and_then(|peer| Some(peer.acknowledged?.max(peer.covered))).unwrap_or(0)
}

impl<C: Crdt + Serialize + 'static> AntiEntropy<C> {
    /// The state of `node` after a start, from what its storage holds. All `nodes` are members.
    pub fn new(
        node: &NodeId,
        nodes: &[NodeId],
        records: Vec<Record<C>>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> AntiEntropy<C> {
        AntiEntropy::with_members(node, nodes, nodes, records, now, rng)
    }

    /// The same, where the cluster begins with the `initial` ones of all nodes that there will
    /// ever be.
    pub fn with_members(
        node: &NodeId,
        nodes: &[NodeId],
        initial: &[NodeId],
        records: Vec<Record<C>>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> AntiEntropy<C> {
        let names = nodes.iter().filter(|other| *other != node);
        let peers = names.zip(1..).map(|(name, origin)| Peer::new(name.clone(), origin, now));
        let mut core = AntiEntropy {
            me: Incarnation::new(node, rng.random()),
            peers: peers.collect(),
            changes: Rc::default(),
            origins: nodes.len() as Origin,
            stored: 0,
            marks_at: None,
            marks_are_due: false,
            last_ask: rng.random_range(0..1 << 52),
            staging: None,
            tick_at: None,
            membership: Membership::new(node, nodes, initial, now),
            outputs: Outputs::default(),
        };
        core.membership.number_orders_from(core.last_ask);
        if records.is_empty() {
            core.outputs.persist.push(Record::Incarnation(core.me.clone()));
        }
        core.recover(records);
        core.membership.begin(core.number());
        core.schedule_tick(now);
        core
    }

    fn recover(&mut self, records: Vec<Record<C>>) {
        let mut begun = C::default();
        for record in records {
            match record {
                Record::Incarnation(me) => {
                    // What a crash has cut off before this does not go on behind it.
                    begun = C::default();
                    self.me = me;
                }
                Record::Changes { delta, continues: true, .. } => begun.join(&delta),
                Record::Changes { upto, delta, continues: false } => {
                    begun.join(&delta);
                    let delta = std::mem::take(&mut begun);
                    self.changes.borrow_mut().recover(upto, &delta, HERE);
                }
                Record::Marks(marks) => marks.into_iter().for_each(|mark| self.recover_mark(mark)),
                Record::Members(members) => self.membership.recover(&members),
            }
        }
        if !begun.is_bottom() {
            self.outputs.persist.push(Record::Incarnation(self.me.clone()));
        }
        self.stored = self.number();
    }

    fn recover_mark(&mut self, mark: Mark) {
        let peer = self.peers.iter_mut().find(|peer| peer.name.as_str() == mark.of.node());
        if let Some(peer) = peer {
            (peer.seen, peer.joined) = (mark.number, mark.number);
            peer.life = Some(mark.of);
        }
    }

    /// The state.
    pub fn state(&self) -> Ref<'_, C> {
        Ref::map(self.changes.borrow(), Changes::state)
    }

    /// The name under which this node makes its changes.
    pub fn incarnation(&self) -> &Incarnation {
        &self.me
    }

    /// A client of this node wants other members.
    fn change_members(&mut self, now: Time, id: RequestId, change: &MemberChange) {
        for peer in &mut self.peers {
            let is_member = self.membership.members().is_member(&peer.name);
            if change.add.contains(&peer.name) && !is_member {
                // It may be back without its disk.
                peer.must_be_asked(now);
            }
        }
        self.membership.request(now, id, change, self.number());
    }

    pub(super) fn number(&self) -> u64 {
        self.changes.borrow().number()
    }

    /// Whether a peer is to be brought up to date, and may not be.
    pub(super) fn owes(&self, peer: &Peer<C>) -> bool {
        peer.lacks(self.number()) && self.membership.serves(&peer.name)
    }

    /// What this node has of the changes of other members.
    fn marks(&self) -> Vec<Mark> {
        let mark = |peer: &Peer<C>| Some(Mark { of: peer.life.clone()?, number: peer.joined });
        let members =
            self.peers.iter().filter(|peer| self.membership.members().is_member(&peer.name));
        members.filter_map(mark).collect()
    }

    /// Joins a delta into the state, and whoever it came from has that change already.
    fn join(&mut self, delta: &C, origin: Origin) {
        let before = self.number();
        if self.changes.borrow_mut().take_in(delta, origin) {
            let peer = self.peers.iter_mut().find(|peer| peer.origin == origin);
            if let Some(peer) = peer.filter(|peer| peer.covered == before) {
                peer.covered += 1;
            }
        }
    }

    /// Takes in what another node says. Whoever is not of the cluster is not listened to.
    fn receive(&mut self, now: Time, from: &NodeId, message: Message<C>) {
        let Some(index) = self.peers.iter().position(|peer| peer.name == *from) else { return };
        let peer = &mut self.peers[index];
        if peer.life.as_ref() != Some(&message.from) {
            // Its memory is a new one, or a word from a former life was overtaken. Then its next
            // word begins another life again.
            self.origins += 1;
            peer.begin_life(message.from, self.origins, now);
            self.staging = self.staging.filter(|(staging, _)| *staging != index);
        }
        peer.is_heard();
        // What is meant for an earlier life of this node leaves out what came from that one.
        let is_for_me = message.acknowledged.as_ref().is_some_and(|mark| mark.of == self.me);
        if let Some(mark) = message.acknowledged.filter(|_| is_for_me) {
            let number = mark.number.min(self.changes.borrow().number());
            peer.acknowledges(number, message.answer, now);
        }
        let brings_changes = message.update.as_ref().is_some_and(|update| update.delta.is_some());
        if let Some(update) = message.update.filter(|_| is_for_me) {
            self.take_update(now, index, update);
        }
        if let Some(word) = message.members {
            let (reached, position) = (reached(&self.peers, from), self.number());
            self.membership.hear(from, word, &reached, &position);
        }
        if brings_changes || message.ask.is_some() {
            self.send(now, index, true, message.ask);
        }
    }

    fn take_update(&mut self, now: Time, index: usize, update: Update<C>) {
        if C::IS_ATOMIC && !update.is_last && !self.may_stage(now, index) {
            return;
        }
        for Update { delta, is_last, upto, .. } in self.peers[index].receive(update) {
            let peer = &mut self.peers[index];
            let origin = peer.origin;
            delta.inspect(|delta| peer.stage.join(delta));
            if C::IS_ATOMIC && !is_last {
                self.staging = Some((index, now));
                continue;
            }
            let stage = std::mem::take(&mut peer.stage);
            if C::IS_ATOMIC && !stage.is_sound_for(self.changes.borrow().state()) {
                peer.drop_stage();
                return;
            }
            peer.joined = peer.joined.max(upto);
            self.marks_at.get_or_insert(now + MARKS_AFTER);
            self.staging = self.staging.filter(|(staging, _)| *staging != index);
            self.join(&stage, origin);
        }
    }

    /// Whether pieces of this peer may be kept aside: nobody else's are, or they stand still.
    fn may_stage(&mut self, now: Time, index: usize) -> bool {
        match self.staging {
            Some((other, at)) if other != index && now.since(at) < STAGE_PATIENCE => false,
            Some((other, _)) if other != index => {
                self.peers[other].drop_stage();
                self.staging = None;
                true
            }
            _ => true,
        }
    }

    fn schedule_tick(&mut self, now: Time) {
        let lacking = self.peers.iter().filter(|peer| self.owes(peer));
        let due = lacking.map(|peer| peer.wait_until).min().map(|at| at.max(now + INTERVAL));
        self.tick_at = due.map(|due| self.tick_at.map_or(due, |tick_at| tick_at.min(due)));
    }

    /// Sends to a few of those that lack something, chosen by chance.
    // ANCHOR: tick
    fn tick(&mut self, now: Time, rng: &mut ChaCha8Rng) {
        let due = |index: &usize| {
            let peer = &self.peers[*index];
            self.owes(peer) && peer.wait_until <= now
        };
        let mut due: Vec<usize> = (0..self.peers.len()).filter(due).collect();
        for _ in 0..FANOUT.min(due.len()) {
            let index = due.swap_remove(rng.random_range(0..due.len()));
            self.send(now, index, false, None);
        }
    }
    // ANCHOR_END: tick
}

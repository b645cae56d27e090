//! A replica of a CRDT: keeps the state, and sees to it that everybody gets every delta.
//!
//! This is the delta-interval algorithm of Almeida, Shoker and Baquero (2018, algorithm 2). A
//! replica numbers the deltas that it makes or takes in, and remembers for each peer up to
//! which number that peer has acknowledged. What a peer is sent is the join of all deltas
//! since. A peer about whom nothing is known, or that is too far behind, is sent the state.
//! Two refinements come from Enes et al. (2019): of what is taken in only the new part counts
//! as a delta, and nothing is sent back to whom it came from.
//!
//! Whom to send to is left to chance, as in an epidemic (Demers et al., 1987): every
//! [`INTERVAL`] a replica picks [`FANOUT`] of the peers that lack something. Since they pass
//! on what they get, it spreads exponentially, along whatever paths a broken network has left.
//! When all is acknowledged, nothing is sent.
//!
//! Acknowledgements count within a *session*. A restarted replica numbers its deltas from zero
//! again, in a new session, so it sends every peer its state once. A peer that comes back
//! under another [`Incarnation`] has lost its storage; that too begins a new session with it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Crdt;
use crate::protocols::core::{Core, Input, Outputs};
use crate::types::{Incarnation, NodeId, Time};

/// How often a replica sends.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// How many peers it sends to at a time.
pub const FANOUT: usize = 2;
/// How long an acknowledgement may take.
const RESEND_AFTER: Duration = Duration::from_secs(1);
/// How many deltas are kept for peers that do not acknowledge. (Both limits are low in tests,
/// so that tests reach them.)
const DELTAS_MAX: usize = if cfg!(test) { 10 } else { 1_000 };

/// What one replica tells another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message<C> {
    /// The sender's incarnation.
    pub from: Incarnation,
    /// The delta, which brings the receiver up to a number of a session of the sender.
    #[serde(default = "no_update", skip_serializing_if = "Option::is_none")]
    pub update: Option<Update<C>>,
    /// What the sender has taken in of the receiver's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Mark>,
}

// `default` alone would ask for `C: Default` of whoever deserializes.
fn no_update<C>() -> Option<Update<C>> {
    None
}

/// A point in the sequence of a replica's deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Random for each start of the replica, and another for each incarnation of the receiver.
    pub session: u64,
    /// How many deltas there had been.
    pub number: u64,
}

/// A delta with the mark that it brings its receiver up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update<C> {
    /// Up to where.
    pub upto: Mark,
    /// Everything since the last mark that the receiver acknowledged.
    pub delta: C,
}

/// What a replica must find in its storage after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<C> {
    /// The name under which the replica makes its changes; the first record.
    Incarnation(Incarnation),
    /// A part of the state. The state is the join of all of them.
    Delta(C),
}

/// One replica: a state machine without I/O or clock. Chance is passed in. What a client wants
/// of it, [`Core::Local`], is a change as a delta.
#[derive(Debug)]
pub struct Replica<C: Crdt> {
    me: Incarnation,
    peers: Vec<Peer>,
    state: C,
    /// The latest deltas, each with the index of the peer it came from.
    deltas: VecDeque<(C, Option<usize>)>,
    /// How many deltas there have been since the start, kept or not.
    number: u64,
    tick_at: Option<Time>,
    outputs: Outputs<Record<C>, Message<C>, ()>,
}

#[derive(Debug)]
struct Peer {
    name: NodeId,
    /// The incarnation that was last heard.
    life: Option<Incarnation>,
    /// The session in which an acknowledgement counts.
    session: u64,
    /// Up to where it has acknowledged; `None` when it may lack anything.
    acknowledged: Option<u64>,
    /// The number of the last update that was sent to it.
    sent: u64,
    /// Until when something sent to it may still be acknowledged.
    wait_until: Time,
}

impl<C> Core for Replica<C>
where
    C: Crdt + Serialize + DeserializeOwned + 'static,
{
    type Local = C;
    /// The change is durable, and will be everywhere.
    type Reply = ();
    type Message = Message<C>;
    type Record = Record<C>;

    fn step(&mut self, now: Time, input: Input<C, Message<C>>, rng: &mut ChaCha8Rng) {
        match input {
            Input::Local { id, request } => {
                self.take_in(&request, None);
                self.outputs.reply.push((id, ()));
            }
            Input::Message { from, message } => self.hear(now, &from, message),
            Input::Wake | Input::Cancel { .. } | Input::Checkpointed | Input::Stop => {}
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            self.tick(now, rng);
        }
        if self.tick_at.is_none() && !self.lacking().is_empty() {
            self.tick_at = Some(now + INTERVAL);
        }
    }

    fn outputs(&mut self) -> Outputs<Record<C>, Message<C>, ()> {
        std::mem::take(&mut self.outputs)
    }

    fn must_persist(&self) -> bool {
        !self.outputs.persist.is_empty()
    }

    /// `None` when everybody has everything.
    fn next_wake(&self) -> Option<Time> {
        self.tick_at
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = Record<C>>> {
        let state = [Record::Incarnation(self.me.clone()), Record::Delta(self.state.clone())];
        Box::new(state.into_iter())
    }

    fn inspect(&self) -> Value {
        let lacking = self.lacking().into_iter().map(|index| self.peers[index].name.as_str());
        json!({ "changes": self.number, "owes": lacking.collect::<Vec<_>>() })
    }
}

impl<C: Crdt> Replica<C> {
    /// The state of `node` after a start, from what its storage holds.
    pub fn new(
        node: &NodeId,
        nodes: &[NodeId],
        records: Vec<Record<C>>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> Replica<C> {
        let session = rng.random();
        let peer = |name: &NodeId| Peer {
            name: name.clone(),
            life: None,
            session,
            acknowledged: None,
            sent: 0,
            wait_until: now,
        };
        let mut replica = Replica {
            me: Incarnation::new(node, rng.random()),
            peers: nodes.iter().filter(|other| *other != node).map(peer).collect(),
            state: C::default(),
            deltas: VecDeque::new(),
            number: 0,
            tick_at: Some(now + INTERVAL),
            outputs: Outputs::default(),
        };
        if records.is_empty() {
            replica.outputs.persist.push(Record::Incarnation(replica.me.clone()));
        }
        for record in records {
            match record {
                Record::Incarnation(me) => replica.me = me,
                Record::Delta(delta) => replica.state.join(&delta),
            }
        }
        replica
    }

    /// The state.
    pub fn state(&self) -> &C {
        &self.state
    }

    /// The name under which this replica makes its changes.
    pub fn incarnation(&self) -> &Incarnation {
        &self.me
    }

    /// Joins a delta into the state. What of it is new is stored, and passed on.
    fn take_in(&mut self, delta: &C, from: Option<usize>) {
        let new = delta.minus(&self.state);
        if new.is_bottom() {
            return;
        }
        self.state.join(&new);
        self.outputs.persist.push(Record::Delta(new.clone()));
        self.deltas.push_back((new, from));
        self.number += 1;
        if self.deltas.len() > DELTAS_MAX {
            self.deltas.pop_front();
        }
    }

    /// Takes in what another node says. Whoever is not of the cluster is not listened to.
    fn hear(&mut self, now: Time, from: &NodeId, message: Message<C>) {
        let Some(index) = self.peers.iter().position(|peer| peer.name == *from) else { return };
        let peer = &mut self.peers[index];
        if peer.life.as_ref() != Some(&message.from) {
            let is_first_word = peer.life.replace(message.from).is_none();
            if !is_first_word {
                // Its memory is a new one: what its former life acknowledged is void. Or a word
                // from its former life was overtaken; its next word then begins a session again.
                peer.session = peer.session.wrapping_add(1);
                peer.acknowledged = None;
                peer.wait_until = now;
            }
        }
        if let Some(mark) = message.acknowledged.filter(|mark| mark.session == peer.session) {
            let number = mark.number.min(self.number);
            peer.acknowledged = peer.acknowledged.max(Some(number));
            if number == peer.sent {
                // A second copy of an older acknowledgement ends no waiting: if it did, each
                // would set off an update, and each copy of that an acknowledgement.
                peer.wait_until = now;
            }
            self.forget_acknowledged();
        }
        if let Some(Update { upto, delta }) = message.update {
            self.take_in(&delta, Some(index));
            self.send(now, index, Some(upto));
        }
    }

    /// Sends to a few of those that lack something, chosen by chance.
    fn tick(&mut self, now: Time, rng: &mut ChaCha8Rng) {
        let mut lacking = self.lacking();
        lacking.retain(|index| self.peers[*index].wait_until <= now);
        for _ in 0..FANOUT.min(lacking.len()) {
            let index = lacking.swap_remove(rng.random_range(0..lacking.len()));
            self.send(now, index, None);
        }
    }

    /// The peers that lack something, as far as this replica knows.
    fn lacking(&self) -> Vec<usize> {
        let lacks = |index: &usize| self.peers[*index].acknowledged != Some(self.number);
        (0..self.peers.len()).filter(lacks).collect()
    }

    /// Sends a peer what it lacks, if it lacks anything and is not on its way, and what it is
    /// owed: the acknowledgement of its own update.
    fn send(&mut self, now: Time, index: usize, acknowledged: Option<Mark>) {
        let delta = if self.peers[index].wait_until <= now { self.delta_for(index) } else { None };
        if delta.is_none() && acknowledged.is_none() {
            return;
        }
        let peer = &mut self.peers[index];
        let upto = Mark { session: peer.session, number: self.number };
        let update = delta.map(|delta| Update { upto, delta });
        if update.is_some() {
            peer.sent = self.number;
            peer.wait_until = now + RESEND_AFTER;
        }
        let message = Message { from: self.me.clone(), update, acknowledged };
        self.outputs.send.push((peer.name.clone(), message));
    }

    /// What a peer lacks: nothing, a join of deltas, or maybe anything.
    fn delta_for(&mut self, index: usize) -> Option<C> {
        let first = self.number - self.deltas.len() as u64;
        let acknowledged = self.peers[index].acknowledged.filter(|number| *number >= first);
        let Some(acknowledged) = acknowledged else { return Some(self.state.clone()) };
        let mut delta = C::default();
        for (part, from) in self.deltas.iter().skip((acknowledged - first) as usize) {
            if *from != Some(index) {
                delta.join(part);
            }
        }
        if delta.is_bottom() {
            // All that is new here came from there.
            self.peers[index].acknowledged = Some(self.number);
            return None;
        }
        Some(delta)
    }

    /// Drops the deltas that everybody has.
    fn forget_acknowledged(&mut self) {
        let everybody = self.peers.iter().map(|peer| peer.acknowledged.unwrap_or(0)).min();
        let first = self.number - self.deltas.len() as u64;
        let known = everybody.unwrap_or(self.number).saturating_sub(first);
        self.deltas.drain(..known as usize);
    }
}

//! What a replica knows about one other: what it has of that one's changes, and what that one
//! has of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::changes::Origin;
use super::message::{Mark, Update};
use crate::types::{Incarnation, NodeId, Time};

/// How many pieces may be on their way to one peer. (Few in tests, so that tests reach it.)
pub(super) const WINDOW_MAX: usize = if cfg!(test) { 3 } else { 8 };
/// How long an acknowledgement or the first answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the pause between two asks doubles.
const BACKOFF_MAX: u32 = 2;

/// One other node.
#[derive(Debug)]
pub(super) struct Peer<C> {
    pub(super) name: NodeId,
    /// The incarnation that was last heard.
    pub(super) life: Option<Incarnation>,
    /// How what comes from this life is marked among the changes here.
    pub(super) origin: Origin,

    /// Up to which of its changes everything has come.
    pub(super) seen: u64,
    /// Up to which of its changes everything is part of the state here.
    pub(super) joined: u64,
    /// What has come of its changes and is not joined yet, where a state is joined as a whole.
    pub(super) stage: C,
    /// Pieces that came before others that they follow, by the number that they follow.
    early: BTreeMap<u64, Update<C>>,

    /// Up to which of the changes here it has said that it has everything. `None` when that is
    /// not known, or it has been silent, and it must be asked.
    pub(super) acknowledged: Option<u64>,
    /// Up to which of the changes here it has everything, counting what came from it.
    pub(super) covered: u64,
    /// Up to which of the changes here it was sent everything.
    pub(super) sent: u64,
    /// Whether the last piece that it was sent was not the last one of all.
    pub(super) in_transfer: bool,
    /// Until when it is let alone: an acknowledgement or an answer may be on its way.
    pub(super) wait_until: Time,
    /// When it was last asked or sent something.
    last_sent_at: Time,
    /// How many pieces it is sent at a time.
    pub(super) window: usize,
    /// The number of the ask that it has yet to answer.
    asked: Option<u64>,
    /// How often it was asked without a word from it since.
    pub(super) asks: u32,
}

impl<C: Default> Peer<C> {
    pub(super) fn new(name: NodeId, origin: Origin, now: Time) -> Peer<C> {
        Peer {
            name,
            life: None,
            origin,
            seen: 0,
            joined: 0,
            stage: C::default(),
            early: BTreeMap::new(),
            acknowledged: None,
            covered: 0,
            sent: 0,
            in_transfer: false,
            wait_until: now,
            last_sent_at: now,
            window: 1,
            asked: None,
            asks: 0,
        }
    }

    /// What it is told of how much of its changes has come.
    pub(super) fn acknowledgement(&self) -> Option<Mark> {
        self.life.clone().map(|of| Mark { of, number: self.seen })
    }

    /// It is another life than the one that was last heard: what that one had and sent is void.
    /// The first one that is heard may have answered the first ask.
    pub(super) fn begin_life(&mut self, life: Incarnation, origin: Origin, now: Time) {
        if self.life.is_some() {
            *self = Peer::new(self.name.clone(), origin, now);
        }
        self.life = Some(life);
        self.origin = origin;
    }

    /// Whether it may lack some of the changes here, of which there are so many.
    pub(super) fn lacks(&self, number: u64) -> bool {
        self.acknowledged.is_none() || self.covered < number
    }

    /// Whether something that was sent to it was not acknowledged in time.
    pub(super) fn is_overdue(&self, now: Time) -> bool {
        self.wait_until <= now && self.acknowledged.is_some_and(|number| number < self.sent)
    }

    /// It has said up to which of the changes here it has everything.
    ///
    /// The answer to the last ask is taken as it is. It may be less than before, if the peer took a
    /// late word of an earlier life of this node for a new one. Anything else only raises what an
    /// answer has said: it may be a late word of an earlier life of the peer.
    pub(super) fn acknowledges(&mut self, number: u64, answer: Option<u64>, now: Time) {
        if answer.is_some() && answer == self.asked {
            (self.asked, self.asks) = (None, 0);
            (self.acknowledged, self.sent, self.covered) = (Some(number), number, number);
            self.wait_until = now;
        } else if self.acknowledged.is_some_and(|known| known < number) {
            self.acknowledged = Some(number);
            self.covered = self.covered.max(number);
            if number >= self.sent {
                // A second copy of an older acknowledgement ends no waiting: if it did, each
                // would set off an update, and each copy of that an acknowledgement.
                self.sent = number;
                self.wait_until = now;
                self.window = (2 * self.window).min(WINDOW_MAX);
            }
        }
    }

    /// It is sent everything up to this number, which is all there is or not.
    pub(super) fn is_sent(&mut self, upto: u64, is_last: bool, now: Time) {
        self.sent = upto;
        self.in_transfer = !is_last;
        self.last_sent_at = now;
        self.wait_until = now + PATIENCE;
    }

    /// Nothing is known any more of what it has of the changes here.
    pub(super) fn must_be_asked(&mut self, now: Time) {
        (self.acknowledged, self.covered, self.asks) = (None, 0, 0);
        self.wait_until = now;
    }

    /// It is asked what it has. Each time that it does not answer, the next ask comes later.
    pub(super) fn is_asked(&mut self, number: u64, now: Time) {
        self.asked = Some(number);
        self.last_sent_at = now;
        self.acknowledged = None;
        self.window = 1;
        self.wait_until = now + PATIENCE * (1 << self.asks.min(BACKOFF_MAX));
        self.asks += 1;
    }

    /// It has said something: it is within reach, and need not be let alone for long.
    pub(super) fn is_heard(&mut self) {
        self.asks = self.asks.min(1);
        self.wait_until = self.wait_until.min(self.last_sent_at + PATIENCE);
    }

    /// Takes a piece of its changes, and gives the pieces whose turn it is now. A piece that came
    /// too early waits for those before it, as segments do in TCP.
    pub(super) fn receive(&mut self, update: Update<C>) -> Vec<Update<C>> {
        let has_room = self.early.len() < WINDOW_MAX || update.since <= self.seen;
        let is_longer = self.early.get(&update.since).is_none_or(|early| early.upto < update.upto);
        if update.upto >= update.since && has_room && is_longer {
            self.early.insert(update.since, update);
        }
        let mut in_order = Vec::new();
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.seen) {
            let update = entry.remove();
            self.seen = self.seen.max(update.upto);
            in_order.push(update);
        }
        in_order
    }

    /// Forgets what has come and is not joined.
    pub(super) fn drop_stage(&mut self) {
        self.stage = C::default();
        self.early.clear();
        self.seen = self.joined;
    }
}

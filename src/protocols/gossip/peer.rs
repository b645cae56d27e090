//! What a node knows about one other node, and what it has told it.

use std::time::Duration;

use crate::types::{Incarnation, Time, VersionVector};

/// How long after an ask the next may follow, at first and later.
const ASK_AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(2)];
/// How long what was sent again counts as on its way.
const IN_FLIGHT: Duration = Duration::from_secs(1);
/// How long a suspicion lasts against any evidence but an answer. One link may be cut in one
/// direction only: then the node is heard, and yet no hub to whom it does not listen.
const SUSPICION: Duration = Duration::from_secs(5);

/// One other node, as seen from here.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whether it is a member, as far as this node knows.
    pub(super) is_member: bool,
    /// The incarnation that was last heard; `None` before the first word.
    life: Option<Incarnation>,
    /// What it said it has.
    pub(super) has: VersionVector,
    /// The rank of whom it takes for the hub.
    pub(super) hub: Option<usize>,
    /// Whether it has answered this node since the node's start.
    pub(super) has_answered: bool,
    /// When it was last heard, or this node's start.
    pub(super) heard_at: Time,

    /// Which of this node's changes it was told (see `Gossip::have_changes`).
    pub(super) told_have: u64,
    pub(super) told_stable: u64,
    /// Since when there is something to tell it.
    pub(super) news_since: Option<Time>,

    /// Since when it lacks something that this node has settled.
    pub(super) lacking_since: Option<Time>,
    /// What was sent to it again, and until when that may still be on its way.
    pub(super) in_flight: VersionVector,
    in_flight_until: Time,

    /// Since when it owes an answer, and how often it was asked since.
    pub(super) asked_since: Option<Time>,
    asks: usize,
    ask_again_at: Time,
    /// Since when it is taken to be out of reach.
    pub(super) suspected_at: Option<Time>,
}

impl Peer {
    /// Nothing is known at the start.
    pub(super) fn new(now: Time) -> Peer {
        Peer {
            is_member: false,
            life: None,
            has: VersionVector::default(),
            hub: None,
            has_answered: false,
            heard_at: now,
            told_have: 0,
            told_stable: 0,
            news_since: None,
            lacking_since: None,
            in_flight: VersionVector::default(),
            in_flight_until: now,
            asked_since: None,
            asks: 0,
            ask_again_at: now,
            suspected_at: None,
        }
    }

    /// It said something, under this name and with this hub. Returns its former incarnation
    /// if this is another.
    pub(super) fn heard(
        &mut self,
        now: Time,
        from: &Incarnation,
        hub: Option<usize>,
    ) -> Option<Incarnation> {
        self.hub = hub;
        self.heard_at = now;
        self.doubt_suspicion(now);
        if self.life.as_ref() == Some(from) {
            return None;
        }
        self.forget();
        self.life.replace(from.clone())
    }

    /// Its memory is a new one, or may be: what it had and was told before is void.
    pub(super) fn forget(&mut self) {
        self.has = VersionVector::default();
        self.in_flight = VersionVector::default();
        self.told_have = 0;
        self.told_stable = 0;
    }

    /// Whether it is known by another name than this.
    pub(super) fn is_other_than(&self, life: &Incarnation) -> bool {
        self.life.as_ref().is_some_and(|known| known != life)
    }

    /// Whether this node may take it for the hub.
    pub(super) fn may_be_hub(&self) -> bool {
        self.is_member && self.suspected_at.is_none()
    }

    /// It answered: it hears this node, and this node hears it.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
        self.stop_asking();
        self.suspected_at = None;
    }

    /// There is evidence that it may be within reach after all.
    pub(super) fn doubt_suspicion(&mut self, now: Time) {
        if self.suspected_at.is_some_and(|at| now.since(at) >= SUSPICION) {
            self.suspected_at = None;
        }
    }

    /// It was asked for its vector.
    pub(super) fn asked(&mut self, now: Time) {
        self.asked_since.get_or_insert(now);
        self.ask_again_at = now + ASK_AGAIN[self.asks.min(ASK_AGAIN.len() - 1)];
        self.asks += 1;
    }

    /// Whether enough time has passed since the last ask.
    pub(super) fn may_ask(&self, now: Time) -> bool {
        now >= self.ask_again_at
    }

    /// There is nothing any more to ask it for.
    pub(super) fn stop_asking(&mut self) {
        self.asked_since = None;
        self.asks = 0;
    }

    /// What it has, and what is on its way to it.
    pub(super) fn has_or_gets(&self, now: Time) -> VersionVector {
        let mut vector = self.has.clone();
        if now < self.in_flight_until {
            vector.join(&self.in_flight);
        }
        vector
    }

    /// `vector` is on its way to it, besides what it has.
    pub(super) fn sent_again(&mut self, now: Time, vector: VersionVector) {
        self.in_flight = vector;
        self.in_flight_until = now + IN_FLIGHT;
    }
}

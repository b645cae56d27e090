//! New voters that do not count yet: they take in the log first (dissertation §4.2.1).
//!
//! The leader sends a learner the log in rounds. Each round is what was in the log when it began.
//! The learner is ready when a round takes less than an election timeout: what it lacks then holds
//! nobody up. Learners are known to the leader alone, and nothing of them is durable.
//!
//! Chapter 9b of the book, `book/09b-membership.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};

use super::progress::Progress;
use super::{Config, Index};
use crate::types::{NodeId, Time};

/// A learner that is not ready after so many rounds is too slow (§4.2.1).
const ROUNDS_MAX: u32 = 10;

/// A change whose new voters are not ready yet.
pub(super) struct CatchingUp {
    voters: BTreeSet<NodeId>,
    learners: BTreeMap<NodeId, Round>,
}

/// A learner takes in what was in the leader's log when the round began.
struct Round {
    number: u32,
    end: Index,
    began: Time,
}

/// How far learners are.
pub(super) enum Learned {
    /// They can vote, and hold nobody up.
    Ready,
    Behind,
    /// One does not answer, or never gets there.
    Hopeless,
}

impl CatchingUp {
    /// A change to these voters. Those of them that are `learners` take in the log up to `end`
    /// first.
    pub fn new(
        voters: BTreeSet<NodeId>,
        learners: Vec<NodeId>,
        end: Index,
        now: Time,
    ) -> CatchingUp {
        let round = |learner| (learner, Round { number: 1, end, began: now });
        CatchingUp { voters, learners: learners.into_iter().map(round).collect() }
    }

    /// Who is to vote in the end.
    pub fn voters(&self) -> &BTreeSet<NodeId> {
        &self.voters
    }

    /// Who learns.
    pub fn learners(&self) -> impl Iterator<Item = &NodeId> {
        self.learners.keys()
    }

    /// Whether this node learns.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.learners.contains_key(node)
    }

    /// How far the last of the learners is, given what the leader knows of its followers and
    /// where its log ends.
    pub fn look(
        &mut self,
        progress: &BTreeMap<NodeId, Progress>,
        last: Index,
        now: Time,
        config: &Config,
    ) -> Learned {
        let mut all = Learned::Ready;
        for (learner, round) in &mut self.learners {
            match round.look(&progress[learner], last, now, config) {
                Learned::Ready => {}
                Learned::Behind => all = Learned::Behind,
                Learned::Hopeless => return Learned::Hopeless,
            }
        }
        all
    }
}

impl Round {
    // ANCHOR: look
    fn look(&mut self, follower: &Progress, last: Index, now: Time, config: &Config) -> Learned {
        if !follower.is_live(now, config) {
            return Learned::Hopeless;
        }
        if follower.matched() < self.end {
            return Learned::Behind;
        }
        if now < self.began + config.election_timeout {
            return Learned::Ready;
        }
        *self = Round { number: self.number + 1, end: last, began: now };
        if self.number > ROUNDS_MAX { Learned::Hopeless } else { Learned::Behind }
    }
    // ANCHOR_END: look
}

//! The repair path: who lacks what, who must be told, asked, or given up on for now.
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

use std::time::Duration;

use super::{ANNOUNCE_AFTER, Batch, Gossip, PATIENCE, REPORT_AFTER, Route, Rumor, SUSPECT_AFTER};
use crate::types::{Incarnation, NodeId, Time, VersionVector};

/// How often a node that is not done looks after its neighbours.
const TICK: Duration = Duration::from_millis(250);
/// How long a message takes to settle: longer than a first delivery takes.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a restless spoke waits for a word from its hub.
const SILENCE: Duration = Duration::from_secs(4);
/// How long a gap in a source's messages may stand before the source's node is asked itself.
const GAP_PATIENCE: Duration = Duration::from_secs(5);
/// How many messages one repair may carry. The receiver's answer asks for the next.
const REPAIR_LIMIT: usize = 2_000;

impl Gossip {
    /// Takes in what another node says. Whoever is not of the cluster is not listened to.
    pub(super) fn hear(&mut self, now: Time, from: &NodeId, rumor: Rumor) {
        let rank = self.rank_of(from.as_str()).filter(|rank| *rank != self.my_rank);
        let Some(rank) = rank else { return };
        let its_hub = self.rank_of(rumor.hub.as_str());
        let former_life = self.peers[rank].heard(now, &rumor.from, its_hub);
        if let Some(hub) = its_hub.filter(|hub| *hub != rank) {
            // Somebody else reaches that node.
            self.peers[hub].doubt_suspicion(now);
        }
        if rumor.answer {
            self.peers[rank].answered();
        }
        if let Some(have) = &rumor.have {
            self.peers[rank].has.join(have);
        }
        if let Some(word) = rumor.members {
            self.hear_of_members(from, rank, word);
        }
        if rumor.stable.is_some_and(|stable| self.stable.join(&stable)) {
            self.stable_changes += 1;
        }
        for batch in &rumor.batches {
            // On the direct route a message's own node sends it to everybody. What comes round
            // another way was missed by somebody, so it is passed on; and so is what a node leaves
            // behind.
            let pass_on = self.setting.route == Route::Hub
                || batch.source != rumor.from
                || self.hands_over(rank);
            if let Some(new) = self.take_in(batch).filter(|_| pass_on) {
                self.relay.push(new);
                self.schedule_flush(now);
            }
            if self.is_past(&batch.source) {
                self.adopt_orphans(now, &batch.source);
            }
        }
        if let Some(former_life) = former_life {
            // A word from its former life may have overtaken one from its present: only an
            // answer is certain to be up to date.
            self.adopt_orphans(now, &former_life);
            if self.others.contains(&rank) {
                self.send(now, rank, Vec::new(), true, false);
            }
        }
        self.respond(now, rank, rumor.ask, rumor.answer);
        if self.peers[rank].has.covers(self.archive.have()) {
            // It may be the last that lacked something.
            self.find_stable(now);
        }
        self.stay_awake(now);
    }

    pub(super) fn rank_of(&self, node: &str) -> Option<usize> {
        self.nodes.iter().position(|other| other.as_str() == node)
    }

    /// Whether this is a former incarnation of a node. Only a node without storage has any.
    fn is_past(&self, source: &Incarnation) -> bool {
        match self.rank_of(source.node()) {
            Some(rank) if rank == self.my_rank => *source != self.me,
            Some(rank) => self.peers[rank].is_other_than(source),
            None => false,
        }
    }

    /// Broadcasts what came from a former incarnation with a gap before it, as this node's own.
    /// Who is no member broadcasts nothing.
    fn adopt_orphans(&mut self, now: Time, source: &Incarnation) {
        if !self.membership.is_member() {
            return;
        }
        let values = self.archive.orphans(source);
        if !values.is_empty() {
            let batch =
                Batch { source: self.me.clone(), first: self.archive.have().get(&self.me), values };
            self.take_in(&batch);
            self.schedule_flush(now);
        }
    }

    /// Sends a node what its vector lacks, and an answer if it asked for one.
    fn respond(&mut self, now: Time, rank: usize, asked: bool, answered: bool) {
        let hub = self.hub();
        let below = self.is_below(rank, hub);
        let mut batches = Vec::new();
        let mut more = false;
        let is_edge = below || rank == hub || asked || answered;
        if is_edge && self.others.contains(&rank) {
            // Upwards only one's own: otherwise all spokes would send the hub what one of its
            // links lost. Unless it was asked and still lacks it: then its node may be gone.
            let everything = below || answered;
            (batches, more) = self.repair(now, rank, everything);
        }
        if asked || !batches.is_empty() {
            let ask = more || !batches.is_empty() && self.hands_over(rank);
            self.send(now, rank, batches, ask, asked);
        }
        let peer = &mut self.peers[rank];
        if peer.has.covers(&self.settled) {
            peer.lacking_since = None;
        }
        if answered && rank == hub {
            self.probes = 1;
        }
    }

    /// What a node lacks and should get now, and whether that is not yet all.
    // ANCHOR: repair
    fn repair(&mut self, now: Time, rank: usize, everything: bool) -> (Vec<Batch>, bool) {
        let has = self.peers[rank].has_or_gets(now);
        let mut upto = VersionVector::default();
        if self.hands_over(rank) {
            upto = self.archive.have().clone();
        } else if everything {
            upto = self.settled.clone();
        } else {
            upto.raise(&self.me, self.settled.get(&self.me));
        }
        let (batches, complete) = self.archive.missing(&upto, &has, REPAIR_LIMIT);
        if !batches.is_empty() {
            let mut sent = has;
            for batch in &batches {
                sent.raise(&batch.source, batch.end());
            }
            self.peers[rank].sent_again(now, sent);
        }
        (batches, !complete)
    }
    // ANCHOR_END: repair

    /// The hub's part: what everybody has. It is announced at once when that is everything.
    fn find_stable(&mut self, now: Time) {
        if self.hub() != self.my_rank || !self.membership.is_member() {
            return;
        }
        let news = self.archive.have().iter().filter_map(|(source, count)| {
            let known = self.stable.get(source);
            let stable = self.count_of_all(source, count, known);
            (stable > known).then(|| (source.clone(), stable))
        });
        let news: Vec<(Incarnation, u64)> = news.collect();
        if news.is_empty() {
            return;
        }
        for (source, count) in news {
            self.stable.raise(&source, count);
        }
        self.stable_changes += 1;
        if self.flush_at.is_none() && self.stable.covers(self.archive.have()) {
            for rank in self.others.clone() {
                self.send(now, rank, Vec::new(), false, false);
            }
        }
    }

    /// How many of a source's values everybody has, if those are more than `known`. Most of the
    /// time they are not, and some node that is asked early shows it.
    fn count_of_all(&self, source: &Incarnation, mine: u64, known: u64) -> u64 {
        let mut count = mine;
        for rank in &self.others {
            if count <= known {
                break;
            }
            count = count.min(self.peers[*rank].has.get(source));
        }
        count
    }

    /// Makes sure of a next tick.
    pub(super) fn stay_awake(&mut self, now: Time) {
        if !self.others.is_empty() {
            self.tick_at.get_or_insert(now + TICK);
        }
    }

    /// Looks after the neighbours, and falls asleep when nothing is left to do.
    pub(super) fn tick(&mut self, now: Time) {
        self.tick_at = None;
        self.settle(now);
        self.suspect(now);
        self.say_hello(now);
        self.fill_gaps(now);
        self.find_stable(now);
        let hub = self.hub();
        let mut busy = self.hello_at.is_some() || self.flush_at.is_some();
        busy |= !self.gaps.is_empty();
        for rank in self.others.clone() {
            if self.is_neighbour(rank, hub) {
                busy |= self.look_after(now, rank, hub);
            } else {
                busy |= self.peers[rank].asked_since.is_some();
            }
        }
        busy |= !self.stable.covers(self.archive.have());
        if busy {
            self.stay_awake(now);
        } else {
            // Everything is everywhere, so it has settled too.
            self.settled = self.archive.have().clone();
            self.unsettled = self.settled.clone();
        }
    }

    /// Lets what was here at the last look, at least a second ago, count as settled.
    fn settle(&mut self, now: Time) {
        if now >= self.settle_at {
            self.settle_at = now + SETTLE;
            self.settled = std::mem::replace(&mut self.unsettled, self.archive.have().clone());
        }
    }

    /// Asks a neighbour, or tells it the news, when it is time. True while either is to come.
    fn look_after(&mut self, now: Time, rank: usize, hub: usize) -> bool {
        let above = rank == hub;
        let hands_over = self.hands_over(rank);
        let due = if hands_over { self.archive.have() } else { &self.settled };
        let peer = &mut self.peers[rank];
        let lacking = !peer.has.covers(due);
        if lacking {
            peer.lacking_since.get_or_insert(now);
        }
        let restless =
            above && !self.stable.covers(&self.settled) && now.since(peer.heard_at) >= SILENCE;
        let patience = if hands_over { Duration::ZERO } else { PATIENCE };
        let out_of_patience = peer.lacking_since.is_some_and(|at| now.since(at) >= patience);
        // An ask is repeated until it is answered.
        if peer.asked_since.is_some() || restless || lacking && out_of_patience {
            if peer.may_ask(now) {
                self.send(now, rank, Vec::new(), true, false);
            }
            return true;
        }

        let news =
            peer.told_have < self.have_changes || !above && peer.told_stable < self.stable_changes;
        if !news {
            return lacking;
        }
        let since = *peer.news_since.get_or_insert(now);
        let patience = if above { REPORT_AFTER } else { ANNOUNCE_AFTER };
        if now.since(since) >= patience {
            // Whoever may be out of reach shall say so, or that it is not.
            let ask = peer.suspected_at.is_some();
            self.send(now, rank, Vec::new(), ask, false);
        }
        true
    }

    /// Suspects whoever has left asks unanswered for too long; looks for a new hub if need be.
    fn suspect(&mut self, now: Time) {
        let old_hub = self.hub();
        for rank in self.others.clone() {
            let peer = &mut self.peers[rank];
            if peer.asked_since.is_some_and(|at| now.since(at) >= SUSPECT_AFTER) {
                peer.suspected_at.get_or_insert(now);
            }
        }
        let hub = self.hub();
        for rank in self.others.clone() {
            if self.peers[rank].suspected_at.is_some() && !self.is_neighbour(rank, hub) {
                self.peers[rank].stop_asking();
            }
        }
        if hub == old_hub {
            return;
        }
        self.probes = (self.probes * 2).min(self.nodes.len());
        let candidates = (hub..self.my_rank).filter(|rank| self.peers[*rank].may_be_hub());
        for rank in candidates.take(self.probes / 2).collect::<Vec<_>>() {
            self.send(now, rank, Vec::new(), true, false);
        }
    }

    /// Whether a node is known to know of this incarnation: it answered it, or counts a
    /// message of it.
    fn knows_me(&self, rank: usize) -> bool {
        self.peers[rank].has_answered || self.peers[rank].has.get(&self.me) > 0
    }

    /// Asks a source's own node for what nobody brought in a long time. Either it sends it, or
    /// its answer tells that this incarnation of it is no more.
    fn fill_gaps(&mut self, now: Time) {
        let gaps = self
            .archive
            .gaps()
            .map(|source| (source.clone(), self.gaps.get(source).copied().unwrap_or(now)));
        self.gaps = gaps.collect();
        let old = self.gaps.iter().filter(|(_, since)| now.since(**since) >= GAP_PATIENCE);
        for source in old.map(|(source, _)| source.clone()).collect::<Vec<_>>() {
            match self.rank_of(source.node()) {
                Some(rank) if !self.is_past(&source) && self.others.contains(&rank) => {
                    if self.peers[rank].may_ask(now) {
                        self.send(now, rank, Vec::new(), true, false);
                    }
                }
                _ => self.adopt_orphans(now, &source),
            }
        }
    }

    /// After a start: a member asks the hub (a hub asks the next in the list), which then knows what
    /// this incarnation has, and sends it the rest.
    fn say_hello(&mut self, now: Time) {
        if self.hello_at.is_none_or(|at| now < at) || !self.membership.is_member() {
            return;
        }
        let hub = self.hub();
        let is_heard = |rank: &usize| self.peers[*rank].suspected_at.is_none();
        let next = self.others.iter().copied().find(is_heard);
        let host = if hub == self.my_rank { next } else { Some(hub) };
        match host {
            Some(rank) if !self.knows_me(rank) => {
                if self.peers[rank].asked_since.is_none() {
                    self.send(now, rank, Vec::new(), true, false);
                }
            }
            // It is known, or nobody is within reach, and whoever comes within reach will ask.
            _ => self.hello_at = None,
        }
    }
}

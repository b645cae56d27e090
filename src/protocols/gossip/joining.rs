//! Nodes that join and leave, as far as the broadcast has to do with it.
//!
//! Whoever joins or leaves *hands over*: the member who was asked to add a node sends it all that
//! it lacks, and a node that leaves sends all members what they lack. Nothing else brings these
//! messages there, so nobody waits until they settle, and each repair asks for an answer.

use rand_chacha::ChaCha8Rng;

use super::{Gossip, Rumor};
use crate::protocols::core::RequestId;
use crate::protocols::members::{HasMembers, Members, Request, Word};
use crate::types::{Json, MemberChange, NodeId, Time};

impl HasMembers for Gossip {
    fn members(&self) -> &Members {
        self.membership.members()
    }

    fn is_member(&self) -> bool {
        self.membership.is_member()
    }

    fn member_request(change: MemberChange) -> Request<Json> {
        Request::Members(change)
    }
}

impl Gossip {
    /// A client of this node wants other members.
    pub(super) fn change_members(&mut self, now: Time, id: RequestId, change: &MemberChange) {
        for (node, peer) in self.nodes.iter().zip(&mut self.peers) {
            // Who joins may be back without its disk, and is asked what it has.
            if change.add.contains(node) && !peer.is_member {
                peer.forget();
            }
        }
        self.membership.request(now, id, change, self.archive.have().clone());
    }

    /// Another node says who is a member. Its vector is taken in already.
    pub(super) fn hear_of_members(&mut self, from: &NodeId, rank: usize, word: Word) {
        let (reached, position) = (&self.peers[rank].has, self.archive.have());
        self.membership.hear(from, word, reached, position);
        self.find_others();
    }

    /// What is due, after every step.
    pub(super) fn advance_membership(&mut self, now: Time, rng: &mut ChaCha8Rng) {
        let (peers, nodes) = (&self.peers, &self.nodes);
        let reached = |node: &NodeId| {
            let rank = nodes.iter().position(|other| other == node);
            rank.map(|rank| peers[rank].has.clone()).unwrap_or_default()
        };
        self.membership.advance(now, reached, rng);
        self.outputs.reply.extend(self.membership.take_done());
        if !self.membership.is_fixed() {
            self.find_others();
            self.stay_awake(now);
        }
    }

    /// Finds out who is to get what it lacks.
    pub(super) fn find_others(&mut self) {
        self.others.clear();
        for (rank, node) in self.nodes.iter().enumerate().filter(|(rank, _)| *rank != self.my_rank)
        {
            let peer = &mut self.peers[rank];
            peer.is_member = self.membership.members().is_member(node);
            if self.membership.serves(node) {
                self.others.push(rank);
            } else {
                peer.stop_asking();
            }
        }
    }

    /// Whether what this node has and the other one lacks goes there because one of them joins or
    /// leaves.
    pub(super) fn hands_over(&self, rank: usize) -> bool {
        !self.membership.is_member() || !self.peers[rank].is_member
    }

    /// Sends what is to be said about members alone, with what this node has.
    pub(super) fn say_words(&mut self) {
        for (to, word) in self.membership.take_words() {
            let have = Some(self.archive.have().clone());
            let rumor = Rumor { have, members: Some(word), ..self.rumor(self.hub()) };
            self.outputs.send.push((to, rumor));
        }
    }
}

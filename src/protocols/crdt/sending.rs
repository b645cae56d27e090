//! What a replica puts into its messages. When it sends one, and to whom, is in `anti_entropy.rs`.

use serde::Serialize;

use super::Crdt;
use super::anti_entropy::AntiEntropy;
use super::changes::Piece;
use super::message::{Message, Update};
use super::peer::Peer;
use crate::types::Time;

impl<C: Crdt + Serialize + 'static> AntiEntropy<C> {
    /// Sends a peer what it lacks, or asks it, unless it is to be let alone. A reply is sent in
    /// any case: it tells what this node has.
    pub(super) fn send(&mut self, now: Time, index: usize, is_reply: bool, answer: Option<u64>) {
        let number = self.number();
        let owes = self.owes(&self.peers[index]);
        let peer = &mut self.peers[index];
        let is_free = peer.wait_until <= now && owes;
        let asks = is_free && (peer.acknowledged.is_none() || peer.is_overdue(now));
        if asks {
            self.last_ask += 1;
            peer.is_asked(self.last_ask, now);
        }
        let mut updates = if is_free && !asks { self.next_updates(index) } else { Vec::new() };
        let peer = &mut self.peers[index];
        if let Some(last) = updates.last() {
            peer.is_sent(last.upto, last.is_last, now);
        } else if is_reply {
            // What came from there alone is worth no message, but it can go with this one.
            let acknowledged = peer.acknowledged.filter(|since| *since == peer.sent);
            let since = acknowledged.filter(|since| *since < number && peer.covered == number);
            updates.extend(since.map(|since| Update {
                since,
                upto: number,
                delta: None,
                is_last: true,
            }));
        }
        let count = updates.len().max(usize::from(is_reply || asks));
        let mut updates = updates.into_iter();
        let (mut ask, mut answer) = (asks.then_some(self.last_ask), answer);
        for _ in 0..count {
            let acknowledged = peer.acknowledgement();
            let (update, ask, answer) = (updates.next(), ask.take(), answer.take());
            let (from, members) = (self.me.clone(), self.membership.word());
            let message = Message { from, acknowledged, update, ask, answer, members };
            self.outputs.send.push((peer.name.clone(), message));
        }
    }

    /// Sends what is to be said about members alone.
    pub(super) fn say_words(&mut self) {
        for (to, word) in self.membership.take_words() {
            let peer = self.peers.iter().find(|peer| peer.name == to);
            let message = Message {
                from: self.me.clone(),
                acknowledged: peer.and_then(Peer::acknowledgement),
                update: None,
                ask: None,
                answer: None,
                members: Some(word),
            };
            self.outputs.send.push((to, message));
        }
    }

    /// The next pieces of what a peer lacks, as many as its window allows.
    fn next_updates(&mut self, index: usize) -> Vec<Update<C>> {
        let changes = self.changes.borrow();
        let peer = &mut self.peers[index];
        let mut updates = Vec::new();
        let mut since = peer.acknowledged.expect("it has said what it has");
        while updates.len() < peer.window {
            let Piece { delta, upto, is_last } = changes.piece(since, Some(peer.origin));
            match updates.last_mut() {
                _ if delta.is_some() => updates.push(Update { since, upto, delta, is_last }),
                // All the rest came from there.
                Some(last) => (last.upto, last.is_last) = (upto, is_last),
                None if peer.in_transfer => {
                    updates.push(Update { since, upto, delta: Some(C::default()), is_last });
                }
                None => peer.covered = upto,
            }
            if is_last {
                break;
            }
            since = upto;
        }
        updates
    }
}

//! The node's side of the network: who exists, who waits for a reply, and when it is safe to
//! speak.
//!
//! The bench that Gyre lives under besides its own, the original Maelstrom, forgives nothing:
//! after one message to somebody who does not exist it stops reading a node for the rest of
//! the run. So a message leaves only for a name we have been told of or heard from.
//!
//! There is a catch. The original starts its nodes side by side, so right after our `init`
//! some peer named there may not exist *yet*. Messages to nodes and services are therefore
//! held back until the set-up is known to be over:
//!
//! - somebody we have heard from exists;
//! - once any client speaks to us after `init`, everybody exists, for clients start last;
//! - and [`SETUP_HOLD`] after `init` we take it that everybody does.
//!
//! Replies are never held back: who asked us exists.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::types::{Body, Error, Message, NodeId, Time};

/// How long after `init` messages to others are held back, if nothing says earlier that the
/// set-up is over.
const SETUP_HOLD: Duration = Duration::from_millis(100);

/// How many clients are remembered. Whoever is forgotten is heard again before anything is sent
/// there: a reply needs no memory.
const CLIENTS_MAX: usize = 1_000;

/// The services that the bench provides, reachable from every node.
const SERVICES: [&str; 4] = ["seq-kv", "lin-kv", "lww-kv", "lin-tso"];

/// Who exists, what is held back, and which calls wait for a reply.
pub(crate) struct Network {
    id: NodeId,
    known: BTreeSet<NodeId>,
    /// Those among them that neither `init` nor the bench has named, the oldest first.
    clients: VecDeque<NodeId>,
    setup: Option<Setup>,
    calls: BTreeMap<i64, Call>,
    next_msg_id: i64,
}

/// The time right after `init`, in which others may not exist yet.
struct Setup {
    ends: Time,
    heard_from: BTreeSet<NodeId>,
    held: VecDeque<Message>,
}

/// A request of ours that waits for its reply.
struct Call {
    dest: NodeId,
    reply: Option<Body>,
    waker: Option<Waker>,
}

impl Network {
    /// The network as it is at `init`. `first_msg_id` should differ between one life of a
    /// node and the next, or a reply meant for the last life could be taken for one of ours.
    pub(crate) fn new(id: NodeId, nodes: &[NodeId], now: Time, first_msg_id: i64) -> Network {
        let services = SERVICES.iter().map(|&name| NodeId::from(name));
        Network {
            id,
            known: nodes.iter().cloned().chain(services).collect(),
            clients: VecDeque::new(),
            setup: Some(Setup {
                ends: now + SETUP_HOLD,
                heard_from: BTreeSet::new(),
                held: VecDeque::new(),
            }),
            calls: BTreeMap::new(),
            next_msg_id: first_msg_id,
        }
    }

    /// Sends a message that is no reply, or holds it back.
    pub(crate) fn send(
        &mut self,
        dest: &NodeId,
        body: Body,
        outbox: &mut VecDeque<Message>,
    ) -> Result<(), Error> {
        if !self.known.contains(dest) {
            return Err(Error::node_not_found(format!(
                "{dest} is neither a node named in init, nor a service, nor anyone who has \
                 sent a message to {}",
                self.id
            )));
        }
        let message = Message { src: self.id.clone(), dest: dest.clone(), body };
        match &mut self.setup {
            Some(setup) if !setup.heard_from.contains(dest) && *dest != self.id => {
                setup.held.push_back(message);
            }
            _ => outbox.push_back(message),
        }
        Ok(())
    }

    /// Learns from a message that its sender exists, and perhaps that everybody does.
    pub(crate) fn heard_from(
        &mut self,
        src: &NodeId,
        setup_is_over: bool,
        outbox: &mut VecDeque<Message>,
    ) {
        if !self.known.contains(src) {
            self.known.insert(src.clone());
            self.clients.push_back(src.clone());
        }
        if self.clients.len() > CLIENTS_MAX {
            self.clients.pop_front().map(|oldest| self.known.remove(&oldest));
        }
        let Some(setup) = &mut self.setup else { return };
        if setup_is_over {
            outbox.extend(setup.held.drain(..));
            self.setup = None;
        } else if setup.heard_from.insert(src.clone()) {
            let (free, held) = setup.held.drain(..).partition(|message| message.dest == *src);
            setup.held = held;
            outbox.extend::<VecDeque<Message>>(free);
        }
    }

    /// Ends the holding back when its time is over.
    pub(crate) fn pass_time(&mut self, now: Time, outbox: &mut VecDeque<Message>) {
        if let Some(setup) = &mut self.setup
            && setup.ends <= now
        {
            outbox.extend(setup.held.drain(..));
            self.setup = None;
        }
    }

    /// When `pass_time` next has something to do.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.setup.as_ref().filter(|setup| !setup.held.is_empty()).map(|setup| setup.ends)
    }

    /// Sends a request, and gives the `msg_id` under which its reply can be had.
    pub(crate) fn call(
        &mut self,
        dest: &NodeId,
        body: Body,
        outbox: &mut VecDeque<Message>,
    ) -> Result<i64, Error> {
        let msg_id = self.next_msg_id;
        self.send(dest, body.with_msg_id(msg_id), outbox)?;
        self.next_msg_id += 1;
        self.calls.insert(msg_id, Call { dest: dest.clone(), reply: None, waker: None });
        Ok(msg_id)
    }

    /// Takes in a reply. One that nobody waits for, or that comes from somebody other than
    /// the one asked, is dropped.
    pub(crate) fn complete(&mut self, src: &NodeId, msg_id: i64, reply: Body) {
        let Some(call) = self.calls.get_mut(&msg_id) else { return };
        if call.dest == *src && call.reply.is_none() {
            call.reply = Some(reply);
            if let Some(waker) = call.waker.take() {
                waker.wake();
            }
        }
    }

    /// The reply to a call, if it has come; otherwise `waker` is woken when it does.
    pub(crate) fn take_reply(&mut self, msg_id: i64, waker: &Waker) -> Option<Body> {
        let call = self.calls.get_mut(&msg_id).expect("a call waits until it is forgotten");
        if call.reply.is_none() {
            match &mut call.waker {
                Some(old) => old.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        call.reply.take()
    }

    /// Forgets a call; its reply will be dropped.
    pub(crate) fn forget(&mut self, msg_id: i64) {
        self.calls.remove(&msg_id);
    }

    /// How many calls wait for a reply.
    #[cfg(test)]
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_do_not_pile_up() {
        let (me, mut outbox) = (NodeId::from("n1"), VecDeque::new());
        let mut network = Network::new(me.clone(), std::slice::from_ref(&me), Time::ZERO, 1);
        for number in 0..10 * CLIENTS_MAX {
            network.heard_from(&NodeId::from(format!("c{number}").as_str()), true, &mut outbox);
        }
        assert_eq!(network.known.len(), 1 + SERVICES.len() + CLIENTS_MAX);
        let body = || Body::new(&serde_json::json!({"type": "news"})).unwrap();
        assert!(network.send(&me, body(), &mut outbox).is_ok());
        assert!(network.send(&"c9999".into(), body(), &mut outbox).is_ok());
        assert!(network.send(&"c1".into(), body(), &mut outbox).is_err(), "it was long ago");
    }
}

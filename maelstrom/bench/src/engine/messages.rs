//! Messages on their way: from whoever sends one to whoever is meant, and what a reply sets off.

use gyre::Message;

use super::clients::Purpose;
use super::cluster::{Output, WAKES_TIME};
use super::{
    Address, DOWN_BACKLOG, Direction, Engine, Event, INIT_TIMEOUT, Mishap, NodeState, Phase,
};
use crate::client::{ReplyFault, RequestError, error_of};
use crate::net::{Endpoint, Verdict};

impl Engine<'_> {
    fn endpoint(address: Address) -> Endpoint {
        match address {
            Address::Node(node) => Endpoint::Node(node),
            Address::Service(_) => Endpoint::Service,
            Address::Connection(_) => Endpoint::Client,
        }
    }

    /// Takes what nodes have said since the last time.
    pub(super) fn take_outputs(&mut self) {
        while !self.outputs.is_empty() && self.failure.is_none() {
            let mut outputs = std::mem::take(&mut self.outputs);
            for output in outputs.drain(..) {
                match output {
                    Output::Message { node, message } => self.on_node_message(node, message),
                    Output::Log { node, line } => {
                        self.observer.node_log(&self.options.nodes[node], &line);
                    }
                    Output::State { node, state } => {
                        let name = &self.options.nodes[node];
                        self.journal.record_state(self.now, name, &state);
                        self.observer.state(self.now, name, &state);
                    }
                    Output::Wake { node, at } => self.queue.push(at, Event::Wake { node, at }),
                    Output::GaveUp { node, sentence } => self.on_node_gave_up(node, &sentence),
                    Output::Say(sentence) => self.say(&sentence),
                    Output::Restless { node, wakes, asked, now } => {
                        let name = &self.options.nodes[node];
                        let which = if asked <= now { "which is past" } else { "as soon again" };
                        let (now, asked) = (now.as_nanos(), asked.as_nanos());
                        self.fail(format!(
                            "node {name} never rests: it was woken {wakes} times within {} ms, and \
                             at {now} ns it wants to be woken at {asked} ns, {which}. A node with \
                             nothing to do until a message comes must not ask for a time",
                            WAKES_TIME.as_millis()
                        ));
                    }
                    Output::Failure(sentence) => self.fail(sentence),
                }
                if self.failure.is_some() {
                    return;
                }
            }
            if self.outputs.is_empty() {
                self.outputs = outputs;
            }
        }
        self.advance_phase();
    }

    fn on_node_message(&mut self, node: usize, message: Message) {
        let name = &self.options.nodes[node];
        if message.src != *name {
            // Under another name it would pass by every cut that concerns it.
            let line = message.to_line();
            return self.fail(format!(
                "node {name} sent a message in the name of {}: its src must be {name}, and here \
                 is another: {line}",
                message.src
            ));
        }
        if self.addresses.contains_key(&message.dest) {
            return self.send(message);
        }
        if self.clients.has_departed(&message.dest) {
            self.late_replies += 1;
            return;
        }
        let line = message.to_line();
        self.fail(format!(
            "node {name} sent a message to {}, and there is nobody of that name: {line}",
            message.dest
        ));
    }

    /// Sends a message on its way. Source and destination are known to exist.
    pub(super) fn send(&mut self, message: Message) {
        let id = self.next_message_id;
        self.next_message_id += 1;
        self.journal.record_send(self.now, id, &message);
        self.observer.message(self.now, Direction::Send, id, &message);
        let src = Self::endpoint(self.addresses[&message.src]);
        let dest = Self::endpoint(self.addresses[&message.dest]);
        // A client's messages are immediate, and no tape needs to say so.
        let fate = if src == Endpoint::Client || dest == Endpoint::Client {
            self.network.verdict(src, dest)
        } else {
            let (network, kind) = (&mut self.network, message.body.kind());
            let drawn = || network.verdict(src, dest);
            self.tape.fate(self.now, &message.src, &message.dest, kind, drawn)
        };
        self.observer.fate(id, fate);
        match fate {
            Verdict::Drop => self.observer.mishap(&message, Mishap::Lost),
            Verdict::Deliver(after) => {
                self.queue.push(self.now + after, Event::Deliver { id, message });
            }
            Verdict::Duplicate(first, second) => {
                self.observer.mishap(&message, Mishap::Doubled);
                let copy = message.clone();
                self.queue.push(self.now + first, Event::Deliver { id, message });
                self.queue.push(self.now + second, Event::Deliver { id, message: copy });
            }
        }
    }

    /// Brings a message to its destination, if the link to it is whole at this moment.
    pub(super) fn deliver(&mut self, id: u64, message: Message) {
        let Some(&dest) = self.addresses.get(&message.dest) else {
            // A client that left while the message was on its way.
            self.late_replies += 1;
            return;
        };
        let src = self.addresses.get(&message.src).map_or(Endpoint::Client, |a| Self::endpoint(*a));
        if !self.network.admits(src, Self::endpoint(dest)) {
            self.observer.mishap(&message, Mishap::Cut);
            return;
        }
        match dest {
            Address::Node(node) => self.deliver_to_node(node, id, message),
            Address::Service(number) => {
                self.on_received(id, &message);
                self.serve(number, &message);
            }
            Address::Connection(connection) => {
                self.on_received(id, &message);
                self.on_reply(connection, &message);
            }
        }
    }

    fn on_received(&mut self, id: u64, message: &Message) {
        self.journal.record_recv(self.now, id, message);
        self.observer.message(self.now, Direction::Receive, id, message);
    }

    fn deliver_to_node(&mut self, node: usize, id: u64, message: Message) {
        let is_init = message.body.kind() == "init" && message.src.is_client();
        let waits = match self.nodes[node].state {
            NodeState::New | NodeState::Up => false,
            NodeState::Absent => return self.observer.mishap(&message, Mishap::Unheard),
            NodeState::Down => true,
            NodeState::Restarted => !is_init,
        };
        if waits {
            let backlog = &mut self.nodes[node].backlog;
            if backlog.len() < DOWN_BACKLOG {
                backlog.push_back((id, message));
            } else {
                self.observer.mishap(&message, Mishap::Unheard);
            }
            return;
        }
        self.on_received(id, &message);
        self.cluster.deliver(node, id, message, self.now, &mut self.outputs);
    }

    fn serve(&mut self, number: usize, message: &Message) {
        let (name, service, rng) = &mut self.services[number];
        let mut draws = self.tape.draws(rng, || format!("service {name} {}", message.src));
        let body = service.handle(&mut draws, &message.src, &message.body);
        // Nobody waits for the answer to a message without a msg_id.
        let Some(msg_id) = message.body.msg_id() else { return };
        let body = body.with_in_reply_to(msg_id);
        let reply = Message { src: name.clone(), dest: message.src.clone(), body };
        if self.addresses.contains_key(&reply.dest) {
            self.send(reply);
        }
    }

    /// A reply arrived at a client; it may be one that the client no longer waits for.
    fn on_reply(&mut self, connection: usize, message: &Message) {
        let Some(purpose) = self.clients.take_reply(connection, message.body.in_reply_to()) else {
            return;
        };
        let body = &message.body;
        match purpose {
            Purpose::Init(node) => {
                self.close_connection(connection);
                self.on_init_reply(node, message);
            }
            Purpose::Setup(node) => {
                self.close_connection(connection);
                self.on_setup_reply(node, message);
            }
            Purpose::Members => self.on_members_reply(message),
            Purpose::Besides(step) => {
                self.close_connection(connection);
                self.on_end_besides(step, Some(message));
            }
            Purpose::Thread(thread) if body.kind() == "error" => {
                let error = error_of(body);
                self.on_request_error(thread, RequestError::Node(error));
            }
            Purpose::Thread(thread) => self.on_success(thread, body),
        }
    }

    fn on_init_reply(&mut self, node: usize, reply: &Message) {
        let name = &self.options.nodes[node];
        if reply.body.kind() != "init_ok" || reply.src != *name {
            let line = reply.to_line();
            return self.fail(format!("expected init_ok from node {name}, but received {line}"));
        }
        if self.phase == Phase::Init {
            self.awaited -= 1;
        }
        self.nodes[node].state = NodeState::Up;
        self.nodes[node].init = None;
        for (id, message) in std::mem::take(&mut self.nodes[node].backlog) {
            self.deliver_to_node(node, id, message);
        }
        self.on_node_up(node);
    }

    fn on_setup_reply(&mut self, node: usize, reply: &Message) {
        if self.phase == Phase::Setup {
            self.awaited -= 1;
        }
        let name = &self.options.nodes[node];
        let trouble = if reply.src != *name {
            Some(format!("{} answered in its place", reply.src))
        } else if reply.body.kind() == "error" {
            Some(format!("it answered with an error: {}", reply.body.as_json()))
        } else {
            match self.workload.check_setup_reply(&reply.body) {
                Ok(()) => None,
                Err(ReplyFault::ExtraKey(why) | ReplyFault::WrongReply(why)) => Some(why),
            }
        };
        match trouble {
            Some(trouble) => self.fail(format!("node {name} could not be set up: {trouble}")),
            None => self.nodes[node].is_set_up = true,
        }
    }

    pub(super) fn on_request_timeout(&mut self, connection: usize, msg_id: i64) {
        let Some(purpose) = self.clients.take_reply(connection, Some(msg_id)) else {
            return;
        };
        match purpose {
            Purpose::Thread(thread) => self.on_request_error(thread, RequestError::Timeout),
            Purpose::Members => self.on_members_timeout(),
            Purpose::Besides(step) => {
                self.close_connection(connection);
                self.on_end_besides(step, None);
            }
            Purpose::Init(node) if self.cluster.is_paused(node) => {
                // A node that was paused before it could answer has an excuse.
                self.clients.wait_on(connection, msg_id);
                self.queue
                    .push(self.now + INIT_TIMEOUT, Event::RequestTimeout { connection, msg_id });
            }
            Purpose::Init(node) => {
                let name = &self.options.nodes[node];
                let seconds = INIT_TIMEOUT.as_secs();
                let output = self.cluster.describe_output(node);
                self.fail(format!(
                    "node {name} did not answer init with init_ok within {seconds} s{output}"
                ));
            }
            // A late node may have been killed meanwhile.
            Purpose::Setup(_) if self.phase != Phase::Setup => {}
            Purpose::Setup(node) => {
                let name = &self.options.nodes[node];
                self.fail(format!("node {name} did not answer its set-up message in time"));
            }
        }
    }
}

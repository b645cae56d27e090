//! Who is a member of the cluster, as the nemesis wants it and as nodes have made it.
//!
//! A change is a series of requests, one after the other, to members in turn: `add_member` and
//! `remove_member`, each with a `node_id`, as in Maelstrom's pull request 101. A node that is to
//! join is started first. What may have happened or not is asked for again until a node says that
//! it is so, and only then comes the next request. So it is known at any time who is a member, but
//! for the one node that the present request is about.
//!
//! A change may also be somebody else's, who does not wait for that: a further administrator's, or
//! on a tape one that comes `:adds true`. What it takes is asked for at once, and each request of
//! it once, besides the one under way. If two requests are about one node, nobody can tell from the
//! answers which was done last. So that node is not switched off: it may be a member again.
//!
//! A client whose node is not there talks to a member in its place. A client of a node that is
//! there and no member talks to that, and is told so by error 40.
//!
//! Absent: a change of several members by one request, which the pull request does not know.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use gyre::{Body, ErrorCode, Message};
use serde_json::json;

use super::clients::Purpose;
use super::member_step::MemberStep;
use super::{Engine, Event, NodeState, Phase};
use crate::client::error_of;
use crate::nemesis::Fault;
use crate::options::TestOptions;

/// How long a node may take to make a change, as long as for any other request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait after a request that failed, or when there is nobody to ask.
const PAUSE: Duration = Duration::from_millis(200);

/// How changes of the members go on.
pub struct Members {
    /// How many of the nodes were members in the beginning.
    at_first: usize,
    /// Whether nodes are told who is.
    may_change: bool,
    /// Who is one.
    now: BTreeSet<usize>,
    /// Who is to be one.
    wanted: BTreeSet<usize>,
    /// Whether those who leave end.
    ends: bool,
    step: Option<MemberStep>,
    /// The nodes that requests besides this step are about.
    besides: Vec<usize>,
    /// The nodes that two requests at once were about, until both have ended.
    contested: BTreeSet<usize>,
    /// Whether a request is under way, or a pause before the next.
    waits: bool,
    /// The client that asks.
    connection: Option<usize>,
    /// Whose turn it is to be asked.
    turn: usize,
    /// Whether any node has ever answered.
    was_answered: bool,
}

impl Members {
    /// The members as a run begins.
    pub fn new(options: &TestOptions, faults: &BTreeSet<Fault>) -> Members {
        let count = options.members_at_first(faults);
        let at_first = count.unwrap_or(options.nodes.len());
        Members {
            at_first,
            may_change: count.is_some(),
            now: (0..at_first).collect(),
            wanted: (0..at_first).collect(),
            ends: false,
            step: None,
            besides: Vec::new(),
            contested: BTreeSet::new(),
            waits: false,
            connection: None,
            turn: 0,
            was_answered: false,
        }
    }

    /// The nodes that are members in the beginning.
    pub fn at_first(&self) -> Range<usize> {
        0..self.at_first
    }

    /// Whether the members are not simply all nodes, for ever.
    pub fn may_change(&self) -> bool {
        self.may_change
    }

    /// The next change on the way to what is wanted. Never are there fewer members than before and
    /// after, nor more than one more.
    fn next_step(&self) -> Option<MemberStep> {
        let (joins, leaves) = (self.joins().next(), self.leaves().next());
        match self.now.len() <= self.wanted.len() {
            true => joins.or(leaves),
            false => leaves.or(joins),
        }
    }

    /// How many requests are about this node.
    fn under_way(&self, node: usize) -> usize {
        let besides = self.besides.iter().filter(|other| **other == node).count();
        besides + usize::from(self.step.is_some_and(|step| step.node() == node))
    }

    /// A request about this node begins or has ended.
    fn find_whether_contested(&mut self, node: usize) {
        match self.under_way(node) {
            0 => drop(self.contested.remove(&node)),
            1 => {}
            _ => drop(self.contested.insert(node)),
        }
    }

    fn joins(&self) -> impl Iterator<Item = MemberStep> {
        self.wanted.difference(&self.now).map(|&node| MemberStep::Add(node))
    }

    fn leaves(&self) -> impl Iterator<Item = MemberStep> {
        self.now.difference(&self.wanted).map(|&node| MemberStep::Remove(node))
    }
}

impl Engine<'_> {
    /// Has these nodes be the members, as soon as that can be.
    pub(super) fn change_members(&mut self, wanted: &[usize], ends: bool, at_once: bool) {
        self.members.wanted = wanted.iter().copied().collect();
        self.members.ends = ends;
        if at_once {
            self.ask_besides();
        }
        if !self.members.waits {
            self.go_on_changing();
        }
    }

    /// Begins the next change, or asks for the present one again.
    pub(super) fn go_on_changing(&mut self) {
        self.members.waits = false;
        if self.members.step.is_none() {
            self.members.step = self.members.next_step();
        }
        let Some(step) = self.members.step else { return };
        self.members.find_whether_contested(step.node());
        if let MemberStep::Add(node) = step
            && self.nodes[node].state != NodeState::Up
        {
            if self.nodes[node].state == NodeState::Absent {
                self.nodes[node].state = NodeState::Restarted;
                self.start_node(node);
            }
            return self.pause_changing();
        }
        match self.next_asked() {
            Some(asked) => self.ask_for(step, asked),
            None => self.pause_changing(),
        }
    }

    /// The member whose turn it is.
    fn next_asked(&mut self) -> Option<usize> {
        let is_up = |node: &usize| self.nodes[*node].state == NodeState::Up;
        let there: Vec<usize> = self.members.now.iter().copied().filter(is_up).collect();
        let asked = there.get(self.members.turn % there.len().max(1)).copied()?;
        self.members.turn += 1;
        Some(asked)
    }

    /// Asks for all that is wanted, but for what is asked for already. A node that is not up cannot
    /// join yet: it has to wait until it is started.
    fn ask_besides(&mut self) {
        let steps: Vec<MemberStep> = self.members.leaves().chain(self.members.joins()).collect();
        let is_up = |step: &MemberStep| self.nodes[step.node()].state == NodeState::Up;
        let can_be = |step: &MemberStep| matches!(step, MemberStep::Remove(_)) || is_up(step);
        let is_new = |step: &MemberStep| self.members.step != Some(*step);
        let steps = steps.into_iter().filter(|step| is_new(step) && can_be(step));
        for step in steps.collect::<Vec<_>>() {
            if let Some(asked) = self.next_asked() {
                self.members.besides.push(step.node());
                self.members.find_whether_contested(step.node());
                let connection = self.open_connection(Purpose::Besides(step));
                self.send_request_for(step, connection, asked);
            }
        }
    }

    fn pause_changing(&mut self) {
        self.members.waits = true;
        self.queue.push(self.now + PAUSE, Event::Members);
    }

    fn ask_for(&mut self, step: MemberStep, asked: usize) {
        self.members.waits = true;
        let connection = match self.members.connection {
            Some(connection) => connection,
            None => self.open_connection(Purpose::Members),
        };
        self.members.connection = Some(connection);
        self.send_request_for(step, connection, asked);
    }

    fn send_request_for(&mut self, step: MemberStep, connection: usize, asked: usize) {
        let name = &self.options.nodes[step.node()];
        let body = json!({"type": step.kind(), "node_id": name});
        let body = Body::new(&body).expect("a request is an object with a type");
        self.request(connection, asked, body, TIMEOUT);
    }

    pub(super) fn on_members_reply(&mut self, reply: &Message) {
        let Some(step) = self.members.step else { return };
        match self.is_made(step, reply) {
            Some(true) => {
                self.make(step);
                self.members.step = None;
                self.members.find_whether_contested(step.node());
                self.go_on_changing();
            }
            Some(false) => self.pause_changing(),
            None => {}
        }
    }

    /// A request besides others has ended, with this answer or without one. Nobody repeats it.
    pub(super) fn on_end_besides(&mut self, step: MemberStep, reply: Option<&Message>) {
        let is_made = reply.is_some_and(|reply| self.is_made(step, reply) == Some(true));
        if is_made {
            self.make(step);
        }
        let place = self.members.besides.iter().position(|node| *node == step.node());
        self.members.besides.swap_remove(place.expect("it was under way"));
        self.members.find_whether_contested(step.node());
        if is_made {
            // It may not be wanted any more.
            if !self.members.waits {
                self.go_on_changing();
            }
        }
    }

    /// Whether the change is made, by this answer. `None` if the run cannot go on.
    fn is_made(&mut self, step: MemberStep, reply: &Message) -> Option<bool> {
        self.members.was_answered = true;
        let (kind, name) = (step.kind(), &reply.src);
        if reply.body.kind() == "error" {
            let error = error_of(&reply.body);
            if error.code == ErrorCode::NotSupported {
                self.fail(format!(
                    "node {name} does not know {kind}: {error}. With --nemesis membership every \
                     node has to; `maelstrom doc` says what is asked of it"
                ));
                return None;
            }
            let sentence = format!("node {name} did not do {kind}: {error}");
            self.say(&sentence);
            return Some(false);
        }
        if reply.body.kind() != format!("{kind}_ok") {
            let line = reply.to_line();
            self.fail(format!("expected {kind}_ok from node {name}, but received {line}"));
            return None;
        }
        Some(true)
    }

    /// A change is made.
    fn make(&mut self, step: MemberStep) {
        match step {
            MemberStep::Add(node) => self.members.now.insert(node),
            MemberStep::Remove(node) => self.members.now.remove(&node),
        };
        let nodes = &self.options.nodes;
        let names = self.members.now.iter().map(|&node| nodes[node].as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        let sentence = match step {
            MemberStep::Add(node) => format!("{} is a member now: {names}", nodes[node]),
            MemberStep::Remove(node) => format!("{} is a member no more: {names}", nodes[node]),
        };
        self.say(&sentence);
        let ends = self.members.ends && !self.members.contested.contains(&step.node());
        if let (MemberStep::Remove(node), true) = (step, ends) {
            self.kill_node(node);
            self.nodes[node].state = NodeState::Absent;
            self.nodes[node].backlog.clear();
        }
    }

    pub(super) fn on_members_timeout(&mut self) {
        if let Some(step) = self.members.step {
            let kind = step.kind();
            let hint = match self.members.was_answered {
                true => "",
                false => ", and no node ever has: does it know of it?",
            };
            let sentence = format!("no answer to {kind} within {} s{hint}", TIMEOUT.as_secs());
            self.say(&sentence);
        }
        self.go_on_changing();
    }

    /// A node has answered `init`. One that was not there when the others were set up is now, and
    /// so is one that was killed before it could answer.
    pub(super) fn on_node_up(&mut self, node: usize) {
        let is_late = self.phase != Phase::Init && !self.nodes[node].is_set_up;
        if is_late && let Some(body) = self.workload.setup(&self.options.nodes, self.options) {
            let timeout = Duration::from_millis(self.workload.timeout_ms(self.options));
            let connection = self.open_connection(Purpose::Setup(node));
            self.request(connection, node, body, timeout);
        }
    }

    /// Whom a client of this node asks.
    pub(super) fn node_for_client(&self, node: usize) -> usize {
        if self.nodes[node].state != NodeState::Absent {
            return node;
        }
        let members = &self.members.now;
        members.iter().copied().nth(node % members.len().max(1)).unwrap_or(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_contested_until_both_requests_about_it_have_ended() {
        let mut members = Members::new(&TestOptions::default(), &BTreeSet::new());
        members.step = Some(MemberStep::Remove(1));
        members.find_whether_contested(1);
        assert!(members.contested.is_empty());
        members.besides.push(1);
        members.find_whether_contested(1);
        members.step = None;
        members.find_whether_contested(1);
        assert!(members.contested.contains(&1), "the other request may have been done last");
        members.besides.clear();
        members.find_whether_contested(1);
        assert!(members.contested.is_empty());
    }
}

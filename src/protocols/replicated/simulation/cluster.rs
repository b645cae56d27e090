//! The simulated world: nodes, a network, clients and faults, one event at a time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::world::{Setting, World};
use crate::protocols::raft::{Config, Durable, Invariants, Persist, Rules};
use crate::protocols::replicated::replica::{Options, Outcome, Output, Replica};
use crate::protocols::replicated::{RaftMessage, Request, StateMachine};
use crate::types::{NodeId, Time};

/// Commands are numbers, all different. The state is all of them in order, so that a command
/// applied twice, or an outdated read, shows.
#[derive(Default, Serialize, Deserialize)]
struct Ledger(Vec<u64>);

impl StateMachine for Ledger {
    type Command = u64;
    /// How many commands there are now.
    type Reply = usize;

    fn apply(&mut self, command: &u64) -> usize {
        self.0.push(*command);
        self.0.len()
    }
}

struct Node {
    id: NodeId,
    /// None while it is down.
    replica: Option<Replica<Ledger>>,
    durable: Durable<Request<u64>>,
    /// How fast its clock runs, in thousandths.
    clock_rate: u64,
    paused_until: Time,
    /// What its clients wait for: the number of the request, and what it was.
    waiting: BTreeMap<u64, Waiting>,
    /// The output is taken after several steps, as a busy node does.
    is_busy: bool,
}

enum Waiting {
    Command(u64),
    /// How many commands were known to be applied when the read began.
    Read(usize),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Deliver(usize, u64),
    Wake(usize),
    Flush(usize),
    Client,
    Fault,
}

pub struct Cluster {
    rng: ChaCha8Rng,
    pub now: Time,
    world: World,
    options: Options,
    rules: Rules,
    nodes: Vec<Node>,
    /// Links that are cut, as (from, to).
    cut: BTreeSet<(usize, usize)>,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    pub scheduled: u64,
    sent: u64,
    in_flight: BTreeMap<u64, (usize, RaftMessage<Ledger>)>,
    invariants: Invariants<Request<u64>>,
    last_command: u64,
    /// How many commands are known to be applied: what a later read must show.
    known_applied: usize,
    pub acknowledged: BTreeMap<u64, usize>,
    denied: BTreeSet<u64>,
    answered: usize,
    calm: bool,
}

impl Cluster {
    pub fn new(seed: u64, setting: Setting) -> Cluster {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let world = (setting.world)(&mut rng);
        let ignores = setting.ignores;
        let options = Options {
            entries_per_snapshot: rng.random_range(4..30),
            ignores,
            ..Options::default()
        };
        let nodes = (1..=world.nodes).map(|number| Node {
            id: NodeId::from(format!("n{number}")),
            replica: None,
            durable: Durable::default(),
            clock_rate: rng.random_range(900..1_100),
            paused_until: Time::ZERO,
            waiting: BTreeMap::new(),
            is_busy: false,
        });
        let mut cluster = Cluster {
            nodes: nodes.collect(),
            rng,
            now: Time::ZERO,
            world,
            options,
            rules: setting.rules,
            cut: BTreeSet::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
            sent: 0,
            in_flight: BTreeMap::new(),
            invariants: Invariants::default(),
            last_command: 0,
            known_applied: 0,
            acknowledged: BTreeMap::new(),
            denied: BTreeSet::new(),
            answered: 0,
            calm: false,
        };
        for node in 0..cluster.nodes.len() {
            cluster.start(node);
        }
        cluster.schedule(1, Event::Client);
        cluster.schedule(1, Event::Fault);
        cluster
    }

    fn schedule(&mut self, after_ms: u64, event: Event) {
        self.schedule_at(self.now + Duration::from_millis(after_ms), event);
    }

    fn schedule_within(&mut self, limit_ms: u64, event: Event) {
        let after_ms = self.rng.random_range(0..limit_ms);
        self.schedule(after_ms, event);
    }

    fn schedule_at(&mut self, at: Time, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    /// The time on a node's own clock.
    fn clock(&self, node: usize) -> Time {
        Time::from_nanos(self.now.as_nanos() / 1_000 * self.nodes[node].clock_rate)
    }

    fn start(&mut self, node: usize) {
        let id = self.nodes[node].id.clone();
        let peers = self.nodes.iter().map(|node| node.id.clone()).filter(|peer| *peer != id);
        let mut config = Config::new(id.clone(), peers.collect());
        config.election_timeout = Duration::from_millis(self.world.election_timeout_ms);
        config.heartbeat_interval = config.election_timeout / 4;
        config.max_entries_per_message = self.world.max_entries_per_message;
        config.max_in_flight = 2;
        config.snapshot_chunk_bytes = self.world.snapshot_chunk_bytes;
        config.rules = self.rules;
        let durable = self.nodes[node].durable.clone();
        let (session, seed) = (self.rng.random_range(0..1 << 53), self.rng.random());
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let replica = Replica::new(self.options, config, durable, session, rng, self.clock(node));
        self.nodes[node].replica = Some(replica.unwrap());
        self.invariants.on_restart(&id);
        self.set_alarm(node);
    }

    fn crash(&mut self, node: usize) {
        self.nodes[node].replica = None;
        self.nodes[node].waiting.clear();
        self.nodes[node].is_busy = false;
    }

    fn set_alarm(&mut self, node: usize) {
        let Some(replica) = &self.nodes[node].replica else { return };
        let in_clock = replica.deadline() - self.clock(node);
        let rate = self.nodes[node].clock_rate;
        let nanos = (in_clock.as_nanos() as u64 / rate + 1).saturating_mul(1_000);
        self.schedule_at(self.now + Duration::from_nanos(nanos), Event::Wake(node));
    }

    /// Runs until `end`, and checks everything after every event.
    pub fn run(&mut self, end: Time) -> Result<(), String> {
        while let Some(Reverse((at, _, _))) = self.events.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse((at, _, event))) = self.events.pop() else { break };
            self.now = at;
            self.take(event)?;
        }
        self.now = end;
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Client => self.client(),
            Event::Fault => {
                self.fault();
                Ok(())
            }
            Event::Deliver(node, _) | Event::Wake(node) | Event::Flush(node)
                if self.nodes[node].paused_until > self.now =>
            {
                self.schedule_at(self.nodes[node].paused_until, event);
                Ok(())
            }
            Event::Deliver(node, number) => {
                let (from, message) = self.in_flight.remove(&number).expect("delivered once");
                let from = self.nodes[from].id.clone();
                let now = self.clock(node);
                if let Some(replica) = &mut self.nodes[node].replica {
                    replica.receive(now, from, message);
                }
                self.stepped(node)
            }
            Event::Wake(node) => {
                let now = self.clock(node);
                match &mut self.nodes[node].replica {
                    Some(replica) if replica.deadline() <= now => replica.on_timeout(now),
                    _ => return Ok(()),
                }
                self.stepped(node)
            }
            Event::Flush(node) => {
                self.nodes[node].is_busy = false;
                self.flush(node)
            }
        }
    }

    /// A node took a step: check it, and carry out its output now or a little later.
    fn stepped(&mut self, node: usize) -> Result<(), String> {
        self.check(node)?;
        if self.nodes[node].is_busy {
            return Ok(());
        }
        if self.rng.random_bool(0.1) {
            self.nodes[node].is_busy = true;
            self.schedule_within(5, Event::Flush(node));
            return Ok(());
        }
        self.flush(node)
    }

    fn flush(&mut self, node: usize) -> Result<(), String> {
        let Some(replica) = &mut self.nodes[node].replica else { return Ok(()) };
        let Output { persist, messages, ended } = replica.output();
        if let Some(persist) = persist {
            if self.rng.random_bool(self.world.crash_at_write) {
                return self.crash_at_write(node, persist, messages);
            }
            self.nodes[node].durable.apply(persist)?;
        }
        self.check(node)?;
        self.send_all(node, messages);
        for (number, outcome) in ended {
            self.end(node, number, outcome)?;
        }
        self.set_alarm(node);
        Ok(())
    }

    /// A crash before the write is synced, when it may be there or not, or else right after
    /// it, when the messages may have got out.
    fn crash_at_write(
        &mut self,
        node: usize,
        write: Persist<Request<u64>>,
        messages: Vec<(NodeId, RaftMessage<Ledger>)>,
    ) -> Result<(), String> {
        let moment = self.rng.random_range(0..3);
        if moment > 0 {
            self.nodes[node].durable.apply(write)?;
        }
        if moment > 1 {
            self.send_all(node, messages);
        }
        self.crash(node);
        self.start(node);
        Ok(())
    }

    fn send_all(&mut self, from: usize, messages: Vec<(NodeId, RaftMessage<Ledger>)>) {
        for (to, message) in messages {
            let to = self.nodes.iter().position(|node| node.id == to).expect("a node");
            self.send(from, to, message);
        }
    }

    fn check(&mut self, node: usize) -> Result<(), String> {
        let (before, rest) = self.nodes.split_at(node);
        let (node, after) = rest.split_first().expect("there is such a node");
        let Some(replica) = &node.replica else { return Ok(()) };
        let others = before.iter().chain(after).filter_map(|node| node.replica.as_ref());
        self.invariants.check(replica.raft(), others.map(Replica::raft))
    }

    fn send(&mut self, from: usize, to: usize, message: RaftMessage<Ledger>) {
        let copies = 1 + usize::from(self.rng.random_bool(self.world.duplication));
        for _ in 0..copies {
            let lost = self.cut.contains(&(from, to)) || self.rng.random_bool(self.world.loss);
            if !lost {
                self.sent += 1;
                self.in_flight.insert(self.sent, (from, message.clone()));
                self.schedule_within(self.world.delay_max_ms, Event::Deliver(to, self.sent));
            }
        }
    }

    /// A client somewhere asks for something.
    fn client(&mut self) -> Result<(), String> {
        if !self.calm {
            self.schedule_within(60, Event::Client);
        }
        let node = self.rng.random_range(0..self.nodes.len());
        if self.rng.random_bool(0.4) { self.read(node) } else { self.execute(node) }
    }

    fn execute(&mut self, node: usize) -> Result<(), String> {
        let now = self.clock(node);
        let Some(replica) = &mut self.nodes[node].replica else { return Ok(()) };
        self.last_command += 1;
        let number = replica.execute(now, self.last_command);
        self.nodes[node].waiting.insert(number, Waiting::Command(self.last_command));
        self.stepped(node)
    }

    fn read(&mut self, node: usize) -> Result<(), String> {
        let now = self.clock(node);
        let Some(replica) = &mut self.nodes[node].replica else { return Ok(()) };
        let number = replica.read(now);
        self.nodes[node].waiting.insert(number, Waiting::Read(self.known_applied));
        self.stepped(node)
    }

    /// A client is answered: is it true?
    fn end(&mut self, node: usize, number: u64, outcome: Outcome<usize>) -> Result<(), String> {
        let waiting = self.nodes[node].waiting.remove(&number).ok_or("a request ended twice")?;
        self.answered += 1;
        match (waiting, outcome) {
            (Waiting::Command(command), Outcome::Applied(count)) => {
                self.known_applied = self.known_applied.max(count);
                self.acknowledged.insert(command, count);
            }
            (Waiting::Command(command), Outcome::NoLeader) => {
                self.denied.insert(command);
            }
            (Waiting::Read(at_least), Outcome::Readable) => {
                let replica = self.nodes[node].replica.as_ref().expect("it just answered");
                let seen = replica.state().0.len();
                if seen < at_least {
                    return Err(format!("a read saw {seen} commands, after {at_least} were known"));
                }
                self.known_applied = self.known_applied.max(seen);
            }
            (Waiting::Read(_), Outcome::Applied(_)) => return Err("a read was applied".into()),
            (_, Outcome::Unknown | Outcome::NoLeader | Outcome::Readable) => {}
        }
        Ok(())
    }

    /// Any node, but rather one that leads: there is more to break.
    fn victim(&mut self) -> usize {
        let leads = |node: &Node| node.replica.as_ref().is_some_and(|r| r.raft().is_leader());
        let leader = self.nodes.iter().position(leads).filter(|_| self.rng.random());
        leader.unwrap_or_else(|| self.rng.random_range(0..self.nodes.len()))
    }

    fn fault(&mut self) {
        if self.calm {
            return;
        }
        self.schedule_within(self.world.fault_interval_ms, Event::Fault);
        let node = self.victim();
        match self.rng.random_range(0..10) {
            0 => self.crash(node),
            8 | 9 => {
                self.crash(node);
                self.start(node);
            }
            1 | 2 => {
                if let Some(down) = self.nodes.iter().position(|node| node.replica.is_none()) {
                    self.start(down);
                }
            }
            3 => {
                let pause = self.rng.random_range(1..1_500);
                self.nodes[node].paused_until = self.now + Duration::from_millis(pause);
            }
            4 => {
                let side: Vec<bool> = self.nodes.iter().map(|_| self.rng.random()).collect();
                let count = self.nodes.len();
                let links = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
                self.cut = links.filter(|&(from, to)| side[from] != side[to]).collect();
            }
            5 => {
                let to = self.rng.random_range(0..self.nodes.len());
                self.cut.insert((node, to));
            }
            6 => self.cut.clear(),
            _ => {
                let to = self.nodes[self.rng.random_range(0..self.nodes.len())].id.clone();
                let now = self.clock(node);
                if let Some(replica) = &mut self.nodes[node].replica {
                    replica.transfer(now, to);
                }
            }
        }
    }

    /// Ends all faults.
    pub fn calm_down(&mut self) {
        self.calm = true;
        let World { loss, duplication, crash_at_write, delay_max_ms, .. } = &mut self.world;
        (*loss, *duplication, *crash_at_write, *delay_max_ms) = (0.0, 0.0, 0.0, 5);
        self.cut.clear();
        for node in 0..self.nodes.len() {
            self.nodes[node].paused_until = self.now;
            if self.nodes[node].replica.is_none() {
                self.start(node);
            }
        }
    }

    /// How long nobody is served when the leader crashes, or else is cut off from all others,
    /// while clients ask those others again and again.
    pub fn outage(&mut self, crashes: bool) -> Result<Duration, String> {
        self.calm = true;
        self.run(self.now + Duration::from_secs(3))?;
        let leads = |node: &Node| node.replica.as_ref().is_some_and(|r| r.raft().is_leader());
        let leader = self.nodes.iter().position(leads).ok_or("nobody leads")?;
        let others: Vec<usize> = (0..self.nodes.len()).filter(|&node| node != leader).collect();
        if crashes {
            self.crash(leader);
        }
        self.cut = others.iter().flat_map(|&node| [(leader, node), (node, leader)]).collect();
        let (start, acknowledged) = (self.now, self.acknowledged.len());
        while self.acknowledged.len() == acknowledged {
            let node = others[self.rng.random_range(0..others.len())];
            self.execute(node)?;
            self.run(self.now + Duration::from_millis(5))?;
        }
        Ok(self.now - start)
    }

    /// When all is calm: everyone serves, everyone has the same state, and it bears out
    /// everything that was ever said.
    pub fn check_calm(&mut self) -> Result<(), String> {
        self.run(self.now + Duration::from_secs(8))?;
        for node in 0..self.nodes.len() {
            let answered = self.answered;
            self.execute(node)?;
            self.read(node)?;
            self.run(self.now + Duration::from_millis(300))?;
            if self.answered < answered + 2 {
                return Err(format!("{} does not serve", self.nodes[node].id));
            }
        }
        self.run(self.now + Duration::from_millis(300))?;
        if let Some(node) = self.nodes.iter().find(|node| !node.waiting.is_empty()) {
            return Err(format!("some clients of {} are never answered", node.id));
        }
        let states = self.nodes.iter().map(|node| &node.replica.as_ref().expect("up").state().0);
        let states: Vec<&Vec<u64>> = states.collect();
        if states.iter().any(|state| *state != states[0]) {
            return Err(format!("the replicas differ: {states:?}"));
        }
        let state = states[0];
        let once: BTreeSet<u64> = state.iter().copied().collect();
        if once.len() != state.len() {
            return Err(format!("a command was applied twice: {state:?}"));
        }
        if let Some(command) = self.denied.intersection(&once).next() {
            return Err(format!("{command} was said not to happen, and did"));
        }
        match self.acknowledged.iter().find(|&(command, count)| state[count - 1] != *command) {
            Some((command, _)) => Err(format!("{command} was acknowledged, and is lost")),
            None => Ok(()),
        }
    }
}

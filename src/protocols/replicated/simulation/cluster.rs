//! The simulated world: clients and faults around a [`Simulator`], and what must be true.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::{Setting, World};
use crate::protocols::core::{Input, RequestId};
use crate::protocols::raft::{Config, Configuration, Invariants, Message};
use crate::protocols::replicated::replica::RaftRecord;
use crate::protocols::replicated::{Operation, Options, Outcome, Replica, Request, StateMachine};
use crate::protocols::simulator::{Faults, Simulator, Start};
use crate::types::{MemberChange, Time};

/// Commands are numbers, all different. The state is all of them in order, so that a command
/// applied twice, or an outdated read, shows.
#[derive(Clone, Default)]
struct Ledger(Vec<u64>);

impl StateMachine for Ledger {
    type Command = u64;
    /// How many commands there are now.
    type Reply = usize;
    type Part = u64;

    fn apply(&mut self, command: &u64) -> usize {
        self.0.push(*command);
        self.0.len()
    }

    fn into_parts(self) -> Box<dyn Iterator<Item = u64>> {
        Box::new(self.0.into_iter())
    }

    fn add(&mut self, command: u64) {
        self.0.push(command);
    }
}

enum Waiting {
    Command(u64),
    /// How many commands were known to be applied when the read began.
    Read(usize),
    /// A change of the voters.
    Change,
}

/// What makes the nodes of a cluster.
struct Make {
    world: World,
    setting: Setting,
    options: Options,
    log_kept_bytes: u64,
    invariants: Rc<RefCell<Invariants<Request<u64>>>>,
    broken: Rc<RefCell<Result<(), String>>>,
}

impl Make {
    fn replica(&self, start: Start<'_, RaftRecord<Ledger>>) -> Replica<Ledger> {
        let peers = start.nodes.iter().filter(|peer| *peer != start.node).cloned();
        let mut config = Config::new(start.node.clone(), peers.collect());
        config.election_timeout = Duration::from_millis(self.world.election_timeout_ms);
        config.heartbeat_interval = config.election_timeout / 4;
        config.max_entries_per_message = self.world.max_entries_per_message;
        config.max_in_flight = 2;
        config.log_kept_bytes = self.log_kept_bytes;
        config.rules = self.setting.rules;
        config.changes = self.setting.changes;
        let voters = &start.nodes[..self.world.voters_at_first];
        config.bootstrap = Configuration::of(voters.iter().cloned());
        config.stable_leadership = self.setting.stable_leadership;
        self.invariants.borrow_mut().on_restart(start.node);
        let mut replica =
            Replica::new(self.options, config, start.records, start.now, start.rng).unwrap();
        let (invariants, broken) = (Rc::clone(&self.invariants), Rc::clone(&self.broken));
        replica.watch(move |raft| {
            let holds = invariants.borrow_mut().check(raft, []);
            let mut broken = broken.borrow_mut();
            *broken = std::mem::replace(&mut *broken, Ok(())).and(holds);
        });
        replica
    }
}

pub struct Cluster {
    simulator: Simulator<Replica<Ledger>>,
    world: World,
    /// What must hold of all nodes together. It is checked whenever a node has something to be
    /// done; what is found first is kept.
    invariants: Rc<RefCell<Invariants<Request<u64>>>>,
    broken: Rc<RefCell<Result<(), String>>>,
    /// What clients wait for, by the number of the request.
    waiting: BTreeMap<RequestId, Waiting>,
    last_command: u64,
    /// How many commands are known to be applied: what a later read must show.
    known_applied: usize,
    pub acknowledged: BTreeMap<u64, usize>,
    denied: BTreeSet<u64>,
    answered: usize,
    /// How many changes of the voters were made.
    pub changed: usize,
    client_at: Time,
    fault_at: Time,
    /// When somebody next wants other voters.
    change_at: Time,
    is_calm: bool,
    snapshots: Rc<Cell<usize>>,
}

impl Cluster {
    pub fn new(seed: u64, setting: Setting) -> Cluster {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let world = (setting.world)(&mut rng);
        let faults = Faults {
            loss: world.loss,
            duplicate: world.duplication,
            latency: (Duration::ZERO, Duration::from_millis(world.delay_max_ms)),
            write_latency: Duration::from_millis(world.write_max_ms),
            crash_at_write: world.crash_at_write,
            ..Faults::none(Duration::ZERO)
        };
        let log_kept_bytes = rng.random_range(200..2_000);
        let rates: Vec<u64> = (0..world.nodes).map(|_| rng.random_range(900..1_100)).collect();
        let options = Options {
            piece_bytes: world.piece_bytes,
            ignores: setting.ignores,
            ..Options::default()
        };
        let (invariants, broken) = (Rc::default(), Rc::new(RefCell::new(Ok(()))));
        let make = Make {
            world: world.clone(),
            setting,
            options,
            log_kept_bytes,
            invariants: Rc::clone(&invariants),
            broken: Rc::clone(&broken),
        };
        let mut simulator =
            Simulator::not_started(world.nodes, seed, faults, move |start| make.replica(start));
        simulator.as_json = seed.is_multiple_of(8);
        let snapshots = Rc::new(Cell::new(0));
        let count = Rc::clone(&snapshots);
        simulator.watch(move |_, outputs| {
            let last_pieces = outputs.send.iter().filter(|(_, message)| {
                matches!(message, Message::InstallSnapshot { piece, .. } if piece.done)
            });
            count.set(count.get() + last_pieces.count());
        });
        for (rank, rate) in rates.into_iter().enumerate() {
            simulator.set_clock_rate(rank, rate);
            simulator.start(rank);
        }
        let soon = simulator.now + Duration::from_millis(1);
        let changes = world.voters_at_first < world.nodes;
        Cluster {
            simulator,
            world,
            invariants,
            broken,
            waiting: BTreeMap::new(),
            last_command: 0,
            known_applied: 0,
            acknowledged: BTreeMap::new(),
            denied: BTreeSet::new(),
            answered: 0,
            changed: 0,
            client_at: soon,
            fault_at: soon,
            change_at: if changes { soon } else { Time::from_nanos(u64::MAX) },
            is_calm: false,
            snapshots,
        }
    }

    /// Whether the voters change.
    pub fn changes(&self) -> bool {
        self.world.voters_at_first < self.world.nodes
    }

    /// How many messages were sent.
    pub fn sent(&self) -> usize {
        self.simulator.sent
    }

    /// How many snapshots were sent to their ends.
    pub fn snapshots(&self) -> usize {
        self.snapshots.get()
    }

    fn within(&mut self, limit_ms: u64) -> Time {
        self.simulator.now + Duration::from_millis(self.simulator.rng.random_range(0..limit_ms))
    }

    /// Runs until `end`, and checks everything after every event.
    pub fn run(&mut self, end: Time) -> Result<(), String> {
        loop {
            let due = self.client_at.min(self.fault_at).min(self.change_at);
            let next = if self.is_calm { end } else { end.min(due) };
            while let Some(rank) = self.simulator.advance(next) {
                self.look(rank)?;
            }
            if self.simulator.now >= end {
                return Ok(());
            }
            if self.client_at <= self.simulator.now {
                self.client_at = self.within(60) + Duration::from_nanos(1);
                let rank = self.any_node();
                let reads = self.simulator.rng.random_bool(0.4);
                if reads { self.read(rank)? } else { self.execute(rank)? }
            }
            if self.change_at <= self.simulator.now {
                self.change_at = self.within(300) + Duration::from_nanos(1);
                let (rank, node) = (self.any_node(), self.any_node());
                let node = self.simulator.nodes[node].clone();
                let change = match self.simulator.rng.random() {
                    true => MemberChange::add(node),
                    false => MemberChange::remove(node),
                };
                self.request(rank, Operation::Reconfigure(change), Waiting::Change)?;
            }
            if self.fault_at <= self.simulator.now {
                self.fault_at = self.within(self.world.fault_interval_ms) + Duration::from_nanos(1);
                let rank = self.fault();
                self.look(rank)?;
            }
        }
    }

    fn any_node(&mut self) -> usize {
        self.simulator.rng.random_range(0..self.world.nodes)
    }

    /// Checks the node to which something happened, and what its clients were told.
    fn look(&mut self, rank: usize) -> Result<(), String> {
        self.broken.replace(Ok(()))?;
        if let Some(node) = self.simulator.core(rank) {
            let others = self.simulator.cores().filter(|(other, _)| *other != rank);
            let others = others.map(|(_, other)| other.raft());
            self.invariants.borrow_mut().check(node.raft(), others)?;
        }
        for replied in std::mem::take(&mut self.simulator.replies) {
            self.end(replied.rank, replied.id, replied.reply)?;
        }
        Ok(())
    }

    fn execute(&mut self, rank: usize) -> Result<(), String> {
        self.last_command += 1;
        let command = self.last_command;
        self.request(rank, Operation::Command(command), Waiting::Command(command))
    }

    fn read(&mut self, rank: usize) -> Result<(), String> {
        self.request(rank, Operation::Read, Waiting::Read(self.known_applied))
    }

    fn request(
        &mut self,
        rank: usize,
        request: Operation<u64>,
        waiting: Waiting,
    ) -> Result<(), String> {
        if !self.simulator.is_up(rank) {
            return Ok(());
        }
        let id = self.simulator.request(rank, request);
        self.waiting.insert(id, waiting);
        self.look(rank)
    }

    /// A client is answered: is it true?
    fn end(&mut self, rank: usize, id: RequestId, outcome: Outcome<usize>) -> Result<(), String> {
        let waiting = self.waiting.remove(&id).ok_or("a request ended twice")?;
        self.answered += 1;
        match (waiting, outcome) {
            (Waiting::Command(command), Outcome::Applied(count)) => {
                self.known_applied = self.known_applied.max(count);
                self.acknowledged.insert(command, count);
            }
            (Waiting::Command(command), Outcome::NoLeader | Outcome::NotMember) => {
                self.denied.insert(command);
            }
            (Waiting::Read(at_least), Outcome::Readable) => {
                let replica = self.simulator.core(rank).expect("it just answered");
                let seen = replica.state().0.len();
                if seen < at_least {
                    return Err(format!("a read saw {seen} commands, after {at_least} were known"));
                }
                self.known_applied = self.known_applied.max(seen);
            }
            (Waiting::Read(_) | Waiting::Change, Outcome::Applied(_)) => {
                return Err("what is no command was applied".into());
            }
            (_, Outcome::Overloaded) => return Err("so little is no overload".into()),
            (Waiting::Change, Outcome::Reconfigured) => self.changed += 1,
            (_, Outcome::Reconfigured) => return Err("nobody wanted a change".into()),
            (_, Outcome::NotMember) => {}
            (_, Outcome::Unknown | Outcome::NoLeader | Outcome::Readable) => {}
        }
        Ok(())
    }

    fn leader(&self) -> Option<usize> {
        self.simulator.cores().find(|(_, node)| node.raft().is_leader()).map(|(rank, _)| rank)
    }

    /// Something breaks or is mended, at any node, but rather at one that leads: there is more
    /// to break. Gives the node.
    fn fault(&mut self) -> usize {
        let rather_leader = self.simulator.rng.random();
        let rank = match self.leader().filter(|_| rather_leader) {
            Some(leader) => leader,
            None => self.any_node(),
        };
        match self.simulator.rng.random_range(0..12) {
            0 => self.simulator.crash(rank),
            1 | 2 => {
                self.simulator.crash(rank);
                self.simulator.start(rank);
            }
            3 | 4 => (0..self.world.nodes).for_each(|rank| self.simulator.start(rank)),
            5 => self.simulator.pause(rank),
            6 | 7 => (0..self.world.nodes).for_each(|rank| self.simulator.resume(rank)),
            8 => {
                let side: Vec<usize> =
                    (0..self.world.nodes).filter(|_| self.simulator.rng.random()).collect();
                self.simulator.faults.cut.clear();
                self.simulator.partition(&side);
            }
            9 => {
                let to = self.any_node();
                self.simulator.faults.cut.insert((rank, to));
            }
            10 => self.simulator.faults.cut.clear(),
            _ if self.simulator.is_up(rank) => self.simulator.step(rank, Input::Stop),
            _ => {}
        }
        rank
    }

    /// Ends all faults.
    pub fn calm_down(&mut self) {
        self.is_calm = true;
        self.simulator.heal(Duration::from_millis(2));
    }

    /// How long nobody is served when the leader crashes, or else is cut off from all others,
    /// while clients ask those others again and again.
    pub fn outage(&mut self, crashes: bool) -> Result<Duration, String> {
        self.is_calm = true;
        self.run(self.simulator.now + Duration::from_secs(3))?;
        let leader = self.leader().ok_or("nobody leads")?;
        if crashes {
            self.simulator.crash(leader);
        }
        self.simulator.partition(&[leader]);
        self.until_served_without(leader)
    }

    /// How long nobody is served when the leader is told to stop, and ends a little later.
    pub fn planned_outage(&mut self) -> Result<Duration, String> {
        self.is_calm = true;
        self.run(self.simulator.now + Duration::from_secs(3))?;
        let leader = self.leader().ok_or("nobody leads")?;
        self.simulator.step(leader, Input::Stop);
        self.run(self.simulator.now + Duration::from_millis(100))?;
        self.simulator.crash(leader);
        self.until_served_without(leader)
    }

    fn until_served_without(&mut self, leader: usize) -> Result<Duration, String> {
        let (start, acknowledged) = (self.simulator.now, self.acknowledged.len());
        while self.acknowledged.len() == acknowledged {
            let rank =
                (leader + self.simulator.rng.random_range(1..self.world.nodes)) % self.world.nodes;
            self.execute(rank)?;
            self.run(self.simulator.now + Duration::from_millis(5))?;
        }
        Ok(self.simulator.now - start)
    }

    /// Makes every node a voter, one after another. Nobody may be lost for good.
    pub fn gather(&mut self) -> Result<(), String> {
        // Until what was wanted before is made or given up.
        self.run(self.simulator.now + Duration::from_secs(5))?;
        for rank in 0..self.world.nodes {
            let node = self.simulator.nodes[rank].clone();
            let is_voter = |cluster: &Cluster| {
                let leader = cluster.leader().and_then(|leader| cluster.simulator.core(leader));
                leader.is_some_and(|leader| {
                    let configuration = leader.raft().committed_configuration();
                    configuration.contains(&node) && !configuration.is_joint()
                })
            };
            for _ in 0..40 {
                self.run(self.simulator.now + Duration::from_millis(500))?;
                if is_voter(self) {
                    break;
                }
                if let Some(leader) = self.leader() {
                    let change = MemberChange::add(node.clone());
                    self.request(leader, Operation::Reconfigure(change), Waiting::Change)?;
                }
            }
            if !is_voter(self) {
                return Err(format!("{node} cannot become a voter"));
            }
        }
        Ok(())
    }

    /// When all is calm: everyone serves, everyone has the same state, and it bears out
    /// everything that was ever said.
    pub fn check_calm(&mut self) -> Result<(), String> {
        self.run(self.simulator.now + Duration::from_secs(8))?;
        for rank in 0..self.world.nodes {
            let answered = self.answered;
            self.execute(rank)?;
            self.read(rank)?;
            self.run(self.simulator.now + Duration::from_millis(300))?;
            if self.answered < answered + 2 {
                return Err(format!("{} does not serve", self.simulator.nodes[rank]));
            }
        }
        self.run(self.simulator.now + Duration::from_millis(300))?;
        let waits = |rank: &usize| self.simulator.waiting(*rank) > 0;
        if let Some(rank) = (0..self.world.nodes).find(waits) {
            let node = &self.simulator.nodes[rank];
            return Err(format!("some clients of {node} are never answered"));
        }
        let states: Vec<&Vec<u64>> =
            self.simulator.cores().map(|(_, replica)| &replica.state().0).collect();
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

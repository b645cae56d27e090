//! The engine: a single-threaded loop over a queue of events, under either clock.
//!
//! It carries every message between clients, nodes and services, lets the generator begin
//! operations and the nemesis strike, and writes down what happened. It does not know whether
//! time is real: the [`Cluster`] says what time it is. Under the virtual clock that is the
//! time of the next event; under the wall clock it is whenever a node has said something.
//!
//! A run goes through these phases: every node is initialised; every node is set up, if the
//! workload wants that; the main phase, until the time limit; outstanding operations end; and,
//! for workloads that are judged at the end, faults are healed, ten quiet seconds pass, and
//! every thread does a final operation, or several.
//!
//! Absent: files, the terminal and checkers. An [`Observer`] is told what happens.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

mod clients;
pub mod cluster;
mod faults;
mod member_step;
mod members;
mod messages;
mod observer;
mod operations;
mod phase;
mod queue;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use gyre::{Body, Message, NodeId, Time};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use serde_json::json;

use crate::client::Operation;
use crate::generator::Generator;
use crate::history::{History, Op, OpType};
use crate::journal::Journal;
use crate::nemesis::Nemesis;
use crate::net::Network;
use crate::options::TestOptions;
use crate::seeds::Concern;
use crate::service::{self, Service};
use crate::tape::{Tape, TapedStrike, Tracks};
use crate::workload::Workload;

pub use observer::{Direction, Mishap, Nobody, Observer, Progress};

use clients::{Clients, Purpose};
use cluster::{Cluster, Output};
use members::Members;
use phase::Phase;
use queue::EventQueue;

/// How long a node may take to answer `init`, as in the original.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the final phase waits after the faults are healed, as in the original.
const QUIET: Duration = Duration::from_secs(10);

/// How many messages wait for a node that is down.
const DOWN_BACKLOG: usize = 10;

/// How many events may happen without time passing: more is an endless exchange of messages.
/// It is enough for a long conversation, and for every node to say twenty things to every other.
fn events_at_one_time(nodes: usize) -> u64 {
    let nodes = nodes as u64;
    1_000_000 + 20 * nodes * nodes
}

/// How often somebody who watches is told how far the run is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What a run left behind.
pub struct Outcome {
    /// What the clients saw; empty when only the observer was to have it.
    pub history: History,
    /// How many entries the history has.
    pub entries: usize,
    /// What the network saw.
    pub journal: Journal,
    /// Why the run ended before its time: a sentence.
    pub failure: Option<String>,
    /// What the tape recorded, if it did.
    pub tape: Option<Tracks>,
    /// Replies to clients that had given up and gone. The original stops reading a node that
    /// sends one; here they are only counted.
    pub late_replies: u64,
}

enum Event {
    Deliver { id: u64, message: Message },
    Wake { node: usize, at: Time },
    RequestTimeout { connection: usize, msg_id: i64 },
    NextOperation,
    TapedOperation,
    Strike { fault: usize },
    Members,
    Administrator,
    Edit(Box<TapedStrike>),
    Calm,
    TimeLimit,
    FinalPhase,
    FinalOperation { thread: usize, operation: Operation },
}

/// How much of a sentence is shown that quotes a node.
const SHOWN_CHARS: usize = 20_000;

/// A sentence that may quote what a node wrote: cut short when it is very long, and without
/// what only programs may do to a terminal.
fn shown(sentence: &str) -> String {
    let is_harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let harmless = |c: char| if is_harmless(c) { c } else { '\u{fffd}' };
    let mut shown: String = sentence.chars().take(SHOWN_CHARS).map(harmless).collect();
    if sentence.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Where a message goes.
#[derive(Clone, Copy)]
enum Address {
    Node(usize),
    Service(usize),
    Connection(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeState {
    /// Its first `init` is on its way. Peers may write to it already.
    New,
    Up,
    Down,
    /// It was started again, or late, and has not yet answered `init`.
    Restarted,
    /// It has not been started yet, or has ended for good.
    Absent,
}

struct Node {
    state: NodeState,
    /// Messages that came while it was down.
    backlog: VecDeque<(u64, Message)>,
    starts: u32,
    /// Whether something is wrong with its disk.
    has_disk_trouble: bool,
    /// Whether it is down because of its disk, and starts again when that is mended.
    awaits_disk: bool,
    /// Whether it was said that it writes nothing.
    is_known_to_write_nothing: bool,
    /// Whether it has answered the set-up message of the workload.
    is_set_up: bool,
    /// The client that waits for `init_ok`, while one does.
    init: Option<usize>,
}

/// One run of one workload.
pub struct Engine<'a> {
    options: &'a TestOptions,
    workload: &'a dyn Workload,
    cluster: &'a mut dyn Cluster,
    observer: &'a mut dyn Observer,
    tape: Tape,
    now: Time,
    queue: EventQueue<Event>,
    phase: Phase,
    /// Replies to `init` or to the set-up message that the current phase still waits for.
    awaited: usize,
    main_start: Time,
    final_start: Time,
    next_progress: Time,
    /// Threads that pause between two operations of the final phase.
    final_pauses: usize,
    network: Network,
    addresses: FxHashMap<NodeId, Address>,
    nodes: Vec<Node>,
    services: Vec<(NodeId, Box<dyn Service>, ChaCha8Rng)>,
    clients: Clients,
    generator: Box<dyn Generator>,
    generator_rng: ChaCha8Rng,
    /// Whose turn it is to do the next operation.
    turn: usize,
    /// When the operation was due that waits for a free thread, if one does.
    operation_due: Option<Time>,
    /// The operations of a replayed tape that wait for their thread.
    taped_waiting: FxHashMap<usize, VecDeque<Operation>>,
    nemesis: Nemesis,
    members: Members,
    /// The nemesis has struck for the last time.
    is_calm: bool,
    next_message_id: u64,
    late_replies: u64,
    /// `None` when only the observer wants it.
    history: Option<History>,
    /// How many entries the history has.
    entries: usize,
    outcomes: [u64; 3],
    journal: Journal,
    outputs: Vec<Output>,
    failure: Option<String>,
}

impl<'a> Engine<'a> {
    /// Prepares a run.
    ///
    /// What chance decides comes from the tape, which may be only a seed. The `journal` says how
    /// many events of the network are kept for drawing them, and where; its statistics count all.
    pub fn new(
        options: &'a TestOptions,
        workload: &'a dyn Workload,
        cluster: &'a mut dyn Cluster,
        observer: &'a mut dyn Observer,
        tape: impl Into<Tape>,
        journal: impl Into<Journal>,
    ) -> Engine<'a> {
        let (tape, journal) = (tape.into(), journal.into());
        if journal.keeps_events() || observer.watches_states() {
            cluster.watch_states();
        }
        let seeds = tape.seeds();
        let mut addresses = FxHashMap::default();
        for (number, node) in options.nodes.iter().enumerate() {
            addresses.insert(node.clone(), Address::Node(number));
        }
        let mut services = Vec::new();
        for (number, (name, service)) in service::NAMES.iter().zip(service::all()).enumerate() {
            let name = NodeId::from(*name);
            addresses.insert(name.clone(), Address::Service(number));
            services.push((name, service, seeds.stream(Concern::Service(number))));
        }
        let mut faults = tape.faults().map_or_else(|| options.faults.clone(), BTreeSet::from_iter);
        faults.extend(tape.edited_faults());
        let members = Members::new(options, &faults);
        let node = |number: usize| {
            let is_there = members.at_first().contains(&number);
            let state = if is_there { NodeState::New } else { NodeState::Absent };
            Node {
                state,
                backlog: VecDeque::new(),
                starts: 0,
                has_disk_trouble: false,
                awaits_disk: false,
                is_known_to_write_nothing: false,
                is_set_up: false,
                init: None,
            }
        };
        let nemesis = Nemesis::new(
            &options.nodes,
            members.at_first().len(),
            &faults,
            options.nemesis_interval_secs,
            seeds,
        );
        Engine {
            options,
            workload,
            cluster,
            observer,
            tape,
            now: Time::ZERO,
            queue: EventQueue::default(),
            phase: Phase::Init,
            awaited: members.at_first().len(),
            main_start: Time::ZERO,
            final_start: Time::ZERO,
            next_progress: Time::ZERO,
            final_pauses: 0,
            network: Network::new(options.latency_ms, options.latency_distribution, seeds),
            addresses,
            nodes: (0..options.nodes.len()).map(node).collect(),
            services,
            clients: Clients::new(options, workload),
            generator: workload.generator(options),
            generator_rng: seeds.stream(Concern::Generator),
            turn: 0,
            operation_due: None,
            taped_waiting: FxHashMap::default(),
            nemesis,
            members,
            is_calm: false,
            next_message_id: 0,
            late_replies: 0,
            history: Some(History::default()),
            entries: 0,
            outcomes: [0; 3],
            journal,
            outputs: Vec::new(),
            failure: None,
        }
    }

    /// The same run, but its history goes to the observer alone: the memory that it takes does
    /// not grow with its length.
    pub fn without_history(mut self) -> Engine<'a> {
        self.history = None;
        self
    }

    /// Runs to the end, or to the first failure; what was recorded until then is kept.
    pub fn run(mut self) -> Outcome {
        for node in self.members.at_first() {
            self.start_node(node);
        }
        let events_max = events_at_one_time(self.nodes.len());
        let mut events_now = 0u64;
        while self.phase != Phase::Done && self.failure.is_none() {
            let mut next = self.queue.next_time().expect("something ends every phase");
            if self.cluster.is_real_time() {
                next = next.min(self.next_progress);
            }
            let now = self.cluster.advance(next, &mut self.outputs);
            events_now = if now == self.now { events_now + 1 } else { 0 };
            self.now = now;
            if self.now >= self.next_progress {
                self.next_progress = self.now + PROGRESS_INTERVAL;
                self.report_progress();
            }
            self.take_outputs();
            // A node that never stops talking must not keep the clock from being looked at.
            let mut budget = 1000;
            while budget > 0
                && self.failure.is_none()
                && self.queue.next_time().is_some_and(|at| at <= self.now)
            {
                let (_, event) = self.queue.pop().expect("the queue has a next event");
                self.handle(event);
                self.take_outputs();
                self.advance_phase();
                budget -= 1;
                events_now += 1;
            }
            if events_now > events_max {
                self.fail(format!(
                    "the nodes exchange messages without end at {}: with no latency, a node \
                     that answers every message with another never lets time pass",
                    self.now
                ));
            }
        }
        self.report_progress();
        Outcome {
            history: self.history.unwrap_or_default(),
            entries: self.entries,
            journal: self.journal,
            failure: self.failure,
            tape: self.tape.into_recorded(),
            late_replies: self.late_replies,
        }
    }

    fn fail(&mut self, sentence: String) {
        self.failure.get_or_insert_with(|| shown(&sentence));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { id, message } => self.deliver(id, message),
            Event::Wake { node, at } => self.cluster.wake(node, at, self.now, &mut self.outputs),
            Event::RequestTimeout { connection, msg_id } => {
                self.on_request_timeout(connection, msg_id);
            }
            Event::NextOperation => self.on_next_operation(),
            Event::TapedOperation => self.on_taped_operation(),
            Event::Strike { fault } => self.on_strike(fault),
            Event::Members => self.go_on_changing(),
            Event::Administrator => self.on_administrator(),
            Event::Edit(edit) => self.on_edit(*edit),
            Event::Calm => self.calm_down(),
            Event::TimeLimit => self.phase = Phase::Drain,
            Event::FinalPhase => self.begin_final_phase(),
            Event::FinalOperation { thread, operation } => {
                self.final_pauses -= 1;
                self.invoke(thread, operation);
            }
        }
    }

    /// Starts a node, for the first time or again, and sends it `init`.
    fn start_node(&mut self, node: usize) {
        let starts = self.nodes[node].starts;
        self.nodes[node].starts += 1;
        self.nodes[node].awaits_disk = false;
        let seed = self.tape.node_seed(&self.options.nodes[node], node, starts);
        if let Err(sentence) = self.cluster.start(node, seed, self.now) {
            return self.fail(sentence);
        }
        let nodes = &self.options.nodes;
        let mut init = json!({"type": "init", "node_id": nodes[node], "node_ids": nodes});
        if self.members.may_change() {
            init["initial_member_ids"] = json!(nodes[self.members.at_first()]);
        }
        let connection = self.open_connection(Purpose::Init(node));
        self.nodes[node].init = Some(connection);
        let body = Body::new(&init).expect("init is an object with a type");
        self.request(connection, node, body, INIT_TIMEOUT);
    }

    /// Goes on to the next phase, and the one after that, as far as nothing is waited for.
    fn advance_phase(&mut self) {
        loop {
            match self.phase {
                Phase::Init if self.awaited == 0 => self.begin_setup(),
                Phase::Setup if self.awaited == 0 => self.begin_main_phase(),
                Phase::Drain if self.clients.all_free() => self.end_main_phase(),
                Phase::Final if self.final_pauses == 0 && self.clients.all_free() => {
                    self.phase = Phase::Done;
                }
                _ => return,
            }
        }
    }

    /// Every workload opens a client per node here, so that the clients' numbers are those of
    /// the original; only some have something to say.
    fn begin_setup(&mut self) {
        self.phase = Phase::Setup;
        let body = self.workload.setup(&self.options.nodes, self.options);
        let timeout = Duration::from_millis(self.workload.timeout_ms(self.options));
        for node in 0..self.nodes.len() {
            let connection = self.open_connection(Purpose::Setup(node));
            let is_there = self.nodes[node].state != NodeState::Absent;
            match body.as_ref().filter(|_| is_there) {
                Some(body) => {
                    self.awaited += 1;
                    self.request(connection, node, body.clone(), timeout);
                }
                None => self.close_connection(connection),
            }
        }
    }

    fn begin_main_phase(&mut self) {
        self.phase = Phase::Main;
        self.main_start = self.now;
        self.journal.begin_main_phase(self.now);
        self.observer.main_phase(self.now);
        let limit = Duration::from_secs_f64(self.options.time_limit_secs);
        self.queue.push(self.now + limit, Event::TimeLimit);
        self.schedule_taped_operation();
        if !self.tape.is_replayed() && self.options.rate > 0.0 {
            self.queue.push(self.now, Event::NextOperation);
        }
        for fault in 0..self.nemesis.fault_count() {
            let (kind, _) = self.nemesis.fault(fault);
            if self.tape.is_replayed() || self.options.faults.contains(&kind) {
                self.schedule_strike(fault);
            }
        }
        self.schedule_administrators();
        for edit in self.tape.take_edits() {
            self.queue.push(self.main_start + edit.at, Event::Edit(Box::new(edit)));
        }
        if self.options.calm_secs > 0.0 {
            let calm = Duration::from_secs_f64(self.options.calm_secs);
            self.queue.push(self.now + limit.saturating_sub(calm), Event::Calm);
        }
    }

    fn end_main_phase(&mut self) {
        if !self.workload.has_final_phase() {
            self.phase = Phase::Done;
            return;
        }
        self.phase = Phase::Quiet;
        self.heal();
        self.say("waiting for recovery");
        self.queue.push(self.now + QUIET, Event::FinalPhase);
    }

    fn begin_final_phase(&mut self) {
        self.phase = Phase::Final;
        self.final_start = self.now;
        // In any order: else the last word would always be the same node's.
        let mut threads: Vec<usize> = (0..self.clients.count()).collect();
        let mut draws = self.tape.draws(&mut self.generator_rng, || "final order".into());
        threads.shuffle(&mut draws);
        for thread in threads {
            match self.workload.final_operation() {
                Some(operation) => self.invoke(thread, operation),
                None => self.continue_final_phase(thread),
            }
        }
    }

    /// A thread has ended an operation of the final phase, or is about to begin its first.
    fn continue_final_phase(&mut self, thread: usize) {
        let elapsed = self.now.since(self.final_start);
        let name = || format!("final {thread}");
        let mut draws = self.tape.draws(&mut self.generator_rng, name);
        let next = self.generator.next_final(thread, elapsed, &mut draws);
        if let Some((pause, operation)) = next {
            self.final_pauses += 1;
            self.queue.push(self.now + pause, Event::FinalOperation { thread, operation });
        }
    }

    fn report_progress(&mut self) {
        let progress = Progress {
            phase: self.phase.name(),
            elapsed: self.now.since(self.main_start),
            outcomes: self.outcomes,
            messages: self.next_message_id,
            faults: self.nemesis.in_force().collect(),
        };
        self.observer.progress(self.now, &progress);
        if let Some(sentence) = self.observer.failure() {
            self.fail(sentence);
        }
    }

    fn say(&mut self, sentence: &str) {
        self.observer.log(self.now, sentence);
    }

    fn record(&mut self, mut op: Op) {
        op.index = self.entries;
        op.time = self.now.since(self.main_start).as_nanos() as i64;
        self.entries += 1;
        self.observer.operation(&op);
        if op.is_client() && op.kind != OpType::Invoke {
            self.generator.observe(&op);
        }
        if let Some(history) = &mut self.history {
            history.ops.push(op);
        }
    }
}

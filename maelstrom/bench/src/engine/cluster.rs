//! Where the nodes are, and what time it is: the one difference between the two clocks.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::collections::VecDeque;
use std::time::Duration;

use gyre::{DiskTrouble, Message, Process, Time};

use crate::net::SkewedClock;

/// Why a run broke off that its user ended.
pub const INTERRUPTED: &str = "the run was interrupted";

/// What a cluster tells the engine.
#[derive(Clone, Debug)]
pub enum Output {
    /// A node sent a message.
    Message {
        /// The node.
        node: usize,
        /// What it sent.
        message: Message,
    },
    /// A node wrote a line to its log.
    Log {
        /// The node.
        node: usize,
        /// The line.
        line: String,
    },
    /// A node said what it is, and that has changed.
    State {
        /// The node.
        node: usize,
        /// The text of a JSON object.
        state: String,
    },
    /// A node wants to be woken at a time, unless it says otherwise before.
    Wake {
        /// The node.
        node: usize,
        /// The time, by the engine's clock.
        at: Time,
    },
    /// A node wants to be woken again and again, so that virtual time hardly passes.
    Restless {
        /// The node.
        node: usize,
        /// How often it was woken within [`WAKES_TIME`].
        wakes: u32,
        /// When it wants to be woken next, by its own clock.
        asked: Time,
        /// What its own clock shows.
        now: Time,
    },
    /// A node whose disk is in trouble has given up, and is gone.
    GaveUp {
        /// The node.
        node: usize,
        /// Why: a sentence.
        sentence: String,
    },
    /// The cluster has something to say that the run can go on after: a sentence.
    Say(String),
    /// The run cannot go on: a sentence.
    Failure(String),
}

/// A set of nodes, numbered from 0.
pub trait Cluster {
    /// Starts a node, for the first time or after a kill.
    ///
    /// # Errors
    /// A sentence.
    fn start(&mut self, node: usize, seed: u64, now: Time) -> Result<(), String>;

    /// From now on, tells what nodes say of themselves whenever that changes.
    fn watch_states(&mut self) {}

    /// Whether time passes by itself, also while nothing happens.
    fn is_real_time(&self) -> bool {
        false
    }

    /// Lets time pass until `until`, or until a node says something; returns what time it is.
    fn advance(&mut self, until: Time, outputs: &mut Vec<Output>) -> Time;

    /// Hands a message to a node.
    fn deliver(
        &mut self,
        node: usize,
        id: u64,
        message: Message,
        now: Time,
        outputs: &mut Vec<Output>,
    );

    /// Wakes a node that asked to be woken at the time `at`, if it still wants that.
    fn wake(&mut self, node: usize, at: Time, now: Time, outputs: &mut Vec<Output>);

    /// Kills a node. What it had not yet said is never heard.
    fn kill(&mut self, node: usize, now: Time);

    /// Stops a node in its tracks.
    fn pause(&mut self, node: usize);

    /// Lets a paused node go on; nothing happens to one that is not.
    fn resume(&mut self, node: usize, now: Time, outputs: &mut Vec<Output>);

    /// Whether a node is paused.
    fn is_paused(&self, node: usize) -> bool;

    /// Lets a node's clock jump and then run at another rate, in thousandths.
    fn skew(
        &mut self,
        node: usize,
        rate_per_mille: u64,
        jump: Duration,
        now: Time,
        outputs: &mut Vec<Output>,
    );

    /// From now on this is wrong with a node's disk, or nothing any more. Gives whether the node
    /// has ever written anything to a disk that can be harmed.
    ///
    /// # Errors
    /// A sentence.
    fn set_disk_trouble(
        &mut self,
        _node: usize,
        _trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        Ok(false)
    }

    /// The last lines of a node's output for an error message, or nothing.
    fn describe_output(&self, _node: usize) -> String {
        String::new()
    }
}

/// A node that can run in virtual time.
pub trait SimulatedNode: Process {
    /// What it is, as the text of a JSON object, if it says so.
    fn state(&mut self) -> Option<String> {
        self.inspect().map(|state| gyre::state_text(&state))
    }

    /// Why the node cannot go on, if it cannot: a sentence that names it.
    fn failure(&self) -> Option<String> {
        None
    }

    /// Whether it has given up by itself, because it could not do what it has promised, as a node
    /// does when its storage fails. That is a failure, unless its disk is in trouble.
    fn has_given_up(&self) -> bool {
        false
    }

    /// How long its disk took in the last step, beyond no time at all.
    fn take_disk_time(&mut self) -> Duration {
        Duration::ZERO
    }
}

impl<N: gyre::Node> SimulatedNode for gyre::Runtime<N> {}

/// Makes the nodes of a virtual cluster.
pub trait NodeFactory {
    /// A node that starts now. After a kill it finds what is left on its disk, and `seed`
    /// decides what that is, as it decides all else about this life of the node.
    ///
    /// # Errors
    /// A sentence.
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String>;

    /// See [`Cluster::set_disk_trouble`].
    ///
    /// # Errors
    /// A sentence.
    fn set_disk_trouble(
        &mut self,
        _node: usize,
        _trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        Ok(false)
    }
}

/// A node that is woken more often than this within [`WAKES_TIME`] hardly lets time pass: every
/// microsecond is more than a real process could make use of.
const WAKES: u32 = 10_000;

/// See [`Output::Restless`].
pub const WAKES_TIME: Duration = Duration::from_millis(10);

struct Slot {
    process: Option<Box<dyn SimulatedNode>>,
    paused: bool,
    /// Messages that came while it was paused, or waited for its disk.
    inbox: VecDeque<Message>,
    /// Until when it waits for its disk.
    busy_until: Option<Time>,
    /// What it has sent that is on its way only then.
    held: VecDeque<Message>,
    /// Whether something is wrong with its disk that it may not be able to go on with.
    may_give_up: bool,
    clock: SkewedClock,
    /// When the engine was last asked to wake it.
    wake_at: Option<Time>,
    /// How often it was woken since a time.
    wakes: u32,
    wakes_since: Time,
    /// What it said last of itself.
    state: String,
}

impl Slot {
    /// It is no more.
    fn end(&mut self) {
        self.process = None;
        self.paused = false;
        self.inbox.clear();
        self.busy_until = None;
        self.held.clear();
        self.wake_at = None;
    }

    /// Counts one more wake; says whether there were too many lately.
    fn is_restless(&mut self, now: Time) -> bool {
        if now.since(self.wakes_since) >= WAKES_TIME {
            self.wakes_since = now;
            self.wakes = 0;
        }
        self.wakes += 1;
        self.wakes > WAKES
    }
}

/// Nodes in virtual time.
pub struct VirtualCluster {
    factory: Box<dyn NodeFactory>,
    slots: Vec<Slot>,
    interrupted: Box<dyn Fn() -> bool>,
    advances: u64,
    watches_states: bool,
}

impl VirtualCluster {
    /// A cluster of this many nodes, none of them started. `interrupted` is asked now and then
    /// whether somebody wants the run to end.
    pub fn new(
        nodes: usize,
        factory: impl NodeFactory + 'static,
        interrupted: impl Fn() -> bool + 'static,
    ) -> VirtualCluster {
        let slot = |_| Slot {
            process: None,
            paused: false,
            inbox: VecDeque::new(),
            busy_until: None,
            held: VecDeque::new(),
            may_give_up: false,
            clock: SkewedClock::default(),
            wake_at: None,
            wakes: 0,
            wakes_since: Time::ZERO,
            state: String::new(),
        };
        VirtualCluster {
            factory: Box::new(factory),
            slots: (0..nodes).map(slot).collect(),
            interrupted: Box::new(interrupted),
            advances: 0,
            watches_states: false,
        }
    }

    /// Lets a node go on that was paused, or has waited for its disk: its timers ring late, and its
    /// pipe is full.
    fn go_on(&mut self, node: usize, now: Time, outputs: &mut Vec<Output>) {
        let slot = &mut self.slots[node];
        if slot.busy_until.is_some_and(|until| until > now) {
            // It was paused for a shorter time than its disk takes.
            return self.drain(node, now, outputs);
        }
        slot.busy_until = None;
        outputs.extend(slot.held.drain(..).map(|message| Output::Message { node, message }));
        let local = slot.clock.local(now);
        if let Some(process) = &mut slot.process {
            process.handle_timeout(local);
            for message in slot.inbox.drain(..) {
                process.handle_message(local, message);
            }
            slot.wake_at = None;
            self.drain(node, now, outputs);
        }
    }

    /// Takes everything a node has to say after a step.
    fn drain(&mut self, node: usize, now: Time, outputs: &mut Vec<Output>) {
        let slot = &mut self.slots[node];
        let Some(process) = &mut slot.process else { return };
        // First the state: it is the one in which the messages were sent.
        if self.watches_states
            && let Some(state) = process.state().filter(|state| *state != slot.state)
        {
            slot.state.clone_from(&state);
            outputs.push(Output::State { node, state });
        }
        let disk_time = process.take_disk_time();
        if disk_time > Duration::ZERO {
            slot.busy_until = Some(slot.busy_until.unwrap_or(now).max(now) + disk_time);
        }
        while let Some(message) = process.poll_transmit() {
            match slot.busy_until {
                Some(_) => slot.held.push_back(message),
                None => outputs.push(Output::Message { node, message }),
            }
        }
        while let Some(line) = process.poll_log() {
            outputs.push(Output::Log { node, line });
        }
        if let Some(sentence) = process.failure() {
            if slot.may_give_up && process.has_given_up() {
                slot.end();
                outputs.push(Output::GaveUp { node, sentence });
                return;
            }
            outputs.push(Output::Failure(sentence));
        }
        let wake_at = match slot.busy_until {
            Some(until) => Some(until),
            None => process.poll_timeout().map(|local| slot.clock.real(local).max(now)),
        };
        if wake_at != slot.wake_at {
            slot.wake_at = wake_at;
            outputs.extend(wake_at.map(|at| Output::Wake { node, at }));
        }
    }
}

impl Cluster for VirtualCluster {
    fn start(&mut self, node: usize, seed: u64, _now: Time) -> Result<(), String> {
        let process = self.factory.start(node, seed)?;
        let slot = &mut self.slots[node];
        slot.process = Some(process);
        slot.wake_at = None;
        slot.state.clear();
        Ok(())
    }

    fn watch_states(&mut self) {
        self.watches_states = true;
    }

    fn advance(&mut self, until: Time, outputs: &mut Vec<Output>) -> Time {
        self.advances += 1;
        if self.advances.is_multiple_of(1024) && (self.interrupted)() {
            outputs.push(Output::Failure(INTERRUPTED.into()));
        }
        until
    }

    fn deliver(
        &mut self,
        node: usize,
        _id: u64,
        message: Message,
        now: Time,
        outputs: &mut Vec<Output>,
    ) {
        let slot = &mut self.slots[node];
        if slot.paused || slot.busy_until.is_some() {
            slot.inbox.push_back(message);
        } else if let Some(process) = &mut slot.process {
            process.handle_message(slot.clock.local(now), message);
            self.drain(node, now, outputs);
        }
    }

    fn wake(&mut self, node: usize, at: Time, now: Time, outputs: &mut Vec<Output>) {
        let slot = &mut self.slots[node];
        // A timer that was set anew since, or whose node is gone or paused, is stale.
        if slot.wake_at != Some(at) || slot.paused {
            return;
        }
        slot.wake_at = None;
        if slot.busy_until.is_some() {
            return self.go_on(node, now, outputs);
        }
        let is_restless = slot.is_restless(now);
        let Some(process) = &mut slot.process else { return };
        let local = slot.clock.local(now);
        process.handle_timeout(local);
        if let (true, Some(asked)) = (is_restless, process.poll_timeout()) {
            outputs.push(Output::Restless { node, wakes: slot.wakes, asked, now: local });
        }
        self.drain(node, now, outputs);
    }

    fn kill(&mut self, node: usize, _now: Time) {
        self.slots[node].end();
    }

    fn pause(&mut self, node: usize) {
        self.slots[node].paused = true;
    }

    fn resume(&mut self, node: usize, now: Time, outputs: &mut Vec<Output>) {
        let slot = &mut self.slots[node];
        if !slot.paused {
            return;
        }
        slot.paused = false;
        slot.wake_at = None;
        self.go_on(node, now, outputs);
    }

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        // That a disk is slow is no reason to give up.
        let is_reason = |trouble| !matches!(trouble, DiskTrouble::Slow(_));
        self.slots[node].may_give_up = trouble.is_some_and(is_reason);
        self.factory.set_disk_trouble(node, trouble)
    }

    fn is_paused(&self, node: usize) -> bool {
        self.slots[node].paused
    }

    fn skew(
        &mut self,
        node: usize,
        rate_per_mille: u64,
        jump: Duration,
        now: Time,
        outputs: &mut Vec<Output>,
    ) {
        let slot = &mut self.slots[node];
        slot.clock.change(now, rate_per_mille, jump);
        if !slot.paused {
            // Its timers now ring at other times.
            self.drain(node, now, outputs);
        }
    }
}

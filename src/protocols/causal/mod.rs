//! Registers that every node can read and write whatever the network does, as strong as that
//! allows: read-atomic and causal.
//!
//! A node does a transaction on its own replica, at once, and answers; nobody waits for
//! anybody. Nodes exchange what they lack, and end up equal. In the terms of Bailis et al.,
//! "Highly Available Transactions: Virtues and Limitations" (2013): monotonic atomic view and
//! sticky causal consistency. Two transactions that do not know of each other may both be
//! done, so updates can be lost and writes be skewed; no store that answers in a partition can
//! prevent that (section 5.2.1 there).
//!
//! # How
//!
//! Every transaction that writes gets a [`Timestamp`] greater than any that its node has seen:
//! a Lamport clock (Lamport, "Time, clocks, and the ordering of events in a distributed
//! system", 1978), with the node's incarnation to break ties. A register holds the value with
//! the greatest timestamp. That is one order for all transactions, on all nodes, and it
//! contains every "read what that one wrote" and "overwrote what that one wrote": so neither
//! G0 nor G1c can be.
//!
//! What a node has is always a *set of whole transactions*, and [`State::have`] says which: of
//! each writer all up to a counter. The registers are what those give, no more and no less:
//!
//! > each register holds the write of the transaction with the greatest timestamp among those
//! > that `have` covers and that write it.
//!
//! A transaction reads from one such set, so when it sees a write of another transaction it
//! sees all of its writes, or later ones. That is atomic visibility: no read is fractured
//! (Bailis et al., "Scalable Atomic Visibility with RAMP Transactions", 2014). RAMP needs a
//! second round or metadata in each write, because there each register lives elsewhere; here
//! each node has them all. And what comes with a transaction is also all that its node had seen
//! before: a node never shows an effect without its cause.
//!
//! # Why the exchange keeps the rule
//!
//! Nodes exchange states, and not logs, for a log grows for ever. The state is a CRDT: its parts
//! are the entries of `have`, which join to the greater counter, and the registers, which join to
//! the later write. So [`AntiEntropy`] sends it around, in pieces. But one piece alone breaks the
//! rule: it may bring a write of a transaction and not the other, or a counter without its writes.
//! Therefore the state is [joined as a whole](Crdt::IS_ATOMIC): pieces are kept aside until the
//! sender has nothing more to send, and are then joined in one step.
//!
//! At that moment the receiver has had all of the sender's state as it was at some change `s`, and
//! the pieces are every part that has changed there since, as it is at some later change `e`.
//! (Almeida et al., "Delta state replicated data types", 2018, call this the causal delta-merging
//! condition.) Take any transaction that the sender's `have` covers at `e`, and one of its writes.
//! If the sender's register has changed since `s`, the pieces bring this write or a later one. If
//! not, the register already held it, or a later one, at `s`, and the receiver has had that. So
//! after the step every register is at least as late as every transaction that the new `have`
//! covers says; and it is no later, for the pieces bring the sender's `have` as it is at `e`, which
//! covers every write that the sender held by then. Before the step the receiver's readers see
//! none of it.
//!
//! Deliberately absent: deleting registers.
//!
//! Two nodes write the same two registers without knowing of each other. In the end both nodes have
//! both writes of one of them, and never one of each:
//!
//! ```
//! use gyre::causal::CausalStore;
//! use gyre::protocols::simulator::{Faults, Simulator, Start};
//! use gyre::transactions::{Registers, Txn};
//! use gyre::{Json, Time};
//! use std::time::Duration;
//!
//! let txn = |text| Json::parse(text).unwrap().to::<Txn<Registers>>().unwrap();
//! let faults = Faults::none(Duration::from_millis(10));
//! let mut cluster = Simulator::new(2, 1, faults, |start| {
//!     let Start { node, nodes, records, now, rng, .. } = start;
//!     CausalStore::new(node, nodes, records, now, rng)
//! });
//! cluster.request(0, txn(r#"[["w", "x", 1], ["w", "y", 1]]"#));
//! cluster.request(1, txn(r#"[["w", "x", 2], ["w", "y", 2]]"#));
//! cluster.run_until(Time::from_millis(5_000));
//! let [n0, n1] = [0, 1].map(|rank| {
//!     ["x", "y"].map(|key| cluster.core(rank).unwrap().state().read(&key.into()))
//! });
//! assert_eq!(n0, n1);
//! assert!([[1.into(), 1.into()], [2.into(), 2.into()]].contains(&n0));
//! ```
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::protocols::core::{Core, Input, Outputs, OutputsOf};
use crate::protocols::crdt::{AntiEntropy, Crdt, Message, Record};
use crate::state_machines::transactions::{MicroOp, Registers, Txn, is_read_only};
use crate::types::{Error, Incarnation, Json, NodeId, Time, VersionVector};

/// Counters stay below this, so that every language's JSON reads them exactly.
const COUNTER_END: u64 = 1 << 53;

/// When a transaction that writes takes place, in the order that all nodes agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Timestamp(u64, Incarnation);

/// A register and its value, on the wire `[key, value, timestamp]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Written(Json, Json, Timestamp);

/// The registers, and the transactions that made them.
///
/// ```
/// use gyre::causal::State;
/// use gyre::crdt::Crdt;
///
/// // Of each writer all transactions up to a number; and what they wrote, with the timestamps.
/// let mut a: State = serde_json::from_str(
///     r#"{"have": {"n1/11": 1}, "writes": [["x", "first", [1, "n1/11"]]]}"#,
/// )?;
/// let b: State = serde_json::from_str(
///     r#"{"have": {"n2/12": 2}, "writes": [["x", "second", [2, "n2/12"]]]}"#,
/// )?;
/// a.join(&b);
/// assert_eq!(a.read(&"x".into()), "second".into());
/// assert!(a.have().covers(b.have()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct State {
    /// The transactions: of each writer all up to this counter.
    have: VersionVector,
    /// What each register holds, and since when.
    registers: BTreeMap<Json, (Json, Timestamp)>,
}

/// A state as it is written: keys of objects are texts, and those of registers are any JSON.
#[derive(Serialize, Deserialize)]
struct Wire {
    have: VersionVector,
    writes: Vec<Written>,
}

impl From<Wire> for State {
    fn from(Wire { have, writes }: Wire) -> State {
        let register = |Written(key, value, at)| (key, (value, at));
        State { have, registers: writes.into_iter().map(register).collect() }
    }
}

impl From<State> for Wire {
    fn from(State { have, registers }: State) -> Wire {
        let written = |(key, (value, at))| Written(key, value, at);
        Wire { have, writes: registers.into_iter().map(written).collect() }
    }
}

/// The name of a part of the state.
///
/// ```
/// use gyre::causal::{Part, State};
/// use gyre::crdt::Crdt;
///
/// let state: State = serde_json::from_str(
///     r#"{"have": {"n1/11": 1}, "writes": [["x", 7, [1, "n1/11"]]]}"#,
/// )?;
/// let [writer, register] = state.keys().try_into().unwrap();
/// assert!(matches!(writer, Part::Writer(_)));
/// assert_eq!(register, Part::Register("x".into()));
/// // One without the other shows nobody what happened: therefore a state is joined as a whole.
/// assert!(!state.part(&register).is_sound_for(&State::default()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The transactions of one writer.
    Writer(Incarnation),
    /// A register.
    Register(Json),
}

impl State {
    /// The transactions that it is made of.
    pub fn have(&self) -> &VersionVector {
        &self.have
    }

    /// What a register holds: null when it was never written.
    pub fn read(&self, key: &Json) -> Json {
        self.registers.get(key).map(|(value, _)| value.clone()).unwrap_or_default()
    }

    fn written_at(&self, key: &Json) -> Option<&Timestamp> {
        self.registers.get(key).map(|(_, at)| at)
    }
}

impl Crdt for State {
    // ANCHOR: join
    fn join(&mut self, other: &State) {
        self.have.join(&other.have);
        for (key, (value, at)) in &other.registers {
            if self.written_at(key) < Some(at) {
                self.registers.insert(key.clone(), (value.clone(), at.clone()));
            }
        }
    }
    // ANCHOR_END: join

    fn minus(&self, known: &State) -> State {
        let mut new = State::default();
        for (writer, counter) in self.have.iter().filter(|(w, count)| known.have.get(w) < *count) {
            new.have.raise(writer, counter);
        }
        let is_later =
            |(key, (_, at)): &(&Json, &(Json, Timestamp))| known.written_at(key) < Some(at);
        let later = self.registers.iter().filter(is_later);
        new.registers = later.map(|(key, written)| (key.clone(), written.clone())).collect();
        new
    }

    fn is_bottom(&self) -> bool {
        self.have.iter().next().is_none() && self.registers.is_empty()
    }

    type Key = Part;

    const IS_ATOMIC: bool = true;

    fn keys(&self) -> Vec<Part> {
        let writers = self.have.iter().map(|(writer, _)| Part::Writer(writer.clone()));
        writers.chain(self.registers.keys().cloned().map(Part::Register)).collect()
    }

    fn part(&self, key: &Part) -> State {
        let mut part = State::default();
        match key {
            Part::Writer(writer) => drop(part.have.raise(writer, self.have.get(writer))),
            Part::Register(key) => {
                let written = self.registers.get(key);
                part.registers.extend(written.map(|written| (key.clone(), written.clone())));
            }
        }
        part
    }

    /// Every write must be of a transaction that one of the two has.
    fn is_sound_for(&self, state: &State) -> bool {
        let is_covered = |Timestamp(counter, writer): &Timestamp| {
            *counter <= self.have.get(writer).max(state.have.get(writer))
        };
        self.registers.values().all(|(_, at)| is_covered(at))
            && self.have.iter().all(|(_, counter)| counter < COUNTER_END)
    }

    /// The version vector, and how many registers there are.
    fn inspect(&self) -> Value {
        json!({ "have": self.have, "registers": self.registers.len() })
    }
}

/// One node's registers: a state machine without I/O or clock.
///
/// It answers at once, whoever is out of reach:
///
/// ```
/// use gyre::causal::CausalStore;
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use gyre::transactions::{Registers, Txn};
/// use gyre::{Json, Time};
/// use std::time::Duration;
///
/// let txn = |text| Json::parse(text).unwrap().to::<Txn<Registers>>().unwrap();
/// let faults = Faults::none(Duration::from_millis(10));
/// let mut cluster = Simulator::new(2, 1, faults, |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     CausalStore::new(node, nodes, records, now, rng)
/// });
/// cluster.partition(&[0]);
/// cluster.request(0, txn(r#"[["w", "x", 1], ["r", "x", null]]"#));
/// cluster.run_until(Time::from_millis(1));
/// assert_eq!(cluster.replies[0].reply, Ok(txn(r#"[["w", "x", 1], ["r", "x", 1]]"#)));
/// assert!(cluster.core(1).unwrap().state().read(&"x".into()).is_null());
/// ```
#[derive(Debug)]
pub struct CausalStore {
    exchange: AntiEntropy<State>,
    /// The counter of the greatest timestamp there is among the transactions it has.
    clock: u64,
    outputs: OutputsOf<CausalStore>,
}

impl Core for CausalStore {
    type Local = Txn<Registers>;
    /// The transaction with its reads filled in.
    type Reply = Result<Txn<Registers>, Error>;
    type Message = Message<State>;
    type Record = Record<State>;

    fn step(
        &mut self,
        now: Time,
        input: Input<Txn<Registers>, Message<State>>,
        rng: &mut ChaCha8Rng,
    ) {
        let input = match input {
            Input::Local { id, request } => {
                let (reply, delta) = self.execute(request);
                self.outputs.reply.push((id, reply));
                let Some(request) = delta else { return };
                Input::Local { id, request: request.into() }
            }
            Input::Cancel { id } => {
                self.outputs.reply.retain(|(other, _)| *other != id);
                Input::Cancel { id }
            }
            Input::Message { from, message } => Input::Message { from, message },
            Input::Wake => Input::Wake,
            Input::Checkpointed => Input::Checkpointed,
            Input::Stop => Input::Stop,
        };
        self.exchange.step(now, input, rng);
        self.advance_clock();
    }

    fn outputs(&mut self) -> OutputsOf<CausalStore> {
        // The reply that the exchange gives is only that the change is taken in.
        let Outputs { persist, checkpoint, send, .. } = self.exchange.outputs();
        Outputs { persist, checkpoint, send, ..std::mem::take(&mut self.outputs) }
    }

    fn must_persist(&self) -> bool {
        self.exchange.must_persist()
    }

    fn next_wake(&self) -> Option<Time> {
        self.exchange.next_wake()
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = Record<State>>> {
        self.exchange.checkpoint()
    }

    fn inspect(&self) -> Value {
        let mut inspected = self.exchange.inspect();
        inspected["clock"] = self.clock.into();
        inspected
    }
}

impl CausalStore {
    /// The registers of `node` after a start, from what its storage holds.
    pub fn new(
        node: &NodeId,
        nodes: &[NodeId],
        records: Vec<Record<State>>,
        now: Time,
        rng: &mut ChaCha8Rng,
    ) -> CausalStore {
        let exchange = AntiEntropy::new(node, nodes, records, now, rng);
        let mut store = CausalStore { exchange, clock: 0, outputs: Outputs::default() };
        store.advance_clock();
        store
    }

    /// The registers, and the transactions that made them.
    pub fn state(&self) -> std::cell::Ref<'_, State> {
        self.exchange.state()
    }

    fn advance_clock(&mut self) {
        let greatest = self.state().have.iter().map(|(_, counter)| counter).max();
        self.clock = self.clock.max(greatest.unwrap_or(0));
    }

    /// Does a transaction: its micro-operations one by one, and nothing else in between. If it
    /// writes, there is a change.
    fn execute(&self, txn: Txn<Registers>) -> (Result<Txn<Registers>, Error>, Option<State>) {
        let mut delta = State::default();
        let counter = self.clock + 1;
        if !is_read_only(&txn) {
            if counter >= COUNTER_END {
                let text = "all timestamps are used up: start with empty storage";
                return (Err(Error::abort(text)), None);
            }
            delta.have.raise(self.exchange.incarnation(), counter);
        }
        let at = Timestamp(counter, self.exchange.incarnation().clone());
        let mut done = Vec::with_capacity(txn.len());
        for MicroOp(kind, key, argument) in txn {
            let value = match kind {
                Registers::Read => {
                    let own = delta.registers.get(&key).map(|(value, _)| value.clone());
                    own.unwrap_or_else(|| self.state().read(&key))
                }
                Registers::Write => {
                    delta.registers.insert(key.clone(), (argument.clone(), at.clone()));
                    argument
                }
            };
            done.push(MicroOp(kind, key, value));
        }
        (Ok(done), (!delta.is_bottom()).then_some(delta))
    }
}

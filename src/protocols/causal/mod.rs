//! Registers that every node can read and write whatever the network does, as strong as that
//! allows: read-atomic and causal.
//!
//! A node does a transaction on its own replica, at once, and answers; nobody waits for
//! anybody. Replicas exchange what they lack, and end up equal. In the terms of Bailis et al.,
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
//! What a replica has is always a *set of whole transactions*, and [`Replica::have`] says which:
//! of each writer all up to a counter. The registers are what those give, no more and no less:
//!
//! > each register holds the write of the transaction with the greatest timestamp among those
//! > that `have` covers and that write it.
//!
//! A transaction reads from one such set, so when it sees a write of another transaction it
//! sees all of its writes, or later ones. That is atomic visibility: no read is fractured
//! (Bailis et al., "Scalable Atomic Visibility with RAMP Transactions", 2014). RAMP needs a
//! second round or metadata in each write, because there each register lives elsewhere; here
//! each node has them all.
//!
//! Two replicas exchange states, and not logs, for a log grows for ever. A [`Delta`] is the part
//! of the sender's state that a receiver with a certain vector lacks. To merge it keeps the rule
//! above only if the receiver has at least that vector, which the delta names and the receiver
//! checks (Almeida et al., "Delta state replicated data types", 2018: the causal delta-merging
//! condition). Why this is enough: take a transaction that the delta brings, and one of its
//! writes that is missing from it. The sender has overwritten that one with a later
//! transaction's. If the delta does not bring that either, the receiver's vector covers it, and
//! the receiver's register is at least as new.
//!
//! So what comes with a transaction is also all that its node had seen before: a replica never
//! shows an effect without its cause.
//!
//! Deliberately absent: deleting registers, and deltas in pieces. A node that was away for long
//! is sent all that changed in one message.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::state_machines::transactions::{MicroOp, Registers, Txn, is_read_only, place};
use crate::types::VersionVector;
use crate::types::{Error, Incarnation, Json};

/// Counters stay below this, so that every language's JSON reads them exactly.
const COUNTER_END: u64 = 1 << 53;

/// When a transaction that writes takes place, in the order that all nodes agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64, pub Incarnation);

/// A register's value, and since when it holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The register.
    pub key: Json,
    /// What it holds.
    pub value: Json,
    /// The timestamp of the transaction that wrote it.
    pub at: Timestamp,
}

/// A change of a replica's state: what its storage keeps, record by record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The transactions that the replica has after it: of each writer all up to this counter.
    pub have: VersionVector,
    /// The registers that changed.
    pub writes: Vec<Written>,
}

/// What the sender has and a receiver lacks that has what `since` covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// What the receiver must have, at least.
    pub since: VersionVector,
    /// What it lacks.
    pub change: Change,
}

/// One node's registers.
#[derive(Clone, Debug)]
pub struct Replica {
    me: Incarnation,
    /// The counter of the greatest timestamp there is among the transactions it has.
    clock: u64,
    have: VersionVector,
    registers: BTreeMap<String, Written>,
    /// The registers by writer and counter of what they hold, to find a delta quickly.
    by_writer: BTreeSet<(Incarnation, u64, String)>,
}

impl Replica {
    /// Empty registers, on a node that goes by the name `me` in its timestamps.
    pub fn new(me: Incarnation) -> Replica {
        Replica {
            me,
            clock: 0,
            have: VersionVector::default(),
            registers: BTreeMap::new(),
            by_writer: BTreeSet::new(),
        }
    }

    /// The transactions that it has.
    pub fn have(&self) -> &VersionVector {
        &self.have
    }

    /// Whether `other` lacks some of this node's own transactions.
    pub fn has_own_news_for(&self, other: &VersionVector) -> bool {
        other.get(&self.me) < self.have.get(&self.me)
    }

    /// Does a transaction, and gives it with its reads filled in. If it writes, there is a
    /// change, which must be durable before anybody is told anything.
    ///
    /// # Errors
    /// When there are no timestamps left.
    pub fn execute(
        &mut self,
        txn: &Txn<Registers>,
    ) -> Result<(Txn<Registers>, Option<Change>), Error> {
        if is_read_only(txn) {
            return Ok((self.perform(txn, None), None));
        }
        let counter = self.clock + 1;
        if counter >= COUNTER_END {
            return Err(Error::abort("all timestamps are used up: start with empty storage"));
        }
        self.clock = counter;
        self.have.raise(&self.me, counter);
        let at = Timestamp(counter, self.me.clone());
        let done = self.perform(txn, Some(&at));
        let mut change = Change { writes: self.written_at(&at), ..Change::default() };
        change.have.raise(&self.me, counter);
        Ok((done, Some(change)))
    }

    /// Does the micro-operations one by one. Nothing else happens in between.
    fn perform(&mut self, txn: &Txn<Registers>, at: Option<&Timestamp>) -> Txn<Registers> {
        let mut done = Vec::with_capacity(txn.len());
        for MicroOp(kind, key, argument) in txn {
            let value = match kind {
                Registers::Read => self.read(key),
                Registers::Write => {
                    let at = at.expect("a transaction that writes has a timestamp").clone();
                    let (key, value) = (key.clone(), argument.clone());
                    self.put(Written { key, value, at });
                    argument.clone()
                }
            };
            done.push(MicroOp(*kind, key.clone(), value));
        }
        done
    }

    /// What a register holds: null when it was never written.
    pub fn read(&self, key: &Json) -> Json {
        self.registers.get(key.as_str()).map(|written| written.value.clone()).unwrap_or_default()
    }

    /// Takes a write, unless the register holds a later one. True when it did.
    fn put(&mut self, new: Written) -> bool {
        let place = place(&new.key);
        if let Some(old) = self.registers.get(&place) {
            // Equal when a transaction writes a register twice: its last write counts.
            if old.at > new.at {
                return false;
            }
            let Timestamp(counter, writer) = old.at.clone();
            self.by_writer.remove(&(writer, counter, place.clone()));
        }
        let Timestamp(counter, writer) = new.at.clone();
        self.by_writer.insert((writer, counter, place.clone()));
        self.registers.insert(place, new);
        true
    }

    /// What the transaction with this timestamp has written and nobody has overwritten.
    fn written_at(&self, Timestamp(counter, writer): &Timestamp) -> Vec<Written> {
        self.written_by(writer, *counter..=*counter).collect()
    }

    fn written_by(
        &self,
        writer: &Incarnation,
        counters: std::ops::RangeInclusive<u64>,
    ) -> impl Iterator<Item = Written> {
        let start = (writer.clone(), *counters.start(), String::new());
        let end = (writer.clone(), counters.end() + 1, String::new());
        self.by_writer.range(start..end).map(|(.., place)| self.registers[place].clone())
    }

    /// What somebody who has `since` lacks.
    pub fn delta(&self, since: &VersionVector) -> Delta {
        let mut change = Change::default();
        for (writer, count) in self.have.iter() {
            let known = since.get(writer);
            if known < count {
                change.have.raise(writer, count);
                change.writes.extend(self.written_by(writer, known + 1..=count));
            }
        }
        Delta { since: since.clone(), change }
    }

    /// The whole state: the change that makes it out of nothing.
    pub fn snapshot(&self) -> Change {
        self.delta(&VersionVector::default()).change
    }

    /// Takes in what another replica has. Gives the change that this makes here, if any, which
    /// must be durable before anybody is told of it. A delta for somebody who has more than
    /// this replica has no effect: the sender has to look at [`Replica::have`] again.
    ///
    /// # Errors
    /// When no replica can have made this delta.
    pub fn merge(&mut self, delta: Delta) -> Result<Option<Change>, Error> {
        let Delta { since, change } = delta;
        if !self.have.covers(&since) {
            return Ok(None);
        }
        let is_sound = |written: &Written| {
            let Timestamp(counter, writer) = &written.at;
            *counter <= change.have.get(writer)
        };
        if !change.writes.iter().all(is_sound) {
            return Err(Error::malformed_request("a write is of a transaction not named in have"));
        }
        if change.have.iter().any(|(_, counter)| counter >= COUNTER_END) {
            return Err(Error::malformed_request("a counter is beyond the last timestamp"));
        }
        if self.have.covers(&change.have) {
            return Ok(None);
        }
        Ok(Some(self.apply(change)))
    }

    /// Joins a change to the state, and gives what of it was new.
    ///
    /// For a change that this replica's storage kept, or one that [`merge`](Replica::merge) has
    /// looked at.
    pub fn apply(&mut self, change: Change) -> Change {
        let mut news = Change { have: change.have, writes: Vec::new() };
        for written in change.writes {
            if self.put(written.clone()) {
                news.writes.push(written);
            }
        }
        for (_, counter) in news.have.iter() {
            self.clock = self.clock.max(counter);
        }
        self.have.join(&news.have);
        news
    }
}

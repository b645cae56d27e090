//! The states of registers: a register's state is the version that was last written to it.

use super::scratch::Scratch;
use super::tables::{NONE, Tables, number};
use super::transaction::{Action, MicroOp, States, Transactions};
use crate::edn::Edn;
use crate::history::{Cursor, OpType};

/// The state of a register that nobody has written yet. It reads as `nil`.
pub const INITIAL: u32 = NONE - 1;

/// Registers need no table of their own: states are versions.
#[derive(Default)]
pub struct Registers;

impl States for Registers {
    const WRITE: &'static str = "w";
    const HAS_NUMBERS: bool = true;

    fn read(&mut self, tables: &mut Tables, key: u32, value: &mut Cursor) -> Result<u32, String> {
        let atom = tables.atoms.read(value);
        Ok(tables.version(key, atom))
    }

    fn initial(&mut self, _key: u32) -> u32 {
        INITIAL
    }

    fn edn(&self, tables: &Tables, state: u32) -> Edn {
        if state == INITIAL { Edn::Nil } else { tables.version_edn(state) }
    }
}

/// The committed transaction that left a state to others.
pub fn writer(txns: &Transactions, state: u32) -> Option<u32> {
    if state == INITIAL {
        return None;
    }
    let version = txns.tables.versions[state as usize];
    let is_left = version.writer != NONE
        && !version.is_superseded
        && txns.get(version.writer).outcome == OpType::Ok;
    is_left.then_some(version.writer)
}

/// What a transaction shows of a key from the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The transaction.
    pub txn: u32,
    /// The key.
    pub key: u32,
    /// What it read before it wrote the key; [`NONE`] if it did not, or is not known to have
    /// committed, and so to have read what it says.
    pub read: u32,
    /// What it wrote last; [`NONE`] if it wrote nothing.
    pub written: u32,
}

/// What all transactions that did not fail show of their keys, by transaction and then in the
/// order in which they first come to a key. What they read and wrote in between is their own
/// business, and other anomalies'.
pub fn accesses(txns: &Transactions) -> Vec<Access> {
    let mut all: Vec<Access> = Vec::new();
    let mut places = Scratch::new(txns.tables.keys.len(), NONE);
    for txn in txns.possible() {
        places.clear();
        let is_committed = txns.get(txn).outcome == OpType::Ok;
        for &MicroOp { action, key, value, .. } in txns.micro_ops(txn) {
            let place = places.at(key);
            if *place == NONE {
                *place = number(all.len());
                let read = if is_committed && action == Action::Read { value } else { NONE };
                all.push(Access { txn, key, read, written: NONE });
            }
            if action == Action::Write {
                all[*place as usize].written = value;
            }
        }
    }
    all
}

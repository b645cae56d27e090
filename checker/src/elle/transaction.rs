//! Transactions in flat arrays.
//!
//! A history of a million transactions is too large to walk as a tree of values, so it is taken
//! in operation by operation and kept as numbers: keys, versions and states are places in
//! tables, and all micro-operations lie in one array. What the checkers print is put together
//! again from the numbers.
//!
//! What is odd about a history is settled here, once. An invocation without a completion is
//! `info`; a completion without an invocation may have begun at any time; what no checker could
//! make sense of (a value that is no transaction, one value written twice to a key) is a
//! [`Problem`], and the verdict is unknown.

use std::collections::BTreeMap;

use super::records::{Record, Records};
use super::tables::{NONE, Tables, number};
use crate::edn::Edn;
use crate::history::{Cursor, Entry, Head, OpType, ProcessId, record_of};

/// An order of transactions that is none.
fn malformed_order(index: usize, order: &Edn) -> Problem {
    let message = format!("The :transaction-order of operation {index} is {order}, no integer");
    Problem { kind: "malformed-transaction-order", message }
}

/// What a micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `[:r key value]`
    Read,
    /// `[:append key element]` or `[:w key value]`
    Write,
}

/// A part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroOp {
    /// Whether it reads or writes.
    pub action: Action,
    /// Which key, by its place in the table of keys.
    pub key: u32,
    /// The version that it writes; or the state that it saw, as the workload numbers states,
    /// [`NONE`] when nobody knows what it saw.
    pub value: u32,
    /// Whether it read `nil`.
    pub is_nil: bool,
}

/// A state of a key, and the number that the database gave it: `[:r key value number]`. Of two
/// states the one with the higher number is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numbered {
    /// The key.
    pub key: u32,
    /// The database's number.
    pub number: i64,
    /// What was written or read.
    pub state: u32,
    /// The transaction that was told so.
    pub txn: u32,
    /// Whether it was told so as it read.
    is_read: bool,
}

/// A transaction, without its micro-operations.
#[derive(Clone, Copy, Debug)]
pub struct Transaction {
    /// How it ended.
    pub outcome: OpType,
    /// The process that ran it.
    pub process: i64,
    /// Where it begins among the entries of the history; `None` when that is not recorded.
    pub begin: Option<u32>,
    /// Where it ends; `None` when it never does.
    pub end: Option<u32>,
}

/// The same in fewer bytes.
struct Row {
    outcome: OpType,
    process: i64,
    /// [`NONE`] stands for nowhere here.
    begin: u32,
    end: u32,
    first_micro_op: u32,
}

/// Why a history cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is, as a keyword's name.
    pub kind: &'static str,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// What differs between the two workloads while a history is read.
pub trait States: Default {
    /// The name of the micro-operation that writes.
    const WRITE: &'static str;
    /// Whether a micro-operation may have the number of a version as a fourth part. A list shows
    /// the order of its versions itself.
    const HAS_NUMBERS: bool;

    /// The number of the state that a read saw, for a value that is not `nil`. The value is passed
    /// over.
    ///
    /// # Errors
    /// When the value is none that a read can return, what it should have been.
    fn read(&mut self, tables: &mut Tables, key: u32, value: &mut Cursor) -> Result<u32, String>;

    /// The number of the initial state of a key, which reads as `nil`.
    fn initial(&mut self, key: u32) -> u32;

    /// Gives memory back once the whole history was read.
    fn finish(&mut self) {}

    /// A state as it is printed.
    fn edn(&self, tables: &Tables, state: u32) -> Edn;
}

/// The transactions of a history. Their numbers follow the order of their completions.
#[derive(Default)]
pub struct Transactions {
    /// The values that occur in them.
    pub tables: Tables,
    /// The places of transactions in the database's own order, where it told them.
    pub orders: BTreeMap<u32, i64>,
    /// The versions that the database numbered itself, ordered.
    pub numbered: Vec<Numbered>,
    all: Vec<Row>,
    records: Records,
    micro_ops: Vec<MicroOp>,
}

impl Transactions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds one whose micro-operations somebody else knows, after those that ended before it.
    pub fn push(&mut self, txn: Transaction, record: Record) {
        let Transaction { outcome, process, begin, end } = txn;
        let (begin, end) = (begin.unwrap_or(NONE), end.unwrap_or(NONE));
        let first_micro_op = number(self.micro_ops.len());
        self.all.push(Row { outcome, process, begin, end, first_micro_op });
        self.records.push(record);
    }

    /// The transaction with this number.
    pub fn get(&self, number: u32) -> Transaction {
        let Row { outcome, process, begin, end, .. } = self.all[number as usize];
        let place = |position: u32| (position != NONE).then_some(position);
        Transaction { outcome, process, begin: place(begin), end: place(end) }
    }

    /// What the history says of it besides.
    pub fn record(&self, number: u32) -> Record {
        self.records.get(number)
    }

    /// The micro-operations of a transaction, in order.
    pub fn micro_ops(&self, number: u32) -> &[MicroOp] {
        let start = self.all[number as usize].first_micro_op as usize;
        let next = self.all.get(number as usize + 1);
        let end = next.map_or(self.micro_ops.len(), |next| next.first_micro_op as usize);
        &self.micro_ops[start..end]
    }

    /// The numbers of all transactions.
    pub fn numbers(&self) -> std::ops::Range<u32> {
        0..number(self.all.len())
    }

    /// The numbers of those that certainly happened.
    pub fn committed(&self) -> impl Iterator<Item = u32> + '_ {
        self.numbers().filter(|&txn| self.get(txn).outcome == OpType::Ok)
    }

    /// The numbers of those that did not certainly fail.
    pub fn possible(&self) -> impl Iterator<Item = u32> + '_ {
        self.numbers().filter(|&txn| self.get(txn).outcome != OpType::Fail)
    }

    /// Who wrote a version, unless that transaction certainly failed.
    pub fn possible_writer(&self, version: u32) -> Option<u32> {
        let writer = self.tables.writer(version);
        (writer != NONE && self.get(writer).outcome != OpType::Fail).then_some(writer)
    }

    /// A micro-operation as it is printed.
    pub fn micro_op_edn<S: States>(&self, states: &S, op: &MicroOp) -> Edn {
        let (name, value) = match (op.action, op.value) {
            (Action::Write, version) => (S::WRITE, self.tables.version_edn(version)),
            (Action::Read, _) if op.is_nil || op.value == NONE => ("r", Edn::Nil),
            (Action::Read, state) => ("r", states.edn(&self.tables, state)),
        };
        Edn::Vector(vec![Edn::keyword(name), self.tables.key_edn(op.key), value])
    }

    /// A transaction as it is printed: its completion, as it stands in a history.
    pub fn edn<S: States>(&self, states: &S, txn: u32) -> Edn {
        let ops = self.micro_ops(txn).iter().map(|op| self.micro_op_edn(states, op)).collect();
        let (record, txn) = (self.record(txn), self.get(txn));
        record_of(Edn::map([
            ("index", Edn::from(record.indices.1)),
            ("time", Edn::Int(record.times.1)),
            ("type", Edn::keyword(txn.outcome.name())),
            ("process", Edn::Int(txn.process)),
            ("f", Edn::keyword("txn")),
            ("value", Edn::Vector(ops)),
        ]))
    }
}

/// Takes in a history, operation by operation.
pub struct Recorder<S> {
    txns: Transactions,
    states: S,
    position: u32,
    open: BTreeMap<i64, Open>,
    /// Which transaction wrote each key last, while one transaction is recorded.
    written_by: Vec<u32>,
    problem: Option<Problem>,
}

/// An invocation that has no completion yet.
struct Open {
    position: u32,
    index: usize,
    time: i64,
    micro_ops: Vec<MicroOp>,
}

impl<S: States> Default for Recorder<S> {
    fn default() -> Recorder<S> {
        Recorder {
            txns: Transactions::default(),
            states: S::default(),
            position: 0,
            open: BTreeMap::new(),
            written_by: Vec::new(),
            problem: None,
        }
    }
}

impl<S: States> Recorder<S> {
    /// Whether an entry has a form that no transaction has.
    pub fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    /// Takes in the next entry of the history.
    pub fn push(&mut self, entry: &Entry) {
        if self.problem.is_none()
            && let ProcessId::Client(process) = entry.head.process
            && let Err(problem) = self.take(process, entry)
        {
            self.problem = Some(problem);
        }
        self.position += 1;
    }

    /// The transactions, when the history has come to its end.
    ///
    /// # Errors
    /// When the history cannot be judged.
    pub fn finish(mut self) -> Result<(Transactions, S), Problem> {
        for (process, open) in std::mem::take(&mut self.open) {
            if self.problem.is_some() {
                break;
            }
            let txn = Transaction {
                outcome: OpType::Info,
                process,
                begin: Some(open.position),
                end: None,
            };
            let record = Record { indices: (open.index, open.index), times: (open.time, -1) };
            self.problem = self.record(txn, record, &open.micro_ops).err();
        }
        self.txns.tables.finish();
        self.states.finish();
        // What a transaction reads of its own writes may have no number of its own before the end.
        let versions = &self.txns.tables.versions;
        let is_own =
            |it: &Numbered| versions.get(it.state as usize).is_some_and(|v| v.writer == it.txn);
        self.txns.numbered.retain(|it| !(it.is_read && is_own(it)));
        self.txns.numbered.sort_unstable();
        self.txns.numbered.dedup_by_key(|version| (version.key, version.number, version.state));
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok((self.txns, self.states)),
        }
    }

    fn take(&mut self, process: i64, entry: &Entry) -> Result<(), Problem> {
        let Head { kind, index, time, .. } = entry.head;
        if kind == OpType::Invoke {
            let micro_ops = self.micro_ops(entry)?.unwrap_or_default();
            let open = Open { position: self.position, index, time, micro_ops };
            return match self.open.insert(process, open) {
                None => Ok(()),
                Some(_) => Err(Problem {
                    kind: "overlapping-operations",
                    message: format!(
                        "process {process} begins operation {index} before its last one has ended"
                    ),
                }),
            };
        }
        let open = self.open.remove(&process);
        let completed = self.micro_ops(entry)?;
        let invoked = open.as_ref().map(|open| &open.micro_ops[..]);
        let micro_ops = match (&completed, kind) {
            (Some(completed), _) => completed,
            (None, OpType::Ok) => return Err(malformed(entry)),
            (None, _) => invoked.unwrap_or_default(),
        };
        let txn = Transaction {
            outcome: kind,
            process,
            begin: open.as_ref().map(|open| open.position),
            end: Some(self.position),
        };
        let record = Record {
            indices: (open.as_ref().map_or(index, |open| open.index), index),
            times: (open.as_ref().map_or(-1, |open| open.time), time),
        };
        if entry.has_extras
            && let Some(order) = entry.extra("transaction-order")
        {
            let order = order.as_i64().ok_or_else(|| malformed_order(index, &order))?;
            self.txns.orders.insert(number(self.txns.all.len()), order);
        }
        self.record(txn, record, micro_ops)
    }

    fn record(
        &mut self,
        txn: Transaction,
        record: Record,
        micro_ops: &[MicroOp],
    ) -> Result<(), Problem> {
        let txn_number = number(self.txns.all.len());
        self.txns.push(txn, record);
        self.txns.micro_ops.extend_from_slice(micro_ops);
        self.written_by.resize(self.txns.tables.keys.len(), NONE);
        // Backwards, so that the last write of each key comes first.
        for write in micro_ops.iter().rev().filter(|op| op.action == Action::Write) {
            let version = &mut self.txns.tables.versions[write.value as usize];
            if version.writer != NONE {
                let first = version.writer;
                return Err(self.written_twice(write, first, txn_number));
            }
            version.writer = txn_number;
            let by = &mut self.written_by[write.key as usize];
            version.is_superseded = *by == txn_number;
            *by = txn_number;
        }
        Ok(())
    }

    fn written_twice(&self, write: &MicroOp, first: u32, second: u32) -> Problem {
        let (tables, index) = (&self.txns.tables, |txn| self.txns.record(txn).indices.1);
        let kind = if S::WRITE == "append" { "duplicate-appends" } else { "duplicate-writes" };
        let what = if S::WRITE == "append" { "appended" } else { "written" };
        let (value, key) = (tables.version_edn(write.value), tables.key_edn(write.key));
        let message = format!(
            "{value} is {what} to key {key} twice, by operations {} and {}; what a read saw \
             can only be told when each value is {what} once",
            index(first),
            index(second)
        );
        Problem { kind, message }
    }

    /// The micro-operations of an entry; `None` when its value is `nil` or no list at all, as
    /// the completion of an operation that went wrong may be.
    fn micro_ops(&mut self, entry: &Entry) -> Result<Option<Vec<MicroOp>>, Problem> {
        let mut items = entry.cursor();
        let Some(count) = items.collection() else {
            let is_needed = matches!(entry.head.kind, OpType::Invoke | OpType::Ok);
            return if is_needed { Err(malformed(entry)) } else { Ok(None) };
        };
        let mut micro_ops = Vec::with_capacity(count);
        for _ in 0..count {
            micro_ops.push(self.micro_op(entry, &mut items)?);
        }
        Ok(Some(micro_ops))
    }

    /// The micro-operation that comes next.
    fn micro_op(&mut self, entry: &Entry, cursor: &mut Cursor) -> Result<MicroOp, Problem> {
        let (item, index) = (*cursor, entry.head.index);
        let (has_value, has_number) = match cursor.collection() {
            Some(4) if S::HAS_NUMBERS => (true, true),
            Some(3) => (true, false),
            Some(2) => (false, false),
            _ => return Err(malformed(entry)),
        };
        let name = cursor.word().unwrap_or_default();
        let is_read = name == "r";
        let unexpected = || Problem {
            kind: "unexpected-txn-micro-op-types",
            message: format!(
                "operation {index} contains {}; this workload knows only [:r key value] and \
                 [:{} key value], whose value is not nil",
                item.peek(),
                S::WRITE
            ),
        };
        if !is_read && name != S::WRITE {
            return Err(unexpected());
        }
        let tables = &mut self.txns.tables;
        let atom = tables.atoms.read(cursor);
        let key = tables.key(atom);
        let is_nil = !has_value || cursor.skip_nil();
        if !is_read {
            if is_nil {
                return Err(unexpected());
            }
            let atom = tables.atoms.read(cursor);
            let value = tables.version(key, atom);
            let write = MicroOp { action: Action::Write, key, value, is_nil };
            return self.numbered(write, has_number, entry, cursor);
        }
        let value = match (entry.head.kind, is_nil) {
            (OpType::Ok, true) => self.states.initial(key),
            // Nobody knows what an operation saw that was not seen to succeed; its `nil` is the
            // client's, not the database's.
            (OpType::Invoke | OpType::Fail | OpType::Info, true) => NONE,
            (OpType::Invoke | OpType::Fail, false) => {
                cursor.skip();
                NONE
            }
            (OpType::Ok | OpType::Info, false) => {
                self.states.read(tables, key, cursor).map_err(|expected| Problem {
                    kind: "malformed-read",
                    message: format!(
                        "operation {index} reads {}, but a read returns {expected}",
                        item.peek()
                    ),
                })?
            }
        };
        let read = MicroOp { action: Action::Read, key, value, is_nil };
        self.numbered(read, has_number, entry, cursor)
    }

    /// Takes in the number of a micro-operation's version, which comes next if there is one.
    fn numbered(
        &mut self,
        op: MicroOp,
        has_number: bool,
        entry: &Entry,
        cursor: &mut Cursor,
    ) -> Result<MicroOp, Problem> {
        if !has_number || cursor.skip_nil() {
            return Ok(op);
        }
        let number = cursor.integer().ok_or_else(|| malformed_number(entry, *cursor))?;
        // Nobody knows what was read by a transaction that is not known to have committed.
        let is_known = match entry.head.kind {
            OpType::Ok => true,
            OpType::Info => op.action == Action::Write,
            OpType::Invoke | OpType::Fail => false,
        };
        if is_known {
            let txn = self.txns.numbers().end;
            let MicroOp { key, value: state, .. } = op;
            let is_read = op.action == Action::Read;
            self.txns.numbered.push(Numbered { key, number, state, txn, is_read });
        }
        Ok(op)
    }
}

fn malformed_number(entry: &Entry, number: Cursor) -> Problem {
    let message = format!(
        "operation {} gives {} as the number of a version, which is an integer",
        entry.head.index,
        number.peek()
    );
    Problem { kind: "malformed-version-number", message }
}

fn malformed(entry: &Entry) -> Problem {
    let Head { index, process, .. } = entry.head;
    let message = format!(
        "operation {index} of process {process} is not a list of micro-operations [f key value]: \
         {}",
        entry.value()
    );
    Problem { kind: "malformed-transaction", message }
}

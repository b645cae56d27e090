//! A small database in memory, of a chosen isolation level, and the history of its clients.

use std::collections::BTreeMap;

use checker::edn::Edn;
use checker::history::{History, Op, OpType, ProcessId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What transactions work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// `append` and `r`.
    Lists,
    /// `w` and `r`.
    Registers,
}

/// How far transactions are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One after the other, each at some point while it runs.
    Serial,
    /// The same, but those that only read see a state of some time ago.
    StaleSerial,
    /// From a snapshot, and the first who writes a key wins.
    Snapshot,
    /// Reads see the latest commit, writes appear at the end, unless somebody else wrote the
    /// key in between.
    ReadCommitted,
    /// Every write appears at once.
    ReadUncommitted,
}

impl Level {
    /// All of them.
    pub const ALL: [Level; 5] = [
        Level::Serial,
        Level::StaleSerial,
        Level::Snapshot,
        Level::ReadCommitted,
        Level::ReadUncommitted,
    ];

    /// A model that it keeps to, if there is any.
    pub fn model(self) -> Option<&'static str> {
        match self {
            Level::Serial => Some("strict-serializable"),
            Level::StaleSerial => Some("serializable"),
            Level::Snapshot => Some("strong-snapshot-isolation"),
            Level::ReadCommitted => Some("strong-read-committed"),
            // Two transactions may each write a key after the other.
            Level::ReadUncommitted => None,
        }
    }
}

/// The values of each key, the first one first.
pub type State = BTreeMap<i64, Vec<i64>>;

/// A transaction while it runs: its requests, of which some have been done.
struct Running {
    requests: Vec<(bool, i64, i64)>,
    done: Vec<Edn>,
    snapshot: usize,
    writes: Vec<(i64, i64)>,
    /// What the keys that it wrote were when it first did.
    overwritten: State,
    fate: OpType,
}

/// Runs so many transactions in so many processes; one more reads all keys when all others are
/// done.
pub fn run(
    rng: &mut ChaCha8Rng,
    workload: Workload,
    level: Level,
    transactions: usize,
    processes: usize,
    may_fail: bool,
) -> History {
    run_and_look_inside(rng, workload, level, transactions, processes, may_fail).0
}

/// The same, and what the database alone knows: the values of each key in their order.
pub fn run_and_look_inside(
    rng: &mut ChaCha8Rng,
    workload: Workload,
    level: Level,
    transactions: usize,
    processes: usize,
    may_fail: bool,
) -> (History, State) {
    let mut database = Database {
        workload,
        level,
        states: vec![State::new()],
        history: History::default(),
        next_value: 1,
    };
    let mut running: Vec<Option<Running>> = (0..processes).map(|_| None).collect();
    let mut names: Vec<i64> = (0..processes as i64).collect();
    let mut started = 0;
    while started < transactions || running.iter().any(Option::is_some) {
        let thread = rng.random_range(0..processes);
        match running[thread].take() {
            None if started < transactions => {
                started += 1;
                let txn = database.begin(rng, may_fail);
                database.record(names[thread], OpType::Invoke, requested(workload, &txn.requests));
                running[thread] = Some(txn);
            }
            None => {}
            Some(txn) if txn.done.len() < txn.requests.len() => {
                running[thread] = Some(database.step(rng, txn));
            }
            Some(txn) => {
                let requests = requested(workload, &txn.requests);
                let (kind, done) = database.finish(txn);
                let value = if kind == OpType::Ok { done } else { requests };
                database.record(names[thread], kind, value);
                if kind == OpType::Info {
                    names[thread] += processes as i64;
                }
            }
        }
    }
    database.read_everything(names[0]);
    let state = database.latest().clone();
    (database.history, state)
}

const KEYS: i64 = 2;

struct Database {
    workload: Workload,
    level: Level,
    /// Every committed state, the latest last.
    states: Vec<State>,
    history: History,
    next_value: i64,
}

impl Database {
    fn begin(&mut self, rng: &mut ChaCha8Rng, may_fail: bool) -> Running {
        let requests = (0..rng.random_range(1..4)).map(|_| {
            let is_write = rng.random();
            self.next_value += i64::from(is_write);
            (is_write, rng.random_range(0..KEYS), self.next_value)
        });
        let requests: Vec<_> = requests.collect();
        let fate = match rng.random_range(0..10) {
            0 if may_fail => OpType::Fail,
            1 if may_fail => OpType::Info,
            _ => OpType::Ok,
        };
        // Aborts are only taken back where writes wait for the end.
        let fate = if self.level == Level::ReadUncommitted { OpType::Ok } else { fate };
        Running {
            requests,
            done: Vec::new(),
            snapshot: self.states.len() - 1,
            writes: Vec::new(),
            overwritten: State::new(),
            fate,
        }
    }

    fn step(&mut self, rng: &mut ChaCha8Rng, mut txn: Running) -> Running {
        let is_serial = matches!(self.level, Level::Serial | Level::StaleSerial);
        if txn.done.is_empty() {
            txn.snapshot = self.states.len() - 1;
            let only_reads = txn.requests.iter().all(|(is_write, ..)| !is_write);
            if self.level == Level::StaleSerial && only_reads {
                txn.snapshot -= rng.random_range(0..=txn.snapshot.min(3));
            }
        }
        loop {
            let (is_write, key, value) = txn.requests[txn.done.len()];
            if !is_write {
                let seen = self.seen(&txn, key);
                txn.done.push(micro_op("r", key, seen));
            } else {
                txn.done.push(micro_op(self.write_name(), key, Edn::Int(value)));
                let now = self.latest().get(&key).cloned().unwrap_or_default();
                txn.overwritten.entry(key).or_insert(now);
                txn.writes.push((key, value));
                if self.level == Level::ReadUncommitted {
                    self.commit(&txn.writes[txn.writes.len() - 1..]);
                }
            }
            if !is_serial || txn.done.len() == txn.requests.len() {
                break;
            }
        }
        if is_serial && txn.fate != OpType::Fail {
            let writes = std::mem::take(&mut txn.writes);
            self.commit(&writes);
        }
        txn
    }

    fn seen(&self, txn: &Running, key: i64) -> Edn {
        let is_snapshot = !matches!(self.level, Level::ReadCommitted | Level::ReadUncommitted);
        let base = if is_snapshot { txn.snapshot } else { self.states.len() - 1 };
        let mut values = self.states[base].get(&key).cloned().unwrap_or_default();
        if self.level != Level::ReadUncommitted {
            values.extend(txn.writes.iter().filter(|(k, _)| *k == key).map(|(_, value)| *value));
        }
        match self.workload {
            _ if values.is_empty() => Edn::Nil,
            Workload::Lists => Edn::from(values),
            Workload::Registers => Edn::from(values.last().copied()),
        }
    }

    fn finish(&mut self, txn: Running) -> (OpType, Edn) {
        let mut fate = txn.fate;
        let has_changed = |key: &i64| match self.level {
            Level::Snapshot => self.states[txn.snapshot].get(key) != self.latest().get(key),
            Level::ReadCommitted => {
                txn.overwritten[key] != self.latest().get(key).cloned().unwrap_or_default()
            }
            _ => false,
        };
        if txn.writes.iter().any(|(key, _)| has_changed(key)) {
            fate = OpType::Fail;
        }
        let writes_now = matches!(self.level, Level::Snapshot | Level::ReadCommitted);
        if writes_now && fate != OpType::Fail {
            self.commit(&txn.writes);
        }
        (fate, Edn::Vector(txn.done))
    }

    fn latest(&self) -> &State {
        &self.states[self.states.len() - 1]
    }

    fn commit(&mut self, writes: &[(i64, i64)]) {
        if writes.is_empty() {
            return;
        }
        let mut state = self.latest().clone();
        for (key, value) in writes {
            state.entry(*key).or_default().push(*value);
        }
        self.states.push(state);
    }

    fn read_everything(&mut self, process: i64) {
        let nothing = |key| micro_op("r", key, Edn::Nil);
        self.record(process, OpType::Invoke, Edn::Vector((0..KEYS).map(nothing).collect()));
        let snapshot = self.states.len() - 1;
        let (requests, done, writes) = (Vec::new(), Vec::new(), Vec::new());
        let (overwritten, fate) = (State::new(), OpType::Ok);
        let txn = Running { requests, done, snapshot, writes, overwritten, fate };
        let reads = (0..KEYS).map(|key| micro_op("r", key, self.seen(&txn, key))).collect();
        self.record(process, OpType::Ok, Edn::Vector(reads));
    }

    fn write_name(&self) -> &'static str {
        match self.workload {
            Workload::Lists => "append",
            Workload::Registers => "w",
        }
    }

    fn record(&mut self, process: i64, kind: OpType, value: Edn) {
        let index = self.history.ops.len();
        let (time, process) = (index as i64, ProcessId::Client(process));
        let (f, extra) = ("txn".into(), Vec::new());
        self.history.ops.push(Op { index, time, kind, process, f, value, extra });
    }
}

fn requested(workload: Workload, requests: &[(bool, i64, i64)]) -> Edn {
    let write = if workload == Workload::Lists { "append" } else { "w" };
    let micro_ops = requests.iter().map(|(is_write, key, value)| match is_write {
        true => micro_op(write, *key, Edn::Int(*value)),
        false => micro_op("r", *key, Edn::Nil),
    });
    Edn::Vector(micro_ops.collect())
}

fn micro_op(f: &str, key: i64, value: Edn) -> Edn {
    Edn::Vector(vec![Edn::keyword(f), Edn::Int(key), value])
}

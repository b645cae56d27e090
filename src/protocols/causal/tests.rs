//! Random transactions in a simulated network with every fault, against the obvious slow store:
//! the list of all transactions.

use std::time::Duration;

use rand::{RngExt, SeedableRng};

use super::*;
use crate::protocols::core::RequestId;
use crate::protocols::simulator::{Faults, Simulator};

const LATENCY: Duration = Duration::from_millis(20);

/// A transaction that was done, and what its node had before it.
struct Done {
    id: RequestId,
    at: Timestamp,
    writes: BTreeMap<Json, Json>,
    causes: VersionVector,
}

struct World {
    network: Simulator<CausalStore>,
    done: Vec<Done>,
    /// What each request should be replied.
    expected: BTreeMap<RequestId, Txn<Registers>>,
    replies: usize,
}

fn network(size: usize, seed: u64) -> Simulator<CausalStore> {
    Simulator::new(size, seed, Faults::none(LATENCY), |start| {
        CausalStore::new(start.node, start.nodes, start.records, start.now, start.rng)
    })
}

impl World {
    fn new(seed: u64) -> World {
        let mut network = network([1, 2, 3, 5][seed as usize % 4], seed);
        network.memory_only = seed.is_multiple_of(3);
        network.as_json = seed.is_multiple_of(5);
        World { network, done: Vec::new(), expected: BTreeMap::new(), replies: 0 }
    }

    fn transaction(&mut self, rank: usize, number: u64) {
        let rng = &mut self.network.rng;
        let mut txn = Vec::new();
        for place in 0..rng.random_range(1..5_u64) {
            let key = Json::from(rng.random_range(0..8_u64));
            txn.push(match rng.random() {
                true => MicroOp(Registers::Read, key, Json::null()),
                false => MicroOp(Registers::Write, key, Json::from(10 * number + place)),
            });
        }
        let mut registers = self.registers(rank);
        let mut writes = BTreeMap::new();
        let mut expected = txn.clone();
        for MicroOp(kind, key, value) in &mut expected {
            if *kind == Registers::Write {
                registers.insert(key.clone(), value.clone());
                writes.insert(key.clone(), value.clone());
            } else {
                *value = registers.get(key).cloned().unwrap_or_default();
            }
        }
        let store = self.network.core(rank).unwrap();
        let (me, causes) = (store.exchange.incarnation().clone(), store.state().have.clone());
        let id = self.network.request(rank, txn);
        self.expected.insert(id, expected);
        // A write to the disk may have ended the life in which it was done.
        let Some(store) = self.network.core(rank).filter(|_| !writes.is_empty()) else { return };
        let at = Timestamp(store.state().have.get(&me), me);
        self.done.push(Done { id, at, writes, causes });
    }

    /// The registers that the transactions that a node has give.
    fn registers(&self, rank: usize) -> BTreeMap<Json, Json> {
        let state = self.network.core(rank).unwrap().state();
        let covers = |Timestamp(counter, writer): &Timestamp| *counter <= state.have.get(writer);
        let mut has: Vec<&Done> = self.done.iter().filter(|done| covers(&done.at)).collect();
        has.sort_by_key(|done| &done.at);
        has.into_iter().flat_map(|done| done.writes.clone()).collect()
    }

    /// The rule of the module's introduction, and causality.
    fn check(&mut self, rank: usize) {
        let Some(store) = self.network.core(rank) else { return };
        // What was done here in an earlier life and never became durable has not happened.
        let (me, have) = (store.exchange.incarnation(), store.state().have.clone());
        self.done.retain(|done| done.at.1 != *me || done.at.0 <= have.get(me));
        let state = store.state();
        let held = state.registers.iter().map(|(key, (value, _))| (key.clone(), value.clone()));
        assert_eq!(held.collect::<BTreeMap<_, _>>(), self.registers(rank));
        for Done { at: Timestamp(counter, writer), causes, .. } in &self.done {
            if *counter <= state.have.get(writer) {
                assert!(state.have.covers(causes), "an effect without its cause");
            }
        }
        drop(state);
        for replied in std::mem::take(&mut self.network.replies) {
            assert_eq!(replied.reply.as_ref(), Ok(&self.expected[&replied.id]));
            let writes = replied.reply.is_ok_and(|txn| !is_read_only(&txn));
            let is_there = self.done.iter().any(|done| done.id == replied.id);
            assert!(is_there || !writes, "what was acknowledged is lost");
            self.replies += 1;
        }
    }

    fn run_until(&mut self, end: Time) {
        while let Some(rank) = self.network.advance(end) {
            self.check(rank);
        }
    }

    fn run(&mut self) {
        let size = self.network.nodes.len();
        for step in 0..60 {
            self.run_until(Time::from_millis(step * 50));
            let rank = self.network.rng.random_range(0..size);
            if self.network.is_up(rank) {
                self.transaction(rank, step);
                self.check(rank);
            }
            if self.network.rng.random_bool(0.2) {
                self.network.trouble();
                (0..size).for_each(|rank| self.check(rank));
            }
        }
        self.network.heal(LATENCY);
        self.run_until(self.network.now + Duration::from_secs(20));
        let first = self.network.core(0).unwrap().state().clone();
        for (rank, store) in self.network.cores() {
            assert_eq!(*store.state(), first, "n{rank} differs");
            assert_eq!(store.next_wake(), None, "n{rank} does not fall silent");
        }
    }
}

#[test]
fn a_node_is_the_transactions_it_has_and_all_converge() {
    let mut replies = 0;
    for seed in 0..60 {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.run();
            world.replies
        });
        replies += run.unwrap_or_else(|_| panic!("seed {seed} failed"));
    }
    assert!(replies > 1_000, "only {replies} transactions were replied to");
}

fn execute(network: &mut Simulator<CausalStore>, rank: usize, txn: &str) -> String {
    network.request(rank, serde_json::from_str(txn).unwrap());
    network.flush(rank);
    let replied = network.replies.pop().expect("a reply");
    serde_json::to_string(&replied.reply.unwrap()).unwrap()
}

#[test]
fn a_transaction_reads_its_own_writes_and_the_last_of_them_counts() {
    let mut network = network(1, 0);
    let txn = r#"[["r","x",null],["w","x",1],["w","x",2],["r","x",null]]"#;
    let done = r#"[["r","x",null],["w","x",1],["w","x",2],["r","x",2]]"#;
    assert_eq!(execute(&mut network, 0, txn), done);
    assert_eq!(execute(&mut network, 0, r#"[["r","x",null]]"#), r#"[["r","x",2]]"#);
    let inspected = network.core(0).unwrap().inspect();
    assert_eq!((&inspected["clock"], &inspected["value"]["registers"]), (&json!(1), &json!(1)));
}

#[test]
fn half_of_what_a_node_has_is_not_seen() {
    let mut network = network(2, 0);
    network.run_until(Time::from_millis(1_000));
    network.faults.cut = [(0, 1), (1, 0)].into();
    for number in 0..20 {
        execute(&mut network, 0, &format!(r#"[["w","x{number}",1],["w","y",{number}]]"#));
    }
    network.faults.cut.clear();
    // All of it comes, in several pieces, and at no moment is a part of it seen.
    let mut seen = Vec::new();
    while network.advance(Time::from_millis(30_000)).is_some() {
        seen.push(network.core(1).unwrap().state().registers.len());
    }
    seen.dedup();
    assert_eq!(seen, [0, 21]);
}

#[test]
fn a_delta_that_nobody_can_have_made_is_refused() {
    let nodes = ["n1", "n2"].map(NodeId::from);
    let writer = Incarnation::new(&nodes[1], 1);
    let delta = |have: u64, counter: u64| {
        let mut delta = State::default();
        delta.have.raise(&writer, have);
        let at = Timestamp(counter, writer.clone());
        delta.registers.insert(Json::from(1), (Json::from(2), at));
        delta
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut store = CausalStore::new(&nodes[0], &nodes, vec![], Time::ZERO, &mut rng);
    let me = store.exchange.incarnation().clone();
    for (delta, is_taken) in
        [(delta(1, 2), false), (delta(u64::MAX, 1), false), (delta(COUNTER_END - 1, 1), true)]
    {
        let update = crate::crdt::Update { since: 0, upto: 1, delta: Some(delta), is_last: true };
        let message = Message {
            from: writer.clone(),
            acknowledged: Some(crate::crdt::Mark { of: me.clone(), number: 0 }),
            update: Some(update),
            ask: None,
            answer: None,
            members: None,
        };
        let input = Input::Message { from: nodes[1].clone(), message };
        store.step(Time::ZERO, input, &mut rng);
        assert_eq!(!store.state().registers.is_empty(), is_taken);
    }
    // At the very end of time a node still reads.
    let write = vec![MicroOp(Registers::Write, Json::from(1), Json::from(1))];
    assert!(store.execute(write).0.is_err());
    let read = vec![MicroOp(Registers::Read, Json::from(1), Json::null())];
    assert_eq!(store.execute(read).0.unwrap()[0].2, Json::from(2));
}

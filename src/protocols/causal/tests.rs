//! Random replicas on a random network, against the obvious slow store: the list of all
//! transactions.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::types::{Json, NodeId};

/// A transaction that was done, and what its node had before it.
struct Done {
    at: Timestamp,
    writes: BTreeMap<String, Json>,
    causes: VersionVector,
}

/// A replica and its storage.
struct Node {
    replica: Replica,
    stored: Vec<Change>,
}

struct World {
    rng: ChaCha8Rng,
    nodes: Vec<Node>,
    /// What each node takes each other to have.
    known: BTreeMap<(usize, usize), VersionVector>,
    on_their_way: Vec<(usize, Delta)>,
    done: Vec<Done>,
    incarnations: u64,
}

fn empty_node(number: usize, incarnation: u64) -> Node {
    let name = NodeId::from(format!("n{number}"));
    Node { replica: Replica::new(Incarnation::new(&name, incarnation)), stored: Vec::new() }
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = rng.random_range(2..5);
        World {
            rng,
            nodes: (0..count).map(|number| empty_node(number, 0)).collect(),
            known: BTreeMap::new(),
            on_their_way: Vec::new(),
            done: Vec::new(),
            incarnations: 0,
        }
    }

    fn random_node(&mut self) -> usize {
        self.rng.random_range(0..self.nodes.len())
    }

    fn step(&mut self) {
        let node = self.random_node();
        match self.rng.random_range(0..20) {
            0..8 => self.transaction(node),
            8..13 => self.send(node),
            13..18 if !self.on_their_way.is_empty() => self.deliver(),
            18 => self.restart(node),
            19 if self.rng.random_range(0..10) == 0 => self.lose_memory(node),
            _ => {}
        }
        self.check(node);
    }

    fn transaction(&mut self, node: usize) {
        let value = self.done.len();
        let rng = &mut self.rng;
        let mut txn = Vec::new();
        for number in 0..rng.random_range(1..5) {
            let key = Json::from(rng.random_range(0..4));
            txn.push(match rng.random() {
                true => MicroOp(Registers::Read, key, Json::null()),
                false => MicroOp(
                    Registers::Write,
                    key,
                    Json::array(&[Json::from(value), Json::from(number)]),
                ),
            });
        }
        let expected = self.expected_reads(node, &txn);
        let Node { replica, stored } = &mut self.nodes[node];
        let causes = replica.have().clone();
        let (result, change) = replica.execute(&txn).unwrap();
        assert_eq!(result, expected);
        let Some(change) = change else { return };
        let at = change.writes[0].at.clone();
        let writes = result.iter().filter(|op| op.0 == Registers::Write);
        let writes = writes.map(|op| (op.1.to_string(), op.2.clone())).collect();
        assert!(self.done.iter().all(|done| done.at != at), "{at:?} is used twice");
        self.done.push(Done { at, writes, causes });
        stored.push(change);
    }

    /// The registers that the transactions that a node has give.
    fn expected(&self, node: usize) -> BTreeMap<String, Json> {
        let have = self.nodes[node].replica.have();
        let covers = |Timestamp(counter, writer): &Timestamp| *counter <= have.get(writer);
        let mut has: Vec<&Done> = self.done.iter().filter(|done| covers(&done.at)).collect();
        has.sort_by(|a, b| a.at.cmp(&b.at));
        has.into_iter().flat_map(|done| done.writes.clone()).collect()
    }

    fn expected_reads(&self, node: usize, txn: &Txn<Registers>) -> Txn<Registers> {
        let mut registers = self.expected(node);
        let mut done = txn.clone();
        for MicroOp(kind, key, value) in &mut done {
            match kind {
                Registers::Read => {
                    *value = registers.get(&key.to_string()).cloned().unwrap_or_default();
                }
                Registers::Write => drop(registers.insert(key.to_string(), value.clone())),
            }
        }
        done
    }

    fn send(&mut self, from: usize) {
        let to = self.random_node();
        let since = self.known.entry((from, to)).or_default().clone();
        self.on_their_way.push((to, self.nodes[from].replica.delta(&since)));
        if self.rng.random() {
            // An answer to an earlier message arrives.
            self.known.insert((from, to), self.nodes[to].replica.have().clone());
        }
    }

    /// Delivers any message, and sometimes leaves it there to be delivered again.
    fn deliver(&mut self) {
        let index = self.rng.random_range(0..self.on_their_way.len());
        let (to, delta) = match self.rng.random_range(0..4) {
            0 => self.on_their_way[index].clone(),
            _ => self.on_their_way.swap_remove(index),
        };
        // What comes over the wire is JSON.
        let delta = serde_json::from_str(&serde_json::to_string(&delta).unwrap()).unwrap();
        let Node { replica, stored } = &mut self.nodes[to];
        stored.extend(replica.merge(delta).unwrap());
        self.check(to);
    }

    fn restart(&mut self, node: usize) {
        let Node { replica, stored } = &mut self.nodes[node];
        if self.rng.random() {
            *stored = vec![replica.snapshot()];
        }
        let mut restarted = Replica::new(replica.me.clone());
        for change in stored {
            restarted.apply(change.clone());
        }
        assert_eq!(restarted.clock, replica.clock);
        *replica = restarted;
    }

    /// A node whose storage was in memory starts again: as somebody else.
    fn lose_memory(&mut self, node: usize) {
        self.incarnations += 1;
        self.nodes[node] = empty_node(node, self.incarnations);
    }

    /// The rule of the module's introduction, and causality.
    fn check(&self, node: usize) {
        let replica = &self.nodes[node].replica;
        let registers = replica.registers.iter();
        let registers: BTreeMap<String, Json> =
            registers.map(|(place, written)| (place.clone(), written.value.clone())).collect();
        assert_eq!(registers, self.expected(node));
        assert_eq!(replica.by_writer.len(), replica.registers.len());
        for Done { at: Timestamp(counter, writer), causes, .. } in &self.done {
            if *counter <= replica.have().get(writer) {
                assert!(replica.have().covers(causes), "an effect without its cause");
            }
        }
    }

    /// The network heals, and everybody tells everybody.
    fn converge(&mut self) {
        for from in 0..self.nodes.len() {
            for to in (0..self.nodes.len()).chain(0..self.nodes.len()) {
                let since = self.nodes[to].replica.have().clone();
                let delta = self.nodes[from].replica.delta(&since);
                self.nodes[to].replica.merge(delta).unwrap();
            }
        }
        for from in 0..self.nodes.len() {
            let delta = self.nodes[from].replica.delta(&VersionVector::default());
            self.nodes.iter_mut().for_each(|node| drop(node.replica.merge(delta.clone())));
        }
        let first = self.nodes[0].replica.registers.clone();
        assert!(self.nodes.iter().all(|node| node.replica.registers == first));
        self.check(0);
    }
}

#[test]
fn a_replica_is_the_transactions_it_has_and_all_converge() {
    for seed in 0..300 {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            (0..120).for_each(|_| world.step());
            world.converge();
        });
        run.unwrap_or_else(|_| panic!("seed {seed} failed"));
    }
}

fn transaction(replica: &mut Replica, txn: &str) -> String {
    let txn: Txn<Registers> = serde_json::from_str(txn).unwrap();
    serde_json::to_string(&replica.execute(&txn).unwrap().0).unwrap()
}

#[test]
fn a_part_of_a_transaction_that_was_overwritten_is_not_missed() {
    let mut a = empty_node(1, 0).replica;
    let mut b = empty_node(2, 0).replica;
    transaction(&mut a, r#"[["w","x",1],["w","y",1]]"#);
    transaction(&mut a, r#"[["w","y",2]]"#);
    // Only the x of the first transaction is left, and the y of the second comes with it.
    b.merge(a.delta(b.have())).unwrap();
    assert_eq!(
        transaction(&mut b, r#"[["r","x",null],["r","y",null]]"#),
        r#"[["r","x",1],["r","y",2]]"#
    );
}

#[test]
fn a_delta_for_somebody_else_is_not_taken() {
    let mut a = empty_node(1, 0).replica;
    transaction(&mut a, r#"[["w","x",1],["w","y",1]]"#);
    let since = a.have().clone();
    transaction(&mut a, r#"[["w","y",2]]"#);
    let mut b = empty_node(2, 0).replica;
    assert_eq!(b.merge(a.delta(&since)), Ok(None));
    assert_eq!(b.read(&Json::from("y")), Json::null());
}

#[test]
fn a_delta_that_nobody_can_have_made_is_refused() {
    let writer = Incarnation::new(&NodeId::from("n9"), 1);
    let delta = |have: u64, counter: u64| {
        let mut change = Change::default();
        change.have.raise(&writer, have);
        let at = Timestamp(counter, writer.clone());
        change.writes.push(Written { key: Json::from(1), value: Json::from(2), at });
        Delta { since: VersionVector::default(), change }
    };
    for delta in [delta(1, 2), delta(u64::MAX, 1), delta(u64::MAX, u64::MAX)] {
        let mut replica = empty_node(1, 0).replica;
        assert!(replica.merge(delta).is_err());
        assert_eq!(replica.registers.len(), 0);
        assert_eq!(*replica.have(), VersionVector::default());
    }
    // At the very end of time a node still reads.
    let mut replica = empty_node(1, 0).replica;
    replica.merge(delta(COUNTER_END - 1, 1)).unwrap();
    assert!(
        replica.execute(&vec![MicroOp(Registers::Write, Json::from(1), Json::from(1))]).is_err()
    );
    assert_eq!(transaction(&mut replica, r#"[["r",1,null]]"#), r#"[["r",1,2]]"#);
}

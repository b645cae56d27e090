//! Exercise 7-win: who can win.
//!
//! Figure 7 of the paper shows seven logs. These are the terms of their entries, from entry 1 on:
//!
//! | node | log |
//! |---|---|
//! | n1, the figure's leader | 1 1 1 4 4 5 5 6 6 6 |
//! | n2, its follower (a) | 1 1 1 4 4 5 5 6 6 |
//! | n3 (b) | 1 1 1 4 |
//! | n4 (c) | 1 1 1 4 4 5 5 6 6 6 6 |
//! | n5 (d) | 1 1 1 4 4 5 5 6 6 6 7 7 |
//! | n6 (e) | 1 1 1 4 4 4 4 |
//! | n7 (f) | 1 1 1 2 2 2 3 3 3 3 3 |
//!
//! Nobody leads, and all can reach all. Which of them can win an election, if it alone tries?

use std::collections::VecDeque;

use gyre::raft::{Config, Durable, Entry, HardState, Input, Message, Raft, Term};
use gyre::{NodeId, Time};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Task, answer};

/// The nodes that can win.
pub fn can_win() -> Vec<&'static str> {
    // To do: is it the leader of the figure alone?
    vec!["n1"]
}

/// The answer above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&can_win()))
}

/// The terms of the entries.
const LOGS: [(&str, &[Term]); 7] = [
    ("n1", &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6]),
    ("n2", &[1, 1, 1, 4, 4, 5, 5, 6, 6]),
    ("n3", &[1, 1, 1, 4]),
    ("n4", &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]),
    ("n5", &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]),
    ("n6", &[1, 1, 1, 4, 4, 4, 4]),
    ("n7", &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
];

/// Asks this project's Raft.
pub fn judge(named: &[&str]) -> Result<(), String> {
    for (node, _) in LOGS {
        match (wins(node), named.contains(&node)) {
            (false, true) => return Err(format!("{node} cannot win: too few vote for it")),
            (true, false) => return Err(format!("{node} can win as well, and is not named")),
            _ => {}
        }
    }
    let stranger = named.iter().find(|name| LOGS.iter().all(|(node, _)| node != *name));
    stranger.map_or(Ok(()), |name| Err(format!("there is no node {name}")))
}

/// Whether a node leads after it has tried a few times, while nobody else tries.
fn wins(candidate: &str) -> bool {
    let mut nodes: Vec<Raft<()>> = LOGS.iter().map(|(id, log)| node(id, log)).collect();
    let place = nodes.iter().position(|node| node.id().as_str() == candidate).expect("a node");
    // It may have to hear first which term it is.
    for _ in 0..3 {
        let now = nodes[place].deadline();
        if nodes[place].is_leader() {
            return true;
        }
        nodes[place].step(now, Input::Timeout);
        deliver_all(&mut nodes, now);
    }
    nodes[place].is_leader()
}

fn node(id: &str, log: &[Term]) -> Raft<()> {
    let ids = LOGS.iter().map(|(id, _)| NodeId::from(*id));
    let peers = ids.filter(|peer| peer.as_str() != id).collect();
    let entries = log.iter().map(|&term| Entry::new(term, None)).collect();
    let term = log.last().copied().unwrap_or(0);
    let durable = Durable { state: HardState { term, vote: None }, entries, ..Durable::default() };
    let rng = ChaCha8Rng::seed_from_u64(1);
    Raft::new(Config::new(NodeId::from(id), peers), durable, rng, Time::ZERO)
}

/// Carries messages until nobody has anything to say.
fn deliver_all(nodes: &mut [Raft<()>], now: Time) {
    let mut under_way: VecDeque<(NodeId, NodeId, Message<()>)> = VecDeque::new();
    loop {
        for node in nodes.iter_mut() {
            let output = node.output(&|| unreachable!("no entry is forgotten"));
            let from = node.id().clone();
            let sent = output.messages.into_iter();
            under_way.extend(sent.map(|(to, message)| (from.clone(), to, message)));
        }
        let Some((from, to, message)) = under_way.pop_front() else { return };
        let receiver = nodes.iter_mut().find(|node| *node.id() == to).expect("a node");
        receiver.step(now, Input::Message { from, message });
    }
}

//! What waits is bounded, and what is abandoned is gone: one replica, looked at closely.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::protocols::core::{Core, Input};
use crate::protocols::raft::Config;
use crate::protocols::replicated::StateMachine;
use crate::protocols::replicated::replica::{Operation, Options, Outcome, Replica};
use crate::types::{NodeId, Time};

/// The last text that was written.
#[derive(Clone, Default)]
struct Note(String);

impl StateMachine for Note {
    type Command = String;
    type Reply = ();
    type Part = String;

    fn apply(&mut self, text: &String) {
        self.0.clone_from(text);
    }

    fn parts(&self) -> Box<dyn Iterator<Item = String>> {
        Box::new(std::iter::once(self.0.clone()))
    }

    fn add(&mut self, part: String) {
        self.0 = part;
    }
}

/// A node with so many peers, none of which is ever heard.
fn node(peers: usize) -> (Replica<Note>, ChaCha8Rng) {
    let peers = (1..=peers).map(|number| NodeId::from(format!("n{number}"))).collect();
    let config = Config::new(NodeId::from("n0"), peers);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let replica = Replica::new(Options::default(), config, Vec::new(), Time::ZERO, &mut rng);
    (replica.expect("an empty disk can be read"), rng)
}

/// Runs until `end`, and gives how requests ended, and when.
fn run_until(
    replica: &mut Replica<Note>,
    rng: &mut ChaCha8Rng,
    end: Time,
) -> Vec<(u64, Outcome<()>, Time)> {
    let mut ended = Vec::new();
    while let Some(now) = replica.next_wake().filter(|at| *at <= end) {
        replica.step(now, Input::Wake, rng);
        ended.extend(replica.outputs().reply.into_iter().map(|(id, reply)| (id, reply, now)));
    }
    ended
}

#[test]
fn reads_without_a_leader_leave_nothing_behind() {
    for is_cancelled in [true, false] {
        let (mut replica, mut rng) = node(2);
        for round in 0..4_u64 {
            let now = Time::from_millis(1_000 * round);
            for id in round * 50_000..(round + 1) * 50_000 {
                replica.step(now, Input::Local { id, request: Operation::Read }, &mut rng);
                if is_cancelled {
                    replica.step(now, Input::Cancel { id }, &mut rng);
                }
            }
            let ended = run_until(&mut replica, &mut rng, now + Duration::from_millis(999));
            assert_eq!(ended.len(), if is_cancelled { 0 } else { 50_000 });
            assert!(ended.iter().all(|(_, outcome, _)| *outcome == Outcome::NoLeader));
            assert_eq!(replica.raft().reads_waiting(), 0);
            assert_eq!(replica.inspect()["pending"], 0);
            assert_eq!(replica.inspect()["pending_bytes"], 0);
        }
    }
}

#[test]
fn whoever_asks_for_more_than_there_is_room_for_is_told_at_once() {
    let (mut replica, mut rng) = node(2);
    let limit = Options::default().waiting_bytes_max as usize;
    let text = "x".repeat(1 << 20);
    for id in 0..100 {
        let request = Operation::Command(text.clone());
        replica.step(Time::ZERO, Input::Local { id, request }, &mut rng);
    }
    let told: Vec<_> = replica.outputs().reply;
    assert!(told.iter().all(|(_, outcome)| *outcome == Outcome::Overloaded), "{told:?}");
    let waiting = 100 - told.len();
    assert!(waiting * text.len() <= limit && (waiting + 2) * text.len() > limit, "{waiting}");
    // There is room again when those that waited were told that there is no leader.
    let ended = run_until(&mut replica, &mut rng, Time::from_millis(900));
    assert_eq!(ended.len(), waiting);
    let request = Operation::Command(text);
    replica.step(Time::from_millis(900), Input::Local { id: 100, request }, &mut rng);
    assert!(replica.outputs().reply.is_empty());
}

#[test]
fn a_log_in_memory_is_bounded_in_bytes_not_entries() {
    let (mut replica, mut rng) = node(0);
    run_until(&mut replica, &mut rng, Time::from_millis(900));
    assert!(replica.raft().is_leader());
    for id in 0..20_000 {
        let request = Operation::Command("x".repeat(1_500));
        replica.step(Time::from_millis(900), Input::Local { id, request }, &mut rng);
        let applied = replica.outputs().reply;
        assert_eq!(applied, [(id, Outcome::Applied(()))]);
    }
    let raft = replica.raft();
    let kept = raft.last().index - raft.base().index;
    // 4 MiB, and what the latest step added.
    assert!((2_500..2_800).contains(&kept), "{kept} entries of 1.6 kB are kept");
}

/// Replies to clients are withheld after 4.5 s.
#[test]
fn a_request_is_given_up_while_somebody_still_waits() {
    let (mut replica, mut rng) = node(2);
    assert!(Options::default().give_up_after < Duration::from_millis(4_500));
    let request = Operation::Command("x".into());
    replica.step(Time::ZERO, Input::Local { id: 1, request }, &mut rng);
    let ended = run_until(&mut replica, &mut rng, Time::from_millis(10_000));
    let at = Time::ZERO + Options::default().patience;
    assert_eq!(ended, [(1, Outcome::NoLeader, at)]);
}

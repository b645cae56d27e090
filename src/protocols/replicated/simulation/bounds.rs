//! What waits is bounded, and what is abandoned is gone: one replica, looked at closely.

use std::cell::Cell;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::protocols::core::{Core, Input};
use crate::protocols::raft::{Checkpoint, Config, HardState, LogId, Message, Numbered, Record};
use crate::protocols::replicated::StateMachine;
use crate::protocols::replicated::image::Image;
use crate::protocols::replicated::{Operation, Options, Outcome, Replica};
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

    fn into_parts(self) -> Box<dyn Iterator<Item = String>> {
        Box::new(std::iter::once(self.0))
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

thread_local! {
    /// How many entries of rolls were dropped.
    static DROPPED: Cell<usize> = const { Cell::new(0) };
}

/// An entry of a roll. It shows when it is dropped.
#[derive(Clone, Serialize, Deserialize)]
struct Entry(u64);

impl Drop for Entry {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// Everything that was ever said.
#[derive(Clone, Default)]
struct Roll(Vec<Entry>);

impl StateMachine for Roll {
    type Command = u64;
    type Reply = ();
    type Part = Entry;

    fn apply(&mut self, number: &u64) {
        self.0.push(Entry(*number));
    }

    fn into_parts(self) -> Box<dyn Iterator<Item = Entry>> {
        Box::new(self.0.into_iter())
    }

    fn add(&mut self, entry: Entry) {
        self.0.push(entry);
    }
}

/// A step in which a large state was dropped would be a long one.
#[test]
fn a_state_that_was_replaced_is_dropped_bit_by_bit() {
    const ENTRIES: u64 = 20_000;
    let nodes = ["n0", "n1", "n2"].map(NodeId::from);
    let image = |count: u64| {
        let mut image = Image::<Roll>::default();
        (0..count).for_each(|number| image.state.apply(&number));
        image
    };
    let base = |index| Checkpoint {
        state: HardState { term: 1, vote: None },
        base: LogId { term: 1, index },
        configuration: None,
        entries: Vec::new(),
    };
    let records: Vec<_> = std::iter::once(Record::Checkpoint(base(ENTRIES)))
        .chain(image(ENTRIES).pieces(10_000).map(Record::Piece))
        .collect();
    let config = Config::new(nodes[0].clone(), nodes[1..].to_vec());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut replica: Replica<Roll> =
        Replica::new(Options::default(), config, records, Time::ZERO, &mut rng).unwrap();
    let last = LogId { term: 2, index: ENTRIES + 10 };
    let pieces: Vec<_> = image(10).pieces(10_000).collect();
    for (number, piece) in (0..).zip(&pieces) {
        let done = number + 1 == pieces.len() as u64;
        let piece = Numbered { number, done, piece: piece.clone() };
        let message =
            Message::InstallSnapshot { term: 2, last, piece, round: 0, configuration: None };
        let from = nodes[1].clone();
        replica.step(Time::ZERO, Input::Message { from, message }, &mut rng);
        replica.outputs();
    }
    assert_eq!(replica.checkpoint().count(), 1 + pieces.len());
    replica.step(Time::ZERO, Input::Checkpointed, &mut rng);
    assert_eq!(replica.state().0.len(), 10);
    let mut steps = 0;
    DROPPED.set(0);
    while DROPPED.get() < ENTRIES as usize {
        let before = DROPPED.get();
        replica.outputs();
        assert!(DROPPED.get() <= before + 1_024, "{} in one step", DROPPED.get() - before);
        let wake = replica.next_wake().expect("it goes on");
        replica.step(wake, Input::Wake, &mut rng);
        steps += 1;
    }
    assert!(steps >= ENTRIES / 1_024, "all of it in {steps} steps");
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

//! The simulator finds what it is there to find: a small core, and small bugs in it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::protocols::core::Outputs;

/// Keeps numbers, and tells the next node of each.
struct Toy {
    next: NodeId,
    kept: BTreeSet<u64>,
    /// Whether it has a bug: the greatest number is missing from its checkpoints.
    checkpoint_forgets: bool,
    outputs: Outputs<u64, u64, usize>,
}

impl Core for Toy {
    type Local = u64;
    type Reply = usize;
    type Message = u64;
    type Record = u64;

    fn step(&mut self, _: Time, input: Input<u64, u64>, _: &mut ChaCha8Rng) {
        match input {
            Input::Local { id, request } => {
                self.outputs.persist.push(request);
                self.outputs.send.push((self.next.clone(), request));
                self.kept.insert(request);
                self.outputs.reply.push((id, self.kept.len()));
            }
            Input::Message { message, .. } => {
                self.outputs.persist.push(message);
                self.kept.insert(message);
            }
            Input::Cancel { id } => self.outputs.reply.retain(|(other, _)| *other != id),
            Input::Wake | Input::Checkpointed | Input::Stop => {}
        }
    }

    fn outputs(&mut self) -> OutputsOf<Toy> {
        std::mem::take(&mut self.outputs)
    }

    fn must_persist(&self) -> bool {
        !self.outputs.persist.is_empty()
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = u64>> {
        let mut kept = self.kept.clone();
        if self.checkpoint_forgets {
            kept.pop_last();
        }
        Box::new(kept.into_iter())
    }

    fn inspect(&self) -> Value {
        json!({ "kept": self.kept.len() })
    }
}

fn world(seed: u64, checkpoint_forgets: bool) -> Simulator<Toy> {
    let faults = Faults {
        write_latency: Duration::from_millis(20),
        crash_at_write: 0.05,
        ..Faults::none(Duration::from_millis(5))
    };
    let mut world = Simulator::new(3, seed, faults, move |start| Toy {
        next: start.nodes[(start.rank + 1) % start.nodes.len()].clone(),
        kept: start.records.into_iter().collect(),
        checkpoint_forgets,
        outputs: Outputs::default(),
    });
    world.as_json = true;
    world
}

/// Requests and faults; then every node is asked what it holds. Gives what was replied to, and
/// for which of it that was a lie.
fn run(world: &mut Simulator<Toy>) -> (usize, Vec<u64>) {
    let mut asked = BTreeMap::new();
    for number in 0..300 {
        world.run_until(Time::from_millis(10 * number));
        let rank = world.rng.random_range(0..3);
        if world.is_up(rank) {
            asked.insert(world.request(rank, number), number);
        }
        if world.rng.random_bool(0.1) {
            world.trouble();
        }
    }
    world.heal(Duration::ZERO);
    world.run_until(world.now + Duration::from_secs(1));
    (0..3).for_each(|rank| world.crash(rank));
    let kept = |replied: &Replied<usize>| world.records(replied.rank).contains(&asked[&replied.id]);
    let lost = world.replies.iter().filter(|replied| !kept(replied));
    (world.replies.len(), lost.map(|replied| asked[&replied.id]).collect())
}

#[test]
fn what_was_replied_to_survives_crashes_at_every_point() {
    let mut replies = 0;
    for seed in 0..100 {
        let (count, lost) = run(&mut world(seed, false));
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
        replies += count;
    }
    assert!(replies > 10_000, "only {replies} requests were replied to");
}

#[test]
fn a_checkpoint_that_forgets_is_found_out() {
    let lost = (0..100).any(|seed| !run(&mut world(seed, true)).1.is_empty());
    assert!(lost, "nothing was lost");
}

#[test]
fn a_node_without_a_disk_forgets() {
    let mut world = world(0, false);
    world.memory_only = true;
    assert!(!run(&mut world).1.is_empty());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut world = world(seed, false);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let watching = Rc::clone(&seen);
        world.watch(move |rank, outputs| watching.borrow_mut().push((rank, outputs.clone())));
        run(&mut world);
        (world.replies.clone(), world.sent, seen.take())
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn steps_that_come_before_the_write_share_it_and_who_cancels_hears_nothing() {
    let mut world = world(0, false);
    world.faults.crash_at_write = 0.0;
    let writes = Rc::new(RefCell::new(Vec::new()));
    let watching = Rc::clone(&writes);
    world.watch(move |rank, outputs| watching.borrow_mut().push((rank, outputs.persist.len())));
    let first = world.request(0, 1);
    let second = world.request(0, 2);
    world.cancel(0, first);
    assert_eq!((world.waiting(0), world.replies.len()), (1, 0), "nothing is durable yet");
    world.run_until(Time::from_millis(20));
    assert_eq!(writes.borrow()[0], (0, 2));
    assert_eq!(world.replies.iter().map(|replied| replied.id).collect::<Vec<_>>(), [second]);
    assert_eq!(world.waiting(0), 0);
}

#[test]
fn messages_can_be_held_back_by_hand_and_clocks_run_apart() {
    let mut world = world(0, false);
    world.set_clock_rate(1, 1_500);
    world.faults = Faults::none(Duration::from_millis(5));
    world.request(0, 1);
    world.flush(0);
    let letters = world.take_letters(|letter| letter.to == 1);
    assert_eq!(letters, [Letter { from: 0, to: 1, message: 1 }]);
    world.run_until(Time::from_millis(10));
    assert_eq!((world.clock(0), world.clock(1)), (Time::from_millis(10), Time::from_millis(15)));
    assert!(world.records(1).is_empty());
    letters.into_iter().for_each(|letter| world.deliver(letter));
    world.flush(1);
    assert_eq!(world.records(1), [1]);
}

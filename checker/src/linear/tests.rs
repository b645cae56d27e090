//! The searches against each other.

mod random;

use super::budget::Budget;
use super::model::{RegisterCall, Value, step_register};
use super::search::registers::{Registers, of_one};
use super::trace::{Event, Operation, Outcome, Trace};
use super::{register, search};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use random::Settings;

/// What the search for registers says, within the budget that users get.
fn fast(trace: &Trace<RegisterCall>) -> Outcome<Value> {
    register::check(trace, 0, &Budget::default())
}

/// What the depth-first search says, with this budget.
fn deep(trace: &Trace<RegisterCall>, budget: &Budget) -> Outcome<Vec<u32>> {
    let trace = of_one(trace);
    search::check(&trace, &|trace| Box::new(Registers::new(trace, vec![0], 100)), budget)
}

/// The operation at which a trace goes wrong, if it does, by trying every order.
fn brute_force(trace: &Trace<RegisterCall>, initial: Value) -> Option<usize> {
    // All that may be the case: the value, and which operations have taken effect.
    let mut reached = vec![(initial, 0u64)];
    let mut invoked = Vec::new();
    for event in &trace.events {
        match *event {
            Event::Invoke(id) => invoked.push(id),
            Event::Return(id) => {
                let mut next = 0;
                while next < reached.len() {
                    let (value, happened) = reached[next];
                    for &other in &invoked {
                        let Some(value) = step_register(value, trace.operations[other].call) else {
                            continue;
                        };
                        let then = (value, happened | 1 << other);
                        if happened >> other & 1 == 0 && !reached.contains(&then) {
                            reached.push(then);
                        }
                    }
                    next += 1;
                }
                reached.retain(|(_, happened)| happened >> id & 1 == 1);
                if reached.is_empty() {
                    return Some(id);
                }
            }
        }
    }
    None
}

/// The operation at which a trace goes wrong, if it does.
///
/// # Errors
/// When the search was given up.
fn stuck_at<S>(outcome: Outcome<S>) -> Result<Option<usize>, String> {
    match outcome {
        Outcome::Linearizable(_) => Ok(None),
        Outcome::Stuck(stuck) => Ok(Some(stuck.operation)),
        Outcome::GivenUp(reason) => Err(reason),
    }
}

/// The three ways to decide agree on histories of all kinds: with stale reads, lost updates,
/// and many crashes.
#[test]
fn the_searches_agree_with_each_other_and_with_brute_force() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..10_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let trace = Settings::tiny(&mut rng).trace(&mut rng, usize::MAX);
        let fast = stuck_at(fast(&trace)).unwrap();
        let plain = stuck_at(deep(&trace, &Budget::default())).unwrap();
        assert_eq!(fast, plain, "seed {seed}: {trace:#?}");
        if trace.operations.len() <= 8 {
            assert_eq!(plain, brute_force(&trace, 0), "seed {seed}: {trace:#?}");
        }
        *if fast.is_none() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 400 && bad > 400, "both kinds are tested: {good} good, {bad} bad");
}

/// The fast search and the plain one agree on histories that need their crashed operations,
/// wherever the plain one does not run out of memory.
#[test]
fn the_searches_agree_where_many_operations_crash() {
    let (mut good, mut bad, mut given_up) = (0, 0, 0);
    let small = Budget { steps: 20_000, ..Budget::default() };
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let settings = Settings::crashed(&mut rng, 16, 10);
        let mut trace = settings.trace(&mut rng, 12);
        if rng.random_bool(0.7) {
            trace = random::spoil(&trace, settings.values, &mut rng);
        }
        match stuck_at(deep(&trace, &small)) {
            Err(_) => given_up += 1,
            Ok(plain) => {
                let fast = stuck_at(fast(&trace)).unwrap();
                assert_eq!(fast, plain, "seed {seed}: {trace:#?}");
                *if fast.is_none() { &mut good } else { &mut bad } += 1;
            }
        }
    }
    println!("compared: {good} good, {bad} bad; not compared: {given_up}");
    assert!(good > 2_000 && bad > 2_000, "{good} good, {bad} bad, {given_up} given up");
}

/// Here a crashed write of 2 and a crashed cas lead to 0, where a crashed write of 0 alone would;
/// but the 2 is read on the way, and the write of 0 is needed at the end.
#[test]
fn a_crashed_write_that_is_read_is_no_detour() {
    use RegisterCall::{Cas, Read, Write};
    let operations = [
        (Write(0), 0, None),
        (Cas(2, 0), 1, None),
        (Write(2), 2, None),
        (Write(0), 3, Some(5)),
        (Cas(0, 1), 6, Some(11)),
        (Read(2), 10, Some(15)),
        (Read(1), 12, Some(13)),
        (Read(1), 14, Some(16)),
        (Read(1), 17, Some(19)),
        (Read(0), 18, Some(20)),
    ];
    let operations = operations.map(|(call, invoked_at, returned_at)| Operation {
        call,
        invoked_at,
        returned_at,
    });
    assert_eq!(stuck_at(fast(&Trace::new(operations.into()))), Ok(None));
}

/// With as many crashed operations as a key of lin-kv can have, all different, there is always
/// an answer.
#[test]
fn lin_kv_s_histories_are_always_decided() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..500 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let settings = Settings::crashed(&mut rng, 400, 20);
        let trace = settings.trace(&mut rng, 20);
        let spoiled = random::spoil(&trace, settings.values, &mut rng);
        assert_eq!(stuck_at(fast(&trace)), Ok(None), "seed {seed}");
        let stuck_at = stuck_at(fast(&spoiled));
        *if stuck_at.expect("an answer").is_none() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 50 && bad > 50, "both kinds are tested: {good} good, {bad} bad");
}

/// Writes that nobody reads may be under way all the time: nothing changes but the number of
/// slots.
#[test]
fn more_operations_at_a_time_than_bits_in_a_word_are_no_difference() {
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let settings = Settings::tiny(&mut rng);
        let trace = settings.trace(&mut rng, usize::MAX);
        let expected = stuck_at(deep(&trace, &Budget::default())).unwrap();
        for more in [70, 300] {
            let write = |index| Operation {
                call: RegisterCall::Write(settings.values),
                invoked_at: index,
                returned_at: Some(1_000_000 + index),
            };
            let others = trace.operations.iter().map(|operation| Operation {
                call: operation.call,
                invoked_at: operation.invoked_at + more,
                returned_at: operation.returned_at.map(|at| at + more),
            });
            let wide = Trace::new((0..more).map(write).chain(others).collect());
            let found = stuck_at(fast(&wide)).unwrap();
            assert_eq!(found, expected.map(|id| id + more), "seed {seed}: {trace:#?}");
        }
    }
}

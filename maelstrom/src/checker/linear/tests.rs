//! The searches against each other.

mod random;

use super::model::{Model, RegisterCall, Value, step_register};
use super::trace::{Event, Operation, Outcome, Trace};
use super::{register, search};
use crate::edn::Edn;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use random::Settings;

/// A register whose values are plain numbers.
pub struct Plain(pub Value);

impl Model for Plain {
    type Call = RegisterCall;
    type State = Value;

    fn call(&mut self, _: &str, _: &Edn, _: bool) -> Result<Option<RegisterCall>, String> {
        unreachable!("traces of plain registers are made, not read")
    }

    fn initial(&self) -> Value {
        self.0
    }

    fn step(&self, state: &Value, call: &RegisterCall) -> Option<Value> {
        step_register(*state, *call)
    }

    fn show(&self, state: &Value) -> Edn {
        Edn::Int(i64::from(*state))
    }
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

fn stuck_at<S>(outcome: Outcome<S>) -> Option<usize> {
    match outcome {
        Outcome::Linearizable => None,
        Outcome::Stuck(stuck) => Some(stuck.operation),
        Outcome::GivenUp(reason) => panic!("{reason}"),
    }
}

/// The three ways to decide agree on histories of all kinds: with stale reads, lost updates,
/// and many crashes.
#[test]
fn the_searches_agree_with_each_other_and_with_brute_force() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let trace = Settings::tiny(&mut rng).trace(&mut rng);
        let fast = stuck_at(register::check(&trace, 0));
        let plain = stuck_at(search::check(&Plain(0), &trace, 1 << 30));
        assert_eq!(fast, plain, "seed {seed}: {trace:#?}");
        if trace.operations.len() <= 8 {
            assert_eq!(plain, brute_force(&trace, 0), "seed {seed}: {trace:#?}");
        }
        *if fast.is_none() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 1000 && bad > 1000, "both kinds are tested: {good} good, {bad} bad");
}

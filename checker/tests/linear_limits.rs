//! Histories on which a search may take for ever: decided, or given up within the budget.
//!
//! The budget counts steps and bytes, so nothing here depends on the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use checker::edn::Edn;
use checker::history::History;
use checker::linear;
use checker::{Budget, Judgement, Validity};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn judge(model: &str, history: &History, budget: &Budget) -> Judgement {
    linear::check_model(model, None, &history.into(), None, budget).unwrap()
}

fn verdict(model: &str, history: &History) -> Validity {
    judge(model, history, &Budget::default()).verdict
}

/// A value of a history.
fn edn(text: &str) -> Edn {
    checker::edn::read_one(text).unwrap()
}

/// What is asked for, and the answer, once there is one: `None` for an operation that fails.
type Running = (&'static str, Edn, Option<Option<Edn>>);

/// The history of a correct object that `answer` plays, with so many processes at a time. Each
/// operation takes effect, and returns, at a random moment; `None` stands for one that fails.
fn correct(
    seed: u64,
    operations: usize,
    processes: usize,
    mut call: impl FnMut(&mut ChaCha8Rng) -> (&'static str, Edn),
    mut answer: impl FnMut(&str, &Edn) -> Option<Edn>,
) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut running: Vec<Option<Running>> = vec![None; processes];
    let (mut history, mut started) = (History::new(), 0);
    while started < operations || running.iter().any(Option::is_some) {
        let process = rng.random_range(0..processes);
        let slot = &mut running[process];
        match slot.take() {
            None if started == operations => {}
            None => {
                let (f, value) = call(&mut rng);
                history.invoke(process as i64, f, value.clone());
                *slot = Some((f, value, None));
                started += 1;
            }
            Some((f, value, None)) => {
                let answered = answer(f, &value);
                *slot = Some((f, value, Some(answered)));
            }
            Some((_, _, Some(Some(answered)))) => history.ok(process as i64, answered),
            Some((_, _, Some(None))) => history.fail(process as i64),
        }
    }
    history
}

fn queue_call(rng: &mut ChaCha8Rng, added: &mut i64) -> (&'static str, Edn) {
    if rng.random_bool(0.5) {
        *added += 1;
        ("enqueue", Edn::Int(*added))
    } else {
        ("dequeue", Edn::Nil)
    }
}

#[test]
fn a_sequential_queue_of_twenty_thousand_operations_is_decided() {
    let mut history = History::new();
    for element in 0..10_000 {
        history.invoke(0, "enqueue", element);
        history.ok(0, element);
    }
    for element in 0..10_000 {
        history.invoke(0, "dequeue", Edn::Nil);
        history.ok(0, element);
    }
    for model in ["fifo-queue", "unordered-queue"] {
        assert_eq!(verdict(model, &history), Validity::True, "{model}");
    }
}

#[test]
fn queues_of_many_processes_are_decided() {
    for processes in [5, 20, 60] {
        let (mut held, mut added) = (Vec::new(), 0);
        let history = correct(
            1,
            2000,
            processes,
            |rng| queue_call(rng, &mut added),
            |f, value| {
                if f == "enqueue" {
                    held.push(value.clone());
                    return Some(value.clone());
                }
                (!held.is_empty()).then(|| held.remove(0))
            },
        );
        for model in ["fifo-queue", "unordered-queue"] {
            assert_eq!(verdict(model, &history), Validity::True, "{model}, {processes}");
        }
    }
}

#[test]
fn a_register_of_two_hundred_processes_is_decided() {
    let mut held = Edn::Nil;
    let history = correct(
        2,
        1000,
        200,
        |rng| {
            let (one, other) = (rng.random_range(0..5), rng.random_range(0..5));
            match rng.random_range(0..3) {
                0 => ("read", Edn::Nil),
                1 => ("write", Edn::Int(one)),
                _ => ("cas", edn(&format!("[{one} {other}]"))),
            }
        },
        |f, value| match f {
            "read" => Some(held.clone()),
            "write" => {
                held = value.clone();
                Some(value.clone())
            }
            _ => {
                let pair = value.as_slice().unwrap();
                (pair[0] == held).then(|| {
                    held = pair[1].clone();
                    value.clone()
                })
            }
        },
    );
    assert_eq!(verdict("cas-register", &history), Validity::True);
}

/// Fifteen transactions that crashed and may have happened, before others that read.
fn fifteen_crashed() -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut history = History::new();
    let mut held = [None; 3];
    for process in 100..115 {
        let (one, other) = (rng.random_range(0..3), rng.random_range(0..5));
        history.invoke(process, "txn", edn(&format!("[[:write {one} {other}]]")));
        history.info(process);
        if rng.random_bool(0.5) {
            held[one] = Some(other);
        }
    }
    let text = |held: Option<i32>| held.map_or("nil".into(), |value| value.to_string());
    for _ in 0..100 {
        let (one, other) = (rng.random_range(0..3), rng.random_range(0..5));
        let next = (one + 1) % 3;
        history.invoke(0, "txn", edn(&format!("[[:read {one} nil] [:write {next} {other}]]")));
        history.ok(0, edn(&format!("[[:read {one} {}] [:write {next} {other}]]", text(held[one]))));
        held[next] = Some(other);
    }
    history
}

#[test]
fn a_multi_register_with_fifteen_crashed_transactions_is_decided() {
    assert_eq!(verdict("multi-register", &fifteen_crashed()), Validity::True);
}

/// Sixty cas that crashed, of which nearly every one is needed to explain what is read: which of
/// them were used in which order is as hard to find as paths in a graph that share no edge.
fn sixty_crashed(seed: u64) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut history = History::new();
    history.invoke(0, "write", 0);
    history.ok(0, 0);
    let (mut held, mut steps, mut seen) = (0, Vec::new(), Vec::new());
    for _ in 0..40 {
        for _ in 0..rng.random_range(1..=2) {
            let next = (held + rng.random_range(1..12)) % 12;
            steps.push((held, next));
            held = next;
        }
        seen.push(held);
    }
    steps.truncate(59);
    for (process, (from, to)) in (1..).zip(steps) {
        history.invoke(process, "cas", edn(&format!("[{from} {to}]")));
        history.info(process);
    }
    for value in seen {
        history.invoke(0, "read", Edn::Nil);
        history.ok(0, value);
    }
    history
}

#[test]
fn sixty_crashed_cas_are_decided() {
    assert_eq!(verdict("cas-register", &sixty_crashed(4)), Validity::True);
}

#[test]
fn a_budget_of_steps_is_kept_and_what_is_known_is_said() {
    let budget = Budget { steps: 1_000, ..Budget::default() };
    let history = sixty_crashed(4);
    let judgement = judge("cas-register", &history, &budget);
    assert_eq!(judgement.verdict, Validity::Unknown, "{judgement}");
    let error = judgement.to_edn().get("error").unwrap().to_string();
    assert!(error.contains("steps") && error.contains("can"), "{error}");
    assert_eq!(judge("cas-register", &history, &budget), judgement, "the same every time");
}

#[test]
fn a_budget_of_bytes_is_kept() {
    let budget = Budget { bytes: 100, ..Budget::default() };
    let judgement = judge("multi-register", &fifteen_crashed(), &budget);
    assert_eq!(judgement.verdict, Validity::Unknown, "{judgement}");
    let error = judgement.to_edn().get("error").unwrap().to_string();
    assert!(error.contains("would have held more than"), "{error}");
}

#[test]
fn a_search_stops_when_it_is_told_to() {
    let asked = Arc::new(AtomicBool::new(false));
    let noted = asked.clone();
    let interrupt = Arc::new(move || {
        noted.store(true, Ordering::Relaxed);
        Some("it was late".to_string())
    });
    let budget = Budget { steps: u64::MAX, interrupt: Some(interrupt), ..Budget::default() };
    // Some are decided before the question is asked for the first time.
    let judgements = (0..20).map(|seed| judge("cas-register", &sixty_crashed(seed), &budget));
    let stopped = judgements.into_iter().find(|j| j.verdict == Validity::Unknown);
    assert!(asked.load(Ordering::Relaxed));
    let error = stopped.expect("one takes longer").to_edn().get("error").unwrap().to_string();
    assert!(error.contains("it was late"), "{error}");
}

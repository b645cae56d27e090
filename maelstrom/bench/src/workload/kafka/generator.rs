//! Which operation comes next in the kafka workload.
//!
//! As often sends as polls; sends go to the keys of a [pool](crate::workload::keys) that wears
//! out. One operation in 64 is an assign besides, of the key that is next in turn, and every
//! third assign takes with it all keys that have messages nobody has polled yet: otherwise many
//! would stay unseen. A client crashes at the beginning, and then each client every 30 s on
//! average.
//!
//! In the end each thread starts afresh, takes all keys from their beginning, and polls until
//! it has seen every offset that anybody was ever told, or 10 s have passed.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::super::keys::{Access, KeyPool};
use super::micro_op;
use crate::checker::kafka::{Offset, offset_edn, offset_of};
use crate::client::Operation;
use crate::edn::Edn;
use crate::generator::{Generator, GeneratorContext, Next};
use crate::history::{Op, OpType, ProcessId};
use crate::options::TestOptions;

/// The chance that an operation is an assign.
const ASSIGN_CHANCE: f64 = 1.0 / 64.0;

/// The chance that an assign takes the keys with unseen messages too.
const UNSEEN_CHANCE: f64 = 1.0 / 3.0;

/// How often each client crashes, on average.
const CRASH_INTERVAL_SECS: f64 = 30.0;

/// The chance that an operation is the crash that is due. It stays due until it is drawn.
const CRASH_CHANCE: f64 = 1.0 / 2.0;

/// How long the final polls may take.
const FINAL_LIMIT: Duration = Duration::from_secs(10);

/// How long it is from one final poll of a thread to the next, on average.
const FINAL_POLL_INTERVAL_SECS: f64 = 0.2;

/// Offsets by key. Keys are numbers here, so that they are in order; elsewhere their digits.
type Offsets = BTreeMap<i64, Offset>;

/// The generator.
pub struct Logs {
    concurrency: usize,
    pool: KeyPool,
    /// What is done next, after any assigns and crashes.
    pending: Option<Access>,
    next_crash: Duration,
    /// The highest offset of each key that anybody was told.
    highest: Offsets,
    /// The highest offset of each key that was sent and is not polled yet.
    unseen: Offsets,
    /// The same of what was polled of those keys.
    polled: Offsets,
    finals: Vec<FinalPolls>,
}

/// How far a thread is in the final phase.
#[derive(Default)]
struct FinalPolls {
    step: FinalStep,
    /// What it must still see.
    targets: Offsets,
    /// When it polls next at the earliest, counted from the beginning of the phase.
    next_poll: Duration,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum FinalStep {
    #[default]
    Begin,
    Assign,
    Poll,
}

impl Logs {
    /// A generator.
    pub fn new(options: &TestOptions) -> Logs {
        Logs {
            concurrency: options.concurrency.max(1),
            pool: KeyPool::new(options),
            pending: None,
            next_crash: Duration::ZERO,
            highest: Offsets::new(),
            unseen: Offsets::new(),
            polled: Offsets::new(),
            finals: (0..options.concurrency).map(|_| FinalPolls::default()).collect(),
        }
    }

    /// Whether a client is to crash now.
    fn crashes(&mut self, now: Duration, rng: &mut ChaCha8Rng) -> bool {
        if now < self.next_crash || !rng.random_bool(CRASH_CHANCE) {
            return false;
        }
        let interval_secs = CRASH_INTERVAL_SECS / self.concurrency as f64;
        self.next_crash = now + even_interval(interval_secs, rng);
        true
    }

    /// An assign of this key, and every third time of all unseen ones too.
    fn assign(&mut self, key: i64, rng: &mut ChaCha8Rng) -> Operation {
        let mut keys = vec![key];
        if rng.random_bool(UNSEEN_CHANCE) {
            let unseen = self.unseen.keys().copied().filter(|unseen| *unseen != key);
            keys = unseen.chain([key]).collect();
        }
        Operation::new("assign", edn_keys(keys))
    }

    fn observe_main(&mut self, f: &str, offsets: &Offsets) {
        for (&key, &offset) in offsets {
            raise(&mut self.highest, key, offset);
            let of_kind = if f == "send" { &mut self.unseen } else { &mut self.polled };
            raise(of_kind, key, offset);
            let polled = self.polled.get(&key).copied().unwrap_or(-1);
            if self.unseen.get(&key).is_none_or(|unseen| *unseen <= polled) {
                self.unseen.remove(&key);
                self.polled.remove(&key);
            }
        }
    }

    fn observe_final(&mut self, completion: &Op, offsets: &Offsets) {
        let ProcessId::Client(process) = completion.process else { return };
        let thread = process.rem_euclid(self.concurrency as i64) as usize;
        let finals = &mut self.finals[thread];
        match (&*completion.f, completion.kind) {
            ("poll", OpType::Ok) => {
                finals
                    .targets
                    .retain(|key, target| offsets.get(key).is_none_or(|offset| offset < target));
            }
            // Its client is gone, and a fresh one has no keys yet.
            (_, OpType::Info) => finals.step = FinalStep::Assign,
            _ => {}
        }
    }
}

impl Generator for Logs {
    fn next(&mut self, context: &mut GeneratorContext) -> Next {
        let operation = if self.crashes(context.elapsed, context.rng) {
            Operation::new("crash", Edn::Nil)
        } else {
            let access = *self.pending.get_or_insert_with(|| self.pool.next(context.rng));
            if context.rng.random_bool(ASSIGN_CHANCE) {
                self.assign(access.key(), context.rng)
            } else {
                self.pending = None;
                poll_or_send(access)
            }
        };
        Next::Operation(context.thread_in_turn(), operation)
    }

    fn observe(&mut self, completion: &Op) {
        let offsets = highest_offsets(completion);
        if completion.extra("final?").is_some() {
            self.observe_final(completion, &offsets);
        } else if completion.kind == OpType::Ok {
            self.observe_main(&completion.f, &offsets);
        }
    }

    fn next_final(
        &mut self,
        thread: usize,
        elapsed: Duration,
        rng: &mut dyn Rng,
    ) -> Option<(Duration, Operation)> {
        let finals = &mut self.finals[thread];
        let (pause, operation) = match finals.step {
            FinalStep::Begin => {
                finals.targets = self.highest.clone();
                finals.step = FinalStep::Assign;
                (Duration::ZERO, Operation::new("crash", Edn::Nil))
            }
            FinalStep::Assign => {
                finals.step = FinalStep::Poll;
                let keys = self.highest.keys().copied().collect();
                (Duration::ZERO, Operation::new("assign", edn_keys(keys)))
            }
            FinalStep::Poll => {
                let at = finals.next_poll.max(elapsed);
                finals.next_poll = at + even_interval(FINAL_POLL_INTERVAL_SECS, rng);
                (at - elapsed, poll())
            }
        };
        let is_over = finals.targets.is_empty() || elapsed + pause > FINAL_LIMIT;
        (!is_over).then_some((pause, Operation { is_final: true, ..operation }))
    }

    /// As in the original, a history says which assigns are there to catch up, and what the final
    /// operations ask of a client of Kafka: to begin at the beginning, and to poll for a second.
    fn annotate(&self, operation: &Operation) -> Vec<(&'static str, Edn)> {
        match (operation.f, operation.is_final) {
            ("assign", true) => vec![("seek-to-beginning?", Edn::Bool(true))],
            ("poll", true) => vec![("poll-ms", Edn::Int(1000))],
            ("assign", false) if self.catches_up(operation) => vec![("unseen", self.unseen_edn())],
            _ => Vec::new(),
        }
    }
}

impl Logs {
    /// Whether an assign takes all keys with unseen messages besides its own.
    fn catches_up(&self, operation: &Operation) -> bool {
        let keys = operation.value.as_slice().unwrap_or_default();
        let has = |key: &i64| keys.contains(&edn_key(*key));
        keys.len() > 1 && !self.unseen.is_empty() && self.unseen.keys().all(has)
    }

    /// Of each key with unseen messages, the highest offset that was sent and that was polled.
    fn unseen_edn(&self) -> Edn {
        let unseen = self.unseen.iter().map(|(key, sent)| {
            let polled = self.polled.get(key).copied().unwrap_or(-1);
            let offsets = [("polled", offset_edn(polled)), ("sent", offset_edn(*sent))];
            (Edn::Int(*key), Edn::map(offsets))
        });
        Edn::Map(unseen.collect())
    }
}

/// An interval drawn evenly from zero to twice the mean.
fn even_interval(mean_secs: f64, rng: &mut dyn Rng) -> Duration {
    Duration::from_secs_f64(rng.random_range(0.0..2.0) * mean_secs)
}

fn poll() -> Operation {
    Operation::new("poll", micro_op("poll", []))
}

fn poll_or_send(access: Access) -> Operation {
    match access {
        Access::Read(_) => poll(),
        Access::Write(key, message) => {
            Operation::new("send", micro_op("send", [edn_key(key), Edn::Int(message)]))
        }
    }
}

fn raise(offsets: &mut Offsets, key: i64, offset: Offset) {
    let entry = offsets.entry(key).or_insert(offset);
    *entry = (*entry).max(offset);
}

fn edn_key(key: i64) -> Edn {
    Edn::from(key.to_string())
}

fn edn_keys(keys: Vec<i64>) -> Edn {
    Edn::Vector(keys.into_iter().map(edn_key).collect())
}

/// The highest offset of each key that an operation was told. Keys that no generator made are
/// left out: a node may say what it likes.
fn highest_offsets(completion: &Op) -> Offsets {
    let mut highest = Offsets::new();
    let mut note = |key: &Edn, record: &Edn| {
        let key = key.as_str().and_then(|key| key.parse().ok());
        let offset = record.as_slice().and_then(|record| offset_of(record.first()?));
        if let (Some(key), Some(offset)) = (key, offset) {
            raise(&mut highest, key, offset);
        }
    };
    for micro_op in completion.value.as_slice().unwrap_or_default() {
        match micro_op.as_slice() {
            Some([_, key, record]) => note(key, record),
            Some([_, Edn::Map(polled)]) => {
                for (key, records) in polled {
                    records.as_slice().unwrap_or_default().iter().for_each(|r| note(key, r));
                }
            }
            _ => {}
        }
    }
    highest
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn op(f: &str, kind: OpType, value: &str, is_final: bool) -> Op {
        let extra = if is_final { vec![("final?", Edn::Bool(true))] } else { Vec::new() };
        let value = crate::edn::read_one(value).unwrap();
        Op { index: 0, time: 0, kind, process: ProcessId::Client(0), f: f.into(), value, extra }
    }

    fn logs(max_writes_per_key: usize) -> Logs {
        Logs::new(&TestOptions { concurrency: 2, max_writes_per_key, ..TestOptions::default() })
    }

    #[test]
    fn operations_come_in_their_proportions() {
        let mut logs = logs(16);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = BTreeMap::new();
        let mut last = BTreeMap::new();
        for second in 0..3000 {
            for _ in 0..10 {
                let elapsed = Duration::from_secs(second);
                let mut context = GeneratorContext {
                    rng: &mut rng,
                    free: &[0, 1],
                    turn: 0,
                    processes: &[0, 1],
                    elapsed,
                };
                let Next::Operation(_, operation) = logs.next(&mut context) else { panic!() };
                *counts.entry(operation.f).or_insert(0) += 1;
                if operation.f == "send" {
                    let (key, message) = super::super::message_of(&operation);
                    let message = message.as_i64().unwrap();
                    assert_eq!(last.insert(key.to_owned(), message).unwrap_or(0) + 1, message);
                    assert!(message <= 16);
                }
            }
        }
        let near = |f: &str, expected: i32| (counts[f] - expected).abs() < expected / 5;
        assert!(near("crash", 200) && near("assign", 465), "{counts:?}");
        assert!(near("send", 14_200) && near("poll", 15_100), "{counts:?}");
        let full = last.values().filter(|messages| **messages == 16).count();
        assert!(last.len() - full <= 10 && full > 850, "{full} of {}", last.len());
    }

    #[test]
    fn a_key_is_unseen_until_its_last_message_is_polled() {
        let mut logs = logs(1);
        logs.observe(&op("send", OpType::Ok, "[[:send \"3\" [7 1]]]", false));
        logs.observe(&op("poll", OpType::Info, "[[:poll {\"3\" [[7 1]]}]]", false));
        logs.observe(&op("poll", OpType::Ok, "[[:poll {\"3\" [[6 1]], \"x\" [[1 1]]}]]", false));
        assert_eq!(logs.unseen, Offsets::from([(3, 7)]));
        logs.observe(&op("poll", OpType::Ok, "[[:poll {\"3\" [[6 1] [7 1]]}]]", false));
        assert!(logs.unseen.is_empty() && logs.polled.is_empty());
        assert_eq!(logs.highest, Offsets::from([(3, 7)]));
    }

    #[test]
    fn a_final_thread_starts_afresh_and_polls_until_it_has_seen_everything() {
        let mut logs = logs(1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(logs.next_final(1, Duration::ZERO, &mut rng).is_none(), "there is nothing");
        logs.observe(&op("send", OpType::Ok, "[[:send \"3\" [7 1]]]", false));
        let mut next = |logs: &mut Logs, millis: u64| {
            let next = logs.next_final(0, Duration::from_millis(millis), &mut rng);
            next.map(|(_, operation)| format!("{} {}", operation.f, operation.value))
        };
        assert_eq!(next(&mut logs, 0).unwrap(), "crash nil");
        assert_eq!(next(&mut logs, 0).unwrap(), "assign [\"3\"]");
        assert_eq!(next(&mut logs, 0).unwrap(), "poll [[:poll]]");
        logs.observe(&op("poll", OpType::Info, "[[:poll]]", true));
        assert_eq!(next(&mut logs, 100).unwrap(), "assign [\"3\"]");
        assert_eq!(next(&mut logs, 200).unwrap(), "poll [[:poll]]");
        assert_eq!(next(&mut logs, 10_001), None);
        logs.observe(&op("poll", OpType::Ok, "[[:poll {\"3\" [[7 1]]}]]", true));
        assert_eq!(next(&mut logs, 300), None);
    }

    #[test]
    fn the_history_says_what_the_originals_says() {
        let mut logs = Logs::new(&TestOptions::default());
        logs.observe(&sent("5", 3));
        logs.observe(&sent("6", 0));
        let shown = |operation: &Operation| format!("{:?}", logs.annotate(operation));
        let assign = |keys: &[i64]| Operation::new("assign", edn_keys(keys.to_vec()));
        assert_eq!(shown(&assign(&[5])), "[]");
        let expected = "{5 {:polled -1, :sent 3}, 6 {:polled -1, :sent 0}}";
        let extra = logs.annotate(&assign(&[5, 6, 7]));
        assert_eq!((extra[0].0, &*extra[0].1.to_string()), ("unseen", expected));
        let last = |operation| Operation { is_final: true, ..operation };
        let extra = logs.annotate(&last(assign(&[5])));
        assert_eq!(extra, [("seek-to-beginning?", Edn::Bool(true))]);
        let poll = Operation::new("poll", micro_op("poll", []));
        assert_eq!(logs.annotate(&poll), []);
        assert_eq!(logs.annotate(&last(poll)), [("poll-ms", Edn::Int(1000))]);
    }

    /// An acknowledged send of a message to this key.
    fn sent(key: &str, offset: i64) -> Op {
        let text =
            format!("{{:process 0, :type :ok, :f :send, :value [[:send \"{key}\" [{offset} 1]]]}}");
        crate::history::History::parse(&text).unwrap().ops.remove(0)
    }
}

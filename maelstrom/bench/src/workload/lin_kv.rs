//! A linearizable key-value store: registers that are read, written and compared-and-set.
//!
//! The threads are split into groups of two per node, and each group works on one key at a
//! time: one thread per node reads, the others write and compare-and-set small values. A key
//! is left for the next once 20 processes have touched it: every indeterminate operation ends
//! a process, and they are what makes a history hard to check.
//!
//! Source: `jepsen.tests.linearizable-register`, and Maelstrom's `workload/lin_kv.clj`.

use std::collections::BTreeSet;

use gyre::Body;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Exact, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Generator, GeneratorContext, Next};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;
use crate::report::count;

/// How many processes may touch a key.
const PROCESSES_PER_KEY: usize = 20;

/// The lin-kv workload.
pub struct LinKv;

impl Workload for LinKv {
    fn name(&self) -> &'static str {
        checker::Workload::LinKv.name()
    }

    fn about(&self) -> &'static str {
        "A linearizable store of keys and values: every operation takes effect at one moment \
         between request and reply. A read of a key that does not exist answers with error 20; \
         a cas does, too, and with error 22 where the key has another value than `from`."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let client = &mut LinKvClient;
        let pair = |key: i64, argument: Edn| Edn::Vector(vec![Edn::Int(key), argument]);
        let read = Operation::new("read", pair(0, Edn::Nil));
        let write = Operation::new("write", pair(0, Edn::Int(3)));
        let cas = Operation::new("cas", pair(0, vec![3i64, 4].into()));
        vec![
            Rpc::of::<ReadOk>("Asks for the value of a key.", client, &read),
            Rpc::of::<WriteOk>("Sets a key, whether or not it exists.", client, &write),
            Rpc::of::<CasOk>("Sets a key to `to` if its value is `from`.", client, &cas),
        ]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::LinKv.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(LinKvClient)
    }

    fn keeps_client_name(&self) -> bool {
        true
    }

    fn timeout_ms(&self, options: &TestOptions) -> u64 {
        (10 * options.latency_ms).max(1000)
    }

    fn generator(&self, options: &TestOptions) -> Box<dyn Generator> {
        Box::new(Registers::new(options.nodes.len(), options.concurrency))
    }

    fn validate(&self, options: &TestOptions) -> Result<(), String> {
        let group = 2 * options.nodes.len();
        if options.concurrency == 0 || !options.concurrency.is_multiple_of(group) {
            return Err(format!(
                "lin-kv needs two clients per node, or a multiple of that: {} for {} will \
                 not do; try --concurrency 2n",
                count(options.concurrency, "client"),
                count(options.nodes.len(), "node")
            ));
        }
        Ok(())
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        let [_, argument] = value.as_slice()? else { return None };
        let f = match (f, argument.as_slice()) {
            ("read", _) => "read",
            ("write", _) => "write",
            ("cas", Some([_, _])) => "cas",
            _ => return None,
        };
        Some(Operation::new(f, value.clone()))
    }
}

/// Threads in groups, a key for each group.
struct Registers {
    nodes: usize,
    groups: Vec<Group>,
    next_key: i64,
}

struct Group {
    key: i64,
    processes: BTreeSet<i64>,
}

impl Registers {
    fn new(nodes: usize, concurrency: usize) -> Registers {
        let groups = concurrency / (2 * nodes);
        let group = |key: usize| Group { key: key as i64, processes: BTreeSet::new() };
        Registers { nodes, groups: (0..groups).map(group).collect(), next_key: groups as i64 }
    }

    /// The group of a thread, and whether it reads.
    fn role(&self, thread: usize) -> (usize, bool) {
        (thread / (2 * self.nodes), thread % (2 * self.nodes) < self.nodes)
    }

    /// Chooses a group, and whether it reads, among those that have a free thread: each is as
    /// likely as another, however many of its threads are busy.
    fn choose_role(&self, context: &mut GeneratorContext) -> (usize, bool) {
        let roles: BTreeSet<_> = context.free.iter().map(|thread| self.role(*thread)).collect();
        let groups: BTreeSet<_> = roles.iter().map(|(group, _)| *group).collect();
        let place = context.rng.random_range(0..groups.len());
        let group = *groups.iter().nth(place).expect("the place is one of them");
        let reads = match (roles.contains(&(group, true)), roles.contains(&(group, false))) {
            (true, true) => context.rng.random_bool(0.5),
            (reads, _) => reads,
        };
        (group, reads)
    }

    /// The key that this process works on now: a new one when its group's is worn out.
    fn key(&mut self, group: usize, process: i64) -> i64 {
        let group = &mut self.groups[group];
        if group.processes.len() == PROCESSES_PER_KEY && !group.processes.contains(&process) {
            *group = Group { key: self.next_key, processes: BTreeSet::new() };
            self.next_key += 1;
        }
        group.processes.insert(process);
        group.key
    }
}

fn random_value(rng: &mut ChaCha8Rng) -> Edn {
    Edn::Int(rng.random_range(0..5))
}

impl Generator for Registers {
    fn next(&mut self, context: &mut GeneratorContext) -> Next {
        let (group, reads) = self.choose_role(context);
        let is_of_role = |thread: &usize| self.role(*thread) == (group, reads);
        let free: Vec<usize> = context.free.iter().copied().filter(is_of_role).collect();
        let thread = free[context.rng.random_range(0..free.len())];
        let key = self.key(group, context.processes[thread]);
        let rng = &mut *context.rng;
        let (f, argument) = if reads {
            ("read", Edn::Nil)
        } else if rng.random_range(0..3) == 0 {
            ("write", random_value(rng))
        } else {
            ("cas", Edn::Vector(vec![random_value(rng), random_value(rng)]))
        };
        let value = Edn::Vector(vec![Edn::Int(key), argument]);
        Next::Operation(thread, Operation::new(f, value))
    }
}

struct LinKvClient;

reply! {
    /// The value of a key.
    ReadOk = "read_ok" { value: Exact }
}

reply! {
    /// The key was set.
    WriteOk = "write_ok" {}
}

reply! {
    /// The key was compared and set.
    CasOk = "cas_ok" {}
}

/// An operation's key and argument.
fn key_and_argument(operation: &Operation) -> (&Edn, &Edn) {
    match operation.value.as_slice() {
        Some([key, argument]) => (key, argument),
        _ => unreachable!("the generator makes pairs"),
    }
}

impl Client for LinKvClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        let (key, argument) = key_and_argument(operation);
        match (operation.f, argument.as_slice()) {
            ("read", _) => Step::ask("read", [("key", key)]),
            ("cas", Some([from, to])) => {
                Step::ask("cas", [("key", key), ("from", from), ("to", to)])
            }
            _ => Step::ask("write", [("key", key), ("value", argument)]),
        }
    }

    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        match operation.f {
            "read" => {
                let ReadOk { value, .. } = read_reply(reply)?;
                let (key, _) = key_and_argument(operation);
                return Ok(Step::ok(Edn::Vector(vec![key.clone(), value.0])));
            }
            "write" => drop(read_reply::<WriteOk>(reply)?),
            _ => drop(read_reply::<CasOk>(reply)?),
        }
        Ok(Step::ok(operation.value.clone()))
    }

    fn is_idempotent(&self, f: &str) -> bool {
        f == "read"
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn half_the_threads_read_and_a_worn_key_is_left() {
        let mut registers = Registers::new(2, 8);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut processes: Vec<i64> = (0..8).collect();
        let mut keys = BTreeSet::new();
        for round in 0..400 {
            let thread = round % 8;
            let mut context = GeneratorContext {
                rng: &mut rng,
                free: &[thread],
                turn: 0,
                processes: &processes,
                elapsed: std::time::Duration::ZERO,
            };
            let Next::Operation(_, operation) = registers.next(&mut context) else {
                panic!("a free thread has something to do");
            };
            assert_eq!(operation.f == "read", thread % 4 < 2);
            keys.insert(key_and_argument(&operation).0.clone());
            // Every operation of the first thread ends its process.
            if thread == 0 {
                processes[0] += 8;
            }
        }
        // 50 processes of that thread, beside three others: 3 keys for its group, 1 for the
        // other.
        assert_eq!(keys.len(), 4);
    }
}

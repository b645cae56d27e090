//! What is measured of a history.

use std::collections::{BTreeMap, BTreeSet};

use maelstrom::edn::Edn;
use maelstrom::history::{History, Op, OpType, ProcessId};
use maelstrom::options::TestOptions;

/// A mean, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    pub mean: f64,
    /// The standard deviation of a single value.
    pub deviation: f64,
    pub count: usize,
}

impl Statistic {
    fn of(values: &[f64]) -> Statistic {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Statistic { mean, deviation: (squares / count).sqrt(), count: values.len() }
    }

    /// The standard error of the mean.
    pub fn error(self) -> f64 {
        self.deviation / (self.count.max(1) as f64).sqrt()
    }
}

/// Statistics by name.
pub type Statistics = BTreeMap<String, Statistic>;

/// A run, from either bench.
pub struct Run<'a> {
    pub workload: &'static str,
    pub options: &'a TestOptions,
    pub history: &'a History,
}

/// Runs with more operations a second than this are not asked how far these are apart: the JVM
/// falls behind.
const TIMED_RATE_MAX: f64 = 100.0;

/// How exactly the original keeps its time limit.
const ROUGHLY_SECS: f64 = 0.2;

/// Fewer turns than this say nothing.
const TURNS_MIN: usize = 20;

/// How many accesses are looked at to see how many keys are in use.
const WINDOW: usize = 100;

/// Everything that is measured of a run.
pub fn statistics(run: &Run) -> Statistics {
    let mut all = Statistics::new();
    let mut add = |name: String, values: Vec<f64>| {
        if !values.is_empty() {
            all.insert(name, Statistic::of(&values));
        }
    };
    let main: Vec<&Op> = run.invocations().filter(|op| !run.is_final(op)).collect();
    for f in run.functions() {
        add(format!("share of {f}"), shares(main.iter().map(|op| &*op.f == *f)));
    }
    for (name, values) in run.turns() {
        add(name.into(), values);
    }
    for (name, values) in keys(&main, run) {
        add(name.into(), values);
    }
    if run.workload.starts_with("txn") {
        let lengths: Vec<usize> = main.iter().map(|op| micro_operations(op).len()).collect();
        for length in 1..=run.options.max_txn_length {
            let of_length = shares(lengths.iter().map(|other| *other == length));
            add(format!("transactions of length {length}"), of_length);
        }
    }
    if run.workload == "kafka" {
        let assigns = main.iter().filter(|op| &*op.f == "assign");
        let several = assigns.map(|op| op.value.as_slice().is_some_and(|keys| keys.len() > 1));
        add("assigns of several keys".into(), shares(several));
    }
    if ["g-counter", "pn-counter"].contains(&run.workload) {
        add("added".into(), main.iter().filter_map(|op| Some(op.value.as_i64()? as f64)).collect());
    }
    for (name, values) in run.final_phase() {
        add(name, values);
    }
    for (name, values) in run.faults() {
        add(name, values);
    }
    all
}

fn shares(values: impl Iterator<Item = bool>) -> Vec<f64> {
    values.map(|is_one| f64::from(u8::from(is_one))).collect()
}

impl Run<'_> {
    fn functions(&self) -> &'static [&'static str] {
        match self.workload {
            "broadcast" => &["broadcast", "read"],
            "g-set" | "g-counter" | "pn-counter" => &["add", "read"],
            "kafka" => &["assign", "crash", "poll", "send"],
            "lin-kv" => &["cas", "read", "write"],
            _ => &[],
        }
    }

    fn invocations(&self) -> impl Iterator<Item = &Op> {
        self.history.ops.iter().filter(|op| op.is_client() && op.kind == OpType::Invoke)
    }

    /// Final operations come after ten quiet seconds.
    fn is_final(&self, op: &Op) -> bool {
        op.time as f64 / 1e9 > self.options.time_limit_secs + 1.0
    }

    fn thread(&self, op: &Op) -> Option<usize> {
        let ProcessId::Client(process) = op.process else { return None };
        Some(process as usize % self.options.concurrency)
    }

    /// When operations begin, and whose turn it is, as long as that is decided by the generator:
    /// while some thread is free, and while all are.
    fn turns(&self) -> Vec<(&'static str, Vec<f64>)> {
        let threads = self.options.concurrency;
        let (mut intervals, mut first_thread) = (Vec::new(), Vec::new());
        let (mut busy, mut was_full, mut before) = (BTreeSet::new(), false, None);
        for op in self.history.ops.iter().filter(|op| op.is_client() && !self.is_final(op)) {
            let thread = self.thread(op).expect("a client has a thread");
            if op.kind != OpType::Invoke {
                busy.remove(&thread);
                continue;
            }
            if let Some(before) = before.replace(op.time)
                && !was_full
            {
                let interval = (op.time - before) as f64 / 1e9 * self.options.rate;
                // More than twice the mean is never asked for: the machine was busy.
                intervals.push(interval.min(2.0));
            }
            if busy.is_empty() {
                first_thread.push(f64::from(u8::from(thread == 0)));
            }
            busy.insert(thread);
            was_full = busy.len() == threads;
        }
        let says_nothing = threads == 1 || first_thread.len() < TURNS_MIN;
        if says_nothing || self.workload == "lin-kv" {
            first_thread.clear();
        }
        if self.options.rate > TIMED_RATE_MAX {
            intervals.clear();
        }
        vec![
            ("intervals below a half", shares(intervals.iter().map(|interval| *interval < 0.5))),
            ("intervals above 1.5", shares(intervals.iter().map(|interval| *interval > 1.5))),
            ("interval between operations", intervals),
            ("turns of the first thread", first_thread),
        ]
    }

    /// What the final phase does, and when.
    fn final_phase(&self) -> Vec<(String, Vec<f64>)> {
        let fs: &[&str] = match self.workload {
            "broadcast" | "g-set" | "g-counter" | "pn-counter" => &["read"],
            // How often a thread must poll depends on the node.
            "kafka" => &["crash", "assign"],
            _ => return Vec::new(),
        };
        let finals: Vec<&Op> = self.invocations().filter(|op| self.is_final(op)).collect();
        let mut all = Vec::new();
        for f in fs {
            let of_thread = |thread: usize| {
                let ops = finals.iter().filter(|op| &*op.f == *f);
                ops.filter(|op| self.thread(op) == Some(thread)).count() as f64
            };
            let counts = (0..self.options.concurrency).map(of_thread).collect();
            all.push((format!("operations a thread in the end: {f}"), counts));
        }
        let before = self.history.ops.iter().rfind(|op| !self.is_final(op));
        if let (Some(before), Some(first)) = (before, finals.first()) {
            let quiet_secs = (first.time - before.time) as f64 / 1e9;
            all.push(("quiet before the end".into(), vec![quiet_secs]));
        }
        all
    }

    fn faults(&self) -> Vec<(String, Vec<f64>)> {
        let mut all = Vec::new();
        for fault in &self.options.faults {
            let (start, stop) = fault.operations();
            let of = |f: &'static str| {
                let ops = self.history.ops.iter().filter(move |op| !op.is_client() && &*op.f == f);
                ops.map(|op| op.time as f64 / 1e9)
            };
            all.push(("first fault".into(), of(start).take(1).collect()));
            let limit = self.options.time_limit_secs;
            let last = of(stop).next_back().is_some_and(|secs| secs >= limit - ROUGHLY_SECS);
            all.push(("stops at the end".into(), shares([last].into_iter())));
        }
        all
    }
}

/// What single runs have too little of.
#[derive(Default)]
pub struct Pool {
    intervals: Vec<f64>,
    shapes: Vec<String>,
}

impl Pool {
    /// Takes in a run's partitions.
    pub fn add(&mut self, run: &Run) {
        let limit = run.options.time_limit_secs - ROUGHLY_SECS;
        // Each entry comes twice: before it is done, and after.
        let partitions = run.history.ops.iter().filter(|op| op.f.ends_with("-partition"));
        let moves: Vec<&Op> = partitions.step_by(2).collect();
        let times = moves.iter().map(|op| op.time as f64 / 1e9).filter(|secs| *secs < limit);
        let times: Vec<f64> = times.collect();
        let mean = run.options.nemesis_interval_secs;
        self.intervals.extend(times.windows(2).map(|pair| (pair[1] - pair[0]) / mean));
        // Among fewer nodes, the original also draws shapes that cut nothing.
        if run.options.nodes.len() > 3 {
            self.shapes.extend(moves.iter().filter_map(|op| Some(op.value.as_keyword()?.into())));
        }
    }

    /// The statistics of all of them together.
    pub fn statistics(&self) -> Statistics {
        let shapes = ["one", "majority", "majorities-ring", "minority-third"].map(|shape| {
            let values = shares(self.shapes.iter().map(|other| other == shape));
            (format!("share of partition {shape}"), Statistic::of(&values))
        });
        let intervals = Statistic::of(&self.intervals);
        let intervals = ("mean intervals between faults".to_owned(), intervals);
        shapes.into_iter().chain([intervals]).collect()
    }
}

/// A transaction's micro-operations.
fn micro_operations(op: &Op) -> &[Edn] {
    op.value.as_slice().unwrap_or_default()
}

/// Which keys there are, how often they are written, and how many are in use at a time.
fn keys(main: &[&Op], run: &Run) -> Vec<(&'static str, Vec<f64>)> {
    if !run.workload.starts_with("txn") && run.workload != "kafka" {
        return Vec::new();
    }
    // Whether it writes, and the key; a poll has none.
    let accesses: Vec<(bool, &Edn)> = main
        .iter()
        .filter(|op| ["txn", "send"].contains(&&*op.f))
        .flat_map(|op| micro_operations(op))
        .filter_map(|micro_operation| match micro_operation.as_slice()? {
            [f, key, _] => Some((f.as_keyword() != Some("r"), key)),
            _ => None,
        })
        .collect();
    let mut writes = BTreeMap::<&Edn, usize>::new();
    for (_, key) in accesses.iter().filter(|(writes, _)| *writes) {
        *writes.entry(key).or_default() += 1;
    }
    let windows = accesses.chunks_exact(WINDOW);
    let distinct = |window: &[(bool, &Edn)]| {
        window.iter().map(|(_, key)| *key).collect::<BTreeSet<_>>().len() as f64
    };
    let max = run.options.max_writes_per_key;
    vec![
        ("writes among accesses", shares(accesses.iter().map(|(writes, _)| *writes))),
        ("writes to a key", writes.values().map(|count| *count as f64).collect()),
        ("keys that are full", shares(writes.values().map(|count| *count == max))),
        ("keys in a hundred accesses", windows.map(distinct).collect()),
    ]
}

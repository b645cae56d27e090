//! The results of a run: what every checker found, under one verdict.

pub mod traffic;

use std::borrow::Cow;

use crate::checker::availability::Available;
use crate::checker::exceptions::Exceptions;
use crate::checker::stats::Stats;
use crate::checker::{Checker, Gathering, Judgement, Validity};
use crate::engine::Outcome;
use crate::history::{Op, OpType};
use crate::journal::NetStats;
use crate::options::TestOptions;
use crate::workload::Workload;

/// Checks a run that kept its history.
///
/// A run that ended before its time is never valid: its history is judged as far as it goes,
/// and at best nobody knows.
pub fn check(outcome: &Outcome, workload: &dyn Workload, options: &TestOptions) -> Judgement {
    let history = &outcome.history;
    let judge = workload.judge(&options.check_options());
    let judgement = judge.map_or_else(Judgement::unknown, |judge| judge.judge(history));
    let mut common = Common::new(options);
    history.ops.iter().for_each(|op| common.push(op));
    common.finish(judgement, outcome.journal.stats(), outcome.failure.is_some())
}

/// The results of a run on their way: its history is taken in entry by entry, and what a checker
/// can tell from less is not kept.
pub struct Results {
    common: Common,
    workload: Result<Gathering, String>,
}

impl Results {
    /// No entry yet of a run of this workload.
    pub fn new(workload: &dyn Workload, options: &TestOptions) -> Results {
        let workload = workload.judge(&options.check_options()).map(|judge| judge.gather());
        Results { common: Common::new(options), workload }
    }

    /// Takes in the next entry.
    pub fn push(&mut self, op: &Op) {
        self.common.push(op);
        if let Ok(gathering) = &mut self.workload
            && let Err(problem) = gathering.push(Cow::Borrowed(op))
        {
            self.workload = Err(format!("The history cannot be judged: {problem}."));
        }
    }

    /// What was found. `has_failed` says whether the run ended before its time.
    pub fn finish(self, net: &NetStats, has_failed: bool) -> Judgement {
        let workload = self.workload.map_or_else(Judgement::unknown, Gathering::finish_alone);
        self.common.finish(workload, net, has_failed)
    }
}

/// What is asked of every workload.
struct Common {
    exceptions: Exceptions,
    stats: Stats,
    available: Available,
    begun: u64,
}

impl Common {
    fn new(options: &TestOptions) -> Common {
        Common {
            exceptions: Exceptions::default(),
            stats: Stats::default(),
            available: Available::new(options.availability),
            begun: 0,
        }
    }

    fn push(&mut self, op: &Op) {
        self.begun += u64::from(op.is_client() && op.kind == OpType::Invoke);
        self.exceptions.push(op);
        self.stats.push(op);
        self.available.push(op);
    }

    /// All parts, in the order in which the original lists its checkers.
    fn finish(self, workload: Judgement, net: &NetStats, has_failed: bool) -> Judgement {
        // The original draws its plots as if that were checking; so these two are always valid.
        let drawn = || Judgement::new(Validity::True, []);
        let perf = Judgement::of_parts([("latency-graph", drawn()), ("rate-graph", drawn())]);
        let mut results = Judgement::of_parts([
            ("perf", perf),
            ("timeline", drawn()),
            ("exceptions", Box::new(self.exceptions).finish()),
            ("stats", Box::new(self.stats).finish()),
            ("availability", Box::new(self.available).finish()),
            ("net", traffic::check(net, self.begun)),
            ("workload", workload),
        ]);
        if has_failed {
            results.verdict = results.verdict.and(Validity::Unknown);
        }
        results
    }
}

//! The results of a run: what every checker found, under one verdict.

pub mod traffic;

use crate::checker::availability::Available;
use crate::checker::exceptions::Exceptions;
use crate::checker::stats::Stats;
use crate::checker::{Checker, Gathering, Judgement, Validity};
use crate::edn::Edn;
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
            && let Err(problem) = gathering.push(op)
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
    /// How long the main phase lasts, in seconds.
    limit_secs: f64,
    /// No operation was asked for, and there was none: `--rate 0`, for those who want to see what
    /// their nodes do when they are left alone.
    asks_nothing: bool,
}

impl Common {
    fn new(options: &TestOptions) -> Common {
        Common {
            exceptions: Exceptions::default(),
            stats: Stats::default(),
            available: Available::new(options.availability),
            begun: 0,
            limit_secs: options.time_limit_secs,
            asks_nothing: options.rate == 0.0,
        }
    }

    fn push(&mut self, op: &Op) {
        self.begun += u64::from(op.is_client() && op.kind == OpType::Invoke);
        // A tape may have operations whatever the rate; final ones come later than the limit.
        self.asks_nothing &= !op.is_client() || op.time as f64 > self.limit_secs * 1e9;
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
        if self.asks_nothing {
            excuse(&mut results);
        }
        if has_failed {
            results.verdict = results.verdict.and(Validity::Unknown);
        }
        results
    }
}

/// As in the original, where nothing was asked everything is well. But it is said that nothing
/// was judged. In every other run without operations nobody knows.
fn excuse(results: &mut Judgement) {
    let error = Edn::keyword("error");
    for (name, part) in &mut results.parts {
        if part.verdict != Validity::Unknown {
            continue;
        }
        let entries: &[(&str, Edn)] = match *name {
            "stats" => &[
                ("count", Edn::Int(0)),
                ("ok-count", Edn::Int(0)),
                ("fail-count", Edn::Int(0)),
                ("info-count", Edn::Int(0)),
                ("by-f", Edn::Map(Vec::new())),
            ],
            "availability" => &[("ok-fraction", Edn::Int(1))],
            _ => &[],
        };
        part.verdict = Validity::True;
        part.summary.clear();
        part.results.retain(|(key, _)| *key != error);
        let entries = entries.iter().map(|(key, value)| (Edn::keyword(key), value.clone()));
        part.results.extend(entries);
    }
    let verdicts = results.parts.iter().map(|(_, part)| part.verdict);
    results.verdict = verdicts.fold(Validity::True, Validity::and);
    results.summary = "No operation was asked for (--rate 0), so nothing was judged.".into();
}

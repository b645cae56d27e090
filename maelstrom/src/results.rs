//! The results of a run: what every checker found, under one verdict.

pub mod traffic;

use crate::checker::{self, Judgement, Validity};
use crate::engine::Outcome;
use crate::history::History;
use crate::journal::NetStats;
use crate::options::TestOptions;
use crate::workload::Workload;

/// Checks a run that has just ended: see [`judge_run`].
pub fn check(outcome: &Outcome, workload: &dyn Workload, options: &TestOptions) -> Judgement {
    let broke_off = outcome.failure.is_some();
    judge_run(&outcome.history, outcome.journal.stats(), broke_off, workload, options)
}

/// Checks the history of a run, and what its network carried, in the order in which the original
/// lists its checkers.
///
/// A run that ended before its time is never valid: its history is judged as far as it goes,
/// and at best nobody knows.
pub fn judge_run(
    history: &History,
    messages: &NetStats,
    broke_off: bool,
    workload: &dyn Workload,
    options: &TestOptions,
) -> Judgement {
    // The original draws its plots as if that were checking; so these two are always valid.
    let drawn = || Judgement::new(Validity::True, []);
    let perf = Judgement::of_parts([("latency-graph", drawn()), ("rate-graph", drawn())]);
    let mut results = Judgement::of_parts([
        ("perf", perf),
        ("timeline", drawn()),
        ("exceptions", checker::exceptions::check(history)),
        ("stats", checker::stats::check(history)),
        ("availability", checker::availability::check(history, options.availability)),
        ("net", traffic::check(messages, history)),
        ("workload", judge(workload, history, options)),
    ]);
    if broke_off {
        results.verdict = results.verdict.and(Validity::Unknown);
    }
    results
}

fn judge(workload: &dyn Workload, history: &History, options: &TestOptions) -> Judgement {
    match workload.judge(&options.check_options()) {
        Ok(judge) => judge.judge(history),
        Err(sentence) => Judgement::unknown(sentence),
    }
}

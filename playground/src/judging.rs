//! The bench's checkers, for a history as far as somebody has seen it.

use std::collections::BTreeMap;

use maelstrom::checker::{Judgement, Validity};
use maelstrom::history::History;
use maelstrom::options::TestOptions;
use maelstrom::workload::Workload;
use serde_json::{Value, json};

use crate::request::Request;

/// Of many findings a page shows the first ones.
const SHOWN_FINDINGS: usize = 5;

/// Judges a history, the text of `history.edn`, of the run that the page asked for. The first
/// `entries` of it are judged.
///
/// Gives JSON: the verdict, words, findings; and `since`, how many entries it takes until the
/// verdict is false, if it is. What a workload judges at the end, by what the final reads show, is
/// wrong only with the last entry.
pub fn judge(asked: &str, entries: usize, history: &str) -> String {
    let judged = Request::parse(asked).and_then(|request| {
        let mut history = History::parse(history)?;
        history.ops.truncate(entries);
        Ok(judged(&request, &history))
    });
    judged.unwrap_or_else(|sentence| json!({ "verdict": "unknown", "words": sentence })).to_string()
}

fn judged(request: &Request, history: &History) -> Value {
    let (workload, options) = (request.workload, &request.options);
    let judgement = of_prefix(workload, options, history, history.ops.len());
    // The first of each kind, before others of the same kind.
    let mut counts = BTreeMap::new();
    let mut findings: Vec<_> = judgement
        .findings
        .iter()
        .map(|finding| {
            let count: &mut usize = counts.entry(finding.kind).or_default();
            *count += 1;
            (*count, finding)
        })
        .collect();
    findings.sort_by_key(|(count, _)| *count);
    let findings = findings.into_iter().take(SHOWN_FINDINGS).map(|(_, finding)| {
        let about: Vec<usize> = finding.operations.iter().map(|mention| mention.index).collect();
        json!({ "kind": finding.kind, "words": finding.words, "about": about })
    });
    let is_false = judgement.verdict == Validity::False;
    json!({
        "verdict": judgement.verdict.to_string(),
        "words": judgement.summary,
        "findings": findings.collect::<Vec<_>>(),
        "since": is_false.then(|| match workload.has_final_phase() {
            true => history.ops.len(),
            false => first_false(workload, options, history),
        }),
    })
}

fn of_prefix(
    workload: &dyn Workload,
    options: &TestOptions,
    history: &History,
    entries: usize,
) -> Judgement {
    let mut ops = history.ops.clone();
    ops.truncate(entries);
    let judge = workload.judge(&options.check_options());
    judge.map_or_else(Judgement::unknown, |judge| judge.judge(&History { ops }))
}

/// How many entries of a history that is wrong it takes until it is: the longest part of it that
/// is not yet wrong, as far as halving finds it, and one more.
fn first_false(workload: &dyn Workload, options: &TestOptions, history: &History) -> usize {
    let (mut right, mut wrong) = (0, history.ops.len());
    while wrong - right > 1 {
        let middle = right.midpoint(wrong);
        match of_prefix(workload, options, history, middle).verdict {
            Validity::False => wrong = middle,
            _ => right = middle,
        }
    }
    wrong
}

//! The bench's checkers, for a history as far as somebody has seen it: that of the workload and,
//! where it is asked how much must be answered, that of availability.

use std::collections::BTreeMap;

use maelstrom::checker::availability::{self, Availability};
use maelstrom::checker::{Judgement, Validity};
use maelstrom::history::History;
use maelstrom::options::TestOptions;
use maelstrom::simulation::first_problem;
use maelstrom::workload::Workload;
use serde_json::{Value, json};

use crate::request::Request;

/// Of many findings a page shows the first ones.
const SHOWN_FINDINGS: usize = 5;

/// Judges a history, the text of `history.edn`, of the run that the page asked for. The first
/// `entries` of it are judged.
///
/// Gives JSON: the verdict, whose it is, words, findings; and `since`, how many entries it takes
/// until the verdict is false, if it is. What is judged at the end, by what the final reads show or
/// by how many operations succeeded, is wrong only with the last entry.
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
    let (part, judgement) = of_prefix(workload, options, history, history.ops.len());
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
    let waits = match part {
        AVAILABILITY => !matches!(options.availability, Some(Availability::Within(_))),
        _ => workload.has_final_phase(),
    };
    json!({
        "verdict": judgement.verdict.to_string(),
        "part": part,
        "words": judgement.summary,
        "findings": findings.collect::<Vec<_>>(),
        "since": is_false.then(|| match waits {
            true => history.ops.len(),
            false => first_false(part, workload, options, history),
        }),
    })
}

/// The parts of a judgement, by the names that the bench gives them.
const WORKLOAD: &str = "workload";
const AVAILABILITY: &str = "availability";

/// The judgement of so many entries, and which part it is: availability where that alone is wrong.
fn of_prefix(
    workload: &dyn Workload,
    options: &TestOptions,
    history: &History,
    entries: usize,
) -> (&'static str, Judgement) {
    let mut ops = history.ops.clone();
    ops.truncate(entries);
    let history = History { ops };
    let judge = workload.judge(&options.check_options());
    let judgement = judge.map_or_else(Judgement::unknown, |judge| judge.judge(&history));
    let available = availability::check(&history, options.availability);
    if judgement.verdict == Validity::False || available.verdict != Validity::False {
        return (WORKLOAD, judgement);
    }
    let words = first_problem(&Judgement::of_parts([(AVAILABILITY, available)]));
    (AVAILABILITY, Judgement::new(Validity::False, []).summed_up(words))
}

/// How many entries of a history that is wrong by this part it takes until it is: as many as are
/// not yet wrong, as far as halving finds them, and one more.
fn first_false(
    part: &str,
    workload: &dyn Workload,
    options: &TestOptions,
    history: &History,
) -> usize {
    let (mut right, mut wrong) = (0, history.ops.len());
    while wrong - right > 1 {
        let middle = right.midpoint(wrong);
        let (found, judgement) = of_prefix(workload, options, history, middle);
        match judgement.verdict == Validity::False && found == part {
            true => wrong = middle,
            false => right = middle,
        }
    }
    wrong
}

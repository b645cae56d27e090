//! A failure as a finding: the operations it is about, and a drawing of what was near.

use super::failure::Failure;
use crate::drawing::{Bar, Drawing, Operations, Part};
use crate::edn::Edn;
use crate::history::{OpType, Pair};
use crate::{Finding, Findings};

/// How many operations around the one in question are drawn.
const AROUND: usize = 20;

/// The findings for these failures, each with its key where there are keys.
pub fn findings(failures: &[(Option<Edn>, Failure)]) -> Findings {
    let mut findings = Findings::default();
    for (key, failure) in failures {
        findings.add(super::NOT_LINEARIZABLE, || finding(key.as_ref(), failure));
    }
    findings
}

fn finding(key: Option<&Edn>, failure: &Failure) -> Finding {
    let end_index = |pair: &Pair| pair.complete.unwrap_or(pair.invoke).index;
    let mut finding = Finding::new(failure.explanation())
        .about(end_index(&failure.operation), "there is no moment for it")
        .drawn(Drawing::Operations(drawing(failure)));
    if let Some(previous) = failure.previous {
        finding = finding.about(previous.index, "last to return before");
    }
    for (pair, role) in &failure.roles {
        if pair.invoked_at != failure.operation.invoked_at {
            finding = finding.about(end_index(pair), *role);
        }
    }
    for pair in pending(failure) {
        finding = finding.about(pair.invoke.index, "under way");
    }
    match key {
        Some(key) => finding.on(key.clone()),
        None => finding,
    }
}

/// The other operations that were under way at that moment, each once.
fn pending<'a>(failure: &Failure<'a>) -> Vec<Pair<'a>> {
    let pending = failure.configurations.iter().flat_map(|(_, pending)| pending);
    let mut pending: Vec<Pair> = pending.copied().collect();
    pending.sort_by_key(|pair| pair.invoked_at);
    pending.dedup_by_key(|pair| pair.invoked_at);
    pending.retain(|pair| pair.invoked_at != failure.operation.invoked_at);
    pending
}

fn drawing(failure: &Failure) -> Operations {
    let previous = failure.previous.map(|previous| previous.index);
    let bar = |pair: &Pair| {
        // One of which nobody knows may take effect at any time from its begin on.
        let end = pair.complete.filter(|_| pair.outcome() != OpType::Info);
        let last = pair.complete.unwrap_or(pair.invoke);
        Bar {
            process: pair.invoke.process,
            label: failure.label(pair),
            outcome: pair.outcome(),
            index: (pair.invoke.index, pair.complete.map(|op| op.index)),
            place: (pair.invoked_at, end.and(pair.ended_at)),
            time: (pair.invoke.time, pair.complete.map(|op| op.time)),
            part: match () {
                () if pair.invoked_at == failure.operation.invoked_at => Part::Stuck,
                () if previous == Some(last.index) => Part::LastBefore,
                () => Part::Around,
            },
        }
    };
    Operations { bars: around(failure).iter().map(bar).collect(), states: failure.states() }
}

/// The operations nearest to the one in question, by when they ended, and those that were
/// under way or have a part in it.
fn around<'a>(failure: &Failure<'a>) -> Vec<Pair<'a>> {
    let moment = failure.operation.ended_at.unwrap_or(failure.operation.invoked_at);
    let mut pairs: Vec<Pair> =
        failure.pairs.iter().filter(|pair| pair.outcome() != OpType::Fail).copied().collect();
    let pending = pending(failure);
    let is_pending = |pair: &Pair| {
        pending.binary_search_by_key(&pair.invoked_at, |pending| pending.invoked_at).is_ok()
            || failure.roles.iter().any(|(other, _)| other.invoked_at == pair.invoked_at)
    };
    pairs.sort_by_key(|pair| {
        let is_stuck = pair.invoked_at == failure.operation.invoked_at;
        (!is_stuck, !is_pending(pair), pair.ended_at.unwrap_or(pair.invoked_at).abs_diff(moment))
    });
    pairs.truncate(AROUND);
    pairs.sort_by_key(|pair| pair.invoked_at);
    pairs
}

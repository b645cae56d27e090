//! A failure as a finding: the operations it is about, and a drawing of what was near.

use super::failure::Failure;
use crate::drawing::{Bar, Drawing, Operations, Part};
use crate::edn::Edn;
use crate::history::{OpType, Span};
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
    let index = |position: usize| failure.part.operations.head(position).index;
    let mut finding = Finding::new(failure.explanation())
        .about(index(failure.operation.last()), "there is no moment for it")
        .drawn(Drawing::Operations(drawing(failure)));
    if let Some(previous) = failure.previous {
        finding = finding.about(index(previous.last()), "last to return before");
    }
    for (span, role) in &failure.roles {
        if *span != failure.operation {
            finding = finding.about(index(span.last()), *role);
        }
    }
    for span in failure.pending() {
        finding = finding.about(index(span.invoked_at()), "under way");
    }
    match key {
        Some(key) => finding.on(key.clone()),
        None => finding,
    }
}

fn drawing(failure: &Failure) -> Operations {
    let bar = |&span: &Span| {
        let invoke = failure.part.operations.head(span.invoked_at());
        let complete = span.ended_at().map(|at| failure.part.operations.head(at));
        Bar {
            process: invoke.process,
            label: failure.part.label(span),
            outcome: span.outcome,
            index: (invoke.index, complete.map(|head| head.index)),
            // One of which nobody knows may take effect at any time from its begin on.
            place: (span.invoked_at(), span.ended_at().filter(|_| span.outcome != OpType::Info)),
            time: (invoke.time, complete.map(|head| head.time)),
            part: match () {
                () if span == failure.operation => Part::Stuck,
                () if Some(span) == failure.previous => Part::LastBefore,
                () => Part::Around,
            },
        }
    };
    Operations { bars: around(failure).iter().map(bar).collect(), states: failure.states() }
}

/// The operations nearest to the one in question, by when they ended, and those that were
/// under way or have a part in it.
fn around(failure: &Failure) -> Vec<Span> {
    let moment = failure.operation.last();
    let spans = failure.part.spans.iter().filter(|span| span.outcome != OpType::Fail);
    let mut spans: Vec<Span> = spans.copied().collect();
    let pending = failure.pending();
    let is_pending = |span: &Span| {
        pending.contains(span) || failure.roles.iter().any(|(other, _)| other == span)
    };
    spans.sort_by_key(|span| {
        (*span != failure.operation, !is_pending(span), span.last().abs_diff(moment))
    });
    spans.truncate(AROUND);
    spans.sort_by_key(|span| span.invoked_at());
    spans
}
